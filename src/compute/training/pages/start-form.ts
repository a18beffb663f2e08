import { z } from 'zod';
import { AppError } from '../../../kit/errors.ts';
import type { RawForm } from '../../../kit/web/forms.ts';
import { t } from '../../../kit/web/messages.ts';
import { textValue } from '../../tool/values.ts';
import { LOOKS, PRESETS, RIGHTS, type Rights } from '../model.ts';
import type { TrainSettings } from '../params.ts';
import type { TrainingRequest } from '../start.ts';

/** What is chosen before the settings, carried from page to page. */
export interface Choice {
  readonly base: string;
  readonly preset: TrainingRequest['preset'];
  readonly look: TrainingRequest['look'];
  readonly start: string;
  readonly name: string;
}

export const ChoiceForm = z.object({
  base: z.string().max(64).catch('').default(''),
  preset: z.enum(PRESETS).catch('style').default('style'),
  look: z.enum(LOOKS).catch('standard').default('standard'),
  start: z.uuid().or(z.literal('')).catch('').default(''),
  name: z.string().trim().max(120).catch('').default(''),
});

/** Fields of the last page: what is wrong there is mended there. */
export const OF_SUMMARY = ['rights', 'rightsKind', 'people', 'pictures'];

/** What the owner states about the pictures. Throws `invalid`: likenesses of real people are not trained in this release. */
export function attestationOf(raw: RawForm): { readonly rightsStatement: string; readonly rightsKind: Rights } {
  const rightsKind = RIGHTS.find((kind) => kind === textValue(raw.rightsKind));
  const isConfirmed = textValue(raw.rights) === '1';
  const fields = {
    ...(textValue(raw.people) === 'real' ? { people: t('train.refused.real-person') } : {}),
    ...(rightsKind ? {} : { rightsKind: t('train.refused.rights-kind') }),
    ...(isConfirmed ? {} : { rights: t('train.refused.rights') }),
  };
  const [message] = Object.values(fields);
  if (!rightsKind || message) throw new AppError('invalid', message ?? '', { fields });
  return { rightsStatement: `${t('train.rights')} ${t(`train.rights.${rightsKind}`)}`, rightsKind };
}

export const requestOf = (
  datasetId: string,
  { base, preset, look, start, name }: Choice,
  settings: TrainSettings,
): TrainingRequest => ({
  ...{ datasetId, name, baseKey: base, preset, look, settings },
  startEpochId: start === '' ? null : start,
});
