import type { z } from 'zod';
import { isBlockedEither } from '../../accounts/block.ts';
import { assertSees } from '../../gallery/access.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { Settings } from '../../kit/settings.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { openPurse } from '../allowance.ts';
import { MOST_PLEDGES, type PledgeForm } from './form.ts';
import { Bounty } from './model.ts';
import { giveTo, loadRules } from './open.ts';
import { lockBounty } from './own.ts';

/** Adds to the pot. Throws `conflict` for one that takes no more, `forbidden` across a block, `insufficient_credit`. */
export async function addToPot(
  { em, now }: Pick<Work, 'em' | 'now'>,
  settings: Settings,
  viewer: Viewer,
  bountyId: string,
  { key, amount }: z.output<typeof PledgeForm>,
): Promise<void> {
  const rules = await loadRules({ em }, settings);
  const { ownerId } = await assertSees(em, viewer, { kind: 'bounty', id: bountyId });
  if (await isBlockedEither({ em }, viewer.id, ownerId)) throw new AppError('forbidden', t('bounty.refused'));
  const at = now();
  const { balance } = await openPurse(em, viewer.id, rules, at);
  await em.fork().transactional(async (tx) => {
    const isOpen = await lockBounty(tx, bountyId);
    const bounty = await tx.findOneOrFail(Bounty, { id: bountyId });
    const isWaiting = bounty.heldAt != null || bounty.withheldAt != null;
    if (!isOpen || isWaiting || bounty.deadlineAt <= at) throw new AppError('conflict', t('bounty.takes-no-more'));
    const [pot] = await rows<{ n: unknown; total: unknown }>(
      tx,
      `select count(*) as n, coalesce(sum(amount), 0) as total from credit_pledge
       where subject_kind = 'bounty' and subject_id = ? and state <> 'refunded'`,
      [bountyId],
    );
    if (toNumber(pot?.n) >= MOST_PLEDGES) throw new AppError('conflict', t('bounty.takes-no-more'));
    if (toNumber(pot?.total) + amount > rules.bountyMost) {
      const message = t('bounty.pot-full', { n: rules.bountyMost.toLocaleString('en') });
      throw new AppError('invalid', message, { fields: { amount: message } });
    }
    await giveTo(tx, { bountyId, viewer, key, amount, balance }, at);
  });
}
