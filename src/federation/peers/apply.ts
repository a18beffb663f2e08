import { relistAfterPolicy } from '../../gallery/after-policy.ts';
import { REVIEW_COUNT } from '../../gallery/reviews/review-count.ts';
import { inList, rows, toDate } from '../../kit/database/sql.ts';
import type { Work } from '../../kit/work.ts';
import { RESTRICTION } from '../../safety/policy.ts';
import { restrictMany } from '../../safety/restrict-many.ts';
import { reviewCopies } from '../copies/drop.ts';
import type { Federation } from '../deps.ts';
import { Delivery } from '../model.ts';
import { isHostAllowed } from '../policy.ts';
import { loadEffects } from './rule.ts';
import { domainSource } from './source.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'now'>;

/**
 * Makes the rows agree with the owner's word about a host and those below it. A block ends the follows both ways and
 * drops what waits; profiles, posts, models and remarks of that host are not shown. A limit takes them out of lists.
 * Taking either back shows them again; the follows have to be asked for anew.
 */
export async function applyPolicy(work: Task & Pick<Work, 'files'>, federation: Federation, host: string) {
  const { em } = work;
  const hosts = await rows<{ host: string }>(
    em,
    `select distinct host from account where host = ? or host like ? or host like ?`,
    [host, `${host}:%`, `%.${host}`],
  );
  for (const { host: one } of hosts) {
    const effects = await loadEffects(em, one);
    const listBit = effects.isLimited ? RESTRICTION.list : 0;
    if (await isHostAllowed({ mode: 'open' }, em, one)) await show(work, one, listBit);
    else await hide(work, one, listBit);
    if (effects.forcedLevel !== null) await raise(work, one, effects.forcedLevel);
    await relist(work, one);
  }
  if (!(await isHostAllowed({ mode: 'open' }, em, host))) await em.nativeDelete(Delivery, { host });
  await reviewCopies(work, federation);
}

const ACCOUNTS = `select id from account where host = ? and state <> 'deleted'`;

async function hide({ em, now }: Task, host: string, listBit: number): Promise<void> {
  const theirs = 'select id from account where host = ?';
  const run = (sql: string, ...parameters: Parameters<typeof rows>[2] & object) => rows(em, sql, parameters);
  await em.nativeDelete(Delivery, { host });
  await run(`delete from follow where follower_id in (${theirs}) or target_id in (${theirs}) returning id`, host, host);
  await run(`delete from topic_follow where follower_id in (${theirs}) returning id`, host);
  const at = now();
  await restrictMany(em, 'account', ACCOUNTS, [host], domainSource(host), RESTRICTION.view | listBit, at);
  await run(`update account set state = 'suspended' where host = ? and state = 'active' returning id`, host);
  await run(`update model set listed_at = null, shown_at = null where owner_id in (${theirs}) returning id`, host);
  await run(
    `update comment set withheld_at = ? where author_id in (${theirs}) and withheld_at is null returning id`,
    at,
    host,
  );
  await countReviewsOf(em, `select id from account where host = ?`, [host]);
}

/** Those whom the block of their host suspended; before restrictions had sources, nothing else suspended them. */
const SUSPENDED = `a.host = ? and a.state = 'suspended' and (exists (select 1 from policy_restriction r
    where r.target_kind = 'account' and r.target_id = a.id and r.source = ? and r.bits & ${RESTRICTION.view} <> 0)
  or not exists (select 1 from policy_restriction r where r.target_kind = 'account' and r.target_id = a.id))`;

async function show({ em, now }: Task, host: string, listBit: number): Promise<void> {
  const back = await rows<{ id: number; hidden_at: unknown }>(
    em,
    `select a.id, coalesce(r.created_at, s.changed_at) as hidden_at from account a
     left join policy_restriction r on r.target_kind = 'account' and r.target_id = a.id and r.source = ?
     left join policy_state s on s.target_kind = 'account' and s.target_id = a.id where ${SUSPENDED}`,
    [domainSource(host), host, domainSource(host)],
  );
  for (let from = 0; from < back.length; from += 500) {
    const some = back.slice(from, from + 500);
    const ids = some.map(({ id }) => id);
    await rows(em, `update account set state = 'active' where id in (${inList(ids)}) returning id`, ids);
    // those that the block withheld, not those that a moderator did
    const times = [
      ...new Set(some.flatMap(({ hidden_at }) => (hidden_at == null ? [] : [toDate(hidden_at).getTime()]))),
    ];
    for (const time of times) {
      await rows(
        em,
        `update comment set withheld_at = null where author_id in (${inList(ids)}) and withheld_at = ? returning id`,
        [...ids, new Date(time)],
      );
    }
  }
  await restrictMany(em, 'account', ACCOUNTS, [host], domainSource(host), listBit, now());
  const all = await rows<{ id: number }>(em, ACCOUNTS, [host]);
  for (let from = 0; from < all.length; from += 500) {
    const ids = all.slice(from, from + 500).map(({ id }) => id);
    await relistModels(em, ids);
    await countReviewsOf(em, inList(ids), ids);
  }
}

/** Nothing of there is rated lower from now on. What its authors said comes back with their next word about it. */
async function raise({ em }: Task, host: string, level: number): Promise<void> {
  const theirs = 'select id from account where host = ?';
  await rows(em, `update image set level = ? where owner_id in (${theirs}) and level > 0 and level < ? returning id`, [
    level,
    host,
    level,
  ]);
  // a model's level is a sum: what is below goes, and the bit itself comes
  await rows(
    em,
    `update model set level = (level & ~${level - 1}) | ${level} where owner_id in (${theirs}) returning id`,
    [host],
  );
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
  const forbidden = (bits: number) => `exists (select 1 from policy_state s where s.restrictions & ${bits} <> 0
    and ((s.target_kind = 'model' and s.target_id = model.id) or (s.target_kind = 'account' and s.target_id = model.owner_id)))`;
  await rows(
    em,
    `update model set shown_at = published_at,
        listed_at = case when visibility = 'public' and not ${forbidden(RESTRICTION.list)} then published_at end
      where owner_id in (${inList(ownerIds)}) and state = 'published'
        and not ${forbidden(RESTRICTION.view | RESTRICTION.removed)} returning id`,
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
