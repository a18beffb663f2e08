import { z } from 'zod';

/** The part of protocol 1 that is about training. Files are relative to the root `job` except `base`. */
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().nonnegative();
const file = z.string().min(1).max(255);
const loss = z.number().nullable();

const LoraFile = z.object({
  epoch: count,
  step: count,
  file,
  bytes: count,
  sha256,
  /** First 10 digits of the SHA-256. */
  autov2: z.string(),
  /** First 12 digits of the hash of the tensors alone, which A1111 writes into infotext. */
  autov3: z.string(),
  loss_ema: loss,
});

export const TrainResult = z.object({
  /** By epoch, oldest first; at most `save.keep`. */
  files: z.array(LoraFile),
  /** Epoch of the lowest loss; a low loss is no promise of a better picture. */
  best: count.optional(),
  steps: count,
  ms: z.number(),
});

const State = z.object({
  t: z.literal('checkpoint'),
  job: z.string(),
  kind: z.literal('state'),
  epoch: count,
  step: count,
  file,
  bytes: count,
  sha256,
  loss_ema: loss,
});

const EpochFile = LoraFile.extend({
  t: z.literal('checkpoint'),
  job: z.string(),
  kind: z.literal('lora'),
  /** Files that this one replaces or pushes out; they are gone. */
  removed: z.array(file).default([]),
});

export const Checkpoint = z.discriminatedUnion('kind', [State, EpochFile]);
export type EngineCheckpoint = z.output<typeof Checkpoint>;

export const Sample = z.object({
  t: z.literal('sample'),
  job: z.string(),
  epoch: count,
  step: count,
  prompt_index: count,
  seed: count,
  file,
  w: z.int().positive(),
  h: z.int().positive(),
  sha256,
});
export type TrainingPicture = z.output<typeof Sample>;

/** The engine is done with the job until `resume` with the state; null when nothing was learnt yet: `train` again. */
export const Paused = z.object({
  t: z.literal('paused'),
  job: z.string(),
  state: file.nullable(),
  step: count,
  epoch: count,
  released: z.boolean(),
});

export const TrainEstimate = z.object({
  t: z.literal('estimate'),
  id: z.int(),
  task: z.literal('train'),
  steps: count,
  steps_per_epoch: count,
  seconds_p50: z.number(),
  seconds_p90: z.number(),
  /** 0 on a CPU, where `ram_mb` counts. */
  vram_mb: z.number(),
  ram_mb: z.number(),
  disk_mb: z.number(),
  lora_mb: z.number(),
  basis: z.enum(['measured', 'table']),
});

/** What a family can be trained with. The presets are parameters of `train`, whole. */
export const TrainingCaps = z.record(
  z.string(),
  z.object({
    images_per_epoch: count,
    bucket_step: count,
    resolution: z.tuple([count, count]),
    bucket_max: count,
    presets: z.record(z.string(), z.record(z.string(), z.unknown())),
  }),
);

/** With it the command is `resume`. */
export interface ResumeParams extends TrainParams {
  readonly state: { readonly file: string; readonly sha256?: string };
}

/** The parameters of `train`, in the words of the wire. What is left out has the value of the preset. */
export interface TrainParams {
  readonly base: { readonly file: string; readonly sha256?: string; readonly name?: string };
  /** sd15: standard, realistic, anime; sdxl: standard, pony, illustrious. */
  readonly preset?: string;
  /** Of the LoRA in its metadata: letters, digits, _ . and -. */
  readonly name?: string;
  /** A LoRA in the root `job` of the same ranks and modules, such as an epoch of another training, to learn on from. */
  readonly start_from?: { readonly file: string; readonly sha256?: string };
  readonly dataset: {
    readonly items: readonly { readonly file: string; readonly caption?: string; readonly repeats?: number }[];
    readonly trigger?: string;
    readonly caption_mode?: 'tags' | 'sentence';
  };
  readonly resolution?: number;
  readonly bucket?: {
    readonly enable?: boolean;
    readonly step?: number;
    readonly min?: number;
    readonly max?: number;
    readonly no_upscale?: boolean;
  };
  /** Left out: so many that an epoch shows as many pictures as the family wants. */
  readonly repeats?: number;
  readonly epochs?: number;
  readonly max_steps?: number;
  readonly batch?: number;
  readonly grad_accum?: number;
  readonly rank?: number;
  readonly alpha?: number;
  /** 0: no convolutions. */
  readonly conv_rank?: number;
  readonly conv_alpha?: number;
  readonly unet_lr?: number;
  /** 0: the text encoders stay as they are. */
  readonly te_lr?: number;
  readonly optimizer?: 'adamw' | 'adamw8bit' | 'adafactor' | 'prodigy';
  readonly weight_decay?: number;
  readonly lr_schedule?: 'constant' | 'cosine' | 'cosine_restarts' | 'linear';
  readonly lr_warmup?: number;
  readonly lr_cycles?: number;
  readonly min_snr_gamma?: number;
  readonly noise_offset?: number;
  readonly flip?: boolean;
  readonly shuffle_tags?: boolean;
  readonly keep_tokens?: number;
  readonly caption_dropout?: number;
  readonly clip_skip?: number;
  readonly precision?: 'bf16' | 'fp16' | 'fp32';
  readonly grad_checkpoint?: boolean;
  readonly cache_latents?: boolean;
  readonly cache_text?: boolean;
  readonly seed?: number;
  readonly samples?: {
    readonly prompts: readonly string[];
    readonly negative?: string;
    readonly every_epochs?: number;
    readonly steps?: number;
    readonly cfg?: number;
    readonly sampler?: string;
    readonly seed?: number;
    readonly w?: number;
    readonly h?: number;
  };
  readonly save?: {
    readonly every_epochs?: number;
    readonly keep?: number;
    readonly dtype?: 'fp16' | 'bf16' | 'fp32';
  };
  readonly state_every_s?: number;
  /** For `modelspec.*`; `own` goes under `tessera.`, keys of lower case letters and _. */
  readonly metadata?: {
    readonly title?: string;
    readonly author?: string;
    readonly license?: string;
    readonly description?: string;
    readonly tags?: string;
    readonly usage_hint?: string;
    readonly comment?: string;
    readonly own?: Readonly<Record<string, string>>;
  };
}
