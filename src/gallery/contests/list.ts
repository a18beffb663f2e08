import { z } from 'zod';
import { type Parameter, rows, toDate, toNumber } from '../../kit/database/sql.ts';
import type { Work } from '../../kit/work.ts';
import { IS_NOT_WITHHELD } from '../collections/access.ts';
import { isShownPerson } from '../hidden.ts';
import { eyesOf, OWNER_COLUMNS, type OwnerRow, type OwnerView, ownerView } from '../views.ts';
import type { ContestState } from './model.ts';

export const CONTEST_TABS = ['open', 'judging', 'ended'] as const;
type ContestTab = (typeof CONTEST_TABS)[number];

export const ContestsQuery = z.object({
  show: z.enum(CONTEST_TABS).catch('open'),
  after: z.string().max(40).catch(''),
});

export interface ContestLine {
  readonly id: number;
  readonly url: string;
  readonly name: string;
  readonly owner: OwnerView;
  readonly state: ContestState;
  readonly opensAt: string;
  readonly closesAt: string;
  readonly resultsAt: string | null;
  readonly entryCount: number;
}

interface Row extends OwnerRow {
  id: unknown;
  name: string;
  opens_at: unknown;
  closes_at: unknown;
  results_at: unknown;
  entry_count: unknown;
}

const PAGE_LENGTH = 30;

/** What stands where, and in which order: what closes first is the most urgent of the open, of the others the last is. */
const ORDERS: Readonly<Record<ContestTab, { condition: string; order: string; isAfter: string }>> = {
  open: {
    condition: 'q.results_at is null and q.closes_at > ?',
    order: 'q.closes_at, q.collection_id',
    isAfter: '(q.closes_at, q.collection_id) > (?, ?)',
  },
  judging: {
    condition: 'q.results_at is null and q.closes_at <= ?',
    order: 'q.closes_at desc, q.collection_id desc',
    isAfter: '(q.closes_at, q.collection_id) < (?, ?)',
  },
  ended: {
    condition: 'q.results_at is not null and q.results_at <= ?',
    order: 'q.results_at desc, q.collection_id desc',
    isAfter: '(q.results_at, q.collection_id) < (?, ?)',
  },
};

/** Public contests of this node, without those of people whom the viewer hides. */
export async function listContests(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  { show, after }: z.output<typeof ContestsQuery>,
): Promise<{ readonly items: ContestLine[]; readonly nextAfter: string }> {
  const { hidesFor } = await eyesOf(em, viewer);
  const { condition, order, isAfter } = ORDERS[show];
  const values: Parameter[] = [now()];
  if (hidesFor) values.push(hidesFor, hidesFor);
  const [, ms, id] = /^(\d{1,15})\.(\d{1,10})$/.exec(after) ?? [];
  if (ms !== undefined) values.push(new Date(Number(ms)), Number(id));
  const found = await rows<Row>(
    em,
    `select k.id, k.name, q.opens_at, q.closes_at, q.results_at, ${OWNER_COLUMNS},
       (select count(*) from collection_entry e where e.collection_id = k.id and e.state = 'in') as entry_count
     from contest q join collection k on k.id = q.collection_id join account a on a.id = k.owner_id
     where ${condition} and k.visibility = 'public' and k.deleted_at is null and a.state = 'active' and ${IS_NOT_WITHHELD}
       ${hidesFor ? `and ${isShownPerson('a')}` : ''} ${ms === undefined ? '' : `and ${isAfter}`}
     order by ${order} limit ${PAGE_LENGTH + 1}`,
    values,
  );
  const shown = found.slice(0, PAGE_LENGTH);
  const last = found.length > PAGE_LENGTH ? shown.at(-1) : undefined;
  const at = last && toDate(show === 'ended' ? last.results_at : last.closes_at).getTime();
  return { items: shown.map((row) => line(row, now())), nextAfter: last ? `${at}.${Number(last.id)}` : '' };
}

function line(row: Row, now: Date): ContestLine {
  const [opensAt, closesAt] = [toDate(row.opens_at), toDate(row.closes_at)];
  const isOver = row.results_at != null;
  const state = isOver ? 'ended' : now < opensAt ? 'coming' : now < closesAt ? 'open' : 'judging';
  return {
    ...{ id: Number(row.id), url: `/collections/${row.id}`, name: row.name, owner: ownerView(row), state },
    ...{ opensAt: opensAt.toISOString(), closesAt: closesAt.toISOString() },
    resultsAt: isOver ? toDate(row.results_at).toISOString() : null,
    entryCount: toNumber(row.entry_count),
  };
}
