import { z } from 'zod';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { isId } from '../../kit/ids.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { abilitiesOf } from '../abilities.ts';
import { findDraft } from '../desk/drafts.ts';
import { findStart } from '../desk/start.ts';
import type { EngineCaps } from '../engine/protocol.ts';
import { findCheckpoint } from '../models/choose.ts';
import { Families } from '../models/families.ts';
import { fittingSize } from '../sizes.ts';
import type { FormParts } from './page.ts';
import { loadGenerationView } from './queries.ts';
import { valuesOfImage, valuesOfVersion } from './remix.ts';
import { type FormValues, textValue, valuesOf } from './values.ts';

const id = z.coerce.number().int().positive().max(2_147_483_647).optional().catch(undefined);

/** What an address asks the form to be filled with. */
export const Prefill = z.object({
  remix: id,
  version: id,
  /** A generation whose settings are taken, with its seed. */
  from: z.uuid().optional().catch(undefined),
  /** A picture to begin from: the id of one's own result, or of an image of the gallery. */
  start: z.string().max(40).optional().catch(undefined),
});

/** Null leaves the form as it was left. Throws `not_found`. */
export async function prefilledForm(
  work: Pick<Work, 'em' | 'viewer'>,
  viewer: Viewer,
  caps: EngineCaps | null,
  { remix, version, from, start }: z.output<typeof Prefill>,
): Promise<FormParts | null> {
  if (from) {
    const { view, request } = await loadGenerationView(work, from);
    return { values: valuesOf(view.id, request, 'kept'), isFilled: true };
  }
  if (!caps) return null;
  const families = await Families.read(work.em, caps);
  if (start) return startedForm(work, viewer, { caps, families }, start);
  if (remix) {
    const filled = await valuesOfImage(work, viewer, { caps, families }, remix);
    return filled && { ...filled, isFilled: true };
  }
  const values = version ? await valuesOfVersion(work, viewer, families, version) : null;
  return values && { values, isFilled: true };
}

/** The form with a picture to begin from in it, its shape, and what it was made by where that is known. */
async function startedForm(
  work: Pick<Work, 'em' | 'viewer'>,
  viewer: Viewer,
  place: { readonly caps: EngineCaps; readonly families: Families },
  name: string,
): Promise<FormParts> {
  const { em } = work;
  const draft = (await findDraft(work, viewer)) ?? {};
  const found = await findStart(em, viewer, isId(name) ? `result:${name}` : `image:${name}`);
  if (!found) throw new AppError('not_found', 'There is no such picture to begin from.');
  if (!abilitiesOf(place.caps).start) {
    return { values: draft, notes: [t('generate.engine-cannot', { what: t('generate.ability.start') })] };
  }
  const made = isId(name)
    ? await valuesOfResult(work, name)
    : ((await valuesOfImage(work, viewer, place, Number(name)))?.values ?? {});
  const values: FormValues = { ...draft, remixOf: '', ...made };
  const model = await findCheckpoint(em, viewer, textValue(values.model));
  const family = model && place.families.capsOf(model.baseModel);
  const { width, height } = family ? fittingSize(found, family) : found;
  const size = { size: `${width}x${height}`, width: String(width), height: String(height) };
  return { values: { ...values, ...size, start: found.key, mask: '', seed: '', hires: '' }, isFilled: true };
}

async function valuesOfResult(work: Pick<Work, 'em' | 'viewer'>, imageId: string): Promise<FormValues> {
  const [row] = await rows<{ id: string }>(work.em, 'select generation_id as id from generation_image where id = ?', [
    imageId,
  ]);
  if (!row) return {};
  const { view, request } = await loadGenerationView(work, row.id);
  return valuesOf(view.id, request, 'as sent');
}
