import { isLocal } from '../../accounts/model.ts';
import type { Comment } from '../../gallery/model.ts';
import type { Work } from '../../kit/work.ts';
import { actorUri, followersUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { commentTarget, pageOf } from '../documents/objects.ts';
import { findTarget } from '../ingest/target.ts';
import { OutboxItem } from '../model.ts';
import { buildAdd, buildRemove } from '../vocabulary/activity.ts';
import { send } from './send.ts';

/**
 * Tells the followers of one of ours of an answer that came from elsewhere to a page of theirs; its author's server does
 * not know them. They read it at its own address, so that nobody's word stands for another's.
 */
export async function passOnAnswer(
  work: Pick<Work, 'em' | 'jobs' | 'now'>,
  federation: Federation,
  comment: Comment,
): Promise<void> {
  const { em } = work;
  const { uri } = comment;
  if (uri == null) return;
  const { pageOwner } = await commentTarget(federation.origin, em, comment);
  if (!isLocal(pageOwner)) return;
  const page = await pageOf(federation.origin, em, comment);
  // to everybody, so only of what everybody may see
  if (!(await findTarget(em, federation.origin, page.uri))?.isPublic) return;
  const act = { actorUri: actorUri(federation.origin, pageOwner) };
  const added = `${page.uri}#add-${comment.id}`;
  const about = [uri, `${page.uri}/replies`, followersUri(federation.origin, pageOwner.name)] as const;
  const changedAt = comment.editedAt ?? comment.createdAt;
  // what is for fewer than see the page is not told of at all, and taken back where it became narrower
  if (comment.deletedAt != null || comment.withheldAt != null || comment.audience !== 'page') {
    if ((await em.count(OutboxItem, { uri: { $like: `${added}-%` } })) === 0) return;
    const removed = buildRemove({ ...act, uri: `${page.uri}#remove-${comment.id}` }, ...about);
    await send(work, federation, pageOwner.id, removed, { followersOf: [pageOwner.id] });
    return;
  }
  const activity = {
    ...buildAdd({ ...act, uri: `${added}-${changedAt.getTime()}` }, ...about),
    updated: changedAt.toISOString(),
  };
  await send(work, federation, pageOwner.id, activity, { followersOf: [pageOwner.id] });
}
