import type { EntityManager } from '@mikro-orm/core';
import { claimSettings } from '../../accounts/claim-settings.ts';
import { Account } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
import type { Settings } from '../../kit/settings.ts';
import type { Work } from '../../kit/work.ts';
import { listAuditRoots } from '../staff/audit-list.ts';
import { type Compliance, entriesOf, type PublicEntry } from './entries.ts';
import type { MonthExport } from './export.ts';
import { type Hours, loadFigures, type MonthFigures, type RuleAppeals } from './figures.ts';
import { lastMonths, type Month, monthOf, readMonth } from './months.ts';

/** What the page of transparency leans on. */
export interface TransparencyDeps {
  readonly settings: Settings;
  readonly secretKey: string;
  /** Null where the node speaks with no others. */
  readonly compliance: Compliance | null;
}

interface TypeRow {
  readonly type: string;
  readonly total: number;
  readonly outcomes: readonly { readonly outcome: string; readonly count: number }[];
}

export interface TransparencyPage {
  /** Sums of what twelve months and the one that runs show. */
  readonly year: {
    readonly decided: number;
    readonly automated: number;
    readonly severe: number;
    readonly missed48Hours: number;
    readonly strikes: number;
    readonly voided: number;
    readonly upheld: number;
    readonly overturned: number;
    readonly corrected: number;
    readonly agreed: number;
    readonly differed: number;
    readonly orders: number;
  };
  readonly types: readonly TypeRow[];
  readonly hours: readonly (Hours & { readonly month: string })[];
  readonly appeals: readonly (RuleAppeals & { readonly title: string })[];
  /** The newest first; those with nothing to show are left out. */
  readonly months: readonly (Pick<MonthFigures, 'month' | 'isOver' | 'decided' | 'automatedShare' | 'severe'> & {
    readonly median: number | null;
    readonly p90: number | null;
  })[];
  readonly entries: readonly (PublicEntry & { readonly ruleTitle: string })[];
  readonly hasMoreEntries: boolean;
  readonly peers: readonly { readonly state: string; readonly count: number }[] | null;
  readonly roots: readonly { readonly day: string; readonly hash: string }[];
  readonly contact: string;
}

const SHOWN_ENTRIES = 50;
const MOST_ENTRIES = 5_000;

const sum = (numbers: readonly (number | null)[]): number => numbers.reduce<number>((all, one) => all + (one ?? 0), 0);

export async function loadTransparency(
  { em, now }: Pick<Work, 'em' | 'now'>,
  { settings, secretKey, compliance }: TransparencyDeps,
): Promise<TransparencyPage> {
  const begun = await findFirstMonth(em);
  const asked = lastMonths(now()).filter((month, at, all) => month >= begun || at === all.length - 1);
  const { months, cases, rules } = await loadFigures(em, asked, now());
  const newest = cases.slice(0, SHOWN_ENTRIES);
  const entries = await entriesOf(em, secretKey, newest, rules, compliance);
  const peers = compliance ? await compliance.total(em) : null;
  const appeals = months.flatMap((month) => month.appeals);
  const strikes = months.flatMap((month) => month.strikes);
  return {
    year: {
      decided: sum(months.map(({ decided }) => decided)),
      automated: sum(months.map(({ automated }) => automated)),
      severe: sum(months.map(({ severe }) => severe.decided)),
      missed48Hours: sum(months.map(({ severe }) => severe.missed48Hours)),
      strikes: sum(strikes.map(({ given }) => given)) + sum(strikes.map(({ voided }) => voided)),
      voided: sum(strikes.map(({ voided }) => voided)),
      upheld: sum(appeals.map(({ upheld }) => upheld)),
      overturned: sum(appeals.map(({ overturned }) => overturned)),
      corrected: sum(months.map(({ corrected }) => corrected)),
      agreed: sum(months.map(({ doubleReviews }) => doubleReviews.agreed)),
      differed: sum(months.map(({ doubleReviews }) => doubleReviews.differed)),
      orders: sum(months.map(({ orders }) => orders)),
    },
    types: typeRows(months),
    hours: months.flatMap(({ month, hours }) => hours.map((one) => ({ ...one, month }))).reverse(),
    appeals: appealRows(appeals).map((row) => ({ ...row, title: rules.get(row.rule) ?? '' })),
    months: months
      .map(({ month, isOver, decided, automatedShare, severe, hours }) => {
        const all = hours.find(({ type }) => type === 'all');
        return { month, isOver, decided, automatedShare, severe, median: all?.median ?? null, p90: all?.p90 ?? null };
      })
      .reverse(),
    entries: entries.map((entry) => ({ ...entry, ruleTitle: rules.get(entry.rule) ?? '' })),
    hasMoreEntries: cases.length > SHOWN_ENTRIES,
    peers: peers && Object.entries(peers).map(([state, count]) => ({ state, count })),
    // how many rows the log has would say that something happened on a day on which nothing is published
    roots: (await listAuditRoots(em)).map(({ day, hash }) => ({ day, hash })),
    contact: (await settings.read(em, claimSettings)).contact,
  };
}

/** In which the node got its first account. */
async function findFirstMonth(em: EntityManager): Promise<Month> {
  const [first] = await em.find(Account, { host: '' }, { orderBy: { id: 'asc' }, limit: 1 });
  return first ? monthOf(first.createdAt) : '';
}

function typeRows(months: readonly MonthFigures[]): TypeRow[] {
  const cells = new Map<string, Map<string, number>>();
  for (const { type, outcome, count } of months.flatMap(({ decisions }) => decisions)) {
    if (count === null) continue;
    const row = cells.get(type) ?? new Map<string, number>();
    cells.set(type, row.set(outcome, (row.get(outcome) ?? 0) + count));
  }
  return [...cells].map(([type, outcomes]) => ({
    type,
    total: sum([...outcomes.values()]),
    outcomes: [...outcomes].map(([outcome, count]) => ({ outcome, count })).sort((a, b) => b.count - a.count),
  }));
}

/** Sums of what the months show; a rate only where both of its parts are shown. */
function appealRows(appeals: readonly RuleAppeals[]): RuleAppeals[] {
  return [...new Set(appeals.map(({ rule }) => rule))].sort().map((rule) => {
    const own = appeals.filter((one) => one.rule === rule);
    const [upheld, overturned] = [
      sum(own.map((one) => one.upheld)) || null,
      sum(own.map((one) => one.overturned)) || null,
    ];
    const rate = upheld && overturned ? Math.round((overturned / (upheld + overturned)) * 100) / 100 : null;
    return { rule, upheld, overturned, overturnRate: rate };
  });
}

/** One month for programs. Throws `not_found` for a month that has not begun. */
export async function loadMonth(
  { em, now }: Pick<Work, 'em' | 'now'>,
  { secretKey, compliance }: TransparencyDeps,
  text: string,
): Promise<MonthExport> {
  const month = readMonth(text, now());
  if (!month) throw new AppError('not_found', 'There are no figures of that month.');
  const { months, cases, rules } = await loadFigures(em, [month], now());
  const [figures] = months;
  if (!figures) throw new AppError('not_found', 'There are no figures of that month.');
  return { ...figures, cases: await entriesOf(em, secretKey, cases.slice(0, MOST_ENTRIES), rules, compliance) };
}
