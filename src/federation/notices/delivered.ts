import type { EntityManager } from '@mikro-orm/core';
import { inList, rows } from '../../kit/database/sql.ts';

/** It takes a while to act on a notice. */
const FIRST_LOOK_MS = 15 * 60_000;

/** Of what a host just took, the notices: from now on it is looked whether it heeds them. */
export async function markDelivered(em: EntityManager, host: string, itemIds: readonly string[], now: Date) {
  if (itemIds.length === 0) return;
  const [one] = await rows(em, `select 1 from notice_peer where item_id in (${inList(itemIds)}) limit 1`, itemIds);
  if (!one) return;
  await rows(
    em,
    `update notice_peer set state = 'delivered', delivered_at = ?, next_check_at = ?
     where item_id in (${inList(itemIds)}) and host = ? and state in ('queued', 'unreachable') returning id`,
    [now, new Date(now.getTime() + FIRST_LOOK_MS), ...itemIds, host],
  );
}
