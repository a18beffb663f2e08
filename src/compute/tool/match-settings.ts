import type { Recipe } from '../../gallery/recipe/recipe.ts';
import { t } from '../../kit/web/messages.ts';
import { abilitiesOf } from '../abilities.ts';
import type { EngineCaps } from '../engine/protocol.ts';
import { MAX_PROMPT_CHARS, MAX_SEED } from '../form.ts';
import type { FamilyCaps } from '../models/families.ts';
import { fittingSize } from '../sizes.ts';
import type { FormValues } from './values.ts';

interface Matched {
  readonly values: FormValues;
  readonly notes: readonly string[];
}

/** The numbers and names of a recipe that this engine can follow. */
export function settingsOf(recipe: Recipe, caps: EngineCaps, family: FamilyCaps | null): Matched {
  const parts = [
    samplerOf(recipe, caps),
    sizeOf(recipe, family),
    seedOf(recipe),
    numberOf('steps', recipe.steps, 1, 150),
    numberOf('cfgScale', recipe.cfgScale, 0, 30),
    numberOf('clipSkip', recipe.clipSkip, 1, 12),
    variationOf(recipe, caps),
    secondPassOf(recipe, caps),
    noiseOf(recipe, caps),
    { values: {}, notes: notesOf(recipe) },
  ];
  return {
    values: Object.assign({}, ...parts.map(({ values }) => values)),
    notes: parts.flatMap(({ notes }) => notes),
  };
}

const plain = (name: string): string => name.toLowerCase().replaceAll(/[\s_-]+/g, '');

/** "DPM++ 2M Karras" is a sampler and a schedule in one name; ComfyUI writes `dpmpp_2m` and `karras`. */
function samplerOf({ sampler, scheduler }: Recipe, caps: EngineCaps): Matched {
  if (!sampler) return { values: {}, notes: [] };
  const wanted = plain(COMFY_NAMES[sampler] ?? sampler);
  const suffix = caps.schedules.find((name) => wanted.endsWith(plain(name)) && wanted !== plain(name));
  const isWhole = caps.samplers.some((name) => plain(name) === wanted);
  const stem = suffix && !isWhole ? wanted.slice(0, -plain(suffix).length) : wanted;
  const found = caps.samplers.find((name) => plain(name) === stem);
  if (!found) return { values: {}, notes: [t('remix.sampler', { name: sampler })] };
  const asked = (isWhole ? undefined : suffix) ?? scheduler;
  const follows = caps.sampler_schedules[found] ?? caps.schedules;
  const schedule = asked ? follows.find((name) => plain(name) === plain(asked)) : undefined;
  return {
    values: { sampler: found, schedule: schedule ?? 'Automatic' },
    notes: asked && !schedule && plain(asked) !== 'automatic' ? [t('remix.schedule', { name: asked })] : [],
  };
}

const COMFY_NAMES: Readonly<Record<string, string>> = {
  ...{ euler: 'Euler', euler_ancestral: 'Euler a', heun: 'Heun', dpm_2: 'DPM2', dpm_2_ancestral: 'DPM2 a', lms: 'LMS' },
  ...{ dpmpp_2s_ancestral: 'DPM++ 2S a', dpmpp_sde: 'DPM++ SDE', dpmpp_2m: 'DPM++ 2M', dpmpp_2m_sde: 'DPM++ 2M SDE' },
  ...{ dpmpp_3m_sde: 'DPM++ 3M SDE', ddim: 'DDIM', uni_pc: 'UniPC', lcm: 'LCM', deis: 'DEIS', ipndm: 'IPNDM' },
};

function sizeOf({ width, height }: Recipe, family: FamilyCaps | null): Matched {
  if (!width || !height) return { values: {}, notes: [] };
  const fitted = family ? fittingSize({ width, height }, family) : { width, height };
  const isSame = fitted.width === width && fitted.height === height;
  return {
    values: {
      size: `${fitted.width}x${fitted.height}`,
      ...{ width: String(fitted.width), height: String(fitted.height) },
    },
    notes: isSame ? [] : [t('remix.size', { was: `${width} × ${height}`, is: `${fitted.width} × ${fitted.height}` })],
  };
}

