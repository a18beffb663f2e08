import { csvLine } from '../../kit/csv.ts';
import type { PublicEntry } from './entries.ts';
import type { MonthFigures } from './figures.ts';

export interface MonthExport extends MonthFigures {
  readonly cases: readonly PublicEntry[];
}

const HEAD = ['month', 'part', 'type', 'name', 'value', 'id', 'received', 'decided', 'rule', 'kind', 'by', 'appeal'];

/** One figure or one case a line. An empty value is fewer than five, or nothing. */
export function csvOf({ month, cases, ...figures }: MonthExport): string {
  const line = (part: string, type: string, name: string, value: number | string | null, more: string[] = []) =>
    csvLine([month, part, type, name, value === null ? '' : String(value), ...more]);
  const lines = [
    csvLine(HEAD),
    ...figures.decisions.map(({ type, outcome, count }) => line('decisions', type, outcome, count)),
    line('decisions', 'all', 'shown', figures.decided),
    line('automation', 'all', 'automated', figures.automated),
    line('automation', 'all', 'share', figures.automatedShare),
    line('automation', 'all', 'corrected', figures.corrected),
    line('automation', 'all', 'errorRate', figures.automationErrorRate),
    ...figures.hours.flatMap(({ type, median, p90 }) => [
      line('hours', type, 'median', median),
      line('hours', type, 'p90', p90),
    ]),
    ...figures.appeals.flatMap(({ rule, upheld, overturned, overturnRate }) => [
      line('appeals', rule, 'upheld', upheld),
      line('appeals', rule, 'overturned', overturned),
      line('appeals', rule, 'overturnRate', overturnRate),
    ]),
    ...figures.strikes.flatMap(({ type, given, voided }) => [
      line('strikes', type, 'given', given),
      line('strikes', type, 'voided', voided),
    ]),
    line('severe', 'all', 'decided', figures.severe.decided),
    line('severe', 'all', 'missed48Hours', figures.severe.missed48Hours),
    line('double-review', 'all', 'agreed', figures.doubleReviews.agreed),
    line('double-review', 'all', 'differed', figures.doubleReviews.differed),
    line('double-review', 'all', 'agreementRate', figures.doubleReviews.agreementRate),
    line('orders', 'all', 'received', figures.orders),
    ...cases.map((entry) =>
      line('case', entry.type, entry.outcome, entry.link ?? '', [
        ...[entry.id, entry.receivedOn, entry.decidedOn, entry.rule, entry.kind],
        ...[entry.isAutomated ? 'automated' : 'human', entry.appeal ?? ''],
      ]),
    ),
  ];
  return lines.join('');
}
