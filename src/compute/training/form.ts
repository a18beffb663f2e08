import type { RawForm } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import { LR_SCHEDULES, OPTIMIZERS, PRECISIONS, TrainSettings } from './params.ts';

interface FieldSpec {
  readonly name: string;
  /** Where it stands in the settings. */
  readonly path: readonly [string] | readonly [string, string];
  readonly kind: 'number' | 'number or empty' | 'text' | 'flag' | 'choice' | 'lines';
  readonly options?: readonly string[];
}

const at = (kind: FieldSpec['kind'], ...names: readonly string[]): FieldSpec[] =>
  names.map((name) => ({ name, path: [name], kind }));
const inside = (group: string, kind: FieldSpec['kind'], ...names: readonly string[]): FieldSpec[] =>
  names.map((name) => ({ name: `${group}_${name}`, path: [group, name], kind }));
const choice = (name: string, options: readonly string[]): FieldSpec => ({
  name,
  path: [name],
  kind: 'choice',
  options,
});

/** What everybody sees, and what is folded away. */
const PLAIN: readonly FieldSpec[] = [
  ...at('text', 'trigger'),
  ...at('number', 'epochs', 'repeats', 'resolution', 'batch', 'rank', 'unet_lr'),
  ...inside('samples', 'lines', 'prompts'),
];
const ADVANCED: readonly FieldSpec[] = [
  ...at('number', 'alpha'),
  ...at('number or empty', 'conv_rank', 'max_steps'),
  ...at('number', 'te_lr', 'grad_accum'),
  choice('optimizer', OPTIMIZERS),
  choice('lr_schedule', LR_SCHEDULES),
  ...at('number', 'lr_warmup', 'lr_cycles', 'min_snr_gamma', 'noise_offset'),
  choice('caption_mode', ['tags', 'sentence']),
  ...at('number', 'keep_tokens', 'caption_dropout', 'clip_skip'),
  choice('precision', PRECISIONS),
  ...at('number', 'seed', 'state_every_s'),
  ...inside('samples', 'text', 'negative'),
  ...inside('samples', 'number', 'every_epochs', 'steps', 'cfg', 'seed', 'w', 'h'),
  ...inside('save', 'number', 'every_epochs', 'keep'),
  ...inside('bucket', 'number', 'step', 'min', 'max'),
  ...at('flag', 'shuffle_tags', 'flip', 'grad_checkpoint', 'cache_latents', 'cache_text'),
  ...inside('bucket', 'flag', 'enable', 'no_upscale'),
];
const ALL = [...PLAIN, ...ADVANCED];

export interface FieldView {
  readonly name: string;
  readonly kind: FieldSpec['kind'];
  readonly label: string;
  readonly hint: string;
  readonly value: string;
  readonly options: readonly { readonly value: string; readonly label: string }[];
}

type Nested = Readonly<Record<string, unknown>>;

/** The settings as a browser would send them. */
export function valuesOf(settings: TrainSettings): Record<string, string> {
  return Object.fromEntries(
    ALL.map(({ name, path: [first, second] }) => {
      const outer: unknown = (settings as Nested)[first];
      const value = second === undefined ? outer : (outer as Nested)[second];
      if (typeof value === 'boolean') return [name, value ? '1' : ''];
      return [name, Array.isArray(value) ? value.join('\n') : value === null ? '' : String(value)];
    }),
  );
}

export function fieldViews(values: RawForm): {
  readonly plain: readonly FieldView[];
  readonly advanced: readonly FieldView[];
} {
  const views = (specs: readonly FieldSpec[]) =>
    specs.map(({ name, kind, options = [] }) => ({
      ...{ name, kind },
      label: t(`train.field.${name}`),
      hint: t(`train.field.${name}.hint`),
      value: [values[name] ?? ''].flat().join('\n'),
      options: options.map((value) => ({ value, label: t(`train.choice.${value}`) })),
    }));
  return { plain: views(PLAIN), advanced: views(ADVANCED) };
}

/** Reads the sent fields. A field that is wrong has a message under its own name. */
export function readSettings(
  raw: RawForm,
):
  | { readonly settings: TrainSettings; readonly errors: null }
  | { readonly settings: null; readonly errors: Record<string, string> } {
  const nested: Record<string, unknown> = {};
  const errors: Record<string, string> = {};
  for (const { name, path, kind } of ALL) {
    const text = [raw[name] ?? ''].flat()[0] ?? '';
    const [first, second] = path;
    const value = valueIn(kind, text);
    if (value === undefined) errors[name] = t('train.error.number', { label: t(`train.field.${name}`) });
    if (second === undefined) nested[first] = value;
    else nested[first] = { ...(nested[first] as Nested | undefined), [second]: value };
  }
  if (Object.keys(errors).length > 0) return { settings: null, errors };
  const parsed = TrainSettings.safeParse(nested);
  if (parsed.success) return { settings: parsed.data, errors: null };
  for (const { path, message } of parsed.error.issues) {
    const name = ALL.find(({ path: its }) => its.every((part, n) => part === path[n]))?.name ?? 'form';
    errors[name] ??= `${t(`train.field.${name}`)}: ${message}`;
  }
  return { settings: null, errors };
}

/** Undefined for what is no number. */
function valueIn(kind: FieldSpec['kind'], text: string): unknown {
  if (kind === 'flag') return text === '1' || text === 'on';
  if (kind === 'lines')
    return text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
  if (kind === 'text' || kind === 'choice') return text.trim();
  if (text.trim() === '') return kind === 'number or empty' ? null : undefined;
  const number = Number(text.replace(',', '.'));
  return Number.isFinite(number) ? number : undefined;
}