function seedOf({ seed }: Recipe): Matched {
  if (!seed) return { values: {}, notes: [t('remix.no-seed')] };
  if (/^\d{1,10}$/.test(seed) && Number(seed) <= MAX_SEED) return { values: { seed }, notes: [] };
  return { values: { seed: '' }, notes: [t('remix.seed', { seed })] };
}

function numberOf(
  field: 'steps' | 'cfgScale' | 'clipSkip',
  value: number | undefined,
  low: number,
  high: number,
): Matched {
  if (value === undefined) return { values: {}, notes: [] };
  const within = Math.min(high, Math.max(low, value));
  const label = t(`remix.field.${field}`);
  return {
    values: { [field]: String(within) },
    notes: within === value ? [] : [t('remix.number', { label, was: value, is: within })],
  };
}

function variationOf({ others }: Recipe, caps: EngineCaps): Matched {
  const [seed, strength] = [others['Variation seed'], Number(others['Variation seed strength'])];
  if (!seed || !(strength > 0)) return { values: {}, notes: [] };
  if (!abilitiesOf(caps).variation || !/^\d{1,10}$/.test(seed) || strength > 1) {
    return { values: {}, notes: [t('remix.variation')] };
  }
  return { values: { subseed: seed, subseedStrength: String(strength) }, notes: [] };
}

/** Hires and img2img both say a denoising strength; only hires says how it enlarged. */
function secondPassOf(recipe: Recipe, caps: EngineCaps): Matched {
  const { hiresUpscale: scale, hiresSteps, hiresUpscaler, denoisingStrength: denoise } = recipe;
  const can = abilitiesOf(caps);
  if (scale === undefined || scale <= 1) {
    return { values: {}, notes: denoise === undefined ? [] : [t('remix.start')] };
  }
  if (!can.hires || scale > 4) return { values: {}, notes: [t('remix.hires')] };
  const upscaler = can.upscalers.find((name) => plain(hiresUpscaler ?? 'latent') === plain(name));
  return {
    values: {
      ...{ hires: '1', hiresScale: String(scale), hiresUpscaler: upscaler ?? can.upscalers[0] ?? 'latent' },
      hiresSteps: String(Math.min(150, hiresSteps ?? 0)),
      ...(denoise !== undefined && denoise <= 1 ? { hiresDenoise: String(denoise) } : {}),
    },
    notes: upscaler ? [] : [t('remix.upscaler', { name: hiresUpscaler ?? '' })],
  };
}

/** A1111 and its heirs draw noise on the GPU unless they say otherwise, which `NV` does in the same way. */
function noiseOf({ tool, others }: Recipe, caps: EngineCaps): Matched {
  if (tool === 'ComfyUI') return { values: {}, notes: [t('remix.comfyui')] };
  const drawn = others.RNG ?? (tool === 'Tessera' ? 'CPU' : 'GPU');
  if (drawn === 'CPU') return { values: { rng: 'CPU' }, notes: [] };
  if (['NV', 'GPU'].includes(drawn) && abilitiesOf(caps).nvNoise) return { values: { rng: 'NV' }, notes: [] };
  return { values: {}, notes: [t('remix.rng', { rng: drawn })] };
}

/** Steps of other tools that change the picture and that nothing here does. */
const FOREIGN: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/^ADetailer/, 'ADetailer'],
  [/^ControlNet/, 'ControlNet'],
  [/^Refiner/, 'Refiner'],
  [/^Face restoration/, 'Face restoration'],
  [/^Tiled|^Ultimate SD upscale/, 'tiled upscaling'],
  [/^AddNet/, 'Additional Networks'],
  [/^Dynamic thresholding/, 'Dynamic thresholding'],
];

function notesOf({ prompt = '', negativePrompt = '', guidance, others }: Recipe): string[] {
  const foreign = new Set(
    Object.keys(others).flatMap((key) => FOREIGN.filter(([pattern]) => pattern.test(key)).map(([, name]) => name)),
  );
  const isLong = Math.max(prompt.length, negativePrompt.length) > MAX_PROMPT_CHARS;
  return [
    ...(isLong ? [t('remix.long', { n: MAX_PROMPT_CHARS })] : []),
    ...[...foreign].map((name) => t('remix.foreign', { name })),
    ...(guidance === undefined ? [] : [t('remix.guidance')]),
  ];
}
