import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { viewerOf } from '../../accounts/access/identify.ts';
import { Account } from '../../accounts/model.ts';
import { chargeAhead } from '../../economy/charge.ts';
import { moveHold } from '../../economy/holds.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { defineJob, type JobDefinition, type JobHandle } from '../../kit/queue/define.ts';
import { writeUnderFence } from '../../kit/queue/lease.ts';
import type { Settings } from '../../kit/settings.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import type { HashGate } from '../../safety/hashes/gate.ts';
import { mayTrain } from '../datasets/own.ts';
import type { EngineHello } from '../engine/protocol.ts';
import type { Engines } from '../engines/engines.ts';
import { trainingFailureText } from '../failures.ts';
import type { Guard } from '../gates/generation.ts';
import { assertTraining } from '../gates/training.ts';
import { bookRun } from '../gpu/book.ts';
import { settleRun } from '../gpu/credits.ts';
import { type Device, estimate, type WorkSize } from '../gpu/pace.ts';
import { assertAllowance, assertRoom, type GpuSettings, gpuSettings } from '../gpu/quotas.ts';
import { shareOf } from '../gpu/settle.ts';
import type { ModelSource } from '../models/cache.ts';
import { CHECKPOINT_TYPES } from '../models/offers.ts';
import { findSources } from '../models/sources.ts';
import { assertStanding, type Leaning, StandingWatch, versionIdsOf, withheld } from '../standing.ts';
import { isEndedByNode } from '../withhold.ts';
import { assertNotBlocked } from './blocked.ts';
import { prepareTraining } from './command.ts';
import { TrainingRun } from './model.ts';
import { Decided, releaseTraining } from './release.ts';
import { type SegmentTimes, trainSegment } from './segment.ts';
import { countCrash, dropOutput, endRun } from './store.ts';

const Payload = z.object({ runId: z.string(), segment: z.int() });
const ATTEMPTS = 5;
/** Without having got on in between. */
const MOST_CRASHES = 2;
const LOOK_EVERY_MS = 2_000;

export interface TrainerOptions {
  readonly engines: Engines;
  readonly settings: Settings;
  readonly hashGate: HashGate;
  readonly guard: Guard;
  readonly fork: () => EntityManager;
  /** Null without MODELS_DIR. */
  readonly modelsDir: string | null;
  readonly publicUrl: URL;
  /** Tests make it short. */
  readonly times?: Partial<SegmentTimes>;
}

/**
 * Has the engine make trainings, segment by segment: each is a job of the queue that goes on from the newest state of
 * the one before, so that others get their turn and a crash costs little.
 */
