import { isBlockedEither } from '../../accounts/block.ts';
import { reactionCreated } from '../../gallery/events.ts';
import { Reaction } from '../../gallery/model.ts';
import { record } from '../../kit/events/events.ts';
import { newId } from '../../kit/ids.ts';
import { findTarget, isFor, recount, type Target } from '../ingest/target.ts';
import { noteExposureOnce } from '../notices/exposure.ts';
import { singleIdOf } from '../origin.ts';
import type { Handler, InboxWork } from './act.ts';

/** One like for each account and thing, however often it is said. */
export const like: Handler = async (work, federation, { id, activity, actor }) => {
  const { em, now } = work;
  const uri = singleIdOf(activity, 'object');
  const target = uri === null ? null : await findTarget(em, federation.origin, uri);
  // the same answer as for what does not exist (O20, P08)
  if (!target || !(await isFor(em, actor, target)) || (await isBlockedEither({ em }, actor.id, target.ownerId)))
    return 'likes nothing here';
  await em.transactional(async (inner) => {
    const where = { account: actor.id, [target.kind]: target.id };
    if ((await inner.count(Reaction, where)) > 0 || (await inner.count(Reaction, { uri: id })) > 0) return;
    const reaction = inner.create(Reaction, { id: newId(), uri: id, createdAt: now(), ...where }, { persist: true });
    record(inner, reactionCreated, { reactionId: reaction.id });
    await inner.flush();
    await recount(inner, target);
  });
  if (target.isLocal) await noteExposureOnce(em, `${target.kind}:${target.id}`, actor.host, 'shared', now());
  return 'done';
};

export async function removeReaction({ em }: Pick<InboxWork, 'em'>, reaction: Reaction): Promise<void> {
  const { model, post, image, comment, review } = reaction;
  const targets: Pick<Target, 'kind' | 'id'>[] = [];
  if (model) targets.push({ kind: 'model', id: model.id });
  if (post) targets.push({ kind: 'post', id: post.id });
  if (image) targets.push({ kind: 'image', id: image.id });
  if (comment) targets.push({ kind: 'comment', id: comment.id });
  if (review) targets.push({ kind: 'review', id: review.id });
  await em.transactional(async (inner) => {
    await inner.nativeDelete(Reaction, { id: reaction.id });
    for (const target of targets) await recount(inner, target);
  });
}
