import type { EntityManager } from '@mikro-orm/core';
import { RULE_CATEGORIES, type RuleCategory } from '../rules/model.ts';
import { OUTCOMES } from '../takedown/model.ts';
import {
  countAppeals,
  countOrders,
  countReports,
  countStrikes,
  type DecidedCase,
  findCases,
  missedAt,
} from './found.ts';
import { type Month, monthOf } from './months.ts';
import { type PublicRules, publicRule, readRules } from './rules.ts';
import { findSecondLooks, type SecondLook } from './second-looks.ts';
import { type Count, type PublishedCell, type PublishedTable, publishable, spread, suppress } from './suppress.ts';

const isSevereType = (type: string): boolean => type === 'minor' || type === 'ncii';
const TYPES: readonly string[] = RULE_CATEGORIES.filter((type: RuleCategory) => !isSevereType(type));
const DECIDED: readonly string[] = [...OUTCOMES.filter((outcome) => outcome !== 'quarantine'), 'withhold', 'rejected'];

/** A choice of the queue in the words of cases. */
const OUTCOME_OF: Readonly<Record<string, string>> = {
  ...{ delist: 'limit', strike: 'account_action', suspend: 'account_action' },
};

export interface Hours {
  readonly type: string;
  readonly median: number;
  readonly p90: number;
}

export interface RuleAppeals {
  readonly rule: string;
  readonly upheld: number | null;
  readonly overturned: number | null;
  /** From 0 to 1. */
  readonly overturnRate: number | null;
}

/**
 * What one month may say (spec/takedowns.md 2.12). Null is fewer than five, or nothing. All figures are about what the
 * table of decisions shows, so that no difference of two of them gives a hidden cell back. Cases of children and of
 * intimate pictures are in `severe` and `doubleReviews` and nowhere else, and there once the month is over.
 */
export interface MonthFigures {
  readonly month: Month;
  readonly isOver: boolean;
  readonly decisions: readonly PublishedCell[];
  readonly decided: number;
  /** Decided by a timer or a scanner. */
  readonly automated: number | null;
  readonly automatedShare: number | null;
  /** Of those that a timer had decided, how many a person decided anew on appeal; the rate where both are shown. */
  readonly corrected: number | null;
  readonly automationErrorRate: number | null;
  /** From the claim to the decision; `all`, and by type. */
  readonly hours: readonly Hours[];
  readonly appeals: readonly RuleAppeals[];
  readonly strikes: readonly { readonly type: string; readonly given: number | null; readonly voided: number | null }[];
  readonly severe: { readonly decided: number | null; readonly missed48Hours: number | null };
  /** Of what two people had to want: the second did as the first, or something else. It is nearly all severe. */
  readonly doubleReviews: {
    readonly agreed: number | null;
    readonly differed: number | null;
    readonly agreementRate: number | null;
  };
  /** Of courts and authorities, by when they came. */
  readonly orders: number | null;
}

export interface Figures {
  /** As asked for, in that order. */
  readonly months: readonly MonthFigures[];
  readonly cases: readonly DecidedCase[];
  readonly rules: PublicRules;
}

/** The figures of months that follow each other, in a handful of queries. */
export async function loadFigures(em: EntityManager, months: readonly Month[], now: Date): Promise<Figures> {
  const found = await findCases(em, months);
  const cases = found.filter(({ type, decidedAt }) => decidedAt !== null && !isSevereType(type));
  const [reports, appeals, strikes] = [
    await countReports(em, months),
    await countAppeals(em, months),
    await countStrikes(em, months),
  ];
  const [looks, orders] = [await findSecondLooks(em, months), await countOrders(em, months)];
  const rules = await readRules(em);
  const figures = months.map((month): MonthFigures => {
    const here = cases.filter(({ decidedAt }) => decidedAt !== null && monthOf(decidedAt) === month);
    const reported = reports.filter((row) => row.month === month);
    const isOver = month < monthOf(now);
    const severe =
      found.filter(({ type, decidedAt }) => decidedAt && isSevereType(type) && monthOf(decidedAt) === month).length +
      reported.filter(({ type }) => isSevereType(type)).reduce((sum, { count }) => sum + count, 0);
    const missed = found.map((one) => missedAt(one, now)).filter((at) => at !== null && monthOf(at) === month).length;
    const inMonth = <Row extends { readonly month: Month }>(list: readonly Row[]) =>
      list.filter((row) => row.month === month);
    return {
      ...{ month, isOver },
      ...decisionsOf(here, reported),
      appeals: appealsOf(inMonth(appeals), rules),
      strikes: strikesOf(inMonth(strikes)),
      severe: {
        decided: isOver ? publishable(severe) : null,
        missed48Hours: isOver ? publishable(missed) : null,
      },
      doubleReviews: isOver ? agreementOf(inMonth(looks)) : NO_REVIEWS,
      orders: publishable(inMonth(orders).reduce((sum, { count }) => sum + count, 0)),
    };
  });
  return { months: figures, cases, rules };
}

