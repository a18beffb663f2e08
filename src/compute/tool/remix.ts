import { mayRemix } from '../../gallery/images/remix.ts';
import { findVersionsByHash } from '../../gallery/images/resolve.ts';
import { Image, ResourceUse } from '../../gallery/model.ts';
import { mergeFindings } from '../../gallery/recipe/merge.ts';
import type { ReadRecipe, Recipe } from '../../gallery/recipe/recipe.ts';
import { findingsOf } from '../../gallery/recipe/tools.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import type { EngineCaps } from '../engine/protocol.ts';
import type { Families } from '../models/families.ts';
import { CHECKPOINT_TYPES, findOffersByVersion, LORA_TYPES, listOffers, type Offer } from '../models/offers.ts';
import { sizePresets } from '../sizes.ts';
import { matchRecipe, type NamedResource } from './match.ts';
import type { FormValues } from './values.ts';

/** A form filled from elsewhere, and what could not be taken over, in sentences. */
export interface Filled {
  readonly values: FormValues;
  readonly notes: readonly string[];
}

interface Place {
  readonly caps: EngineCaps;
  readonly families: Families;
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
  const bases = await listOffers(em, viewer, { types: CHECKPOINT_TYPES, fitting: families.baseModels(family) });
  return {
    model: bases.find(({ baseModel }) => families.of(baseModel) === family)?.key ?? '',
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

/** `?remix=`: the recipe of a picture that this person may see; null where there is none for them. */
export async function valuesOfImage(
  { em }: Pick<Work, 'em'>,
  viewer: Viewer,
  place: Place,
  imageId: number,
): Promise<Filled | null> {
  if (!(await mayRemix(em, viewer, imageId))) return null;
  const image = await em.findOne(Image, imageId);
  const recipe = image?.recipe;
  if (!recipe) return null;
  const uses = await em.find(ResourceUse, { image: imageId }, { orderBy: { position: 1 } });
  const resources = uses.map(
    ({ kind, name, hash, weight, version }): NamedResource => ({
      ...{ kind, name, hash: hash ?? null, weight: weight ?? null },
      versionId: version?.id ?? null,
    }),
  );
  const sized: Recipe = { width: image.width, height: image.height, ...recipe };
  const { values, notes } = await matchRecipe(em, viewer, place, { recipe: sized, resources });
  return { values: { ...values, remixOf: String(imageId) }, notes };
}

/** What a picture or a pasted text says; null when it says nothing. */
export async function valuesOfRecipe(
  { em }: Pick<Work, 'em'>,
  viewer: Viewer,
  place: Place,
  { recipe, resources }: Pick<ReadRecipe, 'recipe' | 'resources'>,
): Promise<Filled | null> {
  if (!recipe) return null;
  const versions = await findVersionsByHash(
    em,
    resources.flatMap(({ hash }) => (hash ? [hash.toLowerCase()] : [])),
  );
  const named = resources.slice(0, MOST_RESOURCES).map(
    ({ kind, name, hash, weight }): NamedResource => ({
      ...{ kind, name, hash: hash?.toLowerCase() ?? null, weight: weight ?? null },
      versionId: versions.get(hash?.toLowerCase() ?? '')?.versionId ?? null,
    }),
  );
  return matchRecipe(em, viewer, place, { recipe, resources: named });
}

const MOST_RESOURCES = 60;
const MOST_PASTED_CHARACTERS = 100_000;

/** Pasted parameters, in any of the shapes that pictures carry them in. */
export function readPasted(text: string): ReadRecipe {
  const texts = [{ carrier: 'png', key: 'parameters', text: text.slice(0, MOST_PASTED_CHARACTERS) }];
  return mergeFindings(findingsOf(texts), texts, []);
}
