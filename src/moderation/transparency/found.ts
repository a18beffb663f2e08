import type { EntityManager } from '@mikro-orm/core';
import { rows, toDate, toDateOrNull, toNumber } from '../../kit/database/sql.ts';
import type { PolicyTargetKind } from '../../safety/policy.ts';
import type { CaseState } from '../cases/model/case.ts';
import type { Outcome } from '../takedown/model.ts';
import { endOf, type Month, placeIn, startOf } from './months.ts';

// What happened in some months, as it stands in the tables: one query for each. Nothing of it is published as it is.

export interface DecidedCase {
  readonly id: string;
  readonly type: string;
  /** Null where it was turned down at the door. */
  readonly outcome: Outcome | null;
  readonly state: CaseState;
  readonly isAutomated: boolean;
  /** A timer had decided it, and a person found on appeal that it was wrong. */
  readonly isCorrected: boolean;
  readonly rule: string;
  readonly targetKind: PolicyTargetKind | null;
  readonly targetId: number | null;
  readonly takedownId: string | null;
  readonly submittedAt: Date;
  readonly decidedAt: Date | null;
}

interface CaseRow {
  id: string;
  type: string;
  outcome: Outcome | null;
  state: CaseState;
  decider_id: number | null;
  corrected: unknown;
  rule: string;
  target_kind: PolicyTargetKind | null;
  target_id: number | null;
  takedown_id: string | null;
  submitted_at: unknown;
  decided_at: unknown;
}

const CLOCK_MS = 48 * 3_600_000;

/** The decision that stands took the place of the first; who made that one is in the audit log. */
const CORRECTED = `case when c.decider_id is not null
  and exists (select 1 from case_appeal a where a.case_id = c.id and a.result = 'overturned')
  and exists (select 1 from audit_entry e where e.subject_kind = 'case' and e.subject_id = cast(c.id as text)
    and e.action = 'case.move' and cast(e.after as text) like '%"run-out"%') then 1 else 0 end`;

/** Cases that were decided in these months, and those about intimate pictures whose 48 hours ended in them. */
export async function findCases(em: EntityManager, months: readonly Month[]): Promise<DecidedCase[]> {
  const [from, until] = rangeOf(months);
  const found = await rows<CaseRow>(
    em,
    `select id, type, outcome, state, decider_id, rule, target_kind, target_id, takedown_id, submitted_at, decided_at,
       ${CORRECTED} as corrected
     from claim_case c where (decided_at >= ? and decided_at < ?)
       or (type = 'ncii' and submitted_at >= ? and submitted_at < ?
           and (decided_at is not null or state not in ('withdrawn', 'merged', 'rejected')))
     order by decided_at desc, id desc`,
    [from, until, new Date(from.getTime() - CLOCK_MS), new Date(until.getTime() - CLOCK_MS)],
  );
  return found.map((row) => ({
    ...{ id: row.id, type: row.type, outcome: row.outcome, state: row.state, rule: row.rule },
    ...{ isAutomated: row.decider_id === null, isCorrected: toNumber(row.corrected) === 1 },
    ...{ targetKind: row.target_kind, targetId: row.target_id, takedownId: row.takedown_id },
    ...{ submittedAt: toDate(row.submitted_at), decidedAt: toDateOrNull(row.decided_at) },
  }));
}

/** When the 48 hours of a case were over without a decision, or null. */
export function missedAt({ type, submittedAt, decidedAt }: DecidedCase, now: Date): Date | null {
  const end = new Date(submittedAt.getTime() + CLOCK_MS);
  return type === 'ncii' && (decidedAt ?? now) > end ? end : null;
}

interface Grouped {
  readonly month: Month;
  readonly count: number;
}

async function group<Row extends object>(
  em: EntityManager,
  months: readonly Month[],
  column: string,
  write: (place: string) => string,
): Promise<(Row & Grouped)[]> {
  const place = placeIn(months, column);
  const found = await rows<Row & { month: unknown; n: unknown }>(em, write(place.sql), [
    ...place.parameters,
    ...rangeOf(months),
  ]);
  return found.map((row) => ({ ...row, month: months[toNumber(row.month)] ?? '', count: toNumber(row.n) }));
}

/** Decisions about reports, under the rule that was named, or what the reports said; severe when one of them did. */
export const countReports = (em: EntityManager, months: readonly Month[]) =>
  group<{ type: string; choice: string }>(
    em,
    months,
    'd.decided_at',
    (place) => `select ${place} as month, d.choice,
       case when exists (select 1 from report p where p.row_id = d.row_id and p.category in ('minor', 'ncii')) then 'ncii'
         else coalesce(r.category, (select min(p.category) from report p where p.row_id = d.row_id), 'other') end as type,
       count(*) as n
     from queue_decision d join queue_row q on q.id = d.row_id left join rule r on r.id = d.rule_id
     where d.decided_at >= ? and d.decided_at < ? and d.state = 'done' and q.kind = 'report' group by 1, 2, 3`,
  );

/** Appeals that were decided, under the rule of the decision that stands now. */
export const countAppeals = (em: EntityManager, months: readonly Month[]) =>
  group<{ rule: string; result: string }>(
    em,
    months,
    'a.decided_at',
    (place) => `select ${place} as month, c.rule, a.result, count(*) as n
     from case_appeal a join claim_case c on c.id = a.case_id
     where a.decided_at >= ? and a.decided_at < ? and c.type not in ('minor', 'ncii') group by 1, 2, 3`,
  );

export const countStrikes = (em: EntityManager, months: readonly Month[]) =>
  group<{ type: string; result: 'given' | 'voided' }>(
    em,
    months,
    's.created_at',
    (
      place,
    ) => `select ${place} as month, s.type, case when s.voided_at is null then 'given' else 'voided' end as result,
       count(*) as n from strike s
     where s.created_at >= ? and s.created_at < ? and s.type not in ('minor', 'ncii') group by 1, 2, 3`,
  );

/** Orders of authorities, by when they came; those about severe things are in no figure but that of the severe. */
export const countOrders = (em: EntityManager, months: readonly Month[]) =>
  group<Record<never, never>>(
    em,
    months,
    'o.received_at',
    (place) => `select ${place} as month, count(*) as n
     from authority_order o join claim_case c on c.id = o.case_id
     where o.received_at >= ? and o.received_at < ? and c.type not in ('minor', 'ncii') group by 1`,
  );

/** How the appeals of these cases ended. */
export async function findAppeals(em: EntityManager, caseIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (caseIds.length === 0) return new Map();
  const found = await rows<{ case_id: string; result: string }>(
    em,
    `select case_id, result from case_appeal where result is not null
       and case_id in (${caseIds.map(() => '?').join(', ')}) order by decided_at`,
    caseIds,
  );
  return new Map(found.map(({ case_id, result }) => [case_id, result]));
}

function rangeOf(months: readonly Month[]): [Date, Date] {
  const [first = '', last = first] = [months[0], months.at(-1)];
  return [startOf(first), endOf(last)];
}
