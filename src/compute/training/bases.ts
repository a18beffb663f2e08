import type { Viewer, Work } from '../../kit/work.ts';
import type { TrainingLimits } from '../datasets/limits.ts';
import type { EngineHello } from '../engine/protocol.ts';
import { Families, type FamilyCaps } from '../models/families.ts';
import { findFolderOffer, listFolderOffers } from '../models/folder-offers.ts';
import { CHECKPOINT_TYPES, findOffersByFile, listOffers, type Offer } from '../models/offers.ts';
import type { Look } from './model.ts';

export const canTrain = ({ caps }: EngineHello): boolean => caps.tasks.includes('train');

export interface Base extends Offer {
  readonly family: string;
  readonly caps: FamilyCaps;
}

/** A checkpoint that is offered to this person and that the engine knows; null for anything else. */
export async function findBase(
  { em }: Pick<Work, 'em'>,
  viewer: Viewer,
  hello: EngineHello,
  key: string,
): Promise<Base | null> {
  const families = await Families.read(em, hello.caps);
  const offer = /^[0-9a-f]{64}$/.test(key)
    ? await findFolderOffer(em, key)
    : /^[1-9]\d{0,9}$/.test(key)
      ? ((await findOffersByFile(em, viewer, [Number(key)], CHECKPOINT_TYPES))[0] ?? null)
      : null;
  return offer && baseOf(offer, families);
}

export interface BaseChoice extends Base {
  /** For what the owner of the node recommends it. */
  readonly look: Look | null;
}

/** What can be trained on, what the owner recommends first. */
export async function listBases(
  { em }: Pick<Work, 'em'>,
  viewer: Viewer,
  hello: EngineHello,
  { standardBase, animeBase, realisticBase }: TrainingLimits,
): Promise<BaseChoice[]> {
  const families = await Families.read(em, hello.caps);
  const offers = [
    ...(await listOffers(em, viewer, { types: CHECKPOINT_TYPES, fitting: families.baseModels() })),
    ...(await listFolderOffers(em)),
  ];
  const looks: Readonly<Record<string, Look>> = {
    [standardBase]: 'standard',
    [animeBase]: 'anime',
    [realisticBase]: 'realistic',
  };
  return offers
    .flatMap((offer) => baseOf(offer, families) ?? [])
    .map((base) => ({ ...base, look: looks[base.key] ?? null }))
    .sort((a, b) => Number(b.look !== null) - Number(a.look !== null));
}

function baseOf(offer: Offer, families: Families): Base | null {
  const family = families.of(offer.baseModel);
  const caps = families.capsOf(offer.baseModel);
  return family !== null && caps ? { ...offer, family, caps } : null;
}
