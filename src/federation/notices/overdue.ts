import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../../kit/database/sql.ts';
import { namesOf } from '../policy.ts';

/**
 * True for a host that has let a severe notice pass: no file is kept from there and none is served to it, until it
 * complies (spec/takedowns.md 2.9, consequences). By the host itself, with or without its port.
 */
export async function isFileless(em: EntityManager, host: string): Promise<boolean> {
  const [whole = host, bare = host] = namesOf(host);
  const [found] = await rows(
    em,
    `select 1 from notice_peer where host in (?, ?) and is_severe = ? and overdue_at is not null
       and state in ('overdue', 'refused') limit 1`,
    [whole, bare, true],
  );
  return found !== undefined;
}
