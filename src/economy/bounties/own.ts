import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { Bounty } from './model.ts';

/** Under which its pledges stand. */
export const bountySubject = (bountyId: string) => ({ kind: 'bounty' as const, id: bountyId });

/** The viewer's own, while it is open. Throws `not_found` and `conflict`. */
export async function loadOwnBounty({ em, viewer }: Pick<Work, 'em' | 'viewer'>, bountyId: string): Promise<Bounty> {
  const bounty = await em.findOne(Bounty, { id: bountyId, owner: viewer?.id ?? 0 });
  if (!bounty) throw new AppError('not_found', t('bounty.none'));
  if (bounty.withheldAt != null) throw new AppError('withheld', t('bounty.withheld'));
  if (bounty.state !== 'open') throw new AppError('conflict', t('bounty.over'));
  return bounty;
}

/** The row of an open one, locked: who gives, awards, ends and changes come one after the other. False when it is over. */
export async function lockBounty(tx: EntityManager, bountyId: string): Promise<boolean> {
  const found = await rows(tx, `update bounty set kind = kind where id = ? and state = 'open' returning id`, [
    bountyId,
  ]);
  return found.length > 0;
}
