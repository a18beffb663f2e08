import { z } from 'zod';
import { audited } from '../../kit/audit/append.ts';
import { inList, rows } from '../../kit/database/sql.ts';
import { record } from '../../kit/events/events.ts';
import type { Log } from '../../kit/log.ts';
import { defineJob, type JobDefinition } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { Takedown, TakedownStep } from './model.ts';
import { type TakedownParameters, takedownDone } from './start.ts';
import type { StepResult, TakedownOrder, TakedownStepDefinition } from './step.ts';

const Payload = z.object({ takedownId: z.string() });
type ExecuteJob = JobDefinition<typeof Payload>;

/** After `takedown.requested`: one worker carries an outcome out, and no two at once the same (spec/takedowns.md 2.10). */
export function executeTakedownJob(steps: readonly TakedownStepDefinition[], log: Log): ExecuteJob {
  const job: ExecuteJob = defineJob({
    name: 'moderation.execute-takedown',
    lane: 'clock',
    payload: Payload,
    attempts: 20,
    run: async (work, { takedownId }, { signal }) => {
      const attempts = await executeTakedown(work, steps, log, takedownId, signal);
      if (attempts === 0) return;
      work.jobs.enqueue(work.em, job, { takedownId }, { ...inTurn(takedownId), delayMs: backOffMs(attempts) });
      await work.em.flush();
    },
  });
  return job;
}

export const inTurn = (takedownId: string) => ({
  partition: `takedown:${takedownId}`,
  dedupeKey: `takedown ${takedownId}`,
});

const LEAST_MS = 15_000;
const MOST_MS = 3_600_000;
const backOffMs = (attempts: number): number => Math.min(MOST_MS, LEAST_MS * 2 ** Math.min(20, attempts - 1));

/**
 * Runs the steps that are not done yet, in their order, each on record before the next one begins: a crash repeats at
 * most the step that it struck. Returns how often the most tried of those that still wait was tried, 0 when all are done.
 */
export async function executeTakedown(
  work: Work,
  steps: readonly TakedownStepDefinition[],
  log: Pick<Log, 'error'>,
  takedownId: string,
  signal?: AbortSignal,
): Promise<number> {
  const takedown = await work.em.findOne(Takedown, takedownId);
  if (takedown?.state !== 'running') return 0;
  const order = orderOf(takedown);
  const its = steps.filter(({ outcomes }) => outcomes.includes(takedown.outcome));
  await plan(work, takedownId, its);
  const known = await work.em.fork().find(TakedownStep, { takedownId });
  let waiting = 0;
  for (const step of its) {
    const row = known.find(({ name }) => name === step.name);
    if (row?.state === 'done') continue;
    signal?.throwIfAborted();
    const result = await attempt(work, step, order);
    const attempts = await note(work, order, step.name, result);
    if (result.state === 'done') continue;
    waiting = Math.max(waiting, attempts);
    log.error({ takedownId, step: step.name, attempts, note: result.note }, 'a step of a takedown is not done');
    if (result.holdsRest) return waiting;
  }
  if (waiting === 0) await conclude(work, order);
  return waiting;
}

/** What throws waits like what says that it must: the others are no less urgent for it. */
async function attempt(work: Work, step: TakedownStepDefinition, order: TakedownOrder): Promise<StepResult> {
  try {
    return await step.run({ ...work, em: work.em.fork() }, order);
  } catch (error) {
    const note = error instanceof Error ? error.message : String(error);
    return { state: 'pending', note: `It failed: ${note}`, ...(step.holdsRest ? { holdsRest: true } : {}) };
  }
}

/** A step that a later release adds joins a takedown that is still under way. */
async function plan(work: Work, takedownId: string, its: readonly TakedownStepDefinition[]): Promise<void> {
  const names = its.map(({ name }) => name);
  const there = await rows<{ name: string }>(
    work.em,
    `select name from takedown_step where takedown_id = ? and name in (${inList(names)})`,
    [takedownId, ...names],
  );
  if (there.length === names.length) return;
  await work.em.fork().transactional(async (em) => {
    for (const [position, name] of names.entries()) {
      await rows(
        em,
        `insert into takedown_step (takedown_id, name, position, state, attempts, note) values (?, ?, ?, 'pending', 0, '')
         on conflict (takedown_id, name) do update set position = excluded.position returning name`,
        [takedownId, name, position],
      );
    }
  });
}

async function note(work: Work, order: TakedownOrder, name: string, { state, note: text }: StepResult) {
  const worker = { em: work.em.fork(), viewer: null, now: work.now };
  return audited(worker, async (em) => {
    const [row] = await rows<{ attempts: number }>(
      em,
      `update takedown_step set state = ?, attempts = attempts + 1, note = ?, done_at = ?
       where takedown_id = ? and name = ? returning attempts`,
      [state, text.slice(0, 500), state === 'done' ? work.now() : null, order.takedownId, name],
    );
    const attempts = row?.attempts ?? 1;
    const after = { step: name, state, attempts, note: text.slice(0, 500) };
    return { result: attempts, entries: [entryOf(order, 'takedown.step', after)] };
  });
}

async function conclude(work: Work, order: TakedownOrder): Promise<void> {
  const worker = { em: work.em.fork(), viewer: null, now: work.now };
  await audited(worker, async (em) => {
    const ended = await rows(
      em,
      `update takedown set state = 'done', done_at = ? where id = ? and state = 'running' returning id`,
      [work.now(), order.takedownId],
    );
    if (ended.length === 0) return { result: undefined, entries: [] };
    record(em, takedownDone, { takedownId: order.takedownId, caseId: order.caseId });
    return { result: undefined, entries: [entryOf(order, 'takedown.done', { outcome: order.outcome })] };
  });
}

const entryOf = (order: TakedownOrder, action: string, after: object) => ({
  action,
  subject: order.target,
  after: { takedownId: order.takedownId, ...after },
  role: 'worker',
});

const orderOf = (takedown: Takedown): TakedownOrder => ({
  takedownId: takedown.id,
  caseId: takedown.caseId ?? null,
  target: { kind: takedown.targetKind, id: takedown.targetId },
  outcome: takedown.outcome,
  category: takedown.category,
  parameters: takedown.parameters as TakedownParameters,
});
