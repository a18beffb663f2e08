import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { viewerOf } from '../../accounts/access/identify.ts';
import { Account } from '../../accounts/model.ts';
import { chargeAhead } from '../../economy/charge.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { defineJob, type JobDefinition, type JobHandle } from '../../kit/queue/define.ts';
import { countCrash } from '../../kit/queue/lease.ts';
import type { Settings } from '../../kit/settings.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { mayTrain } from '../datasets/own.ts';
import type { EngineEvent, EngineHello } from '../engine/protocol.ts';
import type { EngineMerged } from '../engine/protocol-merge.ts';
import type { EngineRun } from '../engines/drive.ts';
import type { Engines } from '../engines/engines.ts';
import { mergeFailureText } from '../failures.ts';
import type { Guard } from '../gates/generation.ts';
import { assertMerging } from '../gates/merging.ts';
import { bookRun } from '../gpu/book.ts';
import { settleRun } from '../gpu/credits.ts';
import { type Device, type Estimate, estimate, type WorkSize } from '../gpu/pace.ts';
import { assertAllowance, assertRoom, gpuSettings } from '../gpu/quotas.ts';
import { shareOf } from '../gpu/settle.ts';
import type { ModelSource } from '../models/cache.ts';
import { findSources } from '../models/sources.ts';
import { encodePhase } from '../phase.ts';
import { assertStanding, type Leaning, StandingWatch, versionIdsOf, withheld } from '../standing.ts';
import { isEndedByNode } from '../withhold.ts';
import { commandOf } from './command.ts';
import { MergeRun } from './model.ts';
import { typesOf } from './offers.ts';
import { endMerge, keepMerged } from './store.ts';

const Payload = z.object({ mergeId: z.string(), round: z.int() });
const ATTEMPTS = 3;
const MOST_CRASHES = 2;

export interface MergerOptions {
  readonly engines: Engines;
  readonly settings: Settings;
  readonly guard: Guard;
  readonly fork: () => EntityManager;
  /** Null without MODELS_DIR. */
  readonly modelsDir: string | null;
  readonly publicUrl: URL;
}

/** Has the engine of this machine merge models, a job of the queue for each. */
export class Merger {
  readonly #options: MergerOptions;
  /** Part of the worker's jobs. */
  readonly job: JobDefinition<typeof Payload>;

  constructor(options: MergerOptions) {
    this.#options = options;
    this.job = defineJob({
      name: 'compute.merge',
      lane: 'gpu',
      payload: Payload,
      attempts: ATTEMPTS,
      backOff: { baseMs: 1_000, capMs: 15_000 },
      run: (work, payload, handle) => this.#run(work, payload, handle),
    });
  }

  get guard(): Guard {
    return this.#options.guard;
  }

  get settings(): Settings {
    return this.#options.settings;
  }

  /** What the engine said of itself; null while there is none. */
  async hello({ em }: Pick<Work, 'em'>): Promise<EngineHello | null> {
    const status = await this.#options.engines.status(em);
    return status.state === 'ready' ? status.hello : null;
  }

  async estimate(em: EntityManager, run: Pick<MergeRun, 'family' | 'parts'>): Promise<Estimate> {
    const device: Device = (await this.hello({ em }))?.device ?? { kind: 'cpu', name: '' };
    return estimate(em, device, sizeOf(run));
  }

  /** Puts a merge into the queue. Throws `rate_limited` beyond what this account may use, `withheld`. */
  async enqueue(tx: EntityManager, work: Pick<Work, 'jobs' | 'now'>, viewer: Viewer, run: MergeRun): Promise<void> {
    const settings = await this.settings.read(tx, gpuSettings);
    run.policyEpoch = (await assertStanding(tx, leaningOf(run))).epoch;
    const [open] = await rows<{ n: unknown }>(
      tx,
      `select count(*) as n from merge_run where owner_id = ? and id <> ? and state in ('queued', 'running')`,
      [viewer.id, run.id],
    );
    assertRoom(toNumber(open?.n), settings.openTrainings);
    const { p50: costSeconds } = await this.estimate(tx, run);
    await assertAllowance({ em: tx, now: work.now }, viewer, costSeconds, settings);
    run.round += 1;
    const jobId = work.jobs.enqueue(
      tx,
      this.job,
      { mergeId: run.id, round: run.round },
      {
        ...{ accountId: viewer.id, partition: `merge:${viewer.id}`, partitionLimit: settings.runningTrainings },
        share: shareOf({ id: viewer.id, host: '' }, 'batch', { costSeconds }),
      },
    );
    run.jobId = jobId;
    const asked = { subject: { kind: 'merge', id: run.id }, round: run.round, jobId, seconds: costSeconds } as const;
    await chargeAhead(tx, this.settings, viewer, asked, work.now());
  }

