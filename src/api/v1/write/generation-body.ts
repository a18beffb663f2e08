import { z } from 'zod';
import { MAX_COUNT, MAX_LORAS, MAX_PROMPT_CHARS, MAX_SEED } from '../../../compute/form.ts';
import { OUTPUT_FORMATS, RESIZES } from '../../../compute/model.ts';
import type { RawForm } from '../../../kit/web/forms.ts';
import { MOST_ID } from '../query.ts';

const seed = z.int().min(0).max(MAX_SEED).nullable().optional();
const key = z.string().max(80);
const fileId = z.int().min(1).max(MOST_ID);
const share = z.number().min(0).max(1).optional();

/** A request for pictures. Models are named as `/generation-models` names them; what is left out is as on the page. */
export const GenerationBody = z.strictObject({
  model: key,
  vae: key.optional(),
  loras: z
    .array(z.strictObject({ file: fileId, weight: z.number().min(-10).max(10).default(1) }))
    .max(MAX_LORAS)
    .optional(),
  embeddings: z.array(fileId).max(16).optional(),
  prompt: z.string().max(MAX_PROMPT_CHARS),
  negativePrompt: z.string().max(MAX_PROMPT_CHARS).optional(),
  width: z.int().min(16).max(4_096).optional(),
  height: z.int().min(16).max(4_096).optional(),
  steps: z.int().min(1).max(150).optional(),
  sampler: z.string().max(60).optional(),
  schedule: z.string().max(60).optional(),
  cfgScale: z.number().min(0).max(30).optional(),
  cfgRescale: share,
  seed,
  subseed: seed,
  subseedStrength: share,
  count: z.int().min(1).max(MAX_COUNT).optional(),
  clipSkip: z.int().min(1).max(12).optional(),
  format: z.enum(OUTPUT_FORMATS).optional(),
  repeatable: z.boolean().optional(),
  rng: z.enum(['CPU', 'NV']).optional(),
  /** A picture to begin from: `image:12` of the gallery, `result:…` of an earlier generation. */
  start: z
    .strictObject({
      image: key,
      mask: key.optional(),
      denoise: share,
      resize: z.enum(RESIZES).optional(),
      /** That one may change this photograph. */
      photoRights: z.boolean().optional(),
    })
    .optional(),
  hires: z
    .strictObject({
      scale: z.number().min(1).max(4).optional(),
      upscaler: key.optional(),
      steps: z.int().min(0).max(150).optional(),
      denoise: share,
    })
    .optional(),
});

const flag = (isOn: boolean | undefined): string => (isOn ? '1' : '');

/** The fields of the tool's form, whose schema checks them. */
export function generationFields({
  loras = [],
  embeddings = [],
  start,
  hires,
  seed: chosen,
  subseed,
  repeatable,
  ...plain
}: z.output<typeof GenerationBody>): RawForm {
  const fields: Record<string, unknown> = {
    ...plain,
    ...{ seed: chosen ?? '', subseed: subseed ?? '', repeatable: flag(repeatable) },
    ...{ width: plain.width ?? 512, height: plain.height ?? 512 },
    lora: loras.map(({ file }) => String(file)),
    ...Object.fromEntries(loras.map(({ file, weight }) => [`weight-${file}`, String(weight)])),
    embedding: embeddings.map(String),
    ...{ start: start?.image, mask: start?.mask, denoise: start?.denoise, resize: start?.resize },
    ...{ photoRights: flag(start?.photoRights), hires: flag(hires !== undefined) },
    ...{
      hiresScale: hires?.scale,
      hiresUpscaler: hires?.upscaler,
      hiresSteps: hires?.steps,
      hiresDenoise: hires?.denoise,
    },
  };
  const sent = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(sent.map(([name, value]) => [name, Array.isArray(value) ? value : String(value)]));
}
