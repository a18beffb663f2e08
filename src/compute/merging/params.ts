import { z } from 'zod';

export const MERGE_METHODS = ['weighted_sum', 'add_difference', 'sum'] as const;
export const MERGE_DTYPES = ['fp16', 'bf16', 'fp32'] as const;
const MOST_RANK = 512;

const weight = z.number().min(-2).max(2);

/** How models are mixed, in the words of the engine's protocol (compute/engine/README.md). */
export const MergeSettings = z.object({
  /** `sum` is of LoRAs: each with a weight of its own, and exact. */
  method: z.enum(MERGE_METHODS).default('weighted_sum'),
  /** Share of B, or of the difference B − C. */
  alpha: weight.default(0.5),
  /** Share of C in a weighted sum of three. */
  beta: weight.default(0),
  /** Of `sum`, for A, B and C. */
  weights: z.array(weight).max(3).default([]),
  /** Alpha of single blocks, by name; BASE is all outside of the UNet. */
  blocks: z.record(z.string().max(10), weight).default({}),
  dtype: z.enum(MERGE_DTYPES).default('fp16'),
  /** Of LoRAs: cut down to this; null keeps all. */
  rank: z.int().min(1).max(MOST_RANK).nullable().default(null),
});
export type MergeSettings = z.output<typeof MergeSettings>;
