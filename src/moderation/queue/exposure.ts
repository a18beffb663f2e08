import type { EntityManager } from '@mikro-orm/core';
import { Account, handle } from '../../accounts/model.ts';
import { can } from '../../accounts/permissions.ts';
import { rows } from '../../kit/database/sql.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { StaffExposure } from './model.ts';

const dayOf = (at: Date): string => at.toISOString().slice(0, 10);

/** Counts one look at a harmful picture without its veil. */
export async function countExposure(em: EntityManager, viewer: Viewer, now: Date): Promise<void> {
  await rows(
    em,
    `insert into staff_exposure (account_id, day, count) values (?, ?, 1)
     on conflict (account_id, day) do update set count = staff_exposure.count + 1 returning count`,
    [viewer.id, dayOf(now)],
  );
}

export interface Exposures {
  /** Of the viewer, today. */
  readonly own: number;
  /** Of everybody today, for the owner alone. */
  readonly all: readonly { readonly who: string; readonly count: number }[];
}

/** Looking at such things all day harms: whoever does it, and whoever answers for them, sees how much it was. */
export async function loadExposures({ em, now }: Pick<Work, 'em' | 'now'>, viewer: Viewer): Promise<Exposures> {
  const found = await em.find(StaffExposure, { day: dayOf(now()) }, { orderBy: { count: 'desc' }, limit: 50 });
  const own = found.find(({ accountId }) => accountId === viewer.id)?.count ?? 0;
  if (!can(viewer, 'owner')) return { own, all: [] };
  const accounts = await em.find(Account, { id: { $in: found.map(({ accountId }) => accountId) } });
  const names = new Map(accounts.map((account) => [account.id, handle(account)]));
  return { own, all: found.map(({ accountId, count }) => ({ who: names.get(accountId) ?? '', count })) };
}
