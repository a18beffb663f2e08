import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { Account } from '../../accounts/model.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { defineJob, type JobDefinition, type JobHandle } from '../../kit/queue/define.ts';
import { holdFence } from '../../kit/queue/lease.ts';
import type { Settings } from '../../kit/settings.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { isMistake, messageOf } from '../engine/messages.ts';
import type { EngineRun, Engines } from '../engines.ts';
import { type Device, estimate, learnPace, type WorkSize } from '../gpu/pace.ts';
import { assertAllowance, assertRoom, type GpuSettings, gpuSettings } from '../gpu/quotas.ts';
import { settle, shareOf } from '../gpu/settle.ts';
import { TrainingRun } from './model.ts';
import { type FindMaterial, type SegmentTimes, trainSegment } from './segment.ts';

const Payload = z.object({ runId: z.string(), segment: z.int() });
const ATTEMPTS = 5;
/** Without having got on in between. */
const MOST_CRASHES = 2;
const LOOK_EVERY_MS = 2_000;

export interface TrainerOptions {
  readonly engines: Engines;
  readonly settings: Settings;
  readonly fork: () => EntityManager;
  readonly findMaterial: FindMaterial;
  /** Tests make it short. */
  readonly times?: Partial<SegmentTimes>;
}

export type NewTraining = Pick<
  TrainingRun,
  'name' | 'params' | 'baseSha256' | 'family' | 'resolution' | 'epochs' | 'totalSteps' | 'batch'
>;

/** Takes trainings and has the engine make them, segment by segment. */
export class Trainer {
  readonly #options: TrainerOptions;
  /** Part of the worker's jobs. */
  readonly job: JobDefinition<typeof Payload>;

  constructor(options: TrainerOptions) {
    this.#options = options;
    this.job = defineJob({
      name: 'compute.train-segment',
      lane: 'gpu',
      payload: Payload,
      attempts: ATTEMPTS,
      backOff: { baseMs: 1_000, capMs: 15_000 },
      run: (work, payload, handle) => this.#run(work, payload, handle),
    });
  }

