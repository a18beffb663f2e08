import { findRemixed, type RemixedView } from '../../gallery/pages/remixes.ts';
import { eyesOf } from '../../gallery/views.ts';
import type { FormState } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { RATINGS, ratingLabel } from '../../safety/ratings.ts';
import { type Abilities, abilitiesOf } from '../abilities.ts';
import { listPresets, mayShare, type PresetView } from '../desk/presets.ts';
import { findStart, type Start } from '../desk/start.ts';
import type { EngineCaps } from '../engine/protocol.ts';
import type { EngineStatus } from '../engines/report.ts';
import { findCheckpoint } from '../models/choose.ts';
import type { Families, FamilyCaps } from '../models/families.ts';
import { type PromptSize, sizeOfPrompt } from '../prompt/chunks.ts';
import { type SizePreset, sizePresets } from '../sizes.ts';
import type { CostView } from './cost.ts';
import type { LiveView } from './live.ts';
import { loadPicks, type OptionView, type Picks } from './picks.ts';
import type { GenerationView } from './queries.ts';
import { type FormValues, textValue } from './values.ts';

export interface FormView extends Picks {
  readonly can: Abilities;
  readonly modelSearch: string;
  readonly loraSearch: string;
  readonly embeddingSearch: string;
  /** Which list stands open: somebody is choosing. */
  readonly open: OpenPart;
  readonly sizes: readonly (SizePreset & { readonly label: string; readonly isChosen: boolean })[];
  readonly isCustomSize: boolean;
  readonly family: FamilyCaps | null;
  readonly samplers: readonly string[];
  readonly schedules: readonly string[];
  readonly upscalerOptions: readonly OptionView[];
  /** Whose recipe the form was filled with. */
  readonly remixOf: RemixedView | null;
  readonly start: Start | null;
  readonly mask: Start | null;
  readonly presets: readonly PresetView[];
  readonly maySharePresets: boolean;
  readonly promptSize: PromptSize;
  readonly negativeSize: PromptSize;
  readonly values: Readonly<Record<string, string>>;
  readonly errors: FormState['errors'];
  /** What could not be taken over from a recipe. */
  readonly notes: readonly string[];
  /** A recipe was taken over, whole or in part. */
  readonly isFilled: boolean;
  /** Something in the folded part is not as it comes. */
  readonly isAdvanced: boolean;
}

export type OpenPart = 'model' | 'lora' | 'embedding' | 'paste' | 'presets' | '';

export interface ToolPage {
  readonly cost: CostView | null;
  readonly engine: EngineStatus;
  /** Of the operator, that makes the pictures; '' for our own engine. */
  readonly program: string;
  readonly isCpu: boolean;
  readonly deviceName: string;
  readonly form: FormView | null;
  readonly generation: GenerationView | null;
  readonly live: LiveView | null;
  readonly recent: readonly GenerationView[];
  readonly ratings: readonly { readonly value: string; readonly label: string }[];
  /** Pictures of the shown generation that were deleted a moment ago. */
  readonly deletedCount: number;
}

export interface FormParts {
  readonly values: FormValues;
  readonly errors?: FormState['errors'];
  readonly open?: OpenPart;
  readonly notes?: readonly string[];
  readonly isFilled?: boolean;
}

const DEFAULTS: Readonly<Record<string, string>> = {
  ...{
    prompt: '',
    negativePrompt: '',
    width: '',
    height: '',
    seed: '',
    subseed: '',
    vae: '',
    presetName: '',
    pasted: '',
  },
  ...{ steps: '25', sampler: 'DPM++ 2M', schedule: 'Automatic', cfgScale: '7', count: '1', clipSkip: '1' },
  ...{
    cfgRescale: '0',
    subseedStrength: '0',
    repeatable: '',
    photoRights: '',
    format: 'png',
    rng: 'CPU',
    denoise: '0.6',
    resize: 'crop',
  },
  ...{ hires: '', hiresScale: '2', hiresUpscaler: 'latent', hiresSteps: '0', hiresDenoise: '0.5' },
};
const ADVANCED = [
  'sampler',
  'schedule',
  'clipSkip',
  'cfgRescale',
  'vae',
  'subseed',
  'subseedStrength',
  'repeatable',
  'format',
  'rng',
];

