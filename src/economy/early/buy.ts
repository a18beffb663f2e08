import { z } from 'zod';
import { isBlockedEither } from '../../accounts/block.ts';
import { listEarly } from '../../catalogue/early/access.ts';
import { assertSees } from '../../gallery/access.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import type { Settings } from '../../kit/settings.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { openPurse } from '../allowance.ts';
import { creditAccountId, person } from '../ledger/accounts.ts';
import { InsufficientCredit } from '../ledger/post.ts';
import { findSaleBan } from '../licences/selling.ts';
import { pledge } from '../pledges/pledge.ts';
import { creditSettings } from '../settings.ts';
import { findEarly, isEarlyNow } from './early.ts';
import { earlySubject, lockEarly } from './open.ts';

export const BuyForm = z.object({
  /** As it was shown, so that nobody pays more than they saw. */
  price: z.coerce.number().int().min(1),
});

/**
 * Pays to have a version early. The credits wait until it opens, and come back when it is withdrawn or taken down before.
 * Throws `conflict` where there is nothing to pay for (any more) or the price is another, `forbidden` across a block, and
 * `insufficient_credit`.
 */
export async function buyEarly(
  { em, now }: Pick<Work, 'em' | 'now'>,
  settings: Settings,
  viewer: Viewer,
  versionId: number,
  { price }: z.output<typeof BuyForm>,
): Promise<void> {
  const rules = await settings.read(em, creditSettings);
  if (!rules.isOn) throw new AppError('not_found', t('credits.off'));
  const { ownerId } = await assertSees(em, viewer, { kind: 'version', id: versionId });
  if (await isBlockedEither({ em }, viewer.id, ownerId)) throw new AppError('forbidden', t('early.refused-person'));
  const shown = await findEarly(em, versionId);
  if (!shown || !isEarlyNow(shown, now())) throw new AppError('conflict', t('early.is-open'));
  const { balance } = await openPurse(em, viewer.id, rules, now());
  await em.fork().transactional(async (tx) => {
    const at = now();
    const isLocked = await lockEarly(tx, versionId);
    const early = await findEarly(tx, versionId);
    if (!isLocked || !early || !isEarlyNow(early, at)) throw new AppError('conflict', t('early.is-open'));
    if (!early.isAvailable || early.terms?.price == null) throw new AppError('conflict', t('early.not-sold'));
    if (await findSaleBan(tx, versionId, early.ownerId, at)) throw new AppError('conflict', t('early.not-sold'));
    if (early.terms.price !== price) throw new AppError('conflict', t('early.other-price'));
    // pressed twice
    if (!(await listEarly(tx, viewer, [versionId], at)).has(versionId)) return;
    const purse = await creditAccountId(tx, person(viewer.id));
    const [before] = await rows<{ n: unknown }>(
      tx,
      `select count(*) as n from credit_pledge where payer_id = ? and subject_kind = 'early-access' and subject_id = ?`,
      [purse, String(versionId)],
    );
    const key = `early:${versionId}:${purse}:${toNumber(before?.n)}`;
    try {
      const wish = { key, subject: earlySubject(versionId), accountId: viewer.id, amount: price };
      const { id } = await pledge(tx, wish, at);
      await rows(
        tx,
        `insert into entitlement (id, account_id, model_id, version_id, source, source_id, created_at)
         values (?, ?, ?, ?, 'early-access', ?, ?) returning id`,
        [newId(), viewer.id, early.modelId, versionId, id, at],
      );
    } catch (error) {
      if (!(error instanceof InsufficientCredit)) throw error;
      throw new AppError(
        'insufficient_credit',
        t('early.too-few', { price: price.toLocaleString('en'), balance: balance.toLocaleString('en') }),
      );
    }
  });
}
