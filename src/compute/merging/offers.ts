import { inList, rows, toNumber } from '../../kit/database/sql.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import type { EngineHello } from '../engine/protocol.ts';
import { fileOf } from '../models/choose.ts';
import { Families } from '../models/families.ts';
import { findFolderOffer, listFolderOffers } from '../models/folder-offers.ts';
import { CHECKPOINT_TYPES, findOffersByFile, LORA_TYPES, listOffers, type Offer } from '../models/offers.ts';
import type { MergeKind, MergePart } from './model.ts';

export const typesOf = (kind: MergeKind): readonly string[] => (kind === 'checkpoint' ? CHECKPOINT_TYPES : LORA_TYPES);

export const canMerge = ({ caps }: EngineHello): boolean => caps.tasks.includes('merge') && caps.files === null;

export interface Mergeable extends Offer {
  /** Of the engine. */
  readonly family: string;
}

/** What can be mixed, by name; `family` narrows it to what fits what was chosen already. */
export async function listMergeable(
  { em }: Pick<Work, 'em'>,
  viewer: Viewer,
  hello: EngineHello,
  { kind, search, family }: { readonly kind: MergeKind; readonly search: string; readonly family: string | null },
): Promise<Mergeable[]> {
  const families = await Families.read(em, hello.caps);
  const fitting = families.baseModels(family);
  const offers = [
    ...(await listOffers(em, viewer, { types: typesOf(kind), fitting, search })),
    ...(kind === 'checkpoint' ? await listFolderOffers(em, search) : []),
  ];
  return offers
    .flatMap((offer) => mergeable(offer, families) ?? [])
    .filter((offer) => family === null || offer.family === family);
}

/** What was chosen, in the order of the keys; null for one that is not offered to this person. */
export async function findMergeable(
  { em }: Pick<Work, 'em'>,
  viewer: Viewer,
  hello: EngineHello,
  kind: MergeKind,
  keys: readonly string[],
): Promise<(Mergeable | null)[]> {
  const families = await Families.read(em, hello.caps);
  const fileIds = keys.filter((key) => /^[1-9]\d{0,9}$/.test(key)).map(Number);
  const offers = await findOffersByFile(em, viewer, fileIds, typesOf(kind));
  const found: (Mergeable | null)[] = [];
  for (const key of keys) {
    const isFolder = kind === 'checkpoint' && /^[0-9a-f]{64}$/.test(key);
    const offer = isFolder ? await findFolderOffer(em, key) : (offers.find((one) => one.key === key) ?? null);
    found.push(offer && mergeable(offer, families));
  }
  return found;
}

function mergeable(offer: Offer, families: Families): Mergeable | null {
  const family = families.of(offer.baseModel);
  return family === null ? null : { ...offer, family };
}

/** As a run keeps them, with the sizes of their files. */
export async function partsOf({ em }: Pick<Work, 'em'>, offers: readonly Mergeable[]): Promise<MergePart[]> {
  const sha256s = offers.map(({ sha256 }) => sha256);
  const sizes = await rows<{ sha256: string; total_bytes: unknown }>(
    em,
    `select sha256, total_bytes from model_file where sha256 in (${inList(sha256s)})
     union select sha256, total_bytes from folder_model where sha256 in (${inList(sha256s)})`,
    [...sha256s, ...sha256s],
  );
  const bytesOf = (sha256: string) => toNumber(sizes.find((one) => one.sha256 === sha256)?.total_bytes);
  return offers.map((offer) => ({
    ...fileOf(offer),
    title: `${offer.title} ${offer.subtitle}`.trim().slice(0, 200),
    baseModel: offer.baseModel,
    totalBytes: bytesOf(offer.sha256),
  }));
}
