import { createWriteStream } from 'node:fs';
import { copyFile, link, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../../kit/database/sql.ts';
import { newId } from '../../kit/ids.ts';
import type { JobHandle } from '../../kit/queue/define.ts';
import { holdFence } from '../../kit/queue/lease.ts';
import type { Files } from '../../kit/storage/files.ts';
import type { Work } from '../../kit/work.ts';
import type { EngineCheckpoint, TrainingPicture } from '../engine/protocol-train.ts';
import type { EngineState } from '../engine/running-jobs.ts';

/** Where a segment keeps what its engine hands out. */
export interface Keeper extends Pick<Work, 'files' | 'now'> {
  readonly fork: () => EntityManager;
  readonly handle: JobHandle;
  readonly runId: string;
  /** Absolute path of a file that the engine named. */
  readonly pathOf: (name: string) => string;
}

/** The newest state of a run; `crashes` begins anew, since it got on. Throws `conflict` when the run was overtaken. */
export async function keepState(keeper: Keeper, at: EngineState): Promise<void> {
  const { fork, files, handle, runId, pathOf } = keeper;
  if (at.file === null || at.sha256 === null) return;
  const { sha256, totalBytes } = await files.put({ path: pathOf(at.file), sha256: at.sha256, move: true });
  await fork().transactional(async (tx) => {
    await holdFence(tx, handle);
    await rows(
      tx,
      `update training_run set last_state_sha256 = ?, last_state_bytes = ?, step = ?, epoch = ?, crashes = 0
       where id = ? returning id`,
      [sha256, totalBytes, at.step, at.epoch, runId],
    );
  });
}

/** A LoRA of an epoch or a sample. A segment that is repeated makes them again, and they are kept once. */
export async function keepOutput(keeper: Keeper, event: EngineCheckpoint | TrainingPicture): Promise<void> {
  const { fork, files, handle, runId, pathOf, now } = keeper;
  const { sha256, totalBytes } = await files.put({ path: pathOf(event.file), sha256: event.sha256, move: true });
  const isSample = event.t === 'sample';
  const lossEma = isSample ? null : (event.loss_ema ?? null);
  await fork().transactional(async (tx) => {
    await holdFence(tx, handle);
    await rows(
      tx,
      `insert into training_output (id, run_id, kind, epoch, step, prompt_index, seed, sha256, total_bytes, loss_ema,
         created_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       on conflict (run_id, kind, epoch, step, prompt_index) do nothing returning id`,
      [
        ...[newId(), runId, isSample ? 'sample' : 'lora', event.epoch, event.step, isSample ? event.prompt_index : 0],
        ...[isSample ? event.seed : 0, sha256, totalBytes, lossEma, now()],
      ],
    );
    if (lossEma !== null) {
      await rows(tx, 'update training_run set loss_ema = ?, epoch = ? where id = ? returning id', [
        lossEma,
        event.epoch,
        runId,
      ]);
    }
  });
}

/** Lays a blob where the engine can read it. */
export async function placeBlob(files: Files, sha256: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const local = files.localPath(sha256);
  if (local === null) return pipeline(files.open(sha256), createWriteStream(path));
  // on another disk a link is not possible
  await link(local, path).catch(() => copyFile(local, path));
}
