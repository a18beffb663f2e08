import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { applyPreset, removePreset, savePreset } from '../desk/presets.ts';
import type { EngineCaps } from '../engine/protocol.ts';
import { Families } from '../models/families.ts';
import type { FormParts, OpenPart } from './page.ts';
import type { ToolForm } from './read-form.ts';
import { type Filled, readPasted, valuesOfRecipe } from './remix.ts';
import { afterAct, textValue } from './values.ts';

/** The list that stays open after an act in it. */
const OPEN: Readonly<Record<string, OpenPart>> = {
  ...{ 'model-search': 'model', 'lora-search': 'lora', 'embedding-search': 'embedding' },
  ...{ 'add-embedding': 'embedding', add: 'lora', 'preset-save': 'presets', 'preset-drop': 'presets' },
};

/** The form after one of its buttons that changes it and makes nothing. Refusals stand at their fields. */
export async function actOnForm(
  work: Pick<Work, 'em' | 'now'>,
  viewer: Viewer,
  caps: EngineCaps | null,
  form: ToolForm,
): Promise<FormParts> {
  const act = textValue(form.raw.act);
  const [what = '', key = ''] = act.split(':');
  try {
    const parts = await partsAfter(work, viewer, caps, form, what, key);
    return { open: OPEN[what] ?? '', ...parts, errors: { ...form.errors, ...parts.errors } };
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== 'invalid') throw error;
    return { values: form.raw, errors: { ...form.errors, ...error.fields }, open: OPEN[what] ?? '' };
  }
}

async function partsAfter(
  work: Pick<Work, 'em' | 'now'>,
  viewer: Viewer,
  caps: EngineCaps | null,
  { raw, dropped }: ToolForm,
  what: string,
  key: string,
): Promise<FormParts> {
  switch (what) {
    case 'preset':
      return { values: await applyPreset(work, viewer, key, raw), isFilled: true };
    case 'preset-save':
      await savePreset(work, viewer, {
        ...{ name: textValue(raw.presetName), raw },
        isForAll: textValue(raw.presetForAll) !== '',
      });
      return { values: { ...raw, presetName: '' } };
    case 'preset-drop':
      await removePreset(work, viewer, key);
      return { values: raw };
    case 'paste':
      return pasted(work, viewer, caps, { raw, dropped });
    default:
      return { values: afterAct(raw, textValue(raw.act)) };
  }
}

/** A dropped picture goes before pasted words. What the form holds and the recipe does not say is reset. */
async function pasted(
  work: Pick<Work, 'em'>,
  viewer: Viewer,
  caps: EngineCaps | null,
  { raw, dropped }: Pick<ToolForm, 'raw' | 'dropped'>,
): Promise<FormParts> {
  const text = textValue(raw.pasted);
  const read = dropped ?? (text.trim() === '' ? null : readPasted(text));
  const place = caps && { caps, families: await Families.read(work.em, caps) };
  const filled: Filled | null = read && place ? await valuesOfRecipe(work, viewer, place, read) : null;
  if (filled) {
    const model = textValue(filled.values.model) || textValue(raw.model);
    return { values: { ...filled.values, model }, notes: filled.notes, isFilled: true };
  }
  const message = read ? t(dropped ? 'remix.nothing-in-picture' : 'remix.nothing-in-text') : t('remix.nothing-given');
  return { values: raw, errors: { pasted: message }, open: 'paste' };
}
