import type { FamilyCaps } from '../models/families.ts';
import type { Look, Preset } from './model.ts';
import { TrainSettings } from './params.ts';

// What a run trains with when nobody says otherwise: Civitai's production values (spec/engine.md 2.5) as data, one column
// for each kind of base, and on top what a character, a style or a thing wants otherwise.

type Column = Omit<Partial<TrainSettings>, 'samples' | 'save' | 'bucket'> & { readonly shownPerEpoch: number };

const SD15: Column = {
  ...{ resolution: 512, batch: 6, epochs: 10, shownPerEpoch: 400, rank: 32, alpha: 16, unet_lr: 5e-4, te_lr: 5e-5 },
  ...{ optimizer: 'adamw8bit', lr_schedule: 'cosine_restarts', lr_cycles: 3, min_snr_gamma: 5, noise_offset: 0.1 },
  ...{ clip_skip: 1, caption_mode: 'sentence', shuffle_tags: false, keep_tokens: 0, caption_dropout: 0 },
};
const TAGS: Partial<Column> = { caption_mode: 'tags', shuffle_tags: true, keep_tokens: 1 };
const SDXL: Column = {
  ...SD15,
  // sd-scripts advises the UNet alone for SDXL
  ...{ resolution: 1024, batch: 4, shownPerEpoch: 200, optimizer: 'adafactor', te_lr: 0 },
};

const COLUMNS = {
  'sd15-standard': SD15,
  'sd15-realistic': { ...SD15, batch: 2 },
  'sd15-anime': { ...SD15, ...TAGS, rank: 16, alpha: 8, te_lr: 1e-4, clip_skip: 2 },
  sdxl: SDXL,
  pony: {
    ...SDXL,
    ...{ batch: 5, alpha: 32, unet_lr: 1, te_lr: 1, optimizer: 'prodigy', lr_schedule: 'cosine', lr_cycles: 1 },
    ...{ min_snr_gamma: 0, noise_offset: 0.03, caption_mode: 'tags' },
  },
  illustrious: { ...SDXL, ...TAGS, te_lr: 5e-5 },
  flux: {
    ...SD15,
    ...{ resolution: 1024, batch: 1, epochs: 5, shownPerEpoch: 200, rank: 16, alpha: 16, unet_lr: 1e-4, te_lr: 0 },
    ...{ lr_schedule: 'cosine', lr_cycles: 1, min_snr_gamma: 0, noise_offset: 0, caption_dropout: 0.05 },
  },
  tiny: {
    ...SD15,
    ...{ resolution: 32, batch: 8, shownPerEpoch: 200, rank: 16, alpha: 16, conv_rank: 16, unet_lr: 3e-3, te_lr: 0 },
    ...{ optimizer: 'adamw', lr_schedule: 'cosine', lr_cycles: 1, noise_offset: 0, caption_dropout: 0.1 },
  },
} satisfies Record<string, Column>;

/** A character's left is not its right; a style shows in mirrored pictures too. */
const FOR_PRESET: Readonly<Record<Preset, Partial<Column>>> = {
  character: { flip: false },
  style: { flip: true },
  concept: {},
};

export interface Kind {
  readonly family: string;
  readonly baseModel: string;
  readonly look: Look;
  readonly preset: Preset;
}

function columnOf({ family, baseModel, look }: Kind): Column {
  if (/pony/i.test(baseModel)) return COLUMNS.pony;
  if (/illustrious|noob/i.test(baseModel)) return COLUMNS.illustrious;
  if (family === 'sdxl') return look === 'anime' ? { ...SDXL, ...TAGS } : COLUMNS.sdxl;
  if (family === 'sd15') return COLUMNS[`sd15-${look}`];
  if (family === 'flux') return COLUMNS.flux;
  return COLUMNS.tiny;
}

/** For this many pictures; the samples are made in the size that the family likes. */
export function defaultsFor(kind: Kind, caps: FamilyCaps, imageCount: number, isCpu: boolean): TrainSettings {
  const { shownPerEpoch, ...column } = { ...columnOf(kind), ...FOR_PRESET[kind.preset] };
  const isSmall = caps.max_size < 256;
  const most = isSmall ? caps.max_size : column.resolution && column.resolution > 512 ? 2048 : 1024;
  return TrainSettings.parse({
    ...column,
    resolution: Math.min(caps.max_size, Math.max(caps.min_size, column.resolution ?? caps.default_size)),
    bucket: isSmall ? { step: caps.size_step, min: caps.min_size, max: most } : { max: most },
    repeats: Math.min(1_000, Math.max(1, Math.ceil(shownPerEpoch / Math.max(1, imageCount)))),
    cache_text: column.te_lr === 0 && !column.shuffle_tags && !column.caption_dropout,
    precision: isCpu ? 'fp32' : 'bf16',
    seed: 42,
    samples: { prompts: [], w: caps.default_size, h: caps.default_size },
    save: {},
  });
}
