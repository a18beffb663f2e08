import { parentPort } from 'node:worker_threads';
import type { RgbFrame } from '../../kit/storage/images-luma.ts';
import { lumaOf, type Pdq } from './pdq.ts';
import { queriesOf, variantsOf } from './variants.ts';

/** The thread of `pdq-thread.ts`. Frames come with the message, and their bytes are moved, not copied. */
export interface ToPdqWorker {
  readonly id: number;
  readonly wanted: 'queries' | 'variants';
  readonly frames: readonly RgbFrame[];
}

export type FromPdqWorker =
  | { readonly id: number; readonly result: readonly (readonly string[])[] | readonly (readonly Pdq[])[] }
  | { readonly id: number; readonly failure: string };

parentPort?.on('message', ({ id, wanted, frames }: ToPdqWorker) => {
  const make = wanted === 'queries' ? queriesOf : variantsOf;
  try {
    const result = frames.map(({ data, width, height }) => make(lumaOf(data, width, height)));
    parentPort?.postMessage({ id, result } as FromPdqWorker);
  } catch (error) {
    parentPort?.postMessage({ id, failure: String(error) } satisfies FromPdqWorker);
  }
});
