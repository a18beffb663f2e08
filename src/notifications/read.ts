import { rows } from '../kit/database/sql.ts';
import type { Viewer, Work } from '../kit/work.ts';
import { Notification } from './model.ts';
import { topicOf } from './tell.ts';

type Reading = Pick<Work, 'em' | 'jobs' | 'now'>;

/** All that stands in the line of this one. Somebody else's is nothing. */
export async function markRead({ em, jobs, now }: Reading, viewer: Viewer, id: number): Promise<void> {
  const read = await rows(
    em,
    `update notification set read_at = ? where account_id = ? and read_at is null and group_key =
       (select o.group_key from notification o where o.id = ? and o.account_id = ?) returning id`,
    [now(), viewer.id, id, viewer.id],
  );
  if (read.length > 0) jobs.signal(topicOf(viewer.id));
}

/** Up to the newest that the page showed, so that what came meanwhile stays new. */
export async function markAllRead({ em, jobs, now }: Reading, viewer: Viewer, upTo: number): Promise<void> {
  const unread = { account: viewer.id, readAt: null, id: { $lte: upTo } };
  if ((await em.nativeUpdate(Notification, unread, { readAt: now() })) > 0) jobs.signal(topicOf(viewer.id));
}
