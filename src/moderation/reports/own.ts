import { rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { Rule, ruleLabel } from '../rules/model.ts';
import { Report } from './model.ts';

export interface OwnReport {
  readonly id: string;
  readonly kind: string;
  readonly url: string;
  readonly title: string;
  readonly reason: string;
  readonly text: string;
  readonly createdAt: string;
  /** In words: it waits, or what was decided. */
  readonly outcome: string;
  readonly isOpen: boolean;
}

const PAGE = 50;

/** What the viewer reported and what became of it, the newest first; `before` is the id of the last one seen. */
export async function listOwnReports(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  before: string | null,
): Promise<{ reports: OwnReport[]; nextBefore: string | null }> {
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  const found = await em.find(
    Report,
    { reporterId: viewer.id, ...(before ? { id: { $lt: before } } : {}) },
    { orderBy: { id: 'desc' }, limit: PAGE + 1 },
  );
  const shown = found.slice(0, PAGE);
  const rules = await em.find(Rule, { id: { $in: shown.flatMap(({ ruleId }) => ruleId ?? []) } });
  const labels = new Map(rules.map((rule) => [rule.id, `${ruleLabel(rule)} · ${rule.title}`]));
  return {
    reports: shown.map((report) => {
      const { title, url } = report.snapshot as { title: string; url: string };
      return {
        ...{ id: report.id, kind: t(`reported.${report.aboutKind}`), url, title, text: report.text },
        reason: labels.get(report.ruleId ?? '') ?? t(`category.${report.category}`),
        createdAt: report.createdAt.toISOString(),
        outcome: t(`report-outcome.${report.closedAt == null ? 'open' : outcomeOf(report.outcome)}`),
        isOpen: report.closedAt == null,
      };
    }),
    nextBefore: found.length > PAGE ? (shown.at(-1)?.id ?? null) : null,
  };
}

/** What was done to somebody else is theirs to know; the reporter hears whether something was. */
const outcomeOf = (outcome: string): string => (outcome === 'dismiss' ? 'dismissed' : 'acted');

/** Has the viewer reported this already, so that the form can say so? */
export async function hasReported({ em, viewer }: Pick<Work, 'em' | 'viewer'>, about: string): Promise<boolean> {
  const [found] = await rows<{ n: unknown }>(
    em,
    `select count(*) as n from report r join queue_row q on q.id = r.row_id
     where r.reporter_id = ? and q.subject_id = ? and q.open_key = 'open'`,
    [viewer?.id ?? 0, about],
  );
  return toNumber(found?.n) > 0;
}
