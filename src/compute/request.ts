import { randomInt } from 'node:crypto';
import { mayRemix } from '../gallery/images/remix.ts';
import { t } from '../kit/web/messages.ts';
import type { Viewer, Work } from '../kit/work.ts';
import { keepStart } from './desk/inputs.ts';
import type { EngineCaps } from './engine/protocol.ts';
import { type GenerateFields, MAX_SEED } from './form.ts';
import type { GenerationFile, GenerationHires, GenerationRequest } from './model.ts';
import {
  chooseEmbeddings,
  chooseLoras,
  chooseUpscaler,
  chooseVae,
  fileOf,
  findCheckpoint,
  refusal,
} from './models/choose.ts';
import { Families } from './models/families.ts';
import { isKnown } from './models/known.ts';
import type { Offer } from './models/offers.ts';
import { assertPossible } from './possible.ts';

export const drawSeed = (): number => randomInt(MAX_SEED + 1);

/** Everything that a request names, found and checked, with its seeds drawn. Throws `invalid` at the field. */
export async function makeRequest(
  work: Pick<Work, 'em' | 'files'>,
  viewer: Viewer,
  fields: GenerateFields,
  caps: EngineCaps,
): Promise<GenerationRequest> {
  const { em } = work;
  const families = await Families.read(em, caps);
  const model = await findCheckpoint(em, viewer, fields.model);
  const family = model && families.capsOf(model.baseModel);
  if (!model || !family) throw refusal('model', 'Choose a checkpoint that this node offers.');
  assertPossible(fields, caps, family);
  const fits = (offer: Offer) => families.of(offer.baseModel) === families.of(model.baseModel);

  const loras = await chooseLoras(em, viewer, fields, fits);
  const embeddings = await chooseEmbeddings(em, viewer, fields.embeddings, fits);
  const vae = await chooseVae(em, viewer, fields.vae, fits);
  const hires = fields.hires && (await hiresOf(em, viewer, fields.hires));
  const start = fields.start && (await keepStart(work, viewer, fields.start));
  const { remixOfId } = fields;
  // what went out of sight since the form was filled makes the same pictures, as nobody's remix
  const isRemix = remixOfId !== null && (await mayRemix(em, viewer, remixOfId));
  const { seed, subseed, subseedStrength: strength } = fields;
  const files = [
    fileOf(model),
    ...loras,
    ...embeddings,
    ...(vae ? [vae] : []),
    ...(hires?.upscalerFile ? [hires.upscalerFile] : []),
  ];
  assertThere(files, caps);
  return {
    ...{
      model: { ...fileOf(model), family: families.of(model.baseModel) ?? '' },
      loras,
      prompt: fields.prompt,
      negativePrompt: fields.negativePrompt,
    },
    ...{ width: fields.width, height: fields.height, steps: fields.steps, count: fields.count },
    ...{ sampler: fields.sampler, schedule: fields.schedule, cfgScale: fields.cfgScale, clipSkip: fields.clipSkip },
    seed: seed ?? drawSeed(),
    isSeedDrawn: seed === null,
    ...(vae ? { vae } : {}),
    ...(embeddings.length > 0 ? { embeddings } : {}),
    ...(fields.cfgRescale > 0 ? { cfgRescale: fields.cfgRescale } : {}),
    ...(strength > 0 ? { variation: { seed: subseed ?? drawSeed(), strength } } : {}),
    ...(start ? { start } : {}),
    ...(hires ? { hires } : {}),
    ...(isRemix ? { remixOfId } : {}),
    ...(fields.isRepeatable ? { isRepeatable: true } : {}),
    ...(fields.rng === 'NV' ? { rng: fields.rng } : {}),
    ...(fields.format === 'png' ? {} : { format: fields.format }),
  };
}

/** Throws `invalid` for a file that the program which makes the pictures does not have. */
export function assertThere(files: readonly GenerationFile[], caps: Pick<EngineCaps, 'files'>): void {
  const strange = files.find((file) => !isKnown(caps.files, file));
  if (strange) throw refusal('model', t('generate.not-there', { name: strange.title }));
}

async function hiresOf(
  em: Work['em'],
  viewer: Viewer,
  { upscaler, ...hires }: NonNullable<GenerateFields['hires']>,
): Promise<GenerationHires> {
  if (!/^\d+$/.test(upscaler)) return { ...hires, upscaler };
  return { ...hires, upscaler: 'model', upscalerFile: await chooseUpscaler(em, viewer, upscaler) };
}

/** Every model file that a request needs. */
export const filesOf = ({ model, loras, vae, embeddings = [], hires }: GenerationRequest): GenerationFile[] => [
  ...[model, ...loras, ...embeddings],
  ...(vae ? [vae] : []),
  ...(hires?.upscalerFile ? [hires.upscalerFile] : []),
];