const NO_REVIEWS = { agreed: null, differed: null, agreementRate: null };

function agreementOf(looks: readonly SecondLook[]): MonthFigures['doubleReviews'] {
  const agreed = publishable(looks.filter(({ isAgreed }) => isAgreed).length);
  const differed = publishable(looks.filter(({ isAgreed }) => !isAgreed).length);
  return { agreed, differed, agreementRate: rateOf(agreed, differed) };
}

/** How much of both the first is; null unless both are shown, for else the rate would tell the hidden one. */
const rateOf = (part: number | null, rest: number | null): number | null =>
  part === null || rest === null ? null : rounded(part / (part + rest), 100);

const outcomeOf = ({ outcome }: DecidedCase): string => outcome ?? 'rejected';

function decisionsOf(
  cases: readonly DecidedCase[],
  reports: readonly { readonly type: string; readonly choice: string; readonly count: number }[],
): Pick<
  MonthFigures,
  'decisions' | 'decided' | 'automated' | 'automatedShare' | 'corrected' | 'automationErrorRate' | 'hours'
> {
  const counts: Count[] = [
    ...cases.map((kase) => ({ type: kase.type, outcome: outcomeOf(kase), count: 1 })),
    ...reports
      .filter(({ type }) => !isSevereType(type))
      .map(({ type, choice, count }) => ({ type, outcome: OUTCOME_OF[choice] ?? choice, count })),
  ];
  const table = suppress(counts, TYPES, DECIDED);
  const shown = new Set(table.cells.filter(({ count }) => count !== null).map(keyOf));
  const counted = cases.filter((kase) => shown.has(keyOf({ type: kase.type, outcome: outcomeOf(kase) })));
  const automated = publishable(counted.filter(({ isAutomated }) => isAutomated).length);
  const corrected = publishable(counted.filter(({ isCorrected }) => isCorrected).length);
  return {
    ...{ decisions: table.cells, decided: table.shown, automated, corrected },
    automationErrorRate: rateOf(corrected, automated),
    automatedShare: automated === null ? null : rounded(automated / table.shown, 100),
    hours: hoursOf(counted),
  };
}

const keyOf = ({ type, outcome }: { readonly type: string; readonly outcome: string }): string => `${type}/${outcome}`;
const rounded = (value: number, steps: number): number => Math.round(value * steps) / steps;

function hoursOf(cases: readonly DecidedCase[]): Hours[] {
  return ['all', ...TYPES].flatMap((type) => {
    const found = spread(
      cases
        .filter((kase) => type === 'all' || kase.type === type)
        .map(
          ({ submittedAt, decidedAt }) => ((decidedAt ?? submittedAt).getTime() - submittedAt.getTime()) / 3_600_000,
        ),
    );
    return found ? [{ type, median: rounded(found.median, 10), p90: rounded(found.p90, 10) }] : [];
  });
}

function appealsOf(
  found: readonly { readonly rule: string; readonly result: string; readonly count: number }[],
  rules: PublicRules,
): RuleAppeals[] {
  const counts = found.map(({ rule, result, count }) => ({ type: publicRule(rules, rule), outcome: result, count }));
  const names = [...new Set(counts.map(({ type }) => type))].sort();
  const table = suppress(counts, names, ['upheld', 'overturned']);
  return names.flatMap((rule) => {
    const [upheld, overturned] = [cellOf(table, rule, 'upheld'), cellOf(table, rule, 'overturned')];
    if (upheld === null && overturned === null) return [];
    return [{ rule, upheld, overturned, overturnRate: rateOf(overturned, upheld) }];
  });
}

function strikesOf(
  found: readonly { readonly type: string; readonly result: string; readonly count: number }[],
): MonthFigures['strikes'] {
  const counts = found.map(({ type, result, count }) => ({ type, outcome: result, count }));
  const table = suppress(counts, TYPES, ['given', 'voided']);
  return TYPES.map((type) => ({
    type,
    given: cellOf(table, type, 'given'),
    voided: cellOf(table, type, 'voided'),
  })).filter(({ given, voided }) => given !== null || voided !== null);
}

const cellOf = ({ cells }: PublishedTable, type: string, outcome: string): number | null =>
  cells.find((cell) => cell.type === type && cell.outcome === outcome)?.count ?? null;
