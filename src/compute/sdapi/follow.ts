import { setTimeout as wait } from 'node:timers/promises';
import { tinyWebp } from '../../kit/storage/images-fit.ts';
import type { ServerJob } from '../server/engine.ts';
import { pictureOf, type SdApiClient } from './api.ts';

const PREVIEW_EVERY_MS = 1_000;
const PREVIEW_PX = 384;
/** The protocol's limit is 48 KiB. */
const PREVIEW_BYTES = 49_152;

interface Watch {
  readonly taskId: string;
  readonly index: number;
  readonly pictures: number;
  readonly pollMs: number;
  /** Ends when the answer is here. */
  readonly signal: AbortSignal;
  readonly onMove: () => void;
}

/** Asks how far a picture is until it is there. A server without that route is not asked again. */
export async function followProgress(api: SdApiClient, job: ServerJob, watch: Watch): Promise<void> {
  const { jobId, tell } = job;
  const { index, pictures, taskId, signal, pollMs } = watch;
  tell({ t: 'progress', job: jobId, phase: 'load', step: index, total: pictures, batch: 1 });
  let last = '';
  let previewAtMs = 0;
  let silent = 0;
  while (!signal.aborted && silent < 5) {
    await wait(pollMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    const found = await api.progress(signal);
    silent = found ? 0 : silent + 1;
    // somebody else's work, who uses the same program
    if (!found || (found.current_task != null && found.current_task !== taskId)) continue;
    const { sampling_step: step, sampling_steps: total } = found.state;
    const now = `${found.progress} ${step} ${total}`;
    if (now === last || total <= 0) continue;
    if (last === '') tell({ t: 'progress', job: jobId, phase: 'encode', step: index, total: pictures, batch: 1 });
    last = now;
    watch.onMove();
    const eta = found.eta_relative;
    const whole = { step: Math.max(0, Math.min(Math.round(step), Math.round(total))), total: Math.round(total) };
    tell({
      t: 'progress',
      job: jobId,
      phase: 'denoise',
      ...whole,
      batch: 1,
      ...(eta && eta > 0 ? { eta_s: eta } : {}),
    });
    const atMs = performance.now();
    const image = found.current_image && atMs - previewAtMs >= PREVIEW_EVERY_MS ? pictureOf(found.current_image) : null;
    if (!image) continue;
    previewAtMs = atMs;
    const webp = await tinyWebp(image, PREVIEW_PX, PREVIEW_BYTES);
    if (webp && !signal.aborted)
      tell({ t: 'preview', job: jobId, index, step: whole.step, webp: webp.toString('base64') });
  }
}
