import { relistAfterPolicy } from '../../gallery/after-policy.ts';
import { REVIEW_COUNT } from '../../gallery/reviews/review-count.ts';
import { inList, rows } from '../../kit/database/sql.ts';
import type { Work } from '../../kit/work.ts';
import { RESTRICTION } from '../../safety/policy.ts';
import { Delivery } from '../model.ts';
import { isHostAllowed } from '../policy.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'now'>;

/**
 * Makes the rows agree with the owner's word about a host and those below it. A block ends the follows both ways and
 * drops what waits; profiles, posts, models and remarks of that host are not shown. Taking it back shows them again; the
 * follows have to be asked for anew.
 */
export async function applyPolicy(work: Task, host: string): Promise<void> {
  const { em } = work;
  const hosts = await rows<{ host: string }>(
    em,
    `select distinct host from account where host = ? or host like ? or host like ?`,
    [host, `${host}:%`, `%.${host}`],
  );
  for (const { host: one } of hosts) {
    if (await isHostAllowed({ mode: 'open' }, em, one)) await show(work, one);
    else await hide(work, one);
  }
  if (!(await isHostAllowed({ mode: 'open' }, em, host))) await em.nativeDelete(Delivery, { host });
}

async function hide({ em, jobs, now }: Task, host: string): Promise<void> {
  const theirs = 'select id from account where host = ?';
  const run = (sql: string, ...parameters: Parameters<typeof rows>[2] & object) => rows(em, sql, parameters);
  const at = now();
  await em.nativeDelete(Delivery, { host });
  await run(`delete from follow where follower_id in (${theirs}) or target_id in (${theirs}) returning id`, host, host);
  await run(`delete from topic_follow where follower_id in (${theirs}) returning id`, host);
  await run(
    `insert into policy_state (target_kind, target_id, epoch, restrictions, changed_at)
      select 'account', id, 1, ${RESTRICTION.view}, ? from account where host = ? and state = 'active'
      on conflict (target_kind, target_id) do update set epoch = policy_state.epoch + 1,
        restrictions = policy_state.restrictions | ${RESTRICTION.view}, changed_at = excluded.changed_at returning target_id`,
    at,
    host,
  );
  await run(`update account set state = 'suspended' where host = ? and state = 'active' returning id`, host);
  await run(`update model set listed_at = null, shown_at = null where owner_id in (${theirs}) returning id`, host);
  await run(
    `update comment set withheld_at = ? where author_id in (${theirs}) and withheld_at is null returning id`,
    at,
    host,
  );
  await countReviewsOf(em, `select id from account where host = ?`, [host]);
  await relist({ em, jobs, now }, host);
}

async function show({ em, jobs, now }: Task, host: string): Promise<void> {
  // nothing else suspends an account of elsewhere
  const back = await rows<{ id: number }>(
    em,
    `update account set state = 'active' where host = ? and state = 'suspended' returning id`,
    [host],
  );
  for (let from = 0; from < back.length; from += 500) {
    const ids = back.slice(from, from + 500).map(({ id }) => id);
    // those that the block withheld, not those that a moderator did
    await rows(
      em,
      `update comment set withheld_at = null where author_id in (${inList(ids)}) and withheld_at = (select s.changed_at
        from policy_state s where s.target_kind = 'account' and s.target_id = comment.author_id) returning id`,
      ids,
    );
    await rows(
      em,
      `update policy_state set epoch = epoch + 1, restrictions = restrictions & ~${RESTRICTION.view}, changed_at = ?
        where target_kind = 'account' and target_id in (${inList(ids)}) returning target_id`,
      [now(), ...ids],
    );
    await relistModels(em, ids);
    await countReviewsOf(em, inList(ids), ids);
  }
  await relist({ em, jobs, now }, host);
}

/** Reviews of those who are not active stay, and count nowhere. */
async function countReviewsOf(em: Task['em'], authors: string, parameters: readonly (string | number)[]) {
  await rows(
    em,
    `update model_version set ${REVIEW_COUNT} where id in (select version_id from review where author_id in (${authors}))
      returning id`,
    parameters,
  );
}

/** As they came in; those that a moderator withholds stay away. */
async function relistModels(em: Task['em'], ownerIds: readonly number[]): Promise<void> {
  await rows(
    em,
    `update model set shown_at = published_at, listed_at = case when visibility = 'public' then published_at end
      where owner_id in (${inList(ownerIds)}) and state = 'published' and not exists (select 1 from policy_state s
        where s.target_kind = 'model' and s.target_id = model.id
          and s.restrictions & ${RESTRICTION.view | RESTRICTION.removed} <> 0) returning id`,
    ownerIds,
  );
}

/** The columns that lists of posts and pictures read. */
async function relist(work: Task, host: string): Promise<void> {
  const owners = await rows<{ id: number }>(
    work.em,
    `select distinct p.owner_id as id from post p join account a on a.id = p.owner_id where a.host = ?`,
    [host],
  );
  for (const { id } of owners) await relistAfterPolicy(work, { kind: 'account', id }, 'quietly');
}
