import { AppError } from '../../kit/errors.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { type GenerateFields, loraTags, MAX_LORAS } from '../form.ts';
import type { GenerationFile, GenerationLora } from '../model.ts';
import { findOffersByFile, findOffersByName, LORA_TYPES, type Offer } from './offers.ts';

export const refusal = (field: string, message: string) =>
  new AppError('invalid', message, { fields: { [field]: message } });

export const fileOf = ({ sha256, fileId, versionId, name, title, subtitle }: Offer): GenerationFile => ({
  ...{ sha256, fileId, versionId, name },
  title: versionId === null ? title : `${title} ${subtitle}`,
});

/** The stack of the form, and what the prompt names beside it. Throws `invalid` for what is not here or does not fit. */
export async function chooseLoras(
  { em }: Pick<Work, 'em'>,
  viewer: Viewer,
  fields: GenerateFields,
  fits: (offer: Offer) => boolean,
): Promise<GenerationLora[]> {
  const offers = await findOffersByFile(
    em,
    viewer,
    fields.loras.map(({ fileId }) => fileId),
    LORA_TYPES,
  );
  const chosen = new Map<string, GenerationLora>();
  const add = (offer: Offer, weight: number, field: string) => {
    if (!fits(offer))
      throw refusal(field, `${offer.title} was made for ${offer.baseModel}, and does not fit this checkpoint.`);
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
