import { z } from 'zod';
import { MAX_SEED } from '../form.ts';

export const MAX_STEPS = 10_000;
const MOST_SAMPLE_PROMPTS = 4;
export const OPTIMIZERS = ['adamw', 'adamw8bit', 'adafactor', 'prodigy'] as const;
export const LR_SCHEDULES = ['constant', 'cosine', 'cosine_restarts', 'linear'] as const;
export const PRECISIONS = ['bf16', 'fp16', 'fp32'] as const;

const whole = (low: number, high: number) => z.int().min(low, `At least ${low}.`).max(high, `At most ${high}.`);
const decimal = (low: number, high: number) => z.number().min(low, `At least ${low}.`).max(high, `At most ${high}.`);
const side = z.int().min(16, 'At least 16.').max(2048, 'At most 2048.');

/** How a run trains, in the words of the wire (spec/engine.md 2.4). What it trains on stands in the run. */
export const TrainSettings = z.object({
  trigger: z.string().max(120).default(''),
  caption_mode: z.enum(['tags', 'sentence']),
  resolution: whole(16, 2048),
  bucket: z.object({
    enable: z.boolean().default(true),
    step: whole(8, 256).default(64),
    min: whole(8, 2048).default(256),
    max: whole(8, 4096).default(1024),
    no_upscale: z.boolean().default(true),
  }),
  repeats: whole(1, 1_000),
  epochs: whole(1, 100),
  max_steps: whole(1, MAX_STEPS).nullable().default(null),
  batch: whole(1, 32),
  grad_accum: whole(1, 32).default(1),
  rank: whole(1, 256),
  alpha: decimal(0.01, 512),
  conv_rank: whole(1, 256).nullable().default(null),
  unet_lr: decimal(0, 10),
  /** 0: the text encoder stays as it is, and its answers are kept. */
  te_lr: decimal(0, 10),
  optimizer: z.enum(OPTIMIZERS),
  lr_schedule: z.enum(LR_SCHEDULES),
  lr_warmup: whole(0, MAX_STEPS).default(0),
  lr_cycles: whole(1, 100).default(1),
  /** 0: off. */
  min_snr_gamma: decimal(0, 20),
  noise_offset: decimal(0, 1),
  flip: z.boolean().default(false),
  shuffle_tags: z.boolean(),
  keep_tokens: whole(0, 32),
  caption_dropout: decimal(0, 1).default(0),
  clip_skip: whole(1, 12),
  precision: z.enum(PRECISIONS).default('bf16'),
  grad_checkpoint: z.boolean().default(false),
  cache_latents: z.boolean().default(true),
  cache_text: z.boolean().default(false),
  seed: z.int().min(0).max(MAX_SEED),
  samples: z.object({
    prompts: z.array(z.string().max(1_000)).max(MOST_SAMPLE_PROMPTS),
    negative: z.string().max(1_000).default(''),
    every_epochs: whole(1, 100).default(1),
    steps: whole(1, 150).default(25),
    cfg: decimal(0, 30).default(7),
    seed: z.int().min(0).max(MAX_SEED).default(42),
    w: side,
    h: side,
  }),
  save: z.object({
    every_epochs: whole(1, 100).default(1),
    keep: whole(1, 20).default(20),
    dtype: z.literal('fp16').default('fp16'),
  }),
  state_every_s: whole(10, 3_600).default(300),
});
export type TrainSettings = z.output<typeof TrainSettings>;

/** Pictures that an epoch shows, and steps of the whole run (spec/engine.md 2.4, rules). */
export function stepsOf(
  items: readonly { readonly repeats: number }[],
  { repeats, batch, grad_accum: accumulate, epochs, max_steps: most }: TrainSettings,
): { readonly shownPerEpoch: number; readonly stepsPerEpoch: number; readonly steps: number } {
  const shownPerEpoch = items.reduce((sum, item) => sum + (item.repeats || repeats), 0);
  const stepsPerEpoch = Math.ceil(shownPerEpoch / batch / accumulate);
  const steps = stepsPerEpoch * epochs;
  return { shownPerEpoch, stepsPerEpoch, steps: most === null ? steps : Math.min(most, steps) };
}
