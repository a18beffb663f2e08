import { createHash } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../kit/errors.ts';
import { pngWithTexts } from '../../kit/storage/images-fit.ts';
import type { EngineImage, GenerateParams } from '../engine/protocol.ts';
import { odd } from './failure.ts';
import { writeInfotext } from './infotext.ts';

/** Which picture of a job it is, and what it was asked to be. */
export interface Sample {
  readonly index: number;
  readonly seed: number;
  readonly subseed?: number;
}

export interface Finish {
  readonly jobId: string;
  /** Where the files of jobs lie. */
  readonly folder: string;
  readonly params: GenerateParams;
  readonly program: string;
  readonly rng: string | null;
}

/** Seeds of each picture: those of the batch, or one after the other. */
export function samplesOf({ batch, count = 1, seed }: GenerateParams): Sample[] {
  if (batch)
    return batch.map((one, index) => ({
      index,
      seed: one.seed,
      ...(one.subseed === undefined ? {} : { subseed: one.subseed }),
    }));
  return Array.from({ length: count }, (_, index) => ({ index, seed: (seed + index) % 2 ** 32 }));
}

/** Nothing larger than was asked for is decoded; the second pass enlarges. */
export const mostPixelsOf = ({ width, height, hires }: GenerateParams): number =>
  Math.ceil((width * (hires?.scale ?? 1) + 64) * (height * (hires?.scale ?? 1) + 64));

/** Draws what came back anew, writes our own recipe into it, and lays it where results lie. Throws ServerFailure. */
export async function finishPicture(
  bytes: Uint8Array,
  sample: Sample,
  startedAtMs: number,
  finish: Finish,
): Promise<EngineImage> {
  const { params, program, rng, folder, jobId } = finish;
  const infotext = writeInfotext(params, { ...sample, program, rng });
  const record = JSON.stringify({ ...params.record, engine: program });
  const texts = [
    { key: 'parameters', text: infotext },
    { key: 'tessera', text: record },
  ];
  const { png, width, height } = await pngWithTexts(bytes, mostPixelsOf(params), texts).catch((cause: unknown) => {
    if (cause instanceof AppError) throw odd('The server sent something that is no picture of this size.', cause);
    throw cause;
  });
  const sha256 = createHash('sha256').update(png).digest('hex');
  const file = `${jobId}-${sample.index}.png`;
  await writeFile(join(folder, `.${file}.part`), png);
  await rename(join(folder, `.${file}.part`), join(folder, file));
  const ms = performance.now() - startedAtMs;
  return {
    ...{ index: sample.index, file, w: width, h: height, seed: sample.seed, sha256, infotext, ms },
    params_resolved: {},
  };
}
