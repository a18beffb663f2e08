import type { EntityManager } from '@mikro-orm/core';
import { can } from '../accounts/permissions.ts';
import { AppError } from '../kit/errors.ts';
import type { Settings } from '../kit/settings.ts';
import { t, tCount } from '../kit/web/messages.ts';
import type { Viewer } from '../kit/work.ts';
import { claimAllowance, openPurse } from './allowance.ts';
import { type HoldSubject, holdCredits } from './holds.ts';
import { findPurse } from './ledger/accounts.ts';
import { InsufficientCredit } from './ledger/post.ts';
import { priceOf } from './price.ts';
import { type CreditSettings, creditSettings, nextDay } from './settings.ts';

/** Whoever runs the node pays nothing for its GPU, as no quota holds for them. */
const pays = (viewer: Viewer, settings: CreditSettings): boolean =>
  settings.isOn && settings.creditsPerMinute > 0 && !can(viewer, 'manageSettings');

export interface Work {
  readonly subject: HoldSubject;
  readonly round?: number;
  readonly jobId: string;
  /** Estimated. */
  readonly seconds: number;
}

/**
 * Puts aside what a piece of work is estimated to cost, in the transaction that writes its job. Throws
 * `insufficient_credit` with how many are missing and when there are more.
 */
export async function chargeAhead(
  tx: EntityManager,
  settings: Settings,
  viewer: Viewer,
  { subject, round = 0, jobId, seconds }: Work,
  now: Date,
): Promise<void> {
  const rules = await settings.read(tx, creditSettings);
  if (!pays(viewer, rules)) return;
  const { creditsPerMinute } = rules;
  const amount = priceOf(seconds, creditsPerMinute);
  if (amount === 0) return;
  await claimAllowance(tx, viewer.id, rules, now);
  try {
    await holdCredits(tx, { subject, round, jobId, accountId: viewer.id, amount, creditsPerMinute }, now);
  } catch (error) {
    if (!(error instanceof InsufficientCredit)) throw error;
    const purse = await findPurse(tx, viewer.id);
    throw tooFew(amount, purse?.balance ?? 0, rules, now);
  }
}

function tooFew(cost: number, balance: number, rules: CreditSettings, now: Date): AppError {
  const waitMs = nextDay(now).getTime() - now.getTime();
  const missing = cost - balance;
  const gets = Math.max(0, Math.min(rules.allowancePerDay, rules.allowanceCap - balance));
  const when = tCount('credits.in-hours', Math.max(1, Math.round(waitMs / 3_600_000)));
  const next = gets > 0 ? t('credits.next', { n: gets.toLocaleString('en'), when }) : t('credits.no-next');
  const said = t('credits.missing', {
    ...{ cost: cost.toLocaleString('en'), balance: balance.toLocaleString('en') },
    missing: missing.toLocaleString('en'),
  });
  return new AppError('insufficient_credit', `${said} ${next}`, {
    ...(gets >= missing ? { retryAfterSeconds: Math.ceil(waitMs / 1_000) } : {}),
  });
}

export interface Price {
  /** Estimated; null for who pays nothing. */
  readonly cost: number | null;
  readonly balance: number;
}

/** What something would cost the viewer, for the page that offers it; null where credits are off. */
export async function findPrice(
  em: EntityManager,
  settings: Settings,
  viewer: Viewer,
  seconds: number,
  now: Date,
): Promise<Price | null> {
  const rules = await settings.read(em, creditSettings);
  if (!rules.isOn) return null;
  if (!pays(viewer, rules)) return { cost: null, balance: 0 };
  const { balance } = await openPurse(em, viewer.id, rules, now);
  return { cost: priceOf(seconds, rules.creditsPerMinute), balance };
}