/** The form with what is in it, and what may be chosen beside that. */
export async function loadForm(
  work: Pick<Work, 'em'>,
  viewer: Viewer,
  caps: EngineCaps,
  families: Families,
  { values, errors = {}, open = '', notes = [], isFilled = false }: FormParts,
): Promise<FormView> {
  const { em } = work;
  const picks = await loadPicks(work, viewer, families, values, errors);
  const { model } = picks;
  const family = model ? families.capsOf(model.baseModel) : null;
  const can = abilitiesOf(caps);
  const presets = family ? sizePresets(family) : [];
  const before = await findCheckpoint(em, viewer, textValue(values.modelBefore));
  const isOtherFamily = before !== null && families.of(before.baseModel) !== families.of(model?.baseModel ?? '');
  // a size that suited the family before is seldom one of this family
  const size = isOtherFamily ? '' : textValue(values.size);
  const [square] = presets;
  const isSquare = size === '' && square !== undefined;
  const plain = Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, textValue(values[name])]));
  const samplers = caps.samplers.includes('DPM++ 2M') ? 'DPM++ 2M' : (caps.samplers[0] ?? '');
  const filled = filledWith(
    {
      ...plain,
      ...(isOtherFamily ? { width: '', height: '' } : {}),
      ...(before && model?.clipSkip ? { clipSkip: String(model.clipSkip) } : {}),
    },
    { ...DEFAULTS, ...squareOf(family, square), sampler: samplers },
  );
  return {
    ...picks,
    ...{ can, family, errors, open, notes, isFilled },
    modelSearch: textValue(values.modelSearch),
    loraSearch: textValue(values.loraSearch),
    embeddingSearch: textValue(values.embeddingSearch),
    sizes: presets.map((preset) => ({
      ...preset,
      label: shapeLabel(preset),
      isChosen: isSquare ? preset === square : preset.value === size,
    })),
    isCustomSize: !isSquare && !presets.some(({ value }) => value === size),
    samplers: caps.samplers,
    schedules: caps.schedules,
    upscalerOptions: [
      ...can.upscalers.map((value) => ({ value, label: t(`generate.upscaler.${value}`), disabled: false })),
      ...(can.modelUpscalers ? picks.upscalers : []),
    ],
    remixOf: await findRemixed(em, viewer, await eyesOf(em, viewer), remixOfIn(values)),
    start: can.start ? await findStart(em, viewer, textValue(values.start)) : null,
    mask: can.mask ? await findStart(em, viewer, textValue(values.mask)) : null,
    presets: await listPresets(work, viewer),
    maySharePresets: mayShare(viewer),
    promptSize: sizeOfPrompt(filled.prompt ?? ''),
    negativeSize: sizeOfPrompt(filled.negativePrompt ?? ''),
    values: filled,
    isAdvanced: ADVANCED.some((name) => name in errors),
  };
}

function remixOfIn(values: FormValues): number | null {
  const text = textValue(values.remixOf);
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : null;
}

const shapeLabel = ({ width, height }: SizePreset): string =>
  width === height ? t('generate.square') : width < height ? t('generate.portrait') : t('generate.landscape');

function squareOf(family: FamilyCaps | null, square: SizePreset | undefined): Record<string, string> {
  const side = String(family?.default_size ?? 512);
  return { width: String(square?.width ?? side), height: String(square?.height ?? side) };
}

const filledWith = (
  values: Readonly<Record<string, string>>,
  defaults: Readonly<Record<string, string>>,
): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value || (defaults[name] ?? '')]));

export const ratingOptions = (allowedLevels: number) =>
  RATINGS.filter((level) => (level & allowedLevels) !== 0).map((level) => ({
    value: String(level),
    label: ratingLabel(level),
  }));
