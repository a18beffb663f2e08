import type { EntityManager } from '@mikro-orm/core';
import { ancestorsOf, loadAncestry } from '../../catalogue/lineage/ancestry.ts';
import { loadLines } from '../../catalogue/lineage/load-terms.ts';
import type { Licensed } from '../../catalogue/lineage/terms.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import { grantsOf } from './grants-of.ts';

/*
 * What was made from a model is not sold against its author's word: for credits early, or for the pot of a bounty. Who
 * holds a licence for resale may; a moderation decision against commercial use, and the terms of a rights holder,
 * bind with any, and its own author too.
 */

/** Who of a version's line forbids this person to sell it; null when nobody does. */
export async function findSaleBan(
  em: EntityManager,
  versionId: number,
  sellerId: number,
  now: Date,
): Promise<Licensed | null> {
  const line = (await loadLines(em, [versionId], now)).get(versionId);
  if (!line) return null;
  const { own, ancestors } = line;
  const barred = [own, ...ancestors].find(({ isSaleBarred }) => isSaleBarred);
  if (barred) return barred;
  const closed = ancestors.filter(({ ownerId, uses }) => ownerId !== sellerId && !uses.includes('Sell'));
  const held = await grantsOf(em, sellerId, [...new Set(closed.map(({ modelId }) => modelId))], now);
  const freed = new Set(held.filter(({ uses }) => uses.includes('resale')).map(({ modelId }) => modelId));
  return closed.find(({ modelId }) => !freed.has(modelId)) ?? null;
}

/** In plain words, for the form where somebody sells; '' when they may. */
export const saleBanText = (ban: Licensed | null): string =>
  ban === null ? '' : t(ban.isSaleBarred ? 'sale.barred' : 'sale.forbidden', { name: ban.name || t('recipe.private') });

/** Throws `invalid` at the field. */
export async function assertMaySell(
  em: EntityManager,
  versionId: number,
  sellerId: number,
  now: Date,
  field: string,
): Promise<void> {
  const message = saleBanText(await findSaleBan(em, versionId, sellerId, now));
  if (message !== '') throw new AppError('invalid', message, { fields: { [field]: message } });
}

/** Something that is sold by a licence for resale, and stops being sold when that ends. */
export interface Sale {
  readonly title: string;
  readonly url: string;
  readonly label: string;
}

interface SaleRow {
  version_id: number;
  title: string;
  bounty_id: string | null;
}

const MOST = 100;

/** What the holder of a licence sells that was made from its model: early access for credits, and entries of bounties. */
export async function listSales(em: EntityManager, sellerId: number, modelId: number): Promise<Sale[]> {
  const found = await rows<SaleRow>(
    em,
    `select v.id as version_id, m.name as title, null as bounty_id from early_access e
       join model_version v on v.id = e.version_id join model m on m.id = v.model_id
       where m.owner_id = ? and e.ended_at is null and e.price is not null
     union all
     select v.id, m.name, cast(b.id as varchar(40)) from bounty_entry n join bounty b on b.id = n.bounty_id
       join model_version v on v.id = n.version_id join model m on m.id = v.model_id
       where n.account_id = ? and b.state = 'open' and n.withdrawn_at is null limit ${MOST}`,
    [sellerId, sellerId],
  );
  if (found.length === 0) return [];
  const ids = [...new Set(found.map(({ version_id: id }) => id))];
  const ancestry = await loadAncestry(em, ids);
  const own = await rows<{ id: number }>(em, 'select id from model_version where model_id = ?', [modelId]);
  const parents = new Set(own.map(({ id }) => id));
  const depends = (versionId: number) => ancestorsOf(versionId, ancestry).some((id) => parents.has(id));
  return found
    .filter(({ version_id: id }) => depends(id))
    .map(({ version_id: id, title, bounty_id: bountyId }) => ({
      title,
      url: bountyId === null ? `/versions/${id}/early-access` : `/bounties/${bountyId}`,
      label: t(bountyId === null ? 'early.title' : 'bounty.title'),
    }));
}
