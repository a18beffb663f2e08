import { accessParameters, IMAGE_ACCESS, type ImageAccessRow, imageVerdict } from '../../gallery/access.ts';
import { Image, ResourceUse } from '../../gallery/model.ts';
import { rows } from '../../kit/database/sql.ts';
import type { RawForm } from '../../kit/web/forms.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { loraTags, sizePresets, withoutTags } from '../form.ts';
import type { GenerationRequest } from '../model.ts';
import type { Families } from '../models/families.ts';
import {
  CHECKPOINT_TYPES,
  findOffersByName,
  findOffersByVersion,
  LORA_TYPES,
  listOffers,
  type Offer,
} from '../models/offers.ts';

/** What the fields of the form say, as a browser would send them. */
export type FormValues = RawForm;

/** A request as the form that made it; a seed that was drawn comes back empty unless it is wanted. */
export function valuesOf(request: GenerationRequest, seed: 'as sent' | 'kept'): FormValues {
  const { model, loras, width, height } = request;
  return {
    model: model.fileId === null ? model.sha256 : String(model.fileId),
    lora: loras.flatMap(({ fileId }) => (fileId === null ? [] : [String(fileId)])),
    ...Object.fromEntries(loras.map(({ fileId, weight }) => [`weight-${fileId}`, String(weight)])),
    ...{ prompt: withoutTags(request.prompt), negativePrompt: request.negativePrompt },
    ...{ size: `${width}x${height}`, width: String(width), height: String(height), steps: String(request.steps) },
    ...{ sampler: request.sampler, schedule: request.schedule, cfgScale: String(request.cfgScale) },
    ...{ count: String(request.count), clipSkip: String(request.clipSkip) },
    seed: seed === 'as sent' && request.isSeedDrawn ? '' : String(request.seed),
  };
}

/** `?version=`: a checkpoint is chosen; a LoRA goes onto the stack of a checkpoint that it fits, with its trigger words. */
export async function valuesOfVersion(
  { em }: Pick<Work, 'em'>,
  viewer: Viewer,
  families: Families,
  versionId: number,
): Promise<FormValues | null> {
  const [offer] = await findOffersByVersion(em, viewer, [versionId], [...CHECKPOINT_TYPES, ...LORA_TYPES]);
  const family = offer && families.of(offer.baseModel);
  if (!offer || !family) return null;
  const [first] = await findOffersByVersion(em, viewer, [versionId], CHECKPOINT_TYPES);
  if (first) return { model: first.key, ...sizeOf(families, first), clipSkip: String(first.clipSkip ?? 1) };
  const [base] = await listOffers(em, viewer, { types: CHECKPOINT_TYPES, baseModels: families.baseModels(family) });
  return {
    model: base?.key ?? '',
    lora: [offer.key],
    [`weight-${offer.key}`]: String(offer.recommendedWeight ?? 1),
    prompt: offer.trainedWords[0] ?? '',
    ...sizeOf(families, offer),
    ...(offer.clipSkip ? { clipSkip: String(offer.clipSkip) } : {}),
  };
}

function sizeOf(families: Families, { baseModel }: Pick<Offer, 'baseModel'>): FormValues {
  const family = families.capsOf(baseModel);
  const [square] = family ? sizePresets(family) : [];
  return square ? { size: square.value, width: String(square.width), height: String(square.height) } : {};
}

/** `?remix=`: the recipe of a picture that this person may see, with what of its models is offered here. */
export async function valuesOfImage(
  { em }: Pick<Work, 'em'>,
  viewer: Viewer,
  families: Families,
  imageId: number,
): Promise<FormValues | null> {
  const [access] = await rows<ImageAccessRow>(
    em,
    `select ${IMAGE_ACCESS} from image i join post p on p.id = i.post_id where i.id = ?`,
    [...accessParameters(viewer), imageId],
  );
  if (!access || !imageVerdict(access, viewer).allowed) return null;
  const image = await em.findOne(Image, imageId);
  const recipe = image?.recipe;
  if (!recipe || (image.isRecipeHidden && image.owner.id !== viewer.id)) return null;

  const uses = await em.find(ResourceUse, { image: imageId }, { orderBy: { position: 1 } });
  const versionIds = uses.flatMap(({ version }) => version?.id ?? []);
  const models = await findOffersByVersion(em, viewer, versionIds, CHECKPOINT_TYPES);
  const model = models.find(({ baseModel }) => families.of(baseModel) !== null);
  const tags = loraTags(recipe.prompt ?? '');
  const loras = [
    ...(await findOffersByVersion(em, viewer, versionIds, LORA_TYPES)),
    ...(await findOffersByName(
      em,
      viewer,
      tags.map(({ name }) => name),
      LORA_TYPES,
    )),
  ].filter(({ fileId }, n, all) => all.findIndex((other) => other.fileId === fileId) === n);
  const weightOf = (lora: Offer) =>
    uses.find(({ version }) => version?.id === lora.versionId)?.weight ??
    tags.find(({ name }) => name.toLowerCase() === lora.name.toLowerCase())?.weight ??
    1;

  return {
    ...(model ? { model: model.key } : {}),
    lora: loras.map(({ key }) => key),
    ...Object.fromEntries(loras.map((lora) => [`weight-${lora.key}`, String(weightOf(lora))])),
    ...{ prompt: withoutTags(recipe.prompt ?? ''), negativePrompt: recipe.negativePrompt ?? '' },
    ...textOf('width', recipe.width ?? image.width),
    ...textOf('height', recipe.height ?? image.height),
    size: `${recipe.width ?? image.width}x${recipe.height ?? image.height}`,
    ...textOf('steps', recipe.steps),
    ...textOf('cfgScale', recipe.cfgScale),
    ...textOf('clipSkip', recipe.clipSkip),
    ...textOf('sampler', recipe.sampler),
    ...textOf('schedule', recipe.scheduler),
    ...(recipe.seed && Number(recipe.seed) <= 4_294_967_295 ? { seed: recipe.seed } : {}),
  };
}

const textOf = (name: string, value: string | number | undefined): FormValues =>
  value === undefined ? {} : { [name]: String(value) };

export const listValue = (value: string | string[] | undefined): string[] =>
  value === undefined ? [] : (Array.isArray(value) ? value : [value]).filter((item) => item !== '');

export const textValue = (value: string | string[] | undefined): string => listValue(value)[0] ?? '';

/** The form after a button in it that changes it: `model:12` chooses, `add:12` and `remove:12` are for LoRAs. */
export function afterAct(values: FormValues, act: string): FormValues {
  const [what, key = ''] = act.split(':');
  const loras = listValue(values.lora);
  if (what === 'model') return { ...values, model: key, modelBefore: textValue(values.model), modelSearch: '' };
  if (what === 'add' && !loras.includes(key)) return { ...values, lora: [...loras, key] };
  if (what === 'remove') return { ...values, lora: loras.filter((one) => one !== key) };
  return values;
}
