import type { EngineHello } from '../engine/protocol.ts';
import { type EngineListener, failed, type JobOutcome } from '../engine/running-jobs.ts';
import type { Pool, Seat, SeatEngine, SeatWork } from '../gpu/pool.ts';
import type { ModelCache, ModelSource } from '../models/cache.ts';
import type { EngineReports } from './report.ts';
import type { WarmModel } from './warm.ts';

/** What a job of the engine is, besides its id. */
export interface EngineWork {
  readonly type: 'generate' | 'train' | 'resume' | 'caption' | 'merge';
  readonly params: object;
  /** The model that it needs first; an engine that has it is chosen, if one is free. Null: none of the cache. */
  readonly model: string | null;
  /** Of the model; null runs on any engine. */
  readonly family: string | null;
  readonly sources: readonly ModelSource[];
  /** Of the job's run. */
  readonly fence: number;
  readonly signal: AbortSignal;
  readonly listener: EngineListener;
  /** By which the engine knows it and names its files, where that is not the job's own id. */
  readonly runId?: string;
  /** Called with the id of the engine just before it begins. */
  readonly onSeat?: (engineId: string) => void;
  /** Called once it runs with what pauses it, and the memory of its device in MiB, 0 without a GPU. */
  readonly onPausable?: (pause: (release: boolean) => void, vramMb: number) => void;
}

/** How it ended, and what it took of which engine. */
export interface EngineRun {
  readonly outcome: JobOutcome;
  /** '' when no engine was to be had. */
  readonly engineId: string;
  readonly device: EngineHello['device'] | null;
  /** Of a run that was made together with others, its part. */
  readonly seconds: number;
  /** It was made together with others: what failed may be the others' fault. */
  readonly isShared?: boolean;
}

export const nothingRan = (outcome: JobOutcome): EngineRun => ({ outcome, engineId: '', device: null, seconds: 0 });

interface Parts {
  readonly pool: Pool;
  readonly cache: ModelCache;
  readonly reports: EngineReports;
  readonly warm: WarmModel;
}

/** Waits for an engine, brings it the models, and has it do the job. */
export async function driveJob(
  { pool, cache, reports, warm }: Parts,
  jobId: string,
  work: EngineWork,
): Promise<EngineRun> {
  const { type, signal, sources, model, family } = work;
  // the tagger lies on this machine, and whole checkpoints are not sent back by runners
  const seat = await pool.take(jobId, { model, family, isLocal: type === 'caption' || type === 'merge' }, signal);
  // a runner brings the models to itself
  const isHere = seat?.runnerId === null;
  let release = () => {};
  try {
    if (seat && isHere) release = await hold(cache, seat, sources, signal);
    if (signal.aborted) return nothingRan({ state: 'cancelled', partial: [] });
    await seat?.renew();
    if (!seat || !(await seat.start())) {
      return nothingRan(failed('engine_crashed', 'The engine does not start.', true));
    }
    const { hello } = seat.engine;
    if (isHere) await reports.keepHello(hello);
    const loadBytes = seat.model === model || !isHere ? 0 : await cache.bytesOf(sources);
    if (model !== null) seat.model = model;
    reports.reportSoon();
    const startedAtMs = performance.now();
    work.onSeat?.(seat.id);
    const outcome = await drive(seat.engine, work.runId ?? jobId, work, loadBytes);
    const seconds = (performance.now() - startedAtMs) / 1000;
    if (outcome.state === 'done' && isHere && model !== null) await warm.keep(model);
    return { outcome, engineId: seat.id, device: hello?.device ?? null, seconds };
  } finally {
    if (seat) seat.jobId = null;
    release();
    reports.reportSoon();
  }
}

/** A server that has files of its own loads those; all others find what a job needs in the folder of this node. */
function hold(
  cache: ModelCache,
  seat: Seat,
  sources: readonly ModelSource[],
  signal: AbortSignal,
): Promise<() => void> {
  const hasItsOwn = seat.engine.hello?.caps.files != null;
  return hasItsOwn ? Promise.resolve(() => {}) : cache.hold(sources, signal);
}

async function drive(engine: SeatEngine, jobId: string, work: EngineWork, loadBytes: number): Promise<JobOutcome> {
  const { type, params, signal, listener, onPausable, fence, sources } = work;
  if (signal.aborted) return { state: 'cancelled', partial: [] };
  const cancel = () => engine.cancel(jobId);
  signal.addEventListener('abort', cancel, { once: true });
  onPausable?.((isReleasing) => engine.pause(jobId, isReleasing), engine.hello?.device.vram_total ?? 0);
  const asked: SeatWork = { type, params, listener, loadBytes, fence, sources };
  try {
    return await engine.run(jobId, asked);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}
