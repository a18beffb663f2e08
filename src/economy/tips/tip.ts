import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import type { Settings } from '../../kit/settings.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { RATING } from '../../safety/ratings.ts';
import { openPurse } from '../allowance.ts';
import { tipSent } from '../events.ts';
import { creditAccountId, person } from '../ledger/accounts.ts';
import { InsufficientCredit, post } from '../ledger/post.ts';
import { type CreditSettings, creditSettings } from '../settings.ts';
import { sumOfDay } from '../sums.ts';
import { loadTipTarget, type TipTarget } from './target.ts';

export const TipForm = z.object({
  /** Of the form as it was shown: sent twice, it is one tip. */
  key: z.uuid(),
  amount: z.coerce.number('Give a whole number.').int('Give a whole number.').min(1, 'At least 1.'),
  note: z
    .string()
    .transform((text) => text.replace(/\p{Cc}+/gu, ' ').trim())
    .pipe(z.string().max(300, 'At most 300 characters.'))
    .default(''),
});

/** Throws `not_found` where credits are off. */
export async function loadTipRules({ em }: Pick<Work, 'em'>, settings: Settings): Promise<CreditSettings> {
  const rules = await settings.read(em, creditSettings);
  if (!rules.isOn) throw new AppError('not_found', t('credits.off'));
  return rules;
}

/**
 * Gives some of the viewer's credits to who made something. Throws `invalid` beyond what a tip may be, for oneself,
 * people of elsewhere, words that may not be said and where one of the two blocks the other, `insufficient_credit`, and `rate_limited` beyond a day's.
 */
export async function sendTip(
  { em, words, now }: Pick<Work, 'em' | 'words' | 'now'>,
  settings: Settings,
  viewer: Viewer,
  about: string,
  { key, amount, note }: z.output<typeof TipForm>,
): Promise<TipTarget> {
  const rules = await loadTipRules({ em }, settings);
  const target = await loadTipTarget(em, viewer, about);
  if (target.refusal) throw new AppError('invalid', target.refusal);
  if (amount > rules.tipMost) {
    const message = t('tip.too-much', { most: rules.tipMost.toLocaleString('en') });
    throw new AppError('invalid', message, { fields: { amount: message } });
  }
  if (note !== '') {
    const texts = [{ scope: 'prose', text: note, field: 'note' }];
    // a thank-you does not wait for somebody to look at its words
    if ((await words.read({ author: viewer, level: RATING.pg, texts })) !== null) {
      throw new AppError('invalid', t('tip.words'), { fields: { note: t('tip.words') } });
    }
  }
  const { balance } = await openPurse(em, viewer.id, rules, now());
  await em.fork().transactional(async (tx) => {
    const sender = await creditAccountId(tx, person(viewer.id));
    // the sender's name before theirs, so that nobody takes a key of somebody else's
    const act = `tip:${sender}:${key}`;
    try {
      const isNew = await post(tx, {
        ...{ key: act, kind: 'tip', note, at: now() },
        subject: { kind: target.kind, id: target.id },
        moves: [
          { account: person(viewer.id), amount: -amount },
          { account: person(target.recipient.id), amount },
        ],
      });
      if (isNew) {
        const of = { senderId: viewer.id, recipientId: target.recipient.id };
        record(tx, tipSent, { key: act, ...of, kind: target.kind, targetId: target.id, amount });
        await tx.flush();
      }
    } catch (error) {
      if (!(error instanceof InsufficientCredit)) throw error;
      const message = t('tip.too-few', { balance: balance.toLocaleString('en') });
      throw new AppError('insufficient_credit', message, { fields: { amount: message } });
    }
    // counted with this one, whose row nobody else changes until it is written
    const today = await sumOfDay(tx, sender, 'tip', 'out', now());
    if (today <= rules.tipMostPerDay) return;
    const left = Math.max(0, rules.tipMostPerDay - today + amount).toLocaleString('en');
    const message = t('tip.day-spent', { most: rules.tipMostPerDay.toLocaleString('en'), left });
    throw new AppError('rate_limited', message, { fields: { amount: message } });
  });
  return target;
}
