import { type Account, isLocal } from '../../accounts/model.ts';
import type { Comment } from '../../gallery/model.ts';
import type { Work } from '../../kit/work.ts';
import { actorUri, followersUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { commentTarget, pageOf } from '../documents/objects.ts';
import { findTarget } from '../ingest/target.ts';
import { OutboxItem } from '../model.ts';
import { buildAdd, buildRemove } from '../vocabulary/activity.ts';
import { saidUnder } from './said.ts';
import { send } from './send.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'now'>;

/** Something of elsewhere that hangs on a page of ours. */
export interface Answer {
  readonly id: string;
  readonly uri: string;
  readonly pageUri: string;
  readonly pageOwner: Account;
  readonly changedAt: Date;
  /** Whoever sees the page sees it. */
  readonly isForPage: boolean;
}

export async function passOnComment(work: Task, federation: Federation, comment: Comment): Promise<void> {
  const { em } = work;
  const { id, uri } = comment;
  if (uri == null) return;
  const { pageOwner } = await commentTarget(federation.origin, em, comment);
  const { uri: pageUri } = await pageOf(federation.origin, em, comment);
  const changedAt = comment.deletedAt ?? comment.withheldAt ?? comment.editedAt ?? comment.createdAt;
  const isForPage = comment.deletedAt == null && comment.withheldAt == null && comment.audience === 'page';
  await passOnAnswer(work, federation, { id, uri, pageUri, pageOwner, changedAt, isForPage });
}

/**
 * Tells the followers of one of ours of an answer that came from elsewhere to a page of theirs; its author's server does
 * not know them. They read it at its own address, so that nobody's word stands for another's.
 */
export async function passOnAnswer(
  work: Task,
  federation: Federation,
  { id, uri, pageUri, pageOwner, changedAt, isForPage }: Answer,
): Promise<void> {
  const { em } = work;
  if (!isLocal(pageOwner)) return;
  // to everybody, so only of what everybody may see
  if (!(await findTarget(em, federation.origin, pageUri))?.isPublic) return;
  const act = { actorUri: actorUri(federation.origin, pageOwner) };
  const added = `${pageUri}#add-${id}`;
  const about = [uri, `${pageUri}/replies`, followersUri(federation.origin, pageOwner.name)] as const;
  // what is for fewer than see the page is not told of at all, and taken back where it became narrower
  if (!isForPage) {
    if ((await em.count(OutboxItem, saidUnder(`${added}-`))) === 0) return;
    const removed = buildRemove({ ...act, uri: `${pageUri}#remove-${id}-${changedAt.getTime()}` }, ...about);
    await send(work, federation, pageOwner.id, removed, { followersOf: [pageOwner.id] });
    return;
  }
  const activity = {
    ...buildAdd({ ...act, uri: `${added}-${changedAt.getTime()}` }, ...about),
    updated: changedAt.toISOString(),
  };
  await send(work, federation, pageOwner.id, activity, { followersOf: [pageOwner.id] });
}
