import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../../../kit/database/sql.ts';
import { HOLDS_SQL } from '../../rights/holds.ts';
import { type Desk, emailHashOf } from '../desk.ts';
import { type ClaimCase, targetOf } from '../model/case.ts';
import { CaseClaimant } from '../model/claimant.ts';
import { CaseLicence } from '../model/redress.ts';
import { isSevere } from '../types/types.ts';

/** A licence that holds now, from who claims to who is claimed against, for what is claimed. */
export interface Permission {
  readonly grantId: string;
  readonly title: string;
}

interface Row {
  id: string;
  title: string;
  owner_id: number;
  email: string | null;
}

/** The model that a case is about; null for pictures, accounts and the rest, for which nobody has a licence. */
async function findModelId(em: EntityManager, kase: ClaimCase): Promise<number | null> {
  const target = targetOf(kase);
  if (target?.kind === 'model') return target.id;
  if (target?.kind !== 'version') return null;
  const [row] = await rows<{ model_id: number }>(em, 'select model_id from model_version where id = ?', [target.id]);
  return row?.model_id ?? null;
}

/**
 * The licence by which the uploader may have what the claimant claims. The claimant is known by their account, or by the
 * address that they gave. Never for a severe case: nobody licenses that.
 */
export async function findPermission(
  em: EntityManager,
  desk: Pick<Desk, 'secretKey'>,
  kase: ClaimCase,
  now: Date,
): Promise<Permission | null> {
  if (isSevere(kase.type) || kase.uploaderId == null || kase.origin !== 'form') return null;
  const modelId = await findModelId(em, kase);
  if (modelId === null) return null;
  const found = await rows<Row>(
    em,
    `select g.id, g.title, o.owner_id, l.email from rights_grant g join rights_offer o on o.id = g.offer_id
     left join login l on l.account_id = o.owner_id
     where g.model_id = ? and g.licensee_id = ? and ${HOLDS_SQL} order by g.decided_at, g.id`,
    [modelId, kase.uploaderId, now],
  );
  const cited = await em.find(CaseLicence, { caseId: kase.id, refusedAt: { $ne: null } });
  const claimant = await em.findOne(CaseClaimant, kase.id);
  const isTheirs = ({ owner_id: ownerId, email }: Row) =>
    ownerId === kase.filerId || (email !== null && claimant?.emailHash === emailHashOf(desk, email));
  const row = found.find((one) => isTheirs(one) && !cited.some(({ grantId }) => grantId === one.id));
  return row ? { grantId: row.id, title: row.title } : null;
}

/** Is a licence cited that nobody has turned down? Then a person decides, and no timer. */
export const findCited = (em: EntityManager, caseId: string): Promise<CaseLicence | null> =>
  em.findOne(CaseLicence, { caseId, refusedAt: null });

/** Answers a new claim with the licence that covers it, before it restricts anything. */
export async function answerByLicence(
  em: EntityManager,
  desk: Pick<Desk, 'secretKey'>,
  kase: ClaimCase,
  now: Date,
): Promise<void> {
  const known = await findCited(em, kase.id);
  const permission = known ? null : await findPermission(em, desk, kase, now);
  if (!permission) return;
  const { grantId } = permission;
  em.create(CaseLicence, { caseId: kase.id, grantId, citedBy: 'node', citedAt: now }, { persist: true });
  await em.flush();
}
