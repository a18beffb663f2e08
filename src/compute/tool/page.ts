import type { FormState } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { RATINGS, ratingLabel } from '../../safety/ratings.ts';
import type { EngineCaps } from '../engine/protocol.ts';
import type { EngineStatus } from '../engines.ts';
import { type SizePreset, sizePresets } from '../form.ts';
import type { Families, FamilyCaps } from '../models/families.ts';
import {
  CHECKPOINT_TYPES,
  findFolderOffer,
  findOffersByFile,
  LORA_TYPES,
  listFolderOffers,
  listOffers,
  type Offer,
} from '../models/offers.ts';
import type { GenerationView, LiveView } from './queries.ts';
import { type FormValues, listValue, textValue } from './values.ts';

interface PickView extends Offer {
  readonly isChosen: boolean;
}

interface ChosenLora extends Offer {
  readonly weight: string;
  readonly error: string;
}

export interface FormView {
  readonly model: Offer | null;
  readonly models: readonly PickView[];
  readonly modelSearch: string;
  /** The list stands open: somebody is choosing. */
  readonly isPicking: boolean;
  readonly loras: readonly ChosenLora[];
  readonly moreLoras: readonly Offer[];
  readonly loraSearch: string;
  readonly isPickingLora: boolean;
  readonly sizes: readonly (SizePreset & { readonly label: string; readonly isChosen: boolean })[];
  readonly isCustomSize: boolean;
  readonly family: FamilyCaps | null;
  readonly samplers: readonly string[];
  readonly schedules: readonly string[];
  readonly values: Readonly<Record<string, string>>;
  readonly errors: FormState['errors'];
}

export interface ToolPage {
  readonly engine: EngineStatus;
  readonly isCpu: boolean;
  readonly deviceName: string;
  readonly form: FormView | null;
  readonly generation: GenerationView | null;
  readonly live: LiveView | null;
  readonly recent: readonly GenerationView[];
  readonly ratings: readonly { readonly value: string; readonly label: string }[];
}

export interface FormParts {
  readonly values: FormValues;
  readonly errors?: FormState['errors'];
  readonly isPicking?: boolean;
  readonly isPickingLora?: boolean;
}

const PLAIN = [
  'prompt',
  'negativePrompt',
  'width',
  'height',
  'steps',
  'sampler',
  'schedule',
  'cfgScale',
  'seed',
  'count',
  'clipSkip',
];

/** The form with what is in it, and what may be chosen beside that. */
export async function loadForm(
  { em }: Pick<Work, 'em'>,
  viewer: Viewer,
  caps: EngineCaps,
  families: Families,
  { values, errors = {}, isPicking = false, isPickingLora = false }: FormParts,
): Promise<FormView> {
  const modelSearch = textValue(values.modelSearch);
  const loraSearch = textValue(values.loraSearch);
  const models = [
    ...(await listOffers(em, viewer, {
      types: CHECKPOINT_TYPES,
      baseModels: families.baseModels(),
      search: modelSearch,
    })),
    ...(await listFolderOffers(em, families, modelSearch)),
  ];
  const model =
    (await findModel(em, viewer, textValue(values.model))) ?? (modelSearch === '' ? (models[0] ?? null) : null);
  const familyName = model ? families.of(model.baseModel) : null;
  const family = model ? families.capsOf(model.baseModel) : null;

  const chosenIds = listValue(values.lora).map(Number).filter(Number.isSafeInteger);
  const chosen = await findOffersByFile(em, viewer, chosenIds, LORA_TYPES);
  const offered = familyName
    ? await listOffers(em, viewer, {
        types: LORA_TYPES,
        baseModels: families.baseModels(familyName),
        search: loraSearch,
      })
    : [];
  const loras = chosen.map((lora) => ({
    ...lora,
    weight: textValue(values[`weight-${lora.key}`]) || String(lora.recommendedWeight ?? 1),
    error:
      families.of(lora.baseModel) === familyName
        ? (errors[`weight-${lora.key}`] ?? '')
        : t('generate.lora-misfit', { base: lora.baseModel }),
  }));

  const presets = family ? sizePresets(family) : [];
  const before = await findModel(em, viewer, textValue(values.modelBefore));
  const isOtherFamily = before !== null && families.of(before.baseModel) !== familyName;
  // a size that suited the family before is seldom one of this family
  const size = isOtherFamily ? '' : textValue(values.size);
  const known = presets.some(({ value }) => value === size);
  const plain = Object.fromEntries(PLAIN.map((name) => [name, textValue(values[name])]));
  const [square] = presets;
  const isSquare = size === '' && square !== undefined;
  return {
    ...{ model, modelSearch, isPicking, loras, loraSearch, isPickingLora, family, errors },
    models: models.map((offer) => ({ ...offer, isChosen: offer.key === model?.key })),
    moreLoras: offered.filter(({ key }) => !chosen.some((lora) => lora.key === key)),
    sizes: presets.map((preset) => ({
      ...preset,
      label: shapeLabel(preset),
      isChosen: isSquare ? preset === square : preset.value === size,
    })),
    isCustomSize: !isSquare && !known,
    samplers: caps.samplers,
    schedules: caps.schedules,
    values: withDefaults(
      {
        ...plain,
        ...(isOtherFamily ? { width: '', height: '' } : {}),
        ...(before && model?.clipSkip ? { clipSkip: String(model.clipSkip) } : {}),
      },
      family,
      square,
    ),
  };
}

const shapeLabel = ({ width, height }: SizePreset): string =>
  width === height ? t('generate.square') : width < height ? t('generate.portrait') : t('generate.landscape');

async function findModel(em: Work['em'], viewer: Viewer, key: string): Promise<Offer | null> {
  if (/^[0-9a-f]{64}$/.test(key)) return findFolderOffer(em, key);
  if (!/^[1-9]\d{0,9}$/.test(key)) return null;
  return (await findOffersByFile(em, viewer, [Number(key)], CHECKPOINT_TYPES))[0] ?? null;
}

function withDefaults(
  values: Readonly<Record<string, string>>,
  family: FamilyCaps | null,
  square: SizePreset | undefined,
): Record<string, string> {
  const side = String(family?.default_size ?? 512);
  const defaults: Record<string, string> = {
    ...{ width: String(square?.width ?? side), height: String(square?.height ?? side) },
    ...{ steps: '25', sampler: 'DPM++ 2M', schedule: 'Automatic', cfgScale: '7', count: '1', clipSkip: '1' },
  };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value || (defaults[name] ?? '')]));
}

export const ratingOptions = (allowedLevels: number) =>
  RATINGS.filter((level) => (level & allowedLevels) !== 0).map((level) => ({
    value: String(level),
    label: ratingLabel(level),
  }));
