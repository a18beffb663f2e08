import { z } from 'zod';
import { Merged, MergingCaps } from './protocol-merge.ts';
import { Checkpoint, Paused, Sample, TrainEstimate, TrainingCaps, TrainResult } from './protocol-train.ts';

/**
 * Protocol 1 of the engine: JSON lines, commands to its stdin, events from its file descriptor 3. Fields that we do not
 * know are dropped, so an engine may say more than its supervisor understands.
 */
export const MAX_LINE_BYTES = 1 << 20;

export const ENGINE_ERROR_CODES = [
  ...['bad_message', 'bad_params', 'unsupported', 'model_not_found', 'model_invalid', 'model_unsafe'],
  ...['arch_mismatch', 'lora_mismatch', 'dataset_invalid', 'oom_vram', 'oom_ram', 'disk_full', 'timeout', 'gpu_lost'],
  ...['engine_crashed', 'nan_output', 'cancelled', 'internal'],
] as const;
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().nonnegative();

const Device = z.object({
  kind: z.string(),
  name: z.string(),
  uuid: z.string().optional(),
  /** MiB; 0 on a CPU. */
  vram_total: z.number(),
  vram_free: z.number(),
});

const FamilyCaps = z.object({
  label: z.string(),
  /** Civitai's name of the base model. */
  base_model: z.string(),
  min_size: count,
  max_size: count,
  size_step: count,
  default_size: count,
  max_pixels: count,
});

/** Files of a server that has folders of its own: by hash where it tells one, else by name in lower case, without folders. */
const KnownFiles = z.object({ sha256: z.array(z.string()), names: z.array(z.string()) });
export type KnownFiles = z.output<typeof KnownFiles>;

/** What the engine can do; menus are built from it. */
const Caps = z.object({
  families: z.record(z.string(), FamilyCaps),
  tasks: z.array(z.string()),
  samplers: z.array(z.string()),
  schedules: z.array(z.string()),
  /** Sampler → the schedules that it can follow. */
  sampler_schedules: z.record(z.string(), z.array(z.string())).default({}),
  max_pixels: count,
  features: z.array(z.string()).default([]),
  /** Of the second pass and of enlarging: latent, lanczos, model. */
  upscalers: z.array(z.string()).default([]),
  formats: z.array(z.string()).default(['png']),
  /** Whose noise: CPU is the engine's own, NV what torch draws on an NVIDIA card. */
  rng: z.array(z.string()).default(['CPU']),
  optimizers: z.array(z.string()).default([]),
  training: TrainingCaps.default({}),
  merging: MergingCaps.default({}),
  /** Null: any file of this node can be brought to it. Else it has files of its own, and only these may be named. */
  files: KnownFiles.nullable().default(null),
});
export type EngineCaps = z.output<typeof Caps>;

export const Hello = z.object({
  t: z.literal('hello'),
  proto: z.array(z.int()),
  engine: z.string(),
  /** Name and version of a program that is not our own engine. */
  program: z.string().optional(),
  python: z.string().optional(),
  torch: z.string().optional(),
  diffusers: z.string().optional(),
  device: Device,
  caps: Caps,
});
export type EngineHello = z.output<typeof Hello>;

export const ResultImage = z.object({
  index: count,
  /** Relative to the root `job`. */
  file: z.string().min(1).max(255),
  w: z.int().positive(),
  h: z.int().positive(),
  seed: count,
  sha256,
  infotext: z.string(),
  params_resolved: z.record(z.string(), z.unknown()).default({}),
  ms: z.number(),
});
export type EngineImage = z.output<typeof ResultImage>;

const EngineError = z.object({
  t: z.literal('error'),
  id: z.int().optional(),
  job: z.string().optional(),
  code: z.enum(ENGINE_ERROR_CODES).catch('internal'),
  message: z.string(),
  /** Where in the parameters the mistake is, for instance `p.loras[0].file`. */
  path: z.string().optional(),
  retryable: z.boolean().default(false),
  fatal: z.boolean().default(false),
  detail: z.record(z.string(), z.unknown()).optional(),
});
export type EngineErrorCode = (typeof ENGINE_ERROR_CODES)[number];

const Progress = z.object({
  t: z.literal('progress'),
  job: z.string(),
  phase: z.string(),
  step: count,
  total: count,
  eta_s: z.number().optional(),
  it_s: z.number().optional(),
  /** Pictures that are made together, where that is not up to the engine. */
  batch: count.optional(),
  /** The rest is of a training. */
  epoch: count.optional(),
  loss_ema: z.number().optional(),
  lr: z.number().optional(),
});

const Preview = z.object({
  t: z.literal('preview'),
  job: z.string(),
  index: count,
  step: count,
  /** Base64 of a WebP of at most 48 KiB. */
  webp: z.base64().max(65_536),
});

const Report = z.object({
  t: z.literal('report'),
  id: z.int(),
  kind: z.string(),
  family: z.string().nullable(),
  prediction_type: z.string().nullable().default(null),
  sha256,
  problems: z.array(z.string()),
});

const GenerateEstimate = z.object({
  t: z.literal('estimate'),
  id: z.int(),
  task: z.literal('generate'),
  seconds_p50: z.number(),
  seconds_p90: z.number(),
  vram_mb: z.number(),
  disk_mb: z.number(),
  /** From own runs, or from a table until there are any. */
  basis: z.enum(['measured', 'table']),
});

/** What pictures show, as soon as it is known; `error` of one that could not be read. */
const Captions = z.object({
  t: z.literal('captions'),
  job: z.string(),
  items: z.array(
    z.object({ file: z.string().min(1).max(255), caption: z.string().optional(), error: z.string().optional() }),
  ),
});
export type EngineCaptions = z.output<typeof Captions>;