  async #run(work: Work, { mergeId, round }: z.output<typeof Payload>, handle: JobHandle): Promise<object> {
    // in one statement: a cancellation that comes meanwhile must stand
    const isOpen = { id: mergeId, round, state: { $in: ['queued' as const, 'running' as const] } };
    const begun = await work.em.nativeUpdate(MergeRun, isOpen, { state: 'running' });
    const run = begun > 0 ? await work.em.findOne(MergeRun, mergeId) : null;
    if (!run) return { state: 'gone' };
    try {
      return { state: await this.#merge(work, run, handle) };
    } catch (error) {
      const isFinal =
        error instanceof AppError && ['not_found', 'withheld', 'gone', 'invalid', 'forbidden'].includes(error.kind);
      if (handle.signal.aborted || (!isFinal && handle.attempt < ATTEMPTS)) throw error;
      const message = error instanceof AppError ? error.message : 'The merge broke off for a reason of the node’s.';
      const isWithheld = error instanceof AppError && error.kind === 'withheld';
      const state = isWithheld ? 'cancelled' : 'failed';
      await endMerge(work, handle, mergeId, state, message);
      if (!isFinal) throw error;
      return { state };
    } finally {
      await this.#options.engines.clean(handle.jobId);
    }
  }

  async #merge(work: Work, run: MergeRun, handle: JobHandle): Promise<string> {
    const { em, now } = work;
    const { engines, fork } = this.#options;
    const watch = new StandingWatch(fork, leaningOf(run), await assertStanding(em, leaningOf(run)));
    const account = await em.findOneOrFail(Account, run.owner.id);
    const sources = await this.#checkedSources(work, run, account);
    const told: { merged: EngineMerged | null; warnings: string[] } = { merged: null, warnings: [] };
    const took = await this.#drive(run, account.name, sources, handle, watch, (event) => {
      if (event.t === 'merged') told.merged = event;
      if (event.t === 'warn') told.warnings.push(event.text.slice(0, 300));
    });
    const isOurs = watch.isForbidden || (await isEndedByNode(em, 'merge_run', run.id));
    await bookRun(em, handle, took, sizeOf(run), now(), isOurs);
    await settleRun(work, 'merge', run.id);
    handle.signal.throwIfAborted();
    if (watch.isForbidden) throw withheld();
    await assertStanding(em, leaningOf(run));
    const { outcome } = took;
    if (outcome.state === 'done' && told.merged) {
      await keepMerged(work, handle, run.id, told.merged, told.warnings, (name) => engines.jobFile(name));
      return 'done';
    }
    if (outcome.state !== 'failed') throw new AppError('unavailable', 'The engine was stopped.');
    const crashes = outcome.isCrash ? await countCrash(em, handle) : 0;
    const isOverNow = crashes >= MOST_CRASHES || handle.attempt >= ATTEMPTS;
    if (outcome.retryable && !isOverNow) throw new AppError('unavailable', outcome.message);
    await endMerge(work, handle, run.id, 'failed', mergeFailureText(outcome.code, outcome.message));
    return 'failed';
  }

  #drive(
    run: MergeRun,
    author: string,
    sources: readonly ModelSource[],
    handle: JobHandle,
    watch: StandingWatch,
    take: (event: EngineEvent) => void,
  ): Promise<EngineRun> {
    const { engines, publicUrl } = this.#options;
    return engines.run(handle.jobId, {
      ...{ type: 'merge', params: commandOf(run, author, publicUrl), sources, model: null, family: run.family },
      ...{ signal: AbortSignal.any([handle.signal, watch.signal]), fence: handle.fence },
      listener: (event) => {
        watch.step();
        take(event);
        if (event.t === 'progress') handle.progress(event.step, event.total, encodePhase(event));
      },
    });
  }

  /** Throws `gone` when one is not offered any more, `invalid` when an author forbids merges meanwhile. */
  async #checkedSources(work: Work, run: MergeRun, account: Account): Promise<ModelSource[]> {
    if (account.state !== 'active') throw new AppError('gone', 'This account is not active.');
    const viewer = mayTrain(viewerOf(account));
    const { em } = work;
    const sources = await findSources(em, viewer, run.parts, [...typesOf(run.kind)], this.#options.modelsDir);
    await assertMerging(work, this.guard, viewer, run);
    return sources;
  }
}

const leaningOf = ({ owner, parts }: Pick<MergeRun, 'owner' | 'parts'>): Leaning => ({
  ...{ accountId: owner.id, act: 'train' },
  versionIds: versionIdsOf(parts),
});

const sizeOf = ({ family, parts }: Pick<MergeRun, 'family' | 'parts'>): WorkSize => ({
  ...{ kind: 'merge', family, pixels: 32 * 32 },
  units: parts.reduce((sum, { totalBytes }) => sum + totalBytes, 0) / 1e9,
});
