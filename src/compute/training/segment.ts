import type { EntityManager } from '@mikro-orm/core';
import type { JobHandle } from '../../kit/queue/define.ts';
import { isWaitedFor, readLane } from '../../kit/queue/fair/state.ts';
import type { Work } from '../../kit/work.ts';
import type { EngineEvent } from '../engine/protocol.ts';
import type { TrainParams } from '../engine/protocol-train.ts';
import type { EngineRun, Engines } from '../engines.ts';
import type { ModelSource } from '../models/cache.ts';
import { encodePhase } from '../phase.ts';
import { type Keeper, keepOutput, keepState, placeBlob } from './keep-state.ts';
import type { TrainingRun } from './model.ts';

/** What a run is made from; whoever keeps the data set makes it. */
interface TrainingMaterial {
  readonly params: TrainParams;
  /** What must lie in the root `job`, under the names of the parameters. */
  readonly files: readonly { readonly name: string; readonly sha256: string }[];
  /** The base, which the engine finds in the root `models`. */
  readonly sources: readonly ModelSource[];
}

/** Throws `gone`, `withheld` or `invalid` when the run may not be made, or not any more. `fileOf` names files for it. */
export type FindMaterial = (
  work: Pick<Work, 'em'>,
  run: TrainingRun,
  fileOf: (name: string) => string,
) => Promise<TrainingMaterial>;

export interface SegmentTimes {
  /** So long it runs whoever waits. */
  readonly quantumMs: number;
  /** After that it gives its turn back, whether somebody waits or not; the queue decides who is next. */
  readonly mostMs: number;
  readonly lookEveryMs: number;
}

/** From these on a GPU holds a training and a generation at once (spec/engine.md, 5). */
const BOTH_FIT_MB: Readonly<Record<string, number>> = { sd15: 12_000, sdxl: 24_000 };

export interface Segment {
  readonly run: EngineRun;
  /** Steps that were made in it, as far as the engine said. */
  readonly steps: number;
}

/**
 * Trains from the newest state until it is done, or until its turn is over: then the engine pauses with a state from
 * which the next segment goes on. Every state, LoRA and sample is kept as it comes, under the fence of this run.
 */
export async function trainSegment(
  {
    fork,
    files,
    now,
    engines,
  }: { readonly fork: () => EntityManager; readonly engines: Engines } & Pick<Work, 'files' | 'now'>,
  handle: JobHandle,
  run: TrainingRun,
  findMaterial: FindMaterial,
  times: SegmentTimes,
): Promise<Segment> {
  const fileOf = (name: string) => `${handle.jobId}-${name}`;
  const material = await findMaterial({ em: fork() }, run, fileOf);
  for (const { name, sha256 } of material.files) await placeBlob(files, sha256, engines.jobFile(name));
  const state = run.lastStateSha256 && { file: fileOf('resume.state'), sha256: run.lastStateSha256 };
  if (state) await placeBlob(files, state.sha256, engines.jobFile(state.file));

  const keeper: Keeper = { fork, files, now, handle, runId: run.id, pathOf: (name) => engines.jobFile(name) };
  const lost = new AbortController();
  let keeping = Promise.resolve();
  const keep = (act: () => Promise<void>) => {
    // one after the other; when one cannot be kept the engine works for nobody, and is stopped
    keeping = keeping.then(act);
    keeping.catch((error: unknown) => lost.abort(error));
  };
  let reached = run.step;
  const listener = (event: EngineEvent) => {
    if (event.t === 'progress') {
      if (event.phase === 'train') reached = Math.max(reached, event.step);
      handle.progress(reached, run.totalSteps, encodePhase(event));
    }
    if (event.t === 'checkpoint' && event.kind === 'state') {
      const { epoch, step, file, bytes, sha256 } = event;
      keep(() => keepState(keeper, { epoch, step, file, bytes, sha256 }));
    }
    if (event.t === 'sample' || (event.t === 'checkpoint' && event.kind === 'lora'))
      keep(() => keepOutput(keeper, event));
  };

  const turn = new Turn({ fork, now, family: run.family, times });
  try {
    const done = await engines.run(handle.jobId, {
      type: state ? 'resume' : 'train',
      params: state ? { ...material.params, state } : material.params,
      model: run.baseSha256,
      sources: material.sources,
      signal: AbortSignal.any([handle.signal, lost.signal]),
      listener,
      onPausable: (pause) => turn.begin(pause, engines.vramMb()),
    });
    if (done.outcome.state === 'paused') {
      reached = Math.max(reached, done.outcome.step);
    }
    await keeping;
    return { run: done, steps: reached - run.step };
  } finally {
    turn.end();
  }
}

interface TurnParts {
  readonly fork: () => EntityManager;
  readonly now: () => Date;
  readonly family: string;
  readonly times: SegmentTimes;
}

/** Looks every now and then whether it is somebody else's turn. */
class Turn {
  readonly #parts: TurnParts;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: TurnParts) {
    this.#parts = parts;
  }

  begin(pause: (release: boolean) => void, vramMb: number): void {
    const { times, family } = this.#parts;
    const startedAtMs = performance.now();
    const bothFit = vramMb >= (BOTH_FIT_MB[family] ?? Number.POSITIVE_INFINITY);
    this.#timer = setInterval(() => {
      const ranMs = performance.now() - startedAtMs;
      if (ranMs >= times.mostMs) return pause(false);
      this.#isOver(ranMs).then(
        (isOver) => isOver && pause(!bothFit),
        () => {}, // a database that is away for a moment: asked again
      );
    }, times.lookEveryMs);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  async #isOver(ranMs: number): Promise<boolean> {
    const { fork, now, times } = this.#parts;
    // the owner does not wait for a quantum
    if ((await readLane(fork(), 'gpu')).isPaused) return true;
    return ranMs >= times.quantumMs && isWaitedFor(fork(), 'gpu', ['interactive'], now());
  }
}
