import { Account } from '../../accounts/model.ts';
import { can } from '../../accounts/permissions.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import type { RawForm } from '../../kit/web/forms.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { presetFields } from './fields.ts';
import { GenerationPreset } from './model.ts';

const MOST_PRESETS = 50;
const LONGEST_NAME = 60;

export interface PresetView {
  readonly id: string;
  readonly name: string;
  readonly isForAll: boolean;
  /** This person may take it away. */
  readonly isOwn: boolean;
}

/** Those of the node first, then one's own, each by name. */
export async function listPresets({ em }: Pick<Work, 'em'>, viewer: Viewer): Promise<PresetView[]> {
  const found = await em.find(
    GenerationPreset,
    { $or: [{ isForAll: true }, { account: viewer.id }] },
    { orderBy: { isForAll: -1, name: 1 }, limit: 200, fields: ['id', 'name', 'isForAll', 'account'] },
  );
  return found.map(({ id, name, isForAll, account }) => ({
    ...{ id, name, isForAll },
    isOwn: account.id === viewer.id || (isForAll && mayShare(viewer)),
  }));
}

export const mayShare = (viewer: Viewer): boolean => can(viewer, 'manageCompute');

/** Keeps settings under a name; one's own of that name is replaced. Throws `invalid` and `forbidden`. */
export async function savePreset(
  { em, now }: Pick<Work, 'em' | 'now'>,
  viewer: Viewer,
  { name: given, isForAll, raw }: { readonly name: string; readonly isForAll: boolean; readonly raw: RawForm },
): Promise<void> {
  const name = given.replaceAll('\u0000', '').trim();
  if (name === '' || name.length > LONGEST_NAME) {
    throw refusal(`Give it a name of at most ${LONGEST_NAME} characters.`);
  }
  if (isForAll && !mayShare(viewer)) throw new AppError('forbidden', 'Whoever runs the node makes presets for all.');
  const known = await em.findOne(GenerationPreset, { account: viewer.id, name });
  if (known) Object.assign(known, { fields: presetFields(raw), isForAll });
  else {
    if ((await em.count(GenerationPreset, { account: viewer.id })) >= MOST_PRESETS) {
      throw refusal(`You have ${MOST_PRESETS} presets. Remove one first.`);
    }
    const account = em.getReference(Account, viewer.id);
    const fields = presetFields(raw);
    em.create(GenerationPreset, { id: newId(), account, name, fields, isForAll, createdAt: now() }, { persist: true });
  }
  await em.flush();
}

/** The form with a preset over it: what the preset leaves open, such as an empty prompt, stays. */
export async function applyPreset(
  { em }: Pick<Work, 'em'>,
  viewer: Viewer,
  id: string,
  raw: RawForm,
): Promise<RawForm> {
  const preset = await em.findOne(GenerationPreset, { id, $or: [{ isForAll: true }, { account: viewer.id }] });
  if (!preset) throw new AppError('not_found', 'There is no such preset.');
  const said = Object.entries(preset.fields).filter(([, value]) => value.length > 0);
  const isSwitch = (name: string) => ['hires', 'repeatable', 'lora', 'embedding', 'vae'].includes(name);
  const kept = Object.entries(raw).filter(([name]) => !isSwitch(name));
  return { ...Object.fromEntries(kept), ...Object.fromEntries(said) };
}

export async function removePreset({ em }: Pick<Work, 'em'>, viewer: Viewer, id: string): Promise<void> {
  const preset = await em.findOne(GenerationPreset, { id });
  const isTheirs = preset && (preset.account.id === viewer.id || (preset.isForAll && mayShare(viewer)));
  if (!isTheirs) throw new AppError('not_found', 'There is no such preset.');
  await em.remove(preset).flush();
}

const refusal = (message: string) => new AppError('invalid', message, { fields: { presetName: message } });