export class Trainer {
  readonly #options: TrainerOptions;
  /** Part of the worker's jobs. */
  readonly job: JobDefinition<typeof Payload>;
  /** After `safety.decided` about a training. */
  readonly decidedJob: JobDefinition<typeof Decided>;

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
    this.decidedJob = defineJob({
      name: 'compute.training-decided',
      lane: 'clock',
      payload: Decided,
      attempts: 5,
      run: (work, payload) => releaseTraining(work, this, payload),
    });
  }

  get guard(): Guard {
    return this.#options.guard;
  }

  /** What the engine said of itself; null while there is none. */
  async hello({ em }: Pick<Work, 'em'>): Promise<EngineHello | null> {
    const status = await this.#options.engines.status(em);
    return status.state === 'ready' ? status.hello : null;
  }

  /** Puts what is left of a run into the queue. Throws `rate_limited` beyond what this account may use. */
  async enqueue(tx: EntityManager, work: Pick<Work, 'jobs' | 'now'>, viewer: Viewer, run: TrainingRun): Promise<void> {
    const settings = await this.#options.settings.read(tx, gpuSettings);
    const [open] = await rows<{ n: unknown }>(
      tx,
      `select count(*) as n from training_run r join job j on j.id = r.job_id
       where r.owner_id = ? and r.id <> ? and r.state in ('queued', 'running') and j.state in ('queued', 'running')`,
      [viewer.id, run.id],
    );
    run.policyEpoch = (await assertStanding(tx, leaningOf(run))).epoch;
    assertRoom(toNumber(open?.n), settings.openTrainings);
    const leftSeconds = await this.#leftSeconds(tx, run);
    await assertAllowance({ em: tx, now: work.now }, viewer, leftSeconds, settings);
    const jobId = this.#enqueue(tx, work, run, settings, leftSeconds);
    const asked = {
      subject: { kind: 'training', id: run.id },
      round: run.segment,
      jobId,
      seconds: leftSeconds,
    } as const;
    await chargeAhead(tx, this.#options.settings, viewer, asked, work.now());
  }

  #enqueue(
    tx: EntityManager,
    { jobs }: Pick<Work, 'jobs'>,
    run: TrainingRun,
    settings: GpuSettings,
    leftSeconds: number,
  ): string {
    const accountId = run.owner.id;
    const costSeconds = Math.min(leftSeconds, this.#times(settings).mostMs / 1000);
    run.segment += 1;
    const jobId = jobs.enqueue(
      tx,
      this.job,
      { runId: run.id, segment: run.segment },
      {
        ...{ accountId, partition: `train:${accountId}`, partitionLimit: settings.runningTrainings },
        share: shareOf({ id: accountId, host: '' }, 'batch', { costSeconds, affinity: run.base.sha256 }),
      },
    );
    run.jobId = jobId;
    return jobId;
  }

  #times({ quantumMinutes }: GpuSettings): SegmentTimes {
    const quantumMs = quantumMinutes * 60_000;
    return { quantumMs, mostMs: 2 * quantumMs, lookEveryMs: LOOK_EVERY_MS, ...this.#options.times };
  }

  #leftSeconds(em: EntityManager, run: TrainingRun): Promise<number> {
    return this.estimate(em, run, run.totalSteps - run.stateStep);
  }

  /** Seconds that so many steps would take the engine that is here: what is paid for. */
  async estimate(em: EntityManager, run: Pick<TrainingRun, 'base' | 'params'>, steps: number): Promise<number> {
    const device: Device = (await this.hello({ em }))?.device ?? { kind: 'cpu', name: '' };
    return (await estimate(em, device, sizeOf(run, steps))).p50;
  }

  async #run(work: Work, { runId, segment }: z.output<typeof Payload>, handle: JobHandle): Promise<object> {
    const { engines, fork, settings, publicUrl, hashGate: gate } = this.#options;
    const run = await this.#begin(work, runId, segment);
    if (!run) return { state: 'gone' };
    const times = this.#times(await settings.read(work.em, gpuSettings));
    try {
      const standing = await assertStanding(work.em, leaningOf(run));
      const watch = new StandingWatch(fork, leaningOf(run), standing);
      const sources = await this.#checkedSources(work, run);
      await this.#screen(work, run);
      const account = await work.em.findOneOrFail(Account, run.owner.id);
      const place = (name: string) => engines.jobFile(name);
      const origin = { publicUrl, author: account.name };
      const parts = { work: { ...work, gate }, fork, engines, watch };
      await assertNotBlocked(work, gate, run);
      const command = await prepareTraining(work, run, handle.jobId, place, origin, handle.signal);
      const { run: took, steps } = await trainSegment(parts, handle, run, command, sources, times);
      const isOurs = watch.isForbidden || (await isEndedByNode(work.em, 'training_run', runId));
      await bookRun(work.em, handle, took, sizeOf(run, steps), work.now(), isOurs);
      await settleRun(work, 'training', runId);
      handle.signal.throwIfAborted();
      if (watch.isForbidden) throw withheld();
      await assertStanding(work.em, leaningOf(run));
      const { outcome } = took;
      if (outcome.state === 'done') return await end(work, handle, runId, 'done', null);
      if (outcome.state === 'paused') return await this.#goOn(work, handle, run);
      if (outcome.state === 'cancelled') throw new AppError('unavailable', 'The engine was stopped.');
      const crashes = outcome.isCrash ? await countCrash(work.em, handle, runId) : 0;
      const isOverNow = crashes >= MOST_CRASHES || handle.attempt >= ATTEMPTS;
      if (outcome.retryable && !isOverNow) throw new AppError('unavailable', outcome.message);
      return await end(work, handle, runId, 'failed', trainingFailureText(outcome.code, outcome.message));
    } catch (error) {
      const isFinal = error instanceof AppError && ['not_found', 'withheld', 'gone', 'invalid'].includes(error.kind);
      if (handle.signal.aborted || (!isFinal && handle.attempt < ATTEMPTS)) throw error;
      const message = error instanceof AppError ? error.message : 'The training broke off for a reason of the node’s.';
      const isWithheld = error instanceof AppError && error.kind === 'withheld';
      const ended = await end(work, handle, runId, isWithheld ? 'cancelled' : 'failed', message);
      if (isWithheld) await dropOutput(work.em, runId);
      if (!isFinal) throw error;
      return ended;
    } finally {
      await engines.clean(handle.jobId);
    }
  }

  /** Null when it ended meanwhile, or goes on in another segment. */
  async #begin({ em, now }: Pick<Work, 'em' | 'now'>, runId: string, segment: number): Promise<TrainingRun | null> {
    const deviceName = (await this.hello({ em }))?.device.name.slice(0, 120) ?? null;
    // in one statement: a stop that comes meanwhile must stand
    const begun = await em.nativeUpdate(
      TrainingRun,
      { id: runId, segment, state: { $in: ['queued', 'running'] } },
      { state: 'running', deviceName },
    );
    const run = begun > 0 ? await em.findOne(TrainingRun, runId) : null;
    if (!run) return null;
    run.startedAt ??= now();
    await em.flush();
    return run;
  }

  /** Again at each turn, for rules, models and the registry of works change while a training waits. */
  async #screen(work: Work, { owner, name, base, manifest, params: settings }: TrainingRun): Promise<void> {
    const viewer = viewerOf(await work.em.findOneOrFail(Account, owner.id));
    await assertTraining(work, this.guard, viewer, { name, base, items: manifest.items, settings });
  }

  /** Throws `gone` when the base is not offered any more; what is returned is where its bytes lie. */
  async #checkedSources({ em }: Pick<Work, 'em'>, { owner, base }: TrainingRun): Promise<ModelSource[]> {
    const account = await em.findOne(Account, owner.id);
    if (account?.state !== 'active') throw new AppError('gone', 'This account is not active.');
    return findSources(em, mayTrain(viewerOf(account)), [base], CHECKPOINT_TYPES, this.#options.modelsDir);
  }

  /** The next segment stands in the queue in the moment in which this one ends. */
  #goOn(work: Work, handle: JobHandle, { id, segment }: Pick<TrainingRun, 'id' | 'segment'>): Promise<object> {
    return writeUnderFence(work.em, handle, async (tx) => {
      const run = await tx.findOneOrFail(TrainingRun, id);
      if (run.finishedAt !== null) return { state: 'gone' };
      if (run.segment !== segment) return { state: 'paused', step: run.stateStep };
      const rules = await this.#options.settings.read(tx, gpuSettings);
      const jobId = this.#enqueue(tx, work, run, rules, await this.#leftSeconds(tx, run));
      await tx.flush();
      await moveHold(tx, { kind: 'training', id }, jobId);
      return { state: 'paused', step: run.stateStep };
    });
  }
}

const leaningOf = ({ owner, base }: TrainingRun): Leaning => ({
  ...{ accountId: owner.id, act: 'train' },
  versionIds: versionIdsOf([base]),
});

const sizeOf = ({ base, params }: Pick<TrainingRun, 'base' | 'params'>, steps: number): WorkSize => ({
  ...{ kind: 'training', family: base.family, pixels: params.resolution ** 2 },
  units: steps * params.batch * params.grad_accum,
});

async function end(
  work: Pick<Work, 'em' | 'now'>,
  handle: JobHandle,
  runId: string,
  state: 'done' | 'failed' | 'cancelled',
  error: string | null,
): Promise<{ readonly state: string }> {
  await endRun(work, handle, runId, state, error);
  return { state };
}