export const EngineEvent = z.discriminatedUnion('t', [
  Hello,
  z.object({ t: z.literal('ready'), warm: z.array(z.string()), ms: z.number(), caps: Caps.optional() }),
  z.object({ t: z.literal('ack'), id: z.int() }),
  z.object({ t: z.literal('pong'), id: z.int(), nonce: z.unknown() }),
  z.object({ t: z.literal('bye'), reason: z.string() }),
  z.object({
    t: z.literal('hb'),
    job: z.string().optional(),
    phase: z.string(),
    step: count,
    vram_mb: z.number().default(0),
    rss_mb: z.number().default(0),
  }),
  Progress,
  Preview,
  z.object({
    t: z.literal('result'),
    job: z.string(),
    images: z.array(ResultImage).default([]),
    train: TrainResult.optional(),
    captions: z.object({ done: count, failed: count }).optional(),
    ms: z.number().optional(),
    /** What each phase took: load, encode, denoise, decode, upscale, save. */
    phases_ms: z.record(z.string(), z.number()).default({}),
  }),
  Captions,
  Merged,
  Checkpoint,
  Sample,
  Paused,
  z.object({ t: z.literal('cancelled'), job: z.string(), partial: z.array(z.string()) }),
  z.object({
    t: z.literal('warn'),
    job: z.string().optional(),
    code: z.string(),
    text: z.string(),
    /** The pictures that it is about; absent: all of them. */
    images: z.array(count).optional(),
  }),
  z.object({ t: z.literal('log'), code: z.string(), text: z.string() }),
  Report,
  z.discriminatedUnion('task', [GenerateEstimate, TrainEstimate]),
  z.object({ t: z.literal('loaded'), id: z.int(), sha256, family: z.string(), bytes: count, ms: z.number() }),
  z.object({ t: z.literal('unloaded'), id: z.int(), warm: z.array(z.string()) }),
  EngineError,
]);
export type EngineEvent = z.output<typeof EngineEvent>;

/** A file under a root; `name` is what infotext calls it. */
interface EngineFile {
  readonly file: string;
  readonly sha256?: string;
  readonly name?: string;
}

interface EngineLora extends EngineFile {
  readonly unet: number;
  readonly te: number;
}

/** What may differ between the images of a batch. */
export interface EngineSample {
  readonly seed: number;
  readonly prompt?: string;
  readonly negative?: string;
  readonly subseed?: number;
  readonly cfg?: number;
  readonly record?: Readonly<Record<string, unknown>>;
}

/** The parameters of `generate`, in the words of the wire. What is left out has the engine's default. */
export interface GenerateParams {
  readonly model: EngineFile;
  readonly vae?: EngineFile;
  readonly prompt: string;
  readonly negative?: string;
  readonly width: number;
  readonly height: number;
  readonly steps: number;
  readonly cfg: number;
  readonly cfg_rescale?: number;
  readonly sampler: string;
  readonly schedule?: string;
  /** Drawn by us: image i is made with seed + i. 0 to 2³² − 1. */
  readonly seed: number;
  readonly count?: number;
  /** As A1111 counts: 1 is the last layer. */
  readonly clip_skip?: number;
  readonly eta?: number;
  readonly subseed?: number;
  readonly subseed_strength?: number;
  readonly rng?: 'CPU' | 'NV';
  readonly loras?: readonly EngineLora[];
  /** Words of the prompt that stand for vectors; `name` is the word. */
  readonly embeddings?: readonly EngineFile[];
  /** A picture in the root `job` to go on from; the mask is white where it may change. */
  readonly init?: {
    readonly file: string;
    readonly mask?: string;
    readonly denoise?: number;
    readonly resize?: 'crop' | 'fill' | 'stretch';
  };
  readonly hires?: {
    /** Times the first size; or the size itself. */
    readonly scale?: number;
    readonly size?: readonly [number, number];
    /** `latent`, `lanczos`, or `model:` and a file under the root `models`. */
    readonly upscaler?: string;
    /** What the file of a `model:` is called, for servers that know files by name. */
    readonly upscaler_name?: string;
    /** 0 is as many as the first pass. All of them are run. */
    readonly steps?: number;
    /** 0 enlarges and redraws nothing. */
    readonly denoise?: number;
    readonly cfg?: number;
  };
  /** One for each image, in place of `count`: requests of one group in one batch, each as if it ran alone. */
  readonly batch?: readonly EngineSample[];
  readonly preview?: { readonly every?: number; readonly max_px?: number };
  readonly determinism?: 'fast' | 'batch1';
  readonly output?: {
    readonly format?: 'png' | 'webp' | 'jpeg';
    readonly quality?: number;
    readonly embed?: boolean;
  };
  /** Civitai's list of resources, written into the infotext as it is. */
  readonly resources?: readonly object[];
  /** Name and version of the node, for the infotext. */
  readonly version?: string;
  /** Written into the picture under our own key. */
  readonly record?: Readonly<Record<string, unknown>>;
}

/** The parameters of `caption`: pictures of the root `job`. */
export interface CaptionParams {
  readonly items: readonly { readonly file: string }[];
  readonly threshold: number;
  readonly replace_underscores: boolean;
  readonly escape_parentheses: boolean;
  readonly exclude: readonly string[];
}

/** Absolute folders; every path on the wire is relative to one of them. */
export interface EngineRoots {
  readonly models: string;
  readonly loras: string;
  readonly job: string;
  /** `model.onnx` and `selected_tags.csv` of a tagger. */
  readonly captioner?: string;
}

/** One event, or null for what is none: not JSON, an unknown type, another shape. */
export function parseEvent(line: string): EngineEvent | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  return EngineEvent.safeParse(value).data ?? null;
}
