import type { RawForm } from '../../kit/web/forms.ts';

/** Fields of the form that are kept: what was chosen and written, not what was looked for or pressed. */
const KEPT = new Set([
  ...['model', 'vae', 'lora', 'embedding', 'prompt', 'negativePrompt', 'size', 'width', 'height', 'steps', 'sampler'],
  ...['schedule', 'cfgScale', 'cfgRescale', 'seed', 'subseed', 'subseedStrength', 'count', 'clipSkip', 'repeatable'],
  ...[
    'remixOf',
    'format',
    'rng',
    'start',
    'mask',
    'denoise',
    'resize',
    'hires',
    'hiresScale',
    'hiresUpscaler',
    'hiresSteps',
    'hiresDenoise',
  ],
]);
/** A preset is for many pictures: what belongs to one is left out. */
const OF_ONE_PICTURE = new Set(['seed', 'subseed', 'remixOf', 'start', 'mask']);

const MOST_CHARACTERS = 20_000;
const MOST_VALUES = 40;

const cut = (text: string): string => text.replaceAll('\u0000', '').slice(0, MOST_CHARACTERS);

/** What of a sent form is kept, cut to what is sensible. */
export function keptFields(raw: RawForm): RawForm {
  const entries = Object.entries(raw).filter(([name]) => KEPT.has(name) || /^weight-\d{1,10}$/.test(name));
  return Object.fromEntries(
    entries
      .slice(0, 100)
      .map(([name, value]) => [name, Array.isArray(value) ? value.slice(0, MOST_VALUES).map(cut) : cut(value)]),
  );
}

export const presetFields = (raw: RawForm): RawForm =>
  Object.fromEntries(Object.entries(keptFields(raw)).filter(([name]) => !OF_ONE_PICTURE.has(name)));
