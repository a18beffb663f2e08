import type { EntityManager } from '@mikro-orm/core';
import { whenBack } from '../database/away.ts';
import { rows, toNumber } from '../database/sql.ts';
import { AppError } from '../errors.ts';
import type { Claim } from './claim.ts';
import type { JobHandle } from './define.ts';

/** A run that lost its lease this often more than it has attempts is taken for one that kills its process. */
const LOST_LEASES_ALLOWED = 2;

const MINE = `id = ? and fence = ? and state = 'running'`;
const mine = (claim: Pick<Claim, 'id' | 'fence'>): [string, number] => [claim.id, claim.fence];

/**
 * For runs that write more than their result: a transaction of its own, which fails with `conflict` if this run was
 * overtaken, and keeps others from overtaking it until it ends. It waits for a database that is away, so what `act`
 * does may be done twice, when the connection broke after the commit.
 */
export function writeUnderFence<T>(
  em: EntityManager,
  { jobId, fence, signal }: Pick<JobHandle, 'jobId' | 'fence' | 'signal'>,
  act: (tx: EntityManager) => Promise<T>,
): Promise<T> {
  const write = () =>
    em.fork().transactional(async (tx) => {
      const held = await rows(tx, `update job set fence = fence where ${MINE} returning id`, [jobId, fence]);
      if (held.length === 0) throw new AppError('conflict', 'This run was overtaken by another.');
      return act(tx);
    });
  return whenBack(write, () => !signal.aborted);
}

export type Renewal = 'held' | 'cancelled' | 'lost';

/** Moves the end of the lease on, and says whether somebody wants the job to stop. */
export async function renewLease(em: EntityManager, claim: Claim, leaseUntil: Date): Promise<Renewal> {
  const [row] = await rows<{ cancel_requested_at: unknown }>(
    em,
    `update job set lease_until = ? where ${MINE} returning cancel_requested_at`,
    [leaseUntil, ...mine(claim)],
  );
  if (!row) return 'lost';
  return row.cancel_requested_at === null ? 'held' : 'cancelled';
}

/** As `renewLease`, without moving anything. */
export async function checkLease(em: EntityManager, claim: Claim): Promise<Renewal> {
  const [row] = await rows<{ cancel_requested_at: unknown }>(
    em,
    `select cancel_requested_at from job where ${MINE}`,
    mine(claim),
  );
  if (!row) return 'lost';
  return row.cancel_requested_at === null ? 'held' : 'cancelled';
}

export type Outcome =
  | { readonly state: 'done'; readonly result: unknown }
  | { readonly state: 'failed'; readonly error: string }
  | { readonly state: 'cancelled'; readonly error: string | null };

const END = 'lease_until = null, lease_owner = null, preview = null, revision = revision + 1';

/** Ends the job. False when this run was overtaken: then its outcome counts for nothing. */
export async function finish(em: EntityManager, claim: Claim, outcome: Outcome, now: Date): Promise<boolean> {
  const result = outcome.state === 'done' && outcome.result !== undefined ? JSON.stringify(outcome.result) : null;
  const ended = await rows(
    em,
    `update job set state = ?, result = ?, last_error = ?, finished_at = ?, ${END} where ${MINE} returning id`,
    [outcome.state, result ?? null, outcome.state === 'done' ? null : outcome.error, now, ...mine(claim)],
  );
  return ended.length > 0;
}

/** Counts a run that took what it ran on with it, and says how many there were. */
export async function countCrash(
  em: EntityManager,
  { jobId, fence }: Pick<JobHandle, 'jobId' | 'fence'>,
): Promise<number> {
  const [row] = await rows<{ crashes: number }>(
    em,
    `update job set crashes = crashes + 1 where ${MINE} returning crashes`,
    [jobId, fence],
  );
  return row?.crashes ?? 0;
}

/** Queues it again after an error. */
export async function tryAgain(em: EntityManager, claim: Claim, error: string, runAt: Date): Promise<boolean> {
  const queued = await rows(
    em,
    `update job set state = 'queued', run_at = ?, last_error = ?, ${END} where ${MINE} returning id`,
    [runAt, error, ...mine(claim)],
  );
  return queued.length > 0;
}

/** Queues it again as if this run had not begun; the raised fence refuses what the run may still say. */
export async function handBack(em: EntityManager, claim: Claim): Promise<boolean> {
  const queued = await rows(
    em,
    `update job set state = 'queued', attempt = attempt - 1, fence = fence + 1, ${END} where ${MINE} returning id`,
    mine(claim),
  );
  return queued.length > 0;
}

/** Ends or queues again what nobody renewed: its process died. Returns the ids. */
export async function collectLost(em: EntityManager, now: Date): Promise<string[]> {
  const [lost] = await rows<{ n: unknown }>(
    em,
    `select count(*) as n from job where state = 'running' and lease_until < ?`,
    [now],
  );
  if (toNumber(lost?.n) === 0) return []; // so that looking does not lock the database
  const found = await rows<{ id: string }>(
    em,
    `update job set
      state = case when cancel_requested_at is not null then 'cancelled'
        when attempt >= max_attempts + ${LOST_LEASES_ALLOWED} then 'failed' else 'queued' end,
      finished_at = case when cancel_requested_at is not null or attempt >= max_attempts + ${LOST_LEASES_ALLOWED}
        then ? else finished_at end,
      last_error = 'The process that ran it died.', ${END}
      where state = 'running' and lease_until < ? returning id`,
    [now, now],
  );
  return found.map(({ id }) => id);
}
