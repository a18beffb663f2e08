import { z } from 'zod';

/** The part of protocol 1 that is about merging. Models are relative to the root `models`, what is made to the root `job`. */
const count = z.int().nonnegative();

/** What was made; `result` follows. */
export const Merged = z.object({
  t: z.literal('merged'),
  job: z.string(),
  file: z.string().min(1).max(255),
  bytes: count,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** First 12 digits of the hash of the tensors alone. */
  autov3: z.string(),
  family: z.string(),
  /** Of a LoRA: the highest of its modules. */
  rank: count.optional(),
});
export type EngineMerged = z.output<typeof Merged>;

/** Families and the names of their blocks, in the order in which their weights are written. */
export const MergingCaps = z.record(z.string(), z.object({ blocks: z.array(z.string()) }));

/** The parameters of `merge`, in the words of the wire. */
export interface MergeParams {
  readonly kind: 'checkpoint' | 'lora';
  readonly method: 'weighted_sum' | 'add_difference' | 'sum';
  /** A, B and perhaps C. */
  readonly models: readonly { readonly file: string; readonly sha256: string; readonly name: string }[];
  readonly alpha?: number;
  readonly beta?: number;
  /** Of `sum`, one for each model. */
  readonly weights?: readonly number[];
  readonly blocks?: Readonly<Record<string, number>>;
  readonly dtype: 'fp16' | 'bf16' | 'fp32';
  readonly rank?: number;
  readonly name: string;
  readonly metadata?: {
    readonly title?: string;
    readonly author?: string;
    readonly own?: Readonly<Record<string, string>>;
  };
}
