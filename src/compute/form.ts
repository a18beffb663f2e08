import { z } from 'zod';
import { OUTPUT_FORMATS, RESIZES } from './model.ts';

export const MAX_SEED = 4_294_967_295;
export const MAX_LORAS = 16;
export const MAX_COUNT = 8;
const MAX_EMBEDDINGS = 16;
export const MAX_PROMPT_CHARS = 8_000;
const MAX_BRACKETS = 32;

const list = z
  .union([z.string(), z.array(z.string())])
  .default([])
  .transform((value) => (Array.isArray(value) ? value : [value]).filter((item) => item !== ''));

const prompt = (name: string) =>
  z
    .string()
    .default('')
    .transform((text) => text.replaceAll('\u0000', '').trim())
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
const seed = (name: string) =>
  z
    .string()
    .trim()
    .max(20)
    .default('')
    .refine(isSeed, `${name} is a whole number from 0 to ${MAX_SEED}, or empty.`)
    .transform((text) => (text === '' || text === '-1' ? null : Number(text)));
const isOn = z
  .string()
  .default('')
  .transform((text) => text !== '');
const key = z.string().max(80).default('');

/** What is no id of a picture says nothing: it is of no weight to what is made. */
const imageId = z.coerce.number().int().positive().max(999_999_999).nullable().catch(null);

/** `lora` stands once for each LoRA, by file id, and `weight-<id>` beside it; `start` and `mask` are keys of desk/start.ts. */
export const GenerateForm = z
  .looseObject({
    model: key,
    vae: key,
    lora: list,
    embedding: list,
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
    cfgRescale: number('CFG rescale', 0, 1).default(0),
    seed: seed('A seed'),
    subseed: seed('A variation seed'),
    subseedStrength: number('The strength of a variation', 0, 1).default(0),
    count: whole('Pictures', 1, MAX_COUNT).default(1),
    clipSkip: whole('Clip skip', 1, 12).default(1),
    repeatable: isOn,
    format: z.enum(OUTPUT_FORMATS).default('png'),
    rng: z.enum(['CPU', 'NV']).default('CPU'),
    remixOf: imageId,
    start: key,
    mask: key,
    denoise: number('Denoising', 0, 1).default(0.6),
    resize: z.enum(RESIZES).default('crop'),
    photoRights: isOn,
    hires: isOn,
    hiresScale: number('Hires scale', 1, 4).default(2),
    hiresUpscaler: z.string().max(80).default('latent'),
    hiresSteps: whole('Hires steps', 0, 150).default(0),
    hiresDenoise: number('Hires denoising', 0, 1).default(0.5),
  })
  .transform(({ lora, embedding, size, hires, ...form }, ctx) => {
    const refuse = (path: string, message: string) => ctx.addIssue({ code: 'custom', path: [path], message });
    const loras = [...new Set(lora)].map((id) => ({ fileId: Number(id), weight: weightOf(form[`weight-${id}`]) }));
    if (loras.length > MAX_LORAS) refuse('lora', `A picture takes at most ${MAX_LORAS} LoRAs.`);
    for (const { fileId, weight } of loras) {
      if (!isId(fileId)) refuse('lora', 'There is no such LoRA.');
      if (!Number.isFinite(weight) || Math.abs(weight) > 10) {
        refuse(`weight-${fileId}`, 'A weight is a number from −10 to 10.');
      }
    }
    const embeddings = [...new Set(embedding)].map(Number);
    if (embeddings.length > MAX_EMBEDDINGS)
      refuse('embedding', `A picture takes at most ${MAX_EMBEDDINGS} embeddings.`);
    if (!embeddings.every(isId)) refuse('embedding', 'There is no such embedding.');
    const preset = /^(\d{2,4})x(\d{2,4})$/.exec(size);
    const { hiresScale: scale, hiresUpscaler: upscaler, hiresSteps: steps, hiresDenoise, ...rest } = form;
    return {
      ...{ model: rest.model, vae: rest.vae, loras, embeddings },
      ...{ prompt: rest.prompt, negativePrompt: rest.negativePrompt },
      ...{ width: preset ? Number(preset[1]) : rest.width, height: preset ? Number(preset[2]) : rest.height },
      ...{ steps: rest.steps, sampler: rest.sampler, schedule: rest.schedule },
      ...{ cfgScale: rest.cfgScale, cfgRescale: rest.cfgRescale, clipSkip: rest.clipSkip },
      ...{ seed: rest.seed, subseed: rest.subseed, subseedStrength: rest.subseedStrength, count: rest.count },
      ...{ isRepeatable: rest.repeatable, format: rest.format, rng: rest.rng },
      remixOfId: rest.remixOf,
      start:
        rest.start === ''
          ? null
          : {
              ...{
                key: rest.start,
                mask: rest.mask,
                denoise: rest.denoise,
                resize: rest.resize,
                isAttested: rest.photoRights,
              },
            },
      hires: hires ? { scale, upscaler, steps, denoise: hiresDenoise } : null,
    };
  });
export type GenerateFields = z.output<typeof GenerateForm>;

function isSeed(text: string): boolean {
  return text === '' || text === '-1' || (/^\d{1,10}$/.test(text) && Number(text) <= MAX_SEED);
}

const isId = (id: number): boolean => Number.isSafeInteger(id) && id >= 1 && id <= 2_147_483_647;

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
