import type { EntityManager } from '@mikro-orm/core';
import { inList, rows } from '../../kit/database/sql.ts';
import { SEVERE } from './wire.ts';

/**
 * True while a thing is hidden by a provisional notice that nothing has followed yet, also when the notice is still being
 * written (spec/takedowns.md 2.9: hide, do not purge). Peers of our kind have that notice and keep what they hide.
 */
export async function isHeldByNotice(em: EntityManager, kind: 'model' | 'post', id: number): Promise<boolean> {
  const [found] = await rows(
    em,
    `select 1 from takedown t where t.outcome = 'quarantine' and t.category in (${inList([...SEVERE])})
       and ((t.target_kind = ? and t.target_id = ?)
         or (t.target_kind = 'image' and t.target_id in (select i.id from image i where i.post_id = ?)))
       and not exists (select 1 from sent_notice s where s.takedown_id = t.id and s.ended_at is not null) limit 1`,
    [...SEVERE, kind, id, kind === 'post' ? id : 0],
  );
  return found !== undefined;
}
