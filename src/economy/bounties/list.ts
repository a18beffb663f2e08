import { z } from 'zod';
import { isShownPerson } from '../../gallery/hidden.ts';
import { eyesOf, OWNER_COLUMNS, type OwnerRow, type OwnerView, ownerView } from '../../gallery/views.ts';
import { type Parameter, rows, toDate, toNumber } from '../../kit/database/sql.ts';
import { isId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import { RESTRICTION } from '../../safety/policy.ts';
import { SHUT } from '../../safety/standing.ts';
import { BOUNTY_KINDS, type Bounty } from './model.ts';

export const ListQuery = z.object({
  show: z.enum(['open', 'over']).catch('open'),
  kind: z.enum(['', ...BOUNTY_KINDS]).catch(''),
  before: z.string().max(60).catch(''),
});

export interface BountyLine {
  readonly url: string;
  readonly title: string;
  readonly kind: string;
  readonly mode: string;
  readonly state: string;
  readonly baseModel: string;
  readonly owner: OwnerView;
  readonly pot: number;
  readonly entryCount: number;
  readonly deadlineAt: string;
  readonly commentCount: number;
  readonly postedAt: string;
}

interface Row extends OwnerRow {
  id: string;
  title: string;
  kind: Bounty['kind'];
  mode: Bounty['mode'];
  state: Bounty['state'];
  base_model: string;
  deadline_at: unknown;
  created_at: unknown;
  comment_count: number;
  pot: unknown;
  entry_count: unknown;
}

const PAGE = 30;

/** What lies in a pot, or lay there when it was paid. */
export const POT = `(select coalesce(sum(p.amount), 0) from credit_pledge p where p.subject_kind = 'bounty'
  and p.subject_id = cast(b.id as varchar(40)) and p.state <> 'refunded')`;
const ENTRY_COUNT = `(select count(*) from bounty_entry e where e.bounty_id = b.id and e.withdrawn_at is null
  and e.held_at is null and e.withheld_at is null)`;

/** The newest first, along one index, without those whom the viewer hides. */
export async function listBounties(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  { show, kind, before }: z.output<typeof ListQuery>,
): Promise<{ readonly items: BountyLine[]; readonly nextBefore: string }> {
  const { hidesFor } = await eyesOf(em, viewer);
  const where = ['b.held_at is null and b.withheld_at is null', `a.state = 'active'`];
  const values: Parameter[] = [];
  const add = (condition: string, ...given: Parameter[]) => {
    where.push(condition);
    values.push(...given);
  };
  add(show === 'open' ? `b.state = 'open'` : `b.state <> 'open'`);
  add(`not exists (select 1 from policy_state s where s.target_kind = 'account' and s.target_id = b.owner_id
    and (s.restrictions & ${SHUT | RESTRICTION.list}) <> 0)`);
  if (kind !== '') add('b.kind = ?', kind);
  if (hidesFor) {
    add(isShownPerson('a'), hidesFor, hidesFor);
    add(
      `not exists (select 1 from bounty_tag g join hidden h on h.tag_id = g.tag_id where g.bounty_id = b.id and h.account_id = ?)`,
      hidesFor,
    );
  }
  const [, ms = '', id = ''] = /^(\d{1,15})\.([0-9a-f-]{36})$/.exec(before) ?? [];
  if (isId(id)) add('(b.created_at, b.id) < (?, ?)', new Date(Number(ms)), id);
  const found = await rows<Row>(
    em,
    `select b.id, b.title, b.kind, b.mode, b.state, b.base_model, b.deadline_at, b.created_at, b.comment_count,
       ${OWNER_COLUMNS}, ${POT} as pot, ${ENTRY_COUNT} as entry_count
     from bounty b join account a on a.id = b.owner_id where ${where.join(' and ')}
     order by b.created_at desc, b.id desc limit ${PAGE + 1}`,
    values,
  );
  const shown = found.slice(0, PAGE);
  const last = found.length > PAGE ? shown.at(-1) : undefined;
  return {
    items: shown.map((row) => ({
      ...{ url: `/bounties/${row.id}`, title: row.title, kind: row.kind, mode: row.mode, state: row.state },
      ...{ baseModel: row.base_model, owner: ownerView(row), pot: toNumber(row.pot) },
      ...{ entryCount: toNumber(row.entry_count), commentCount: row.comment_count },
      deadlineAt: toDate(row.deadline_at).toISOString(),
      postedAt: toDate(row.created_at).toISOString(),
    })),
    nextBefore: last ? `${toDate(last.created_at).getTime()}.${last.id}` : '',
  };
}
