import type { EntityManager } from '@mikro-orm/core';
import { can, type Permission } from '../../accounts/permissions.ts';
import { inList, rows, toDate, toDateOrNull } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { isId } from '../../kit/ids.ts';
import type { Vault } from '../../kit/storage/vault/vault.ts';
import type { Viewer } from '../../kit/work.ts';
import { APPEAL_MS, CLAIM_TYPES, CLAIMS, type ClaimType, DAY } from '../cases/types/types.ts';

/** So long what shows a child is kept after a report to the authorities, then destroyed (spec/takedowns.md 2.11). */
const MINOR_MS = 365 * DAY;

/** One thing in the vault, as the page lists it. */
export interface Vaulted {
  readonly id: string;
  readonly kind: 'image' | 'model_file';
  readonly subjectId: string;
  /** SHA-256 of the bytes. */
  readonly digest: string;
  readonly category: ClaimType;
  readonly takedownId: string;
  readonly caseId: string | null;
  readonly caseNumber: string;
  readonly rule: string;
  readonly takenAt: Date;
  /** Until then an appeal, or the law, may ask for it. */
  readonly keptUntil: Date;
  readonly purgedAt: Date | null;
}

interface Row {
  id: string;
  kind: Vaulted['kind'];
  subject_id: string;
  digest: string;
  category: string;
  takedown_id: string;
  case_id: string | null;
  case_number: string | null;
  rule: string | null;
  taken_at: unknown;
  purged_at: unknown;
}

const SELECT = `select t.id, t.kind, t.subject_id, t.digest, d.category, d.id as takedown_id, d.case_id,
    c.number as case_number, c.rule, t.taken_at, t.purged_at
  from takedown_trace t join takedown d on d.id = t.takedown_id left join claim_case c on c.id = d.case_id
  where t.digest is not null and t.kind in ('image', 'model_file') and t.restored_at is null and d.outcome = 'remove'`;

const PAGE = 25;

export const permissionOf = (category: ClaimType): Permission => CLAIMS[category].permission;
/** Which categories this person may look into. */
export const categoriesOf = (viewer: Viewer | null): ClaimType[] =>
  CLAIM_TYPES.filter((type) => can(viewer, permissionOf(type)));

/** Two people must want it: to see it, and to let it go (spec/takedowns.md 2.11). */
export const needsTwo = (category: ClaimType): boolean => category === 'minor';

export async function listVault(
  em: EntityManager,
  viewer: Viewer,
  {
    category,
    state,
    before,
  }: { readonly category: ClaimType | ''; readonly state: 'kept' | 'purged'; readonly before: string },
): Promise<{ items: Vaulted[]; nextBefore: string }> {
  const allowed = categoriesOf(viewer).filter((one) => category === '' || one === category);
  const found = await rows<Row>(
    em,
    `${SELECT} and d.category in (${inList(allowed)}) and t.purged_at is ${state === 'kept' ? '' : 'not '}null
     ${before ? 'and t.id < ?' : ''} order by t.id desc limit ${PAGE + 1}`,
    [...allowed, ...(before ? [before] : [])],
  );
  const items = found.slice(0, PAGE).map(vaultedOf);
  return { items, nextBefore: found.length > PAGE ? (items.at(-1)?.id ?? '') : '' };
}

/** Throws `not_found`, also for what this person may not see. */
export async function loadVaulted(em: EntityManager, viewer: Viewer | null, id: string): Promise<Vaulted> {
  const [row] = isId(id) ? await rows<Row>(em, `${SELECT} and t.id = ?`, [id]) : [];
  const vaulted = row ? vaultedOf(row) : null;
  if (!vaulted || !can(viewer, permissionOf(vaulted.category)))
    throw new AppError('not_found', 'There is nothing like that in the vault.');
  return vaulted;
}

/** Of the same bytes, the strictest category that they were taken for. */
export async function strictestOf(em: EntityManager, digest: string): Promise<ClaimType> {
  const found = await rows<{ category: string }>(
    em,
    `select distinct d.category from takedown_trace t join takedown d on d.id = t.takedown_id
     where t.digest = ? and t.restored_at is null`,
    [digest],
  );
  const all = found.map(({ category }) => asType(category));
  return CLAIM_TYPES.find((type) => all.includes(type)) ?? 'other';
}

const asType = (category: string): ClaimType => CLAIM_TYPES.find((type) => type === category) ?? 'other';

function vaultedOf(row: Row): Vaulted {
  const category = asType(row.category);
  const takenAt = toDate(row.taken_at);
  return {
    ...{ id: row.id, kind: row.kind, subjectId: row.subject_id, digest: row.digest, category },
    ...{ takedownId: row.takedown_id, caseId: row.case_id, caseNumber: row.case_number ?? '', rule: row.rule ?? '' },
    ...{ takenAt, purgedAt: toDateOrNull(row.purged_at) },
    keptUntil: new Date(takenAt.getTime() + (category === 'minor' ? MINOR_MS : APPEAL_MS)),
  };
}

/** How many bytes each has, in the order of the list; null for what was never kept, or is gone. */
export const bytesOf = (vault: Vault, items: readonly Pick<Vaulted, 'digest'>[]): Promise<(number | null)[]> =>
  Promise.all(items.map(({ digest }) => vault.totalBytes(digest)));
