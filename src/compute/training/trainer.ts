import { z } from 'zod';
import { viewerOf } from '../../accounts/access/identify.ts';
import { Account } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
import { defineJob, type JobDefinition, type JobHandle } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { mayTrain } from '../datasets/own.ts';
import type { EngineEvent, EngineHello } from '../engine/protocol.ts';
import type { Engines } from '../engines.ts';
import type { ModelSource } from '../models/cache.ts';
import { CHECKPOINT_TYPES, findFolderOffer, findOffersByFile } from '../models/offers.ts';
import { encodePhase } from '../phase.ts';
import { prepareTraining } from './command.ts';
import { TrainingRun } from './model.ts';
import { endRun, keepCheckpoint, keepProgress, keepSample } from './store.ts';

export const TrainPayload = z.object({ runId: z.string() });
const ATTEMPTS = 5;
/** The curve and the step are written that often. */
const WRITE_EVERY_MS = 4_000;

export interface TrainerOptions {
  readonly engines: Engines;
  /** Null without MODELS_DIR. */
  readonly modelsDir: string | null;
  readonly publicUrl: URL;
}

/** Has the engine train: a thin job over the run's row, which goes on from the last state whenever it is begun again. */
export class Trainer {
  readonly #options: TrainerOptions;
  /** Part of the worker's jobs. */
  readonly job: JobDefinition<typeof TrainPayload>;

  constructor(options: TrainerOptions) {
    this.#options = options;
    this.job = defineJob({
      name: 'compute.train',
      lane: 'gpu',
      payload: TrainPayload,
      attempts: ATTEMPTS,
      backOff: { baseMs: 1_000, capMs: 30_000 },
      run: (work, { runId }, handle) => this.#run(work, runId, handle),
    });
  }

  /** What the engine said of itself; null while there is none. */
  async hello({ em }: Pick<Work, 'em'>): Promise<EngineHello | null> {
    const status = await this.#options.engines.status(em);
    return status.state === 'ready' ? status.hello : null;
  }

  async #run(work: Work, runId: string, handle: JobHandle): Promise<{ readonly state: string }> {
    const { engines } = this.#options;
    const run = await this.#begin(work, runId);
    if (!run) return { state: 'gone' };
    try {
      const sources = await this.#checkedSources(work, run);
      const account = await work.em.findOneOrFail(Account, run.owner.id);
      const origin = { publicUrl: this.#options.publicUrl, author: account.name };
      const place = (name: string) => engines.jobFile(name);
      const command = await prepareTraining(work, run, handle.jobId, place, origin, handle.signal);
      const keeper = new Keeper(work, handle, run, place);
      const outcome = await engines.train(handle.jobId, command, sources, {
        signal: keeper.signal,
        listener: (event) => keeper.take(event),
      });
      await keeper.finish();
      handle.signal.throwIfAborted();
      if (outcome.state === 'cancelled' || outcome.state === 'paused') {
        throw new AppError('unavailable', 'The engine was stopped.');
      }
      if (outcome.state === 'failed') {
        if (outcome.retryable && handle.attempt < ATTEMPTS) throw new AppError('unavailable', outcome.message);
        await endRun(work, handle, runId, 'failed', messageOf(outcome.code, outcome.message));
        return { state: 'failed' };
      }
      await endRun(work, handle, runId, 'done', null);
      return { state: 'done' };
    } catch (error) {
      const isFinal = error instanceof AppError && ['not_found', 'withheld', 'gone', 'invalid'].includes(error.kind);
      if (handle.signal.aborted || (!isFinal && handle.attempt < ATTEMPTS)) throw error;
      const message = error instanceof AppError ? error.message : 'The training broke off for a reason of the node’s.';
      await endRun(work, handle, runId, 'failed', message);
      if (!isFinal) throw error;
      return { state: 'failed' };
    } finally {
      await engines.clean(handle.jobId);
    }
  }

