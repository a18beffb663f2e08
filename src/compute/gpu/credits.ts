import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { endHold, type HoldEnd } from '../../economy/holds.ts';
import type { HoldKind } from '../../economy/ledger/model.ts';
import { rows } from '../../kit/database/sql.ts';
import { defineJob } from '../../kit/queue/define.ts';
import { Job, type JobState } from '../../kit/queue/job.ts';
import type { Work } from '../../kit/work.ts';

interface HeldWork {
  id: string;
  subject_kind: HoldKind;
  subject_id: string;
  job_state: JobState | null;
  /** Null when the row is gone. */
  work_state: string | null;
  error: string | null;
}

const HELD = `select h.id, h.subject_kind, h.subject_id, j.state as job_state,
    coalesce(g.state, r.state, u.state) as work_state, coalesce(g.error, r.error, u.error) as error
  from credit_hold h left join job j on j.id = h.job_id
  left join generation g on h.subject_kind = 'generation' and g.id = h.subject_id
  left join training_run r on h.subject_kind = 'training' and r.id = h.subject_id
  left join merge_run u on h.subject_kind = 'merge' and u.id = h.subject_id
  where h.state = 'held'`;

const OPEN_WORK = ['queued', 'running', 'held'];
const OPEN_JOB: readonly (JobState | null)[] = ['queued', 'running'];

/**
 * What becomes of what is held, by how the work ended; null while it goes on. What failed and what the node ended costs
 * nothing, and who ends their own pays for what it took so far.
 */
function endOf({ subject_kind: kind, job_state: job, work_state: work, error }: HeldWork): HoldEnd | null {
  const isOver = !OPEN_JOB.includes(job);
  // it runs for a moment yet, and is booked then
  if (job === 'running') return null;
  if (kind === 'caption') return isOver ? (job === 'failed' ? 'refund' : 'capture') : null;
  if (work === 'done' || work === 'stopped') return 'capture';
  if (work === 'failed') return 'refund';
  if (work === 'cancelled') return error === null ? 'capture' : 'refund';
  if (work !== null && OPEN_WORK.includes(work)) return isOver ? 'refund' : null;
  return isOver ? 'capture' : null;
}

/** Pays or gives back what was held for something that ended from outside. While it runs, its run does. */
export async function settleHeld({ em, now }: Pick<Work, 'em' | 'now'>, kind: HoldKind, id: string): Promise<void> {
  const [held] = await rows<HeldWork>(em, `${HELD} and h.subject_kind = ? and h.subject_id = ?`, [kind, id]);
  const how = held && endOf(held);
  if (how) await endHold(em, { kind, id }, how, now());
}

/** The same by a run of its own work, whose job has not ended yet. */
export async function settleRun({ em, now }: Pick<Work, 'em' | 'now'>, kind: HoldKind, id: string): Promise<void> {
  const [held] = await rows<HeldWork>(em, `${HELD} and h.subject_kind = ? and h.subject_id = ?`, [kind, id]);
  if (!held || (held.work_state !== null && OPEN_WORK.includes(held.work_state))) return;
  const how = endOf({ ...held, job_state: null });
  if (how) await endHold(em, { kind, id }, how, now());
}

const EVERY_MS = 120_000;
const BATCH = 200;

export const settleCreditsJob = defineJob({
  name: 'compute.settle-credits',
  lane: 'clock',
  payload: z.object({}),
  attempts: 3,
  run: async (work) => {
    await settleEnded(work);
    await scheduleSettling(work);
  },
});

/** Every two minutes from now on. Called at each start too, so it looks whether one waits already. */
export async function scheduleSettling({ em, jobs }: Pick<Work, 'em' | 'jobs'>): Promise<void> {
  if ((await em.count(Job, { name: settleCreditsJob.name, state: 'queued' })) > 0) return;
  jobs.enqueue(em, settleCreditsJob, {}, { delayMs: EVERY_MS, dedupeKey: settleCreditsJob.name });
  await em.flush();
}

/** Finds what ended and was not settled, because a process died in between. Returns how many there were. */
export async function settleEnded({ em, now }: Pick<Work, 'em' | 'now'>): Promise<number> {
  let settled = 0;
  for (let after = ''; ; ) {
    const held = await rows<HeldWork>(
      em,
      `${HELD}${after === '' ? '' : ' and h.id > ?'} order by h.id limit ${BATCH}`,
      after === '' ? [] : [after],
    );
    for (const one of held) {
      const how = endOf(one);
      if (!how) continue;
      await endHold(em, { kind: one.subject_kind, id: one.subject_id }, how, now());
      settled += 1;
    }
    after = held.at(-1)?.id ?? '';
    if (held.length < BATCH) return settled;
  }
}

/** Ends a hold in the transaction that ends the work. */
export const endWork = (tx: EntityManager, kind: HoldKind, id: string, state: string, now: Date) =>
  endHold(tx, { kind, id }, state === 'done' ? 'capture' : 'refund', now);
