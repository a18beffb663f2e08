import { listEarly } from '../../catalogue/early/access.ts';
import { rows } from '../../kit/database/sql.ts';
import type { Work } from '../../kit/work.ts';
import { findSaleBan } from '../licences/selling.ts';
import { findEarly, isEarlyNow } from './early.ts';

/** What the page of a version says while it is early. */
export interface EarlyView {
  /** ISO. */
  readonly endsAt: string;
  readonly isForFollowers: boolean;
  /** Null where it is not to be had for credits. */
  readonly price: number | null;
  /** The viewer has it already, as follower, payer, owner, or by a licence. */
  readonly isIn: boolean;
  readonly url: string;
}

/** Null for what everybody has. */
export async function loadEarlyView(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  versionId: number,
): Promise<EarlyView | null> {
  // most were never early
  const known = await rows(em, 'select version_id from early_access where version_id = ? and ended_at is null', [
    versionId,
  ]);
  const early = known.length > 0 ? await findEarly(em, versionId) : null;
  if (!early?.terms || !isEarlyNow(early, now())) return null;
  const { endsAt, isForFollowers, price } = early.terms;
  const ban = price === null ? null : await findSaleBan(em, versionId, early.ownerId, now());
  return {
    ...{ endsAt: endsAt.toISOString(), isForFollowers, price: ban === null ? price : null },
    isIn: !(await listEarly(em, viewer, [versionId], now())).has(versionId),
    url: `/versions/${versionId}/early-access`,
  };
}
