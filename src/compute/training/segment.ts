import type { EntityManager } from '@mikro-orm/core';
import type { JobHandle } from '../../kit/queue/define.ts';
import { isWaitedFor, readLane } from '../../kit/queue/fair/state.ts';
import type { EngineRun } from '../engines/drive.ts';
import type { Engines } from '../engines/engines.ts';
import type { ModelSource } from '../models/cache.ts';
import type { StandingWatch } from '../standing.ts';
import type { TrainCommand } from './command.ts';
import { Keeper, type KeeperWork } from './keeper.ts';
import type { TrainingRun } from './model.ts';

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

export interface SegmentParts {
  readonly work: KeeperWork;
  readonly fork: () => EntityManager;
  readonly engines: Engines;
  /** Ends it when a decision forbids what it leans on. */
  readonly watch: StandingWatch;
}

/**
 * Trains from the newest state until it is done, or until its turn is over: then the engine pauses with a state from
 * which the next segment goes on. Every state, LoRA and sample is kept as it comes, under the fence of this run.
 */
export async function trainSegment(
  { work, fork, engines, watch }: SegmentParts,
  handle: JobHandle,
  run: TrainingRun,
  { type, params }: TrainCommand,
  sources: readonly ModelSource[],
  times: SegmentTimes,
): Promise<Segment> {
  const keeper = new Keeper(work, handle, run, (name) => engines.jobFile(name));
  const turn = new Turn({ fork, now: work.now, family: run.base.family, times });
  try {
    const done = await engines.run(handle.jobId, {
      ...{ type, params, sources, model: run.base.sha256, family: run.base.family },
      ...{ signal: AbortSignal.any([keeper.signal, watch.signal]), fence: handle.fence },
      listener: (event) => {
        watch.step();
        keeper.take(event);
      },
      onPausable: (pause, vramMb) => turn.begin(pause, vramMb),
    });
    await keeper.finish();
    return { run: done, steps: Math.max(0, keeper.step - run.stateStep) };
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
