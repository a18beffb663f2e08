import type { Recipe } from '../../gallery/recipe/recipe.ts';
import { rows } from '../../kit/database/sql.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { abilitiesOf } from '../abilities.ts';
import type { EngineCaps } from '../engine/protocol.ts';
import { MAX_LORAS } from '../form.ts';
import type { Families } from '../models/families.ts';
import { findFolderOffer } from '../models/folder-offers.ts';
import { isKnown } from '../models/known.ts';
import {
  CHECKPOINT_TYPES,
  EMBEDDING_TYPES,
  findOffersByName,
  findOffersByVersion,
  LORA_TYPES,
  type Offer,
  VAE_TYPES,
} from '../models/offers.ts';
import { loraTags, withoutTags } from '../prompt/tags.ts';
import { settingsOf } from './match-settings.ts';
import type { Filled } from './remix.ts';
import type { FormValues } from './values.ts';

/** A model as a recipe names it. */
export interface NamedResource {
  readonly kind: string;
  readonly name: string;
  readonly hash: string | null;
  readonly weight: number | null;
  /** What is here with that hash, or was linked by the author. */
  readonly versionId: number | null;
}

interface Place {
  readonly caps: EngineCaps;
  readonly families: Families;
}

interface Found {
  readonly offer: Offer | null;
  /** By its name alone: the bytes may be others. */
  readonly isByName: boolean;
}

/** A recipe as far as this node can follow it, and a sentence for each thing that it cannot. */
export async function matchRecipe(
  em: Work['em'],
  viewer: Viewer,
  { caps, families }: Place,
  { recipe, resources: stated }: { readonly recipe: Recipe; readonly resources: readonly NamedResource[] },
): Promise<Filled> {
  const notes: string[] = [];
  const can = abilitiesOf(caps);
  const isThere = (offer: Offer): boolean => isKnown(caps.files, offer);
  const resources = withPromptTags(stated, recipe);
  const find = async (resource: NamedResource, types: readonly string[]): Promise<Found> => {
    if (resource.versionId !== null) {
      const [offer] = await findOffersByVersion(em, viewer, [resource.versionId], types);
      if (offer) return { offer, isByName: false };
    }
    const inFolder = types === CHECKPOINT_TYPES ? await findInFolder(em, resource.hash) : null;
    if (inFolder) return { offer: inFolder, isByName: false };
    const named = await findOffersByName(em, viewer, resource.name === '' ? [] : [fileName(resource.name)], types);
    return { offer: named.find(isThere) ?? named[0] ?? null, isByName: true };
  };
  const say = (key: string, { name, hash }: NamedResource, more: Readonly<Record<string, string>> = {}) => {
    notes.push(
      t(`remix.${key}`, { name: name || t('remix.unnamed'), hash: hash ? ` (${hash.slice(0, 10)})` : '', ...more }),
    );
  };

  const checkpoint = resources.find(({ kind }) => kind === 'checkpoint') ?? checkpointOf(recipe);
  const base = checkpoint ? await find(checkpoint, CHECKPOINT_TYPES) : { offer: null, isByName: false };
  const isRun = base.offer !== null && families.of(base.offer.baseModel) !== null && isThere(base.offer);
  if (!checkpoint) notes.push(t('remix.no-model'));
  else if (!base.offer) say('model-missing', checkpoint);
  else if (!isThere(base.offer)) say('model-not-there', checkpoint);
  else if (!isRun) say('model-not-run', checkpoint, { base: base.offer.baseModel });
  else if (base.isByName && checkpoint.hash) say('by-name', checkpoint, { kind: t('generate.checkpoint') });
  const model = isRun ? base.offer : null;
  const family = model ? families.of(model.baseModel) : null;

  const stack = async (
    kinds: readonly string[],
    types: readonly string[],
    label: string,
  ): Promise<[Offer, number][]> => {
    const chosen: [Offer, number][] = [];
    for (const resource of resources.filter(({ kind }) => kinds.includes(kind))) {
      const { offer, isByName } = await find(resource, types);
      if (!offer) say('missing', resource, { kind: label });
      else if (!isThere(offer)) say('not-there', resource, { kind: label });
      else if (family !== null && families.of(offer.baseModel) !== family) {
        say('misfit', resource, { kind: label, base: offer.baseModel });
      } else if (!chosen.some(([{ key }]) => key === offer.key)) {
        if (isByName && resource.hash) say('by-name', resource, { kind: label });
        chosen.push([offer, resource.weight ?? 1]);
      }
    }
    return chosen;
  };
  const loras = (await stack(['lora', 'locon'], LORA_TYPES, t('generate.lora'))).slice(0, MAX_LORAS);
  const embeddings = can.embeddings ? await stack(['embedding'], EMBEDDING_TYPES, t('generate.embedding')) : [];
  const vaes = can.vae ? await stack(['vae'], VAE_TYPES, t('generate.vae')) : [];
  if (!can.embeddings)
    for (const one of resources.filter(({ kind }) => kind === 'embedding')) say('no-embeddings', one);
  for (const one of resources) if (['hypernet', 'controlnet'].includes(one.kind)) say('not-reproduced', one);

  const settings = settingsOf(recipe, caps, model ? families.capsOf(model.baseModel) : null);
  const values: FormValues = {
    ...(model ? { model: model.key } : {}),
    lora: loras.map(([{ key }]) => key),
    ...Object.fromEntries(loras.map(([{ key }, weight]) => [`weight-${key}`, String(weight)])),
    embedding: embeddings.map(([{ key }]) => key),
    ...(vaes[0] ? { vae: vaes[0][0].key } : {}),
    ...settings.values,
    ...{ prompt: withoutTags(recipe.prompt ?? ''), negativePrompt: recipe.negativePrompt ?? '' },
  };
  return { values, notes: [...notes, ...settings.notes] };
}

const fileName = (name: string): string =>
  name
    .split(/[\\/]/)
    .at(-1)
    ?.replace(/\.safetensors$/i, '') ?? name;

const checkpointOf = ({ modelName, modelHash }: Recipe): NamedResource | null =>
  modelName || modelHash
    ? { kind: 'checkpoint', name: modelName ?? '', hash: modelHash ?? null, weight: null, versionId: null }
    : null;

/** LoRAs stand in the prompt, and among the resources where their hashes are known. */
function withPromptTags(resources: readonly NamedResource[], { prompt }: Recipe): NamedResource[] {
  const isNamed = (name: string) => resources.some((one) => fileName(one.name).toLowerCase() === name.toLowerCase());
  const tags = loraTags(prompt ?? '');
  const weightOf = (name: string) =>
    tags.find((tag) => tag.name.toLowerCase() === fileName(name).toLowerCase())?.weight;
  return [
    ...resources.map((one) => ({ ...one, weight: one.weight ?? weightOf(one.name) ?? null })),
    ...tags
      .filter(({ name }) => !isNamed(name))
      .map(({ name, weight }) => ({ kind: 'lora', name, hash: null, weight, versionId: null })),
  ];
}

/** A checkpoint of the operator's folder by the start of its SHA-256. */
async function findInFolder(em: Work['em'], hash: string | null): Promise<Offer | null> {
  if (!hash || !/^[0-9a-f]{10,64}$/.test(hash)) return null;
  const [row] = await rows<{ sha256: string }>(
    em,
    'select sha256 from folder_model where sha256 >= ? and sha256 < ? limit 1',
    [hash, `${hash}g`],
  );
  return row ? findFolderOffer(em, row.sha256) : null;
}
