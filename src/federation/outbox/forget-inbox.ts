import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../../kit/database/sql.ts';

/**
 * A server said 410. Of a person's own inbox it means that they are gone: they follow nobody here any more, and nothing
 * else is sent there. A shared inbox is a short cut that was taken away: from now on each follower has their own.
 */
export async function forgetInbox(em: EntityManager, inboxUri: string): Promise<void> {
  await rows(em, 'update remote_actor set shared_inbox_uri = null where shared_inbox_uri = ? returning account_id', [
    inboxUri,
  ]);
  await rows(
    em,
    `delete from follow where follower_id in (select account_id from remote_actor where inbox_uri = ?
      and (shared_inbox_uri is null or shared_inbox_uri <> inbox_uri)) returning id`,
    [inboxUri],
  );
  await rows(
    em,
    `delete from topic_follow where follower_id in (select account_id from remote_actor where inbox_uri = ?
      and (shared_inbox_uri is null or shared_inbox_uri <> inbox_uri)) returning id`,
    [inboxUri],
  );
  await rows(em, 'delete from delivery where inbox_uri = ? returning id', [inboxUri]);
}