  async #begin({ em, now }: Pick<Work, 'em' | 'now'>, runId: string): Promise<TrainingRun | null> {
    const run = await em.findOne(TrainingRun, { id: runId, state: { $in: ['queued', 'running'] } });
    if (!run) return null;
    run.state = 'running';
    run.startedAt ??= now();
    run.deviceName = (await this.hello({ em }))?.device.name.slice(0, 120) ?? null;
    await em.flush();
    return run;
  }

  /** Throws `gone` when the base is not offered any more; what is returned is where its bytes lie. */
  async #checkedSources({ em }: Pick<Work, 'em'>, { owner, base }: TrainingRun): Promise<ModelSource[]> {
    const account = await em.findOne(Account, owner.id);
    if (account?.state !== 'active') throw new AppError('gone', 'This account is not active.');
    const viewer = mayTrain(viewerOf(account));
    const { modelsDir } = this.#options;
    if (base.fileId === null) {
      const folder = await findFolderOffer(em, base.sha256);
      if (!folder || modelsDir === null) throw new AppError('gone', `${base.name} is not offered here any more.`);
      return [{ sha256: base.sha256, path: `${modelsDir}/${folder.subtitle}` }];
    }
    const [offer] = await findOffersByFile(em, viewer, [base.fileId], CHECKPOINT_TYPES);
    if (offer?.sha256 !== base.sha256) throw new AppError('gone', `${base.name} is not offered here any more.`);
    return [{ sha256: base.sha256, path: null }];
  }
}

/** Writes down what the engine says, one thing after the other. What cannot be kept ends the job. */
class Keeper {
  readonly #work: Work;
  readonly #handle: JobHandle;
  readonly #run: TrainingRun;
  readonly #place: (name: string) => string;
  readonly #failing = new AbortController();
  #chain: Promise<void> = Promise.resolve();
  #failure: unknown = null;
  #losses: [number, number][] = [];
  #step = 0;
  #writtenAtMs = performance.now();

  constructor(work: Work, handle: JobHandle, run: TrainingRun, place: (name: string) => string) {
    this.#work = work;
    this.#handle = handle;
    this.#run = run;
    this.#place = place;
    this.#step = run.stateStep;
  }

  /** Of the job, or of the first thing that could not be kept. */
  get signal(): AbortSignal {
    return AbortSignal.any([this.#handle.signal, this.#failing.signal]);
  }

  take(event: EngineEvent): void {
    if (event.t === 'checkpoint') {
      this.#then(() => keepCheckpoint(this.#work, this.#handle, this.#run.id, event, this.#place));
    } else if (event.t === 'sample') {
      this.#then(() => keepSample(this.#work, this.#handle, this.#run.id, event, this.#place).catch(passOver));
    } else if (event.t === 'progress') {
      if (event.phase === 'train') {
        this.#step = event.step;
        if (event.loss_ema !== undefined && Number.isFinite(event.loss_ema))
          this.#losses.push([event.step, event.loss_ema]);
      }
      const total = this.#run.totalSteps || event.total;
      this.#handle.progress(this.#step, total, encodePhase(event));
      if (performance.now() - this.#writtenAtMs > WRITE_EVERY_MS) this.#write();
    }
  }

  /** Everything that was said is on record. Throws what could not be kept. */
  async finish(): Promise<void> {
    this.#write();
    await this.#chain;
    if (this.#failure && !this.#handle.signal.aborted) throw this.#failure;
  }

  #write(): void {
    const losses = this.#losses;
    const spentMs = Math.round(performance.now() - this.#writtenAtMs);
    this.#losses = [];
    this.#writtenAtMs = performance.now();
    this.#then(() => keepProgress(this.#work, this.#handle, this.#run.id, this.#step, losses, spentMs));
  }

  #then(act: () => Promise<void>): void {
    this.#chain = this.#chain.then(async () => {
      if (this.#failure) return;
      try {
        await act();
      } catch (error) {
        this.#failure = error;
        this.#failing.abort();
      }
    });
  }
}

/** A sample that cannot be read is no reason to lose a run. */
function passOver(error: unknown): void {
  if (!(error instanceof AppError) || error.kind !== 'invalid') throw error;
}

const MESSAGES: Readonly<Record<string, string>> = {
  oom_vram:
    'The GPU has too little memory for this. Take a smaller batch or resolution, or switch gradient checkpointing on.',
  oom_ram: 'The machine has too little memory for this training.',
  disk_full: 'The disk of this node is full.',
  nan_output: 'The numbers of the training ran away (NaN). Take lower learning rates.',
  dataset_invalid: 'One of the pictures could not be read by the trainer.',
  gpu_lost: 'The GPU stopped answering again and again.',
  timeout: 'The engine stopped moving and was ended again and again.',
  engine_crashed: 'The engine crashed on this training again, so it is not tried any more.',
  unsupported: 'The engine of this node cannot train this.',
};

const messageOf = (code: string, message: string): string => MESSAGES[code] ?? message;
