import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { type GenerateFields, MAX_LORAS } from '../form.ts';
import type { GenerationFile, GenerationLora } from '../model.ts';
import { loraTags } from '../prompt/tags.ts';
import { findFolderOffer } from './folder-offers.ts';
import {
  CHECKPOINT_TYPES,
  EMBEDDING_TYPES,
  findOffersByFile,
  findOffersByName,
  LORA_TYPES,
  type Offer,
  UPSCALER_TYPES,
  VAE_TYPES,
} from './offers.ts';

type Em = Work['em'];
type Fits = (offer: Offer) => boolean;

export const refusal = (field: string, message: string) =>
  new AppError('invalid', message, { fields: { [field]: message } });

export const fileOf = ({ sha256, fileId, versionId, name, title, subtitle }: Offer): GenerationFile => ({
  ...{ sha256, fileId, versionId, name },
  title: versionId === null ? title : `${title} ${subtitle}`,
});

/** A checkpoint by the key that forms use; null for what is not offered to this person. */
export async function findCheckpoint(em: Em, viewer: Viewer, key: string): Promise<Offer | null> {
  if (/^[0-9a-f]{64}$/.test(key)) return findFolderOffer(em, key);
  return findByKey(em, viewer, key, CHECKPOINT_TYPES);
}

async function findByKey(em: Em, viewer: Viewer, key: string, types: readonly string[]): Promise<Offer | null> {
  if (!/^[1-9]\d{0,9}$/.test(key) || Number(key) > 2_147_483_647) return null;
  return (await findOffersByFile(em, viewer, [Number(key)], types))[0] ?? null;
}

const misfit = (offer: Offer): string => t('generate.misfit', { name: offer.title, base: offer.baseModel });

/** Null for the checkpoint's own. Throws `invalid`. */
export async function chooseVae(em: Em, viewer: Viewer, key: string, fits: Fits): Promise<GenerationFile | null> {
  if (key === '') return null;
  const offer = await findByKey(em, viewer, key, VAE_TYPES);
  if (!offer) throw refusal('vae', 'This VAE is not offered here any more.');
  if (!fits(offer)) throw refusal('vae', misfit(offer));
  return fileOf(offer);
}

/** Upscalers work on pixels, so any fits. Throws `invalid`. */
export async function chooseUpscaler(em: Em, viewer: Viewer, key: string): Promise<GenerationFile> {
  const offer = await findByKey(em, viewer, key, UPSCALER_TYPES);
  if (!offer) throw refusal('hiresUpscaler', 'This upscaler is not offered here any more.');
  return fileOf(offer);
}

/** Throws `invalid` for what is not here, does not fit, or has the name of another. */
export async function chooseEmbeddings(
  em: Em,
  viewer: Viewer,
  fileIds: readonly number[],
  fits: Fits,
): Promise<GenerationFile[]> {
  const offers = await findOffersByFile(em, viewer, fileIds, EMBEDDING_TYPES);
  if (offers.length < fileIds.length) throw refusal('embedding', 'One of the embeddings is not offered here any more.');
  const names = new Set<string>();
  for (const offer of offers) {
    if (!fits(offer)) throw refusal('embedding', misfit(offer));
    // a prompt calls them by name
    if (names.has(offer.name)) throw refusal('embedding', t('generate.same-name', { name: offer.name }));
    names.add(offer.name);
  }
  return offers.map(fileOf);
}

/** The stack of the form, and what the prompt names beside it. Throws `invalid` for what is not here or does not fit. */
export async function chooseLoras(
  em: Em,
  viewer: Viewer,
  fields: Pick<GenerateFields, 'loras' | 'prompt'>,
  fits: Fits,
): Promise<GenerationLora[]> {
  const offers = await findOffersByFile(
    em,
    viewer,
    fields.loras.map(({ fileId }) => fileId),
    LORA_TYPES,
  );
  const chosen = new Map<string, GenerationLora>();
  const add = (offer: Offer, weight: number, field: string) => {
    if (!fits(offer)) throw refusal(field, misfit(offer));
    // infotext tells LoRAs apart by name, and two files may have the same
    const isTaken = [...chosen.values()].some(({ name, fileId }) => name === offer.name && fileId !== offer.fileId);
    const name = isTaken ? `${offer.name}_${offer.versionId}` : offer.name;
    chosen.set(offer.key, { ...fileOf(offer), name, weight });
  };
  for (const { fileId, weight } of fields.loras) {
    const offer = offers.find((one) => one.fileId === fileId);
    if (!offer) throw refusal('lora', 'One of the LoRAs is not offered here any more.');
    add(offer, weight, 'lora');
  }
  const tags = loraTags(fields.prompt).filter(
    ({ name }) => ![...chosen.values()].some((lora) => lora.name.toLowerCase() === name.toLowerCase()),
  );
  const named = await findOffersByName(
    em,
    viewer,
    tags.map(({ name }) => name),
    LORA_TYPES,
  );
  for (const { name, weight } of tags) {
    const known = named.filter((offer) => offer.name.toLowerCase() === name.toLowerCase());
    const offer = known.find(fits) ?? known[0];
    if (!offer) throw refusal('prompt', `There is no LoRA ${name} on this node; remove it from the prompt.`);
    add(offer, weight, 'prompt');
  }
  if (chosen.size > MAX_LORAS) throw refusal('lora', `A picture takes at most ${MAX_LORAS} LoRAs.`);
  return [...chosen.values()];
}
