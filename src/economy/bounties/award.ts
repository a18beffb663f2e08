import type { EntityManager } from '@mikro-orm/core';
import { can } from '../../accounts/permissions.ts';
import { audited } from '../../kit/audit/append.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { isShut, standingOf } from '../../safety/standing.ts';
import type { EconomyDeps } from '../deps.ts';
import { entryAwarded } from '../events.ts';
import { findSaleBan } from '../licences/selling.ts';
import { listHeld, payPledges } from '../pledges/pledge.ts';
import { thingsOf } from './end.ts';
import { Bounty, BountyEntry } from './model.ts';
import { bountySubject, lockBounty } from './own.ts';

/**
 * Gives the pot, or in `Split` the viewer's own share of it, to an entry, whose files are everybody's from then on. Who
 * may: the owner, in `Split` each who put in, and a moderator, who ends a quarrel. Throws `not_found`, `forbidden`, and
 * `conflict` for what is over, not there, or being looked into.
 */
export async function awardEntry(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  { isLookedInto }: Pick<EconomyDeps, 'isLookedInto'>,
  entryId: string,
): Promise<string> {
  const { em, viewer, now } = work;
  const known = await em.findOne(BountyEntry, { id: entryId }, { populate: ['bounty'] });
  if (!viewer || !known) throw new AppError('not_found', t('bounty.no-entry'));
  const bountyId = known.bounty.id;
  const isStaff = can(viewer, 'moderateContent') && known.bounty.$.owner.id !== viewer.id;
  if (isStaff && known.account.id === viewer.id) throw new AppError('forbidden', t('bounty.own-award'));
  const pay = async (tx: EntityManager) => {
    if (!(await lockBounty(tx, bountyId))) throw new AppError('conflict', t('bounty.over'));
    const bounty = await tx.findOneOrFail(Bounty, { id: bountyId });
    const entry = await tx.findOneOrFail(
      BountyEntry,
      { id: entryId },
      { populate: ['account', 'version'], refresh: true },
    );
    await assertPayable(tx, bounty, entry, now());
    // somebody looks into it: nothing moves until they are done, but by their own hand
    if (!isStaff && (await isLookedInto(tx, await thingsOf(tx, bountyId, [entryId])))) {
      throw new AppError('conflict', t('bounty.frozen'));
    }
    const held = await listHeld(tx, bountySubject(bountyId));
    const shares = isStaff ? held : sharesOf(bounty, viewer, held);
    const [first] = shares;
    if (!first) throw new AppError('forbidden', t('bounty.not-your-share'));
    if (shares.some(({ accountId }) => accountId === entry.account.id) && !isStaff && bounty.mode === 'Split') {
      throw new AppError('forbidden', t('bounty.own-award'));
    }
    const ids = shares.map(({ id }) => id);
    const paid = await payPledges(tx, ids, entry.account.id, `bounty-award:${entryId}:${first.id}`, now());
    Object.assign(entry, { awardedAt: entry.awardedAt ?? now(), awardedCredits: entry.awardedCredits + paid });
    if (shares.length === held.length) Object.assign(bounty, { state: 'awarded', endedAt: now() });
    record(tx, entryAwarded, { entryId, amount: paid });
    await tx.flush();
    return paid;
  };
  if (!isStaff) await em.fork().transactional(pay);
  else {
    await audited(work, async (tx) => {
      const amount = await pay(tx);
      const subject = { kind: 'bounty', id: bountyId };
      return {
        result: null,
        entries: [{ action: 'bounty.award', subject, after: { entryId, amount }, role: 'staff' }],
      };
    });
  }
  return bountyId;
}

function sharesOf<Share extends { readonly accountId: number | null }>(
  { owner, mode }: Bounty,
  viewer: Viewer,
  held: readonly Share[],
): Share[] {
  if (mode === 'Individual') return owner.id === viewer.id ? [...held] : [];
  return held.filter(({ accountId }) => accountId === viewer.id);
}

async function assertPayable(tx: EntityManager, bounty: Bounty, entry: BountyEntry, at: Date): Promise<void> {
  const isHidden = bounty.heldAt != null || bounty.withheldAt != null;
  const isOut = entry.withdrawnAt != null || entry.heldAt != null || entry.withheldAt != null;
  if (isHidden || isOut || bounty.awardBy <= at) throw new AppError('conflict', t('bounty.entry-over'));
  const winner = await tx.findOneOrFail(BountyEntry, { id: entry.id }, { populate: ['account', 'version'] });
  if (winner.account.$.state !== 'active') throw new AppError('conflict', t('bounty.entrant-left'));
  const ban = entry.version && (await findSaleBan(tx, entry.version.id, entry.account.id, at));
  if (ban) throw new AppError('conflict', t('bounty.entry-not-sold', { name: ban.name || t('recipe.private') }));
  if (!(await isThere(tx, entry))) throw new AppError('conflict', t('bounty.entry-gone'));
}

/** What an entry brought is still there, and nobody withholds it. */
async function isThere(tx: EntityManager, { version, post }: BountyEntry): Promise<boolean> {
  if (version) {
    const [row] = await rows<{ model_id: number }>(
      tx,
      `select v.model_id from model_version v join model m on m.id = v.model_id where v.id = ? and v.state <> 'deleted'
         and m.state <> 'deleted' and exists (select 1 from model_file f where f.version_id = v.id and f.is_stored = ?)`,
      [version.id, true],
    );
    if (!row) return false;
    const targets = [{ kind: 'version', id: version.id } as const, { kind: 'model', id: row.model_id } as const];
    if (isShut((await standingOf(tx, targets)).restrictions)) return false;
  }
  if (!post) return true;
  const found = await rows(tx, 'select id from post where id = ? and listed_at is not null', [post.id]);
  return found.length > 0;
}
