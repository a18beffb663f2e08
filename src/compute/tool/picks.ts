import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { MAX_LORAS } from '../form.ts';
import { findCheckpoint } from '../models/choose.ts';
import type { Families } from '../models/families.ts';
import { listFolderOffers } from '../models/folder-offers.ts';
import { isKnown } from '../models/known.ts';
import {
  CHECKPOINT_TYPES,
  EMBEDDING_TYPES,
  findOffersByFile,
  LORA_TYPES,
  listOffers,
  type Offer,
  UPSCALER_TYPES,
  VAE_TYPES,
} from '../models/offers.ts';
import { type FormValues, listValue, textValue } from './values.ts';

/** One in a list to choose from. */
interface PickView extends Offer {
  readonly isChosen: boolean;
  /** Why it cannot be chosen; empty when it can. */
  readonly reason: string;
}

/** One that was chosen. */
interface ChosenView extends Offer {
  readonly weight: string;
  readonly error: string;
}

export interface OptionView {
  readonly value: string;
  readonly label: string;
  readonly disabled: boolean;
}

export interface Picks {
  readonly model: Offer | null;
  /** Chosen, and not to be had any more. */
  readonly isModelGone: boolean;
  readonly models: readonly PickView[];
  readonly loras: readonly ChosenView[];
  readonly moreLoras: readonly PickView[];
  readonly isStackFull: boolean;
  readonly embeddings: readonly ChosenView[];
  readonly moreEmbeddings: readonly PickView[];
  readonly vaes: readonly OptionView[];
  readonly upscalers: readonly OptionView[];
}

/** What is chosen, and what may be chosen beside it: what does not fit stands in the lists too, with the reason. */
export async function loadPicks(
  { em }: Pick<Work, 'em'>,
  viewer: Viewer,
  families: Families,
  values: FormValues,
  errors: Readonly<Record<string, string>>,
): Promise<Picks> {
  const search = (name: string) => textValue(values[name]);
  const found = [
    ...(await listOffers(em, viewer, {
      types: CHECKPOINT_TYPES,
      fitting: families.baseModels(),
      search: search('modelSearch'),
      known: families.known,
    })),
    ...(await listFolderOffers(em, search('modelSearch'))).filter((offer) => isKnown(families.known, offer)),
  ];
  const runs = (offer: Offer) => families.of(offer.baseModel) !== null && isKnown(families.known, offer);
  const asked = textValue(values.model);
  const chosen = asked === '' ? null : await findCheckpoint(em, viewer, asked);
  const first = search('modelSearch') === '' ? found.find(runs) : undefined;
  const model = chosen && runs(chosen) ? chosen : (first ?? null);
  const family = model ? families.of(model.baseModel) : null;
  const fits = (offer: Offer) => family !== null && families.of(offer.baseModel) === family;

  const list = async (types: readonly string[], name: string) =>
    family === null
      ? []
      : listOffers(em, viewer, {
          ...{ types, fitting: families.baseModels(family), search: search(name), known: families.known },
        });
  const pickOf =
    (chosenKeys: readonly string[]) =>
    (offer: Offer): PickView => ({
      ...offer,
      isChosen: chosenKeys.includes(offer.key),
      reason: fits(offer) ? '' : t('generate.made-for', { base: offer.baseModel }),
    });
  const stackOf = async (name: string, types: readonly string[]): Promise<ChosenView[]> => {
    const ids = listValue(values[name]).map(Number).filter(Number.isSafeInteger);
    return (await findOffersByFile(em, viewer, ids, types)).map((offer) => ({
      ...offer,
      weight: textValue(values[`weight-${offer.key}`]) || String(offer.recommendedWeight ?? 1),
      error: fits(offer) ? (errors[`weight-${offer.key}`] ?? '') : t('generate.lora-misfit', { base: offer.baseModel }),
    }));
  };
  const optionOf = (offer: Offer, isFit: boolean): OptionView => ({
    value: offer.key,
    label: `${offer.title} · ${offer.subtitle}${isFit ? '' : ` · ${t('generate.made-for', { base: offer.baseModel })}`}`,
    disabled: !isFit,
  });

  const loras = await stackOf('lora', LORA_TYPES);
  const embeddings = await stackOf('embedding', EMBEDDING_TYPES);
  const keysOf = (stack: readonly ChosenView[]) => stack.map(({ key }) => key);
  return {
    ...{ model, loras, embeddings },
    isModelGone: asked !== '' && chosen === null,
    isStackFull: loras.length >= MAX_LORAS,
    models: found.map((offer) => ({
      ...offer,
      isChosen: offer.key === model?.key,
      reason: runs(offer) ? '' : t('generate.not-run', { base: offer.baseModel }),
    })),
    moreLoras: (await list(LORA_TYPES, 'loraSearch')).map(pickOf(keysOf(loras))),
    moreEmbeddings: (await list(EMBEDDING_TYPES, 'embeddingSearch')).map(pickOf(keysOf(embeddings))),
    vaes: (await list(VAE_TYPES, '')).map((offer) => optionOf(offer, fits(offer))),
    upscalers: (await list(UPSCALER_TYPES, '')).map((offer) => optionOf(offer, true)),
  };
}
