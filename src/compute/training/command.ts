import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { AppError } from '../../kit/errors.ts';
import { turnImage } from '../../kit/storage/images-turn.ts';
import type { Work } from '../../kit/work.ts';
import { LONGEST_TRAINED_PX } from '../datasets/export-zip.ts';
import type { ResumeParams, TrainParams } from '../engine/protocol-train.ts';
import { ModelCache } from '../models/cache.ts';
import type { ManifestItem, TrainingRun } from './model.ts';

/** `train`, or `resume` with a state, and its parameters (spec/engine.md 2.4). */
export interface TrainCommand {
  readonly type: 'train' | 'resume';
  readonly params: TrainParams | ResumeParams;
}

/** What the LoRA's file says of itself. */
export interface Origin {
  readonly publicUrl: URL;
  readonly author: string;
}

type Place = (name: string) => string;

/**
 * Lays the pictures, cut and turned, the state and the start of a run into the engine's job folder, each under the job's
 * id, and says how the engine is told of them. Throws `gone` when a picture was deleted for good meanwhile.
 */
export async function prepareTraining(
  { files }: Pick<Work, 'files'>,
  run: TrainingRun,
  jobId: string,
  place: Place,
  origin: Origin,
  signal: AbortSignal,
): Promise<TrainCommand> {
  const items: { file: string; caption: string; repeats: number }[] = [];
  for (const [n, item] of run.manifest.items.entries()) {
    signal.throwIfAborted();
    const file = `${jobId}-i${String(n + 1).padStart(4, '0')}.png`;
    await writeFile(place(file), await trainedPicture(files, item));
    items.push({ file, caption: item.caption, repeats: item.repeats || run.params.repeats });
  }
  const bring = async (sha256: string, file: string) => {
    await pipeline(files.open(sha256), createWriteStream(place(file)), { signal });
    return { file, sha256 };
  };
  const start = run.startSha256 ? await bring(run.startSha256, `${jobId}-start.safetensors`) : null;
  const params: TrainParams = { ...paramsOf(run, items, origin), ...(start ? { start_from: start } : {}) };
  if (!run.stateSha256) return { type: 'train', params };
  const state = await bring(run.stateSha256, `${jobId}-resume.safetensors`);
  return { type: 'resume', params: { ...params, state } };
}

async function trainedPicture(files: Work['files'], { sha256, rotation, crop }: ManifestItem): Promise<Buffer> {
  if (!(await files.has(sha256))) throw new AppError('gone', 'Some of the pictures of this run were deleted.');
  const source = files.localPath(sha256) ?? (await buffer(files.open(sha256)));
  return (await turnImage(source, { rotation, crop }, { format: 'png', longestSide: LONGEST_TRAINED_PX })).bytes;
}

/** Only what files and infotext take everywhere (spec/engine.md 3). */
export const loraName = (name: string): string =>
  name
    .normalize('NFKD')
    .replaceAll(/[^A-Za-z0-9_.-]+/g, '_')
    .replace(/^[_.-]+|[_.-]+$/g, '')
    .slice(0, 80) || 'lora';

function paramsOf(
  run: TrainingRun,
  items: TrainParams['dataset']['items'],
  { publicUrl, author }: Origin,
): TrainParams {
  const { trigger, caption_mode: captionMode, max_steps: mostSteps, conv_rank: convRank, ...settings } = run.params;
  const { sha256, name } = run.base;
  return {
    ...settings,
    ...(mostSteps === null ? {} : { max_steps: mostSteps }),
    ...(convRank === null ? {} : { conv_rank: convRank }),
    base: { file: ModelCache.fileOf(sha256), sha256, name },
    name: loraName(run.name),
    dataset: { items, trigger, caption_mode: captionMode },
    metadata: { title: run.name, author, own: { run: run.id, node: publicUrl.href } },
  };
}
