import { z } from 'zod';
import { AppError } from '../../../kit/errors.ts';
import { t } from '../../../kit/web/messages.ts';
import { RESTRICTION } from '../../../safety/policy.ts';
import type { Outcome } from '../../takedown/model.ts';
import { LOCK_DAYS, type TakedownParameters } from '../../takedown/start.ts';
import type { ClaimCase } from '../model/case.ts';

/** What a person may decide or propose; the rest of the outcomes follow from other acts. */
const CHOICES = [
  ...(['remove', 'de_attribute', 'limit', 'credit', 'licence', 're_rate', 'age_lock'] as const),
  ...(['account_action', 'dismiss'] as const),
] as const;
/** What parties may agree on among themselves. */
export const OFFERS = ['remove', 'de_attribute', 'limit', 'credit', 'licence', 're_rate', 'age_lock'] as const;

/** What `limit` may forbid. */
const LIMITS = [
  ...(['generate', 'commercial', 'derive', 'download', 'train', 'mirror', 'explicit', 'edit'] as const),
] as const;

const listOf = z.union([z.string().transform((one) => [one]), z.array(z.string())]).default([]);

export const OutcomeFields = z.object({
  outcome: z.enum(CHOICES, t('case.error-outcome')),
  limits: listOf.pipe(z.array(z.enum(LIMITS))),
  /** Names one a line, a line of credit, or an SPDX id. */
  text: z.string().trim().max(1_000).default(''),
  level: z.enum(['', '1', '2', '4', '8', '16']).default(''),
  action: z.enum(['', 'strike', 'lock_uploads', 'suspend', 'terminate']).default(''),
});

/** The parameters that an outcome reads, out of a form that holds those of all. */
export function parametersOf({
  outcome,
  limits,
  text,
  level,
  action,
}: z.output<typeof OutcomeFields>): TakedownParameters {
  const bits = limits.reduce((sum, name) => sum | RESTRICTION[name], 0);
  if (outcome === 'remove') return { block: true };
  if (outcome === 'limit') return { bits };
  if (outcome === 'de_attribute') return { names: namesIn(text), ...(bits ? { bits } : {}) };
  if (outcome === 'credit' || outcome === 'licence') return { text };
  if (outcome === 're_rate' && level) return { level: Number(level) };
  if (outcome === 'account_action' && action)
    return { action, ...(action === 'lock_uploads' ? { days: LOCK_DAYS } : {}) };
  return {};
}

const namesIn = (text: string): string[] =>
  [...new Set(text.split('\n').map((name) => name.trim().slice(0, 120)))].filter((name) => name !== '').slice(0, 20);

const isMissing = (outcome: Outcome, { bits, names, text, level, action }: TakedownParameters): string | null => {
  if (outcome === 'limit' && !bits) return 'limits';
  if (outcome === 'de_attribute' && !names?.length) return 'text';
  if ((outcome === 'credit' || outcome === 'licence') && !text) return 'text';
  if (outcome === 're_rate' && !level) return 'level';
  if (outcome === 'account_action' && !action) return 'action';
  return null;
};

/** Throws `invalid` for an outcome that lacks what it needs, or that this kind of thing cannot have. */
export function refuseUnfit(
  kase: Pick<ClaimCase, 'targetKind'>,
  outcome: Outcome,
  parameters: TakedownParameters,
): void {
  const field = isMissing(outcome, parameters);
  const message = t('case.error-parameter');
  if (field) throw new AppError('invalid', message, { fields: { [field]: message } });
  if (kase.targetKind === 'account' && !['account_action', 'dismiss', 'de_attribute'].includes(outcome)) {
    const text = t('case.error-account');
    throw new AppError('invalid', text, { fields: { outcome: text } });
  }
}
