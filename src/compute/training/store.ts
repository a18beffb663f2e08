import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../../kit/database/sql.ts';
import { record } from '../../kit/events/events.ts';
import { newId } from '../../kit/ids.ts';
import type { JobHandle } from '../../kit/queue/define.ts';
import { writeUnderFence } from '../../kit/queue/lease.ts';
import { inspectImage } from '../../kit/storage/images.ts';
import { cropImage } from '../../kit/storage/images-crop.ts';
import type { Work } from '../../kit/work.ts';
import type { HashGate } from '../../safety/hashes/gate.ts';
import type { EngineCheckpoint, TrainingPicture } from '../engine/protocol-train.ts';
import { trainingEnded } from '../events.ts';
import { endWork } from '../gpu/credits.ts';
import { TrainingEpoch, TrainingRun, TrainingSample } from './model.ts';

const THUMB_PX = 480;
const MOST_POINTS = 600;

type Storing = Pick<Work, 'em' | 'files' | 'now'>;
type Place = (name: string) => string;

/**
 * Keeps a LoRA of an epoch, or the state to go on from: the bytes first, then the row, under the fence of the run. The
 * same event again, also after a crash, changes nothing. A run that was ended meanwhile keeps nothing more.
 */
export async function keepCheckpoint(
  { em, files, now }: Storing,
  handle: JobHandle,
  runId: string,
  { kind, epoch, step, file, sha256, loss_ema: lossEma }: EngineCheckpoint,
  place: Place,
): Promise<void> {
  // copied, for the engine deletes its own files
  const blob = await files.put({ path: place(file), sha256 });
  await writeUnderFence(em, handle, async (tx) => {
    const run = await tx.findOne(TrainingRun, { id: runId, state: { $in: ['queued', 'running'] } });
    if (!run) return;
    if (kind === 'state') {
      Object.assign(run, { stateSha256: blob.sha256, stateBytes: blob.totalBytes, stateStep: step, crashes: 0 });
      return;
    }
    const facts = { step, sha256: blob.sha256, totalBytes: blob.totalBytes, lossEma: lossEma ?? null };
    const known = await tx.findOne(TrainingEpoch, { run, number: epoch });
    if (known) Object.assign(known, facts);
    else {
      tx.create(TrainingEpoch, { id: newId(), run, number: epoch, ...facts, createdAt: now() }, { persist: true });
    }
    await tx.flush();
    await dropOld(tx, run);
  });
}

/** More than the run keeps; what was published stays. */
async function dropOld(em: Work['em'], run: TrainingRun): Promise<void> {
  const epochs = await em.find(TrainingEpoch, { run }, { orderBy: { number: -1 } });
  for (const epoch of epochs.slice(run.params.save.keep)) if (epoch.publishedVersion == null) em.remove(epoch);
}

/** Keeps a picture that the run made on its way. Throws `withheld` for one that is blocked. */
export async function keepSample(
  { em, files, now, gate }: Storing & { readonly gate: HashGate },
  handle: JobHandle,
  { id: runId, owner }: Pick<TrainingRun, 'id' | 'owner'>,
  { epoch, prompt_index: promptIndex, seed, file, sha256 }: TrainingPicture,
  place: Place,
): Promise<void> {
  const path = place(file);
  await gate.assertPicture(em.fork(), { door: 'training-output', accountId: owner.id }, path);
  const { width, height } = await inspectImage(path);
  const scale = Math.min(1, THUMB_PX / Math.max(width, height));
  const sides = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  const thumb = await files.put(await cropImage(path, sides[0] ?? 1, sides[1] ?? 1));
  const blob = await files.put({ path, sha256 });
  await writeUnderFence(em, handle, async (tx) => {
    const run = await tx.findOne(TrainingRun, { id: runId, state: { $in: ['queued', 'running'] } });
    if (!run) return;
    const facts = {
      ...{ seed, sha256: blob.sha256, totalBytes: blob.totalBytes, width, height },
      ...{ thumbSha256: thumb.sha256, thumbBytes: thumb.totalBytes },
    };
    const known = await tx.findOne(TrainingSample, { run, epoch, promptIndex });
    if (known) Object.assign(known, facts);
    else
      tx.create(
        TrainingSample,
        { id: newId(), run, epoch, promptIndex, ...facts, createdAt: now() },
        { persist: true },
      );
  });
}

export interface Reached {
  readonly step: number;
  readonly totalSteps: number;
  readonly losses: readonly (readonly [number, number])[];
}

/** How far the run is, and the curve so far. */
export async function keepProgress(
  { em }: Pick<Work, 'em'>,
  handle: JobHandle,
  runId: string,
  { step, totalSteps, losses }: Reached,
): Promise<void> {
  await writeUnderFence(em, handle, async (tx) => {
    const run = await tx.findOne(TrainingRun, { id: runId, state: { $in: ['queued', 'running'] } });
    if (!run) return;
    Object.assign(run, { step, totalSteps });
    const [first] = losses;
    // a run that goes on from a state makes the steps after it again
    const before = first ? run.lossSeries.filter(([at]) => at < first[0]) : run.lossSeries;
    run.lossSeries = thinned([...before, ...losses]);
  });
}

/** Every second point goes when there are too many, so that the curve keeps its shape over the whole run. */
function thinned(points: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  let kept = [...points];
  while (kept.length > MOST_POINTS) kept = kept.filter((_, n) => n % 2 === 1 || n === kept.length - 1);
  return kept;
}

/** Ends the run under the fence, unless somebody ended it already. */
export async function endRun(
  { em, now }: Pick<Work, 'em' | 'now'>,
  handle: JobHandle,
  runId: string,
  state: 'done' | 'failed' | 'cancelled',
  error: string | null,
): Promise<void> {
  await writeUnderFence(em, handle, async (tx) => {
    const ended = await rows(
      tx,
      `update training_run set state = ?, error = ?, finished_at = ?${state === 'done' ? ', step = total_steps, state_sha256 = null' : ''}
       where id = ? and state in ('queued', 'running') returning id`,
      [state, error?.slice(0, 500) ?? null, now(), runId],
    );
    if (ended.length === 0) return;
    if (state !== 'cancelled') record(tx, trainingEnded, { runId, isDone: state === 'done' });
    await tx.flush();
    await endWork(tx, 'training', runId, state, now());
  });
}

/** Throws away what a run made. What was published stays where it was published. */
export async function dropOutput(em: EntityManager, runId: string): Promise<void> {
  await em.fork().transactional(async (tx) => {
    await tx.nativeDelete(TrainingSample, { run: runId });
    await tx.nativeDelete(TrainingEpoch, { run: runId, publishedVersion: null });
    await tx.nativeUpdate(TrainingRun, { id: runId }, { stateSha256: null, stateBytes: 0, stateStep: 0, step: 0 });
  });
}

/** Counts a run of the engine that took it with it, since the last that got on; how many there were. */
export function countCrash(em: EntityManager, handle: JobHandle, runId: string): Promise<number> {
  return writeUnderFence(em, handle, async (tx) => {
    const [row] = await rows<{ crashes: number }>(
      tx,
      'update training_run set crashes = crashes + 1 where id = ? returning crashes',
      [runId],
    );
    return row?.crashes ?? 0;
  });
}
