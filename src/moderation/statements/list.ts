import { z } from 'zod';
import { rows, toBoolean, toDate, toNumber } from '../../kit/database/sql.ts';
import { isId } from '../../kit/ids.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { MILD_CHOICES } from '../queue/events.ts';
import { ruleLabel } from '../rules/model.ts';
import { APPEAL_MS, APPEAL_PREFIX, aboutOf, appealOf, type Statement, whatOf } from './statement.ts';

const SHOWS = ['all', 'open', 'appealed', 'strike'] as const;

export const StatementQuery = z.object({
  /** `open`: what can still be appealed. */
  show: z.enum(SHOWS).catch('all'),
  cursor: z.string().max(60).catch(''),
});

interface StatementItem extends Pick<Statement, 'id' | 'what' | 'about' | 'appeal'> {
  /** Number and title; '' where none was named. */
  readonly rule: string;
  readonly decidedAt: string;
}

export interface StatementList {
  readonly items: readonly StatementItem[];
  readonly show: (typeof SHOWS)[number];
  readonly shows: typeof SHOWS;
  /** '' on the last page. */
  readonly nextUrl: string;
}

interface Row {
  id: string;
  choice: string;
  level: unknown;
  has_strike: unknown;
  decided_at: unknown;
  appealed_at: unknown;
  about_kind: string;
  title: string;
  rule_number: number | null;
  rule_version: number | null;
  rule_title: string | null;
  outcome: string | null;
}

const PAGE = 30;
const MILD = MILD_CHOICES.map((choice) => `'${choice}'`).join(', ');

const CONDITIONS = {
  all: '',
  open: 'and d.appealed_at is null and d.decided_at > ?',
  appealed: 'and d.appealed_at is not null',
  strike: `and (d.has_strike or d.choice = 'strike')`,
} as const satisfies Record<(typeof SHOWS)[number], string>;

/** What was decided against the viewer, the newest first. */
export async function listStatements(
  { em, now }: Pick<Work, 'em' | 'now'>,
  viewer: Viewer,
  { show, cursor }: z.output<typeof StatementQuery>,
): Promise<StatementList> {
  const oldest = new Date(now().getTime() - APPEAL_MS);
  const place = readPlace(cursor);
  const found = await rows<Row>(
    em,
    `select d.id, d.choice, d.level, d.has_strike, d.decided_at, d.appealed_at, q.about_kind, q.title,
       r.number as rule_number, r.version as rule_version, r.title as rule_title, a.outcome
     from queue_decision d join queue_row q on q.id = d.row_id left join rule r on r.id = d.rule_id
       left join queue_row a on a.kind = 'appeal' and a.subject_id = '${APPEAL_PREFIX}' || cast(d.id as text)
     where d.owner_id = ? and d.state = 'done' and (d.choice not in (${MILD}) or d.has_strike) ${CONDITIONS[show]}
       ${place ? 'and (d.decided_at, d.id) < (?, ?)' : ''}
     order by d.decided_at desc, d.id desc limit ${PAGE + 1}`,
    [viewer.id, ...(show === 'open' ? [oldest] : []), ...(place ? [place.at, place.id] : [])],
  );
  const shown = found.slice(0, PAGE);
  const last = found.length > PAGE ? shown.at(-1) : undefined;
  return {
    ...{ show, shows: SHOWS },
    items: shown.map((row) => itemOf(row, oldest)),
    nextUrl: last ? `/decisions?${new URLSearchParams({ show, cursor: writePlace(last) })}` : '',
  };
}

function itemOf(row: Row, oldest: Date): StatementItem {
  const decidedAt = toDate(row.decided_at);
  return {
    id: row.id,
    what: whatOf({ choice: row.choice, level: toNumber(row.level), hasStrike: toBoolean(row.has_strike) }),
    about: aboutOf(row.about_kind, row.title),
    rule: ruleOf(row),
    decidedAt: decidedAt.toISOString(),
    appeal: appealOf(row.appealed_at != null, row.outcome ?? '', decidedAt < oldest),
  };
}

const ruleOf = ({ rule_number: number, rule_version: version, rule_title: title }: Row): string =>
  number === null || version === null ? '' : `${ruleLabel({ number, version })} · ${title ?? ''}`;

const writePlace = ({ id, decided_at }: Row): string => `${toDate(decided_at).getTime()}_${id}`;

function readPlace(text: string): { at: Date; id: string } | null {
  const [, at = '', id = ''] = /^(\d{1,15})_([0-9a-f-]{36})$/.exec(text) ?? [];
  return isId(id) ? { at: new Date(Number(at)), id } : null;
}
