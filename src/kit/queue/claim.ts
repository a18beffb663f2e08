import type { EntityManager } from '@mikro-orm/core';
import { dialectOf, fromJson, rows } from '../database/sql.ts';
import type { Lane } from './define.ts';
import { decide, type JobClass } from './fair/decide.ts';
import { isFair, keepState, listWaiting, lockLane } from './fair/state.ts';

/** A job that is ours until its lease ends. */
export interface Claim {
  readonly id: string;
  readonly name: string;
  readonly lane: Lane;
  readonly payload: unknown;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly fence: number;
  readonly jobClass: JobClass;
  readonly shareKey: string;
  readonly costSeconds: number;
}

export interface ClaimRequest {
  readonly lane: Lane;
  readonly owner: string;
  readonly now: Date;
  readonly leaseMs: number;
  /** What the machine that asks has loaded, in a lane that is shared out fairly. */
  readonly loaded?: readonly string[];
}

/** The due job that comes first, unless its partition is full or one with its dedupe key runs. */
const NEXT = `select j.id from job j where j.lane = ? and j.state = 'queued' and j.run_at <= ?
  and (j.partition = '' or j.partition_limit > (select count(*) from job r
    where r.lane = j.lane and r.partition = j.partition and r.state = 'running'))
  and (j.dedupe_key is null or not exists (select 1 from job r where r.dedupe_key = j.dedupe_key and r.state = 'running'))
  order by j.priority, j.run_at, j.id limit 1`;

const claimSql = (which: string) => `update job set state = 'running', attempt = attempt + 1, fence = fence + 1,
  lease_owner = ?, lease_until = ?, started_at = ?, revision = revision + 1
  where id = ${which} and state = 'queued'
  returning id, name, lane, cast(payload as text) as payload, attempt, max_attempts, fence, dedupe_key, job_class,
    share_key, cost_seconds`;
const CLAIM = { sqlite: claimSql(`(${NEXT})`), postgresql: claimSql(`(${NEXT} for update of j skip locked)`) };
const CLAIM_ONE = claimSql('?');

interface ClaimRow {
  id: string;
  name: string;
  lane: Lane;
  payload: unknown;
  attempt: number;
  max_attempts: number;
  fence: number;
  dedupe_key: string | null;
  job_class: JobClass;
  share_key: string;
  cost_seconds: number;
}

/** Takes the next job of a lane; null when none is due. Of two who ask at once, only one gets it. */
export async function claimNext(em: EntityManager, request: ClaimRequest): Promise<Claim | null> {
  const { lane, now } = request;
  const row = isFair(lane) ? await claimFair(em, request) : await claimFirst(em, request);
  return row ? claimOf(em, row, now) : null;
}

/**
 * For one that runs already, in a lane that is shared out fairly: takes whoever would be next anyway, one after the
 * other, until that is one who is not wanted. Their shares pay as if each had been taken by itself.
 */
export async function claimAlong(
  em: EntityManager,
  request: ClaimRequest,
  isWanted: (jobId: string) => boolean,
): Promise<Claim[]> {
  const { lane, now, loaded = [] } = request;
  const found = await em.transactional(async (inner) => {
    const { state, rules, isPaused } = await lockLane(inner, lane);
    const taken: ClaimRow[] = [];
    for (let after = state; !isPaused; ) {
      const decision = decide(after, await listWaiting(inner, lane, now), loaded, rules);
      if (!decision || !isWanted(decision.job.id)) break;
      const [row] = await rows<ClaimRow>(inner, CLAIM_ONE, [...leaseOf(request), decision.job.id]);
      if (!row) break;
      await keepState(inner, lane, after, decision.state, now);
      after = decision.state;
      taken.push(row);
    }
    return taken;
  });
  return Promise.all(found.map((row) => claimOf(em, row, now)));
}

async function claimOf(em: EntityManager, row: ClaimRow, now: Date): Promise<Claim> {
  const { lane } = row;
  if (row.dedupe_key !== null) await dropDuplicates(em, row.id, row.dedupe_key, now);
  return {
    ...{ id: row.id, name: row.name, lane, payload: fromJson<unknown>(row.payload) },
    ...{ attempt: row.attempt, maxAttempts: row.max_attempts, fence: row.fence },
    ...{ jobClass: row.job_class, shareKey: row.share_key, costSeconds: row.cost_seconds },
  };
}

const leaseOf = ({ owner, now, leaseMs }: ClaimRequest): [string, Date, Date] => [
  owner,
  new Date(now.getTime() + leaseMs),
  now,
];

async function claimFirst(em: EntityManager, request: ClaimRequest): Promise<ClaimRow | undefined> {
  const { lane, now } = request;
  const dialect = dialectOf(em);
  const parameters = [...leaseOf(request), lane, now];
  if (dialect === 'sqlite') return (await rows<ClaimRow>(em, CLAIM.sqlite, parameters))[0];
  return em.transactional(async (inner) => {
    // Two claims that count the running jobs of a partition at once would both find room; the statement alone
    // cannot help it, for it sees the rows as they were when it began.
    await rows(inner, 'select pg_advisory_xact_lock(hashtext(?))', [`claim ${lane}`]);
    return (await rows<ClaimRow>(inner, CLAIM.postgresql, parameters))[0];
  });
}

/** In one transaction that holds the row of the lane: who is next, the lease, and what the shares have after it. */
async function claimFair(em: EntityManager, request: ClaimRequest): Promise<ClaimRow | undefined> {
  const { lane, now, loaded = [] } = request;
  const due = await rows(em, `select 1 from job where lane = ? and state = 'queued' and run_at <= ? limit 1`, [
    lane,
    now,
  ]);
  if (due.length === 0) return undefined; // so that looking does not lock the lane
  return em.transactional(async (inner) => {
    const { state, rules, isPaused } = await lockLane(inner, lane);
    if (isPaused) return undefined;
    const decision = decide(state, await listWaiting(inner, lane, now), loaded, rules);
    if (!decision) return undefined;
    // a job that was cancelled this moment is not taken, and its share pays nothing
    const [row] = await rows<ClaimRow>(inner, CLAIM_ONE, [...leaseOf(request), decision.job.id]);
    if (row) await keepState(inner, lane, state, decision.state, now);
    return row;
  });
}

/**
 * What was queued for the same thing before our run begins is done by our run. What is queued from now on may be about
 * a change that our run does not see, so it stays: a unique index on the key would lose it.
 */
async function dropDuplicates(em: EntityManager, id: string, dedupeKey: string, now: Date): Promise<void> {
  const where = `dedupe_key = ? and state = 'queued' and id <> ? and run_at <= ?`;
  // nearly always there are none, and a statement that writes nothing is a commit all the same
  const [first] = await rows(em, `select 1 from job where ${where} limit 1`, [dedupeKey, id, now]);
  if (!first) return;
  await rows(
    em,
    `update job set state = 'cancelled', finished_at = ?, progress_note = ?, revision = revision + 1
      where ${where}`,
    [now, `done by ${id}`, dedupeKey, id, now],
  );
}
