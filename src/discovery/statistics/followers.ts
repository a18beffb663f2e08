import type { EntityManager } from '@mikro-orm/core';
import { rows, toNumber } from '../../kit/database/sql.ts';

/** Those who follow `a` now and are still there. */
const FOLLOWERS = `select count(*) from follow f join account w on w.id = f.follower_id
  where f.target_id = a.id and f.state = 'accepted' and w.state = 'active'`;

/** Writes down for today how many follow each person of this node, also where the last of them left. */
export async function countFollowersNow(em: EntityManager, today: string, yesterday: string): Promise<void> {
  await rows(
    em,
    `insert into stat_day (account_id, model_id, day, followers_in_all)
     select a.id, 0, cast(? as varchar), (${FOLLOWERS}) from account a
     where a.host = '' and a.state = 'active' and (
       exists (select 1 from follow e where e.target_id = a.id and e.state = 'accepted')
       or exists (select 1 from stat_day y where y.account_id = a.id and y.model_id = 0 and y.day in (?, ?)
         and y.followers_in_all > 0))
     on conflict (account_id, model_id, day) do update set followers_in_all = excluded.followers_in_all returning day`,
    [today, yesterday, today],
  );
}

export async function countFollowers(em: EntityManager, accountId: number): Promise<number> {
  const [found] = await rows<{ n: unknown }>(em, `select (${FOLLOWERS}) as n from account a where a.id = ?`, [
    accountId,
  ]);
  return toNumber(found?.n);
}
