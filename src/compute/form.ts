import { z } from 'zod';
import { AppError } from '../kit/errors.ts';
import type { EngineCaps } from './engine/protocol.ts';
import type { FamilyCaps } from './models/families.ts';

export const MAX_SEED = 4_294_967_295;
export const MAX_LORAS = 16;
const MAX_COUNT = 8;
const MAX_PROMPT_CHARS = 8_000;
const MAX_BRACKETS = 64;

const list = z
  .union([z.string(), z.array(z.string())])
  .default([])
  .transform((value) => (Array.isArray(value) ? value : [value]).filter((item) => item !== ''));

const prompt = (name: string) =>
  z
    .string()
    .default('')
    .refine((text) => text.length <= MAX_PROMPT_CHARS, {
      error: ({ input }) =>
        `${name} has at most ${MAX_PROMPT_CHARS.toLocaleString('en')} characters; this one has ${String(input).length.toLocaleString('en')}.`,
    })
    .refine((text) => depthOf(text) <= MAX_BRACKETS, `${name} nests its brackets too deeply.`);

const number = (name: string, low: number, high: number) =>
  z.coerce
    .number({ error: `${name} is a number.` })
    .min(low, `${name}: at least ${low}.`)
    .max(high, `${name}: at most ${high}.`);
const whole = (name: string, low: number, high: number) => number(name, low, high).int(`${name} is a whole number.`);

/** `lora` stands once for each LoRA, by file id, and `weight-<id>` beside it. */
export const GenerateForm = z
  .looseObject({
    model: z.string().max(64).default(''),
    lora: list,
    prompt: prompt('A prompt'),
    negativePrompt: prompt('A negative prompt'),
    /** `512x768`, or `custom` with the two fields. */
    size: z.string().max(20).default('custom'),
    width: whole('Width', 16, 4096).catch(512),
    height: whole('Height', 16, 4096).catch(512),
    steps: whole('Steps', 1, 150).default(25),
    sampler: z.string().max(60).default('Euler'),
    schedule: z.string().max(60).default('Automatic'),
    cfgScale: number('CFG scale', 0, 30).default(7),
    seed: z
      .string()
      .trim()
      .max(20)
      .default('')
      .refine(isSeed, `A seed is a whole number from 0 to ${MAX_SEED}, or empty.`),
    count: whole('Pictures', 1, MAX_COUNT).default(1),
    clipSkip: whole('Clip skip', 1, 12).default(1),
  })
  .transform(({ lora, size, seed, ...form }, ctx) => {
    const loras = [...new Set(lora)].map((id) => ({ fileId: Number(id), weight: weightOf(form[`weight-${id}`]) }));
    if (loras.length > MAX_LORAS) {
      ctx.addIssue({ code: 'custom', path: ['lora'], message: `A picture takes at most ${MAX_LORAS} LoRAs.` });
    }
    for (const { fileId, weight } of loras) {
      if (!Number.isSafeInteger(fileId) || fileId < 1) {
        ctx.addIssue({ code: 'custom', path: ['lora'], message: 'There is no such LoRA.' });
      }
      if (!Number.isFinite(weight) || Math.abs(weight) > 10) {
        ctx.addIssue({ code: 'custom', path: [`weight-${fileId}`], message: 'A weight is a number from −10 to 10.' });
      }
    }
    const preset = /^(\d{2,4})x(\d{2,4})$/.exec(size);
    return {
      ...{ model: form.model, loras, prompt: form.prompt.trim(), negativePrompt: form.negativePrompt.trim() },
      ...{ width: preset ? Number(preset[1]) : form.width, height: preset ? Number(preset[2]) : form.height },
      ...{ steps: form.steps, sampler: form.sampler, schedule: form.schedule, cfgScale: form.cfgScale },
      ...{ seed: seed === '' ? null : Number(seed), count: form.count, clipSkip: form.clipSkip },
    };
  });
export type GenerateFields = z.output<typeof GenerateForm>;

function isSeed(text: string): boolean {
  return text === '' || text === '-1' || (/^\d{1,10}$/.test(text) && Number(text) <= MAX_SEED);
}

const weightOf = (value: unknown): number =>
  typeof value === 'string' && value.trim() !== '' ? Number(value.replace(',', '.')) : 1;

function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const char of text) {
    if (char === '(' || char === '[') deepest = Math.max(deepest, ++depth);
    else if (char === ')' || char === ']') depth = Math.max(0, depth - 1);
  }
  return deepest;
}

/** Throws `invalid` for what this engine or this family of models cannot do. */
export function assertPossible(fields: GenerateFields, caps: EngineCaps, family: FamilyCaps): void {
  const errors: Record<string, string> = {};
  for (const name of ['width', 'height'] as const) {
    const { label, min_size: least, max_size: most, size_step: step } = family;
    const size = fields[name];
    if (size < least || size > most || size % step !== 0) {
      errors[name] = `${label} makes ${least} to ${most} pixels, in steps of ${step}.`;
    }
  }
  if (fields.width * fields.height > family.max_pixels) errors.width = 'That is more than the engine can make at once.';
  const follows = caps.sampler_schedules[fields.sampler];
  if (!caps.samplers.includes(fields.sampler)) errors.sampler = 'The engine has no such sampler.';
  else if (!(follows ?? caps.schedules).includes(fields.schedule)) {
    errors.schedule = `${fields.sampler} cannot follow the schedule ${fields.schedule}.`;
  }
  const first = Object.values(errors)[0];
  if (first) throw new AppError('invalid', first, { fields: errors });
}

export interface SizePreset {
  readonly value: string;
  readonly width: number;
  readonly height: number;
}

const SHAPES = [
  [1, 1],
  [2, 3],
  [3, 2],
  [3, 4],
  [4, 3],
  [9, 16],
  [16, 9],
] as const;

/**
 * Usual shapes of a family: from 1,024 px up with the area that it was trained on, below with its size as the short side.
 */
export function sizePresets({
  default_size: size,
  min_size: least,
  max_size: most,
  size_step,
}: FamilyCaps): SizePreset[] {
  const step = size >= 512 ? 64 : size_step;
  const fit = (length: number) => Math.min(most, Math.max(least, Math.round(length / step) * step));
  const presets = SHAPES.map(([across, down]) => {
    const base = size >= 1024 ? size / Math.sqrt(across * down) : size / Math.min(across, down);
    const [width, height] = [fit(base * across), fit(base * down)];
    return { value: `${width}x${height}`, width, height };
  });
  return presets.filter(({ value }, n) => presets.findIndex((other) => other.value === value) === n);
}

const TAG = /<lora:([^:<>\n]{1,200})(?::([^<>\n]{0,40}))?>/gi;

export interface LoraTag {
  readonly name: string;
  readonly weight: number;
}

/** The LoRAs that a prompt names in A1111's words, `<lora:name:0.8>`; the strength of the UNet counts where two are given. */
export function loraTags(text: string): LoraTag[] {
  return [...text.matchAll(TAG)].slice(0, 200).map(([, name = '', rest = '']) => {
    const parts = rest.split(':').map((part) => part.replace(/^(?:te|unet)=/, ''));
    const weight = Number(parts[1] ?? (parts[0] === '' ? 1 : parts[0]));
    return { name: name.trim(), weight: Number.isFinite(weight) ? Math.max(-10, Math.min(10, weight)) : 1 };
  });
}

export const withoutTags = (text: string): string =>
  text
    .replaceAll(TAG, '')
    .replaceAll(/[ \t]{2,}/g, ' ')
    .trim();