  /** Puts a training into the queue. Throws `rate_limited` beyond what this account may use. */
  async start(work: Pick<Work, 'em' | 'jobs' | 'now'>, viewer: Viewer, fields: NewTraining): Promise<TrainingRun> {
    const { em, now } = work;
    const settings = await this.#options.settings.read(em, gpuSettings);
    const { p50 } = await estimate(em, await this.#device(em), sizeOf(fields, fields.totalSteps));
    return em.transactional(async (tx) => {
      const [open] = await rows<{ n: unknown }>(
        tx,
        `select count(*) as n from training_run where account_id = ? and state in ('queued', 'running')`,
        [viewer.id],
      );
      assertRoom(toNumber(open?.n), settings.openTrainings);
      await assertAllowance({ em: tx, now }, viewer, p50, settings);
      const account = tx.getReference(Account, viewer.id);
      const run = tx.create(
        TrainingRun,
        { id: newId(), account, segment: 0, ...fields, createdAt: now() },
        { persist: true },
      );
      run.jobId = this.#enqueue(tx, work, run, settings, p50);
      await tx.flush();
      return run;
    });
  }

  /** Ends it; what it made so far stays. */
  async cancel({ em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>, viewer: Viewer, runId: string): Promise<void> {
    const run = await em.findOne(TrainingRun, { id: runId, account: viewer.id });
    if (!run) throw new AppError('not_found', t('training.none'));
    await rows(
      em,
      `update training_run set state = 'cancelled', finished_at = ? where id = ? and state in ('queued', 'running')
       returning id`,
      [now(), runId],
    );
    if (run.jobId) await jobs.cancel(em, run.jobId);
  }

  /** Goes on with what failed or was cancelled, from its newest state. */
  async retry(work: Pick<Work, 'em' | 'jobs' | 'now'>, viewer: Viewer, runId: string): Promise<void> {
    const { em, now } = work;
    const settings = await this.#options.settings.read(em, gpuSettings);
    await em.transactional(async (tx) => {
      const run = await tx.findOne(TrainingRun, { id: runId, account: viewer.id });
      if (!run) throw new AppError('not_found', t('training.none'));
      if (run.state !== 'failed' && run.state !== 'cancelled') throw new AppError('conflict', t('training.not-ended'));
      const { p50 } = await estimate(tx, await this.#device(tx), sizeOf(run, run.totalSteps - run.step));
      await assertAllowance({ em: tx, now }, viewer, p50, settings);
      Object.assign(run, { state: 'queued', segment: run.segment + 1, crashes: 0, error: null, finishedAt: null });
      run.jobId = this.#enqueue(tx, work, run, settings, p50);
      await tx.flush();
    });
  }

  #enqueue(
    em: EntityManager,
    { jobs }: Pick<Work, 'jobs'>,
    run: TrainingRun,
    settings: GpuSettings,
    leftSeconds: number,
  ): string {
    const accountId = run.account.id;
    const costSeconds = Math.min(leftSeconds, this.#times(settings).mostMs / 1000);
    return jobs.enqueue(
      em,
      this.job,
      { runId: run.id, segment: run.segment },
      {
        ...{ accountId, partition: `train:${accountId}`, partitionLimit: settings.runningTrainings },
        share: shareOf({ id: accountId, host: '' }, 'batch', { costSeconds, affinity: run.baseSha256 }),
      },
    );
  }

  #times({ quantumMinutes }: GpuSettings): SegmentTimes {
    const quantumMs = quantumMinutes * 60_000;
    return { quantumMs, mostMs: 2 * quantumMs, lookEveryMs: LOOK_EVERY_MS, ...this.#options.times };
  }

  async #device(em: EntityManager): Promise<Device> {
    const status = await this.#options.engines.status(em);
    return status.state === 'ready' ? status.hello.device : { kind: 'cpu', name: '' };
  }

  async #run(work: Work, { runId, segment }: z.output<typeof Payload>, handle: JobHandle): Promise<object> {
    const { em, now } = work;
    const { engines, fork, findMaterial, settings } = this.#options;
    const run = await em.findOne(TrainingRun, runId);
    if (!run || run.segment !== segment || run.finishedAt !== null) return { state: 'gone' };
    await rows(
      em,
      `update training_run set state = 'running', started_at = coalesce(started_at, ?)
       where id = ? and state in ('queued', 'running') returning id`,
      [now(), runId],
    );
    const rules = await settings.read(em, gpuSettings);
    try {
      const parts = { fork, files: work.files, now, engines };
      const { run: took, steps } = await trainSegment(parts, handle, run, findMaterial, this.#times(rules));
      await this.#book(work, handle, run, took, steps);
      handle.signal.throwIfAborted();
      const { outcome } = took;
      if (outcome.state === 'done') return await this.#end(work, handle, runId, null);
      if (outcome.state === 'paused') return await this.#goOn(work, handle, runId, rules);
      if (outcome.state === 'cancelled') throw new AppError('unavailable', 'The engine was stopped.');
      const crashes = outcome.isCrash ? await countCrash(em, handle, runId) : 0;
      const isOverNow = crashes >= MOST_CRASHES || handle.attempt >= ATTEMPTS;
      if (outcome.retryable && !isOverNow) throw new AppError('unavailable', outcome.message);
      return await this.#end(work, handle, runId, messageOf(outcome.code, outcome.message));
    } catch (error) {
      const isFinal = error instanceof AppError && ['not_found', 'withheld', 'gone', 'invalid'].includes(error.kind);
      if (!isFinal || handle.signal.aborted) throw error;
      return await this.#end(work, handle, runId, error.message);
    } finally {
      await engines.clean(handle.jobId);
    }
  }

  /** The next segment stands in the queue in the moment in which this one ends. */
  async #goOn(work: Work, handle: JobHandle, runId: string, rules: GpuSettings): Promise<object> {
    return work.em.fork().transactional(async (tx) => {
      await holdFence(tx, handle);
      const run = await tx.findOneOrFail(TrainingRun, runId);
      if (run.finishedAt !== null) return { state: 'gone' };
      run.segment += 1;
      const size = sizeOf(run, run.totalSteps - run.step);
      const { p50 } = await estimate(tx, await this.#device(tx), size);
      run.jobId = this.#enqueue(tx, work, run, rules, p50);
      await tx.flush();
      return { state: 'paused', step: run.step };
    });
  }

  async #end({ em, now }: Pick<Work, 'em' | 'now'>, handle: JobHandle, runId: string, error: string | null) {
    const state = error === null ? 'done' : 'failed';
    await em.fork().transactional(async (tx) => {
      await holdFence(tx, handle);
      await rows(
        tx,
        `update training_run set state = ?, error = ?, finished_at = ?,
           last_state_sha256 = case when ? = 'done' then null else last_state_sha256 end,
           step = case when ? = 'done' then total_steps else step end
         where id = ? and state in ('queued', 'running') returning id`,
        [state, error?.slice(0, 500) ?? null, now(), state, state, runId],
      );
    });
    return { state };
  }

  async #book(
    { em, now }: Pick<Work, 'em' | 'now'>,
    handle: JobHandle,
    run: TrainingRun,
    { outcome, engineId, device, seconds }: EngineRun,
    steps: number,
  ): Promise<void> {
    if (engineId === '') return;
    const act = outcome.state === 'failed' && !isMistake(outcome.code) ? 'refund' : 'charge';
    await settle(em, handle, { kind: 'training', engineId, seconds, act }, now());
    const wentWell = outcome.state === 'done' || outcome.state === 'paused';
    if (wentWell && device) await learnPace(em, device, sizeOf(run, steps), seconds, now());
  }
}

const sizeOf = (
  { family, resolution, batch }: Pick<TrainingRun, 'family' | 'resolution' | 'batch'>,
  steps: number,
): WorkSize => ({ kind: 'training', family, pixels: resolution ** 2, units: steps * batch });

async function countCrash(em: EntityManager, handle: JobHandle, runId: string): Promise<number> {
  return em.fork().transactional(async (tx) => {
    await holdFence(tx, handle);
    const [row] = await rows<{ crashes: number }>(
      tx,
      'update training_run set crashes = crashes + 1 where id = ? returning crashes',
      [runId],
    );
    return row?.crashes ?? 0;
  });
}
