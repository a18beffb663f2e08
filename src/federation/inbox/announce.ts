import { isBlockedEither } from '../../accounts/block.ts';
import { Account } from '../../accounts/model.ts';
import { Image } from '../../gallery/model.ts';
import { writeShare } from '../../gallery/shares.ts';
import type { Federation } from '../deps.ts';
import { fetchNote, isFollowed } from '../ingest/ingest-note.ts';
import { findTarget, type Target } from '../ingest/target.ts';
import { InboxItem, RemoteActor, Tombstone } from '../model.ts';
import { type ApObject, normalise } from '../normalise.ts';
import { noteExposureOnce } from '../notices/exposure.ts';
import { isOwnId, readId, singleIdOf, valuesOf } from '../origin.ts';
import { addresseesOf, readVisibility } from '../vocabulary/audience.ts';
import { timeOf } from '../vocabulary/read.ts';
import type { Handler, InboxWork } from './act.ts';

/**
 * A boost. Of a thing of ours it counts, whoever it is; of a thing of elsewhere it matters when somebody here follows
 * who passes it on. What is unknown is read at its own address, in a job of its own: a third host that does not answer
 * must not hold up what else this actor says. Who boosted is told to nobody but those who follow them.
 */
export const announce: Handler = async (work, federation, act) => {
  const { em, jobs } = work;
  const uri = sharedUri(act.activity, federation.origin);
  if (uri === null) return 'shares nothing';
  if (!(await isForFollowers(work, act.actor, act.activity))) return 'not for followers';
  const isOwn = isOwnId(uri, federation.origin);
  if (!isOwn && !(await isFollowed(em, act.actor))) return 'nobody here follows who passes it on';
  const target = await findTarget(em, federation.origin, uri);
  // the actor of a model tells of a new version: the model is read again
  const isRenewed = act.actor.topic === 'model' && target?.kind === 'model' && !isOwn;
  if (target && !isRenewed) return keep(work, act.actor, target, act);
  if (isOwn) return NOTHING;
  const item = await em.findOneOrFail(InboxItem, { uri: act.id });
  const partition = `share ${new URL(uri).host}`.slice(0, 255);
  jobs.enqueue(em, federation.jobs.fetchShared, { itemId: item.id }, { partition });
  await em.flush();
  return 'fetching';
};

/** The same answer for what is not there, not for everybody, or across a block (O20, P08). */
const NOTHING = 'shares nothing here';

/** What is passed on. Lemmy's groups pass on the Create of a post: then the post is meant. */
function sharedUri(activity: ApObject, ownOrigin: string): string | null {
  const [object] = valuesOf(activity, 'object');
  const isCreate = typeof object === 'object' && (object.type === 'Create' || object.type === 'Update');
  const uri = isCreate ? singleIdOf(object, 'object') : singleIdOf(activity, 'object');
  return readId(uri, ownOrigin) ? uri : null;
}

/** Those who follow the actor will see it. One that is addressed to nobody at all means them; one to a few people does not. */
async function isForFollowers({ em }: InboxWork, account: Account, activity: ApObject): Promise<boolean> {
  const actor = await em.findOne(RemoteActor, { account });
  return addresseesOf(activity).length === 0 || readVisibility(activity, actor?.followersUri ?? null) !== 'direct';
}

/** Reads what a boost names, and writes the boost, unless it was taken back in the meantime. */
export async function fetchShared(work: InboxWork, federation: Federation, itemId: string): Promise<string> {
  const { em } = work;
  const item = await em.findOne(InboxItem, itemId);
  const actor = item && (await em.findOne(Account, { uri: item.actorUri, state: 'active' }));
  const activity = item && normalise(item.document);
  const uri = activity && sharedUri(activity, federation.origin);
  if (!item || !actor || !activity || uri == null) return 'forgotten';
  if ((await em.count(Tombstone, { uri: item.uri })) > 0) return 'taken back';
  const outcome = await fetchNote(work, federation, uri);
  const target = await findTarget(em, federation.origin, uri);
  return target ? keep(work, actor, target, { id: item.uri, activity }) : outcome;
}

/** A picture of a peer's stands for its post, which is what comes into timelines; an answer is passed on only if it is ours. */
async function keep(
  { em, now }: InboxWork,
  account: Account,
  target: Target,
  { id, activity }: { readonly id: string; readonly activity: ApObject },
): Promise<string> {
  if (!target.isPublic || (await isBlockedEither({ em }, account.id, target.ownerId))) return NOTHING;
  if (target.kind === 'review' || (target.kind === 'comment' && !target.isLocal)) return NOTHING;
  const shared =
    target.kind === 'image' && !target.isLocal
      ? { kind: 'post' as const, id: (await em.findOneOrFail(Image, Number(target.id))).post.id }
      : target;
  const at = timeOf(activity, 'published', now()) ?? now();
  await writeShare(em, account.id, shared, { uri: id, at });
  if (target.isLocal) await noteExposureOnce(em, `${target.kind}:${target.id}`, account.host, 'shared', now());
  return 'done';
}
