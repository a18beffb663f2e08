import type { EntityManager } from '@mikro-orm/core';
import { handle } from '../accounts/model.ts';
import { rows, toDate, toNumber } from '../kit/database/sql.ts';
import { isId } from '../kit/ids.ts';
import { hasMessage, t } from '../kit/web/messages.ts';
import type { PostingKind } from './ledger/model.ts';

export interface HistoryLine {
  readonly id: string;
  readonly amount: number;
  readonly at: string;
  readonly what: string;
  /** Who gave it, or to whom it went; null for the node, and for who left. */
  readonly other: { readonly label: string; readonly url: string } | null;
  readonly isFromSomebody: boolean;
  /** In the words of who gave it. */
  readonly note: string;
  /** Of what it was for; '' where there is no page. */
  readonly url: string;
  readonly urlLabel: string;
}

interface Row {
  id: string;
  amount: unknown;
  at: unknown;
  kind: PostingKind;
  subject_kind: string;
  subject_id: string;
  note: string;
  hold_state: string | null;
  other_name: string | null;
  other_host: string | null;
}

const PAGE = 40;

/** What came and went, the newest first; `before` is the cursor of the page before. One query along one index. */
export async function listHistory(
  em: EntityManager,
  purseId: string,
  before: string,
): Promise<{ lines: HistoryLine[]; nextBefore: string }> {
  const place = readPlace(before);
  const found = await rows<Row>(
    em,
    `select e.id, e.amount, e.at, p.kind, p.subject_kind, p.subject_id, p.note,
       h.state as hold_state, n.name as other_name, n.host as other_host
     from credit_entry e join credit_posting p on p.id = e.posting_id
     left join credit_entry c on p.kind in ('tip', 'hold', 'licence') and c.posting_id = p.id and c.id <> e.id
     left join credit_hold h on h.escrow_id = c.account_id
     left join credit_account o on o.id = c.account_id and o.kind = 'person'
     left join account n on n.id = o.owner_id
     where e.account_id = ?${place ? ' and (e.at, e.id) < (?, ?)' : ''}
     order by e.at desc, e.id desc limit ${PAGE + 1}`,
    [purseId, ...(place ? [place.at, place.id] : [])],
  );
  const shown = found.slice(0, PAGE);
  const last = found.length > PAGE ? shown.at(-1) : undefined;
  return { lines: shown.map(lineOf), nextBefore: last ? `${toDate(last.at).getTime()}.${last.id}` : '' };
}

function readPlace(text: string): { at: Date; id: string } | null {
  const [, ms = '', id = ''] = /^(\d{1,15})\.([0-9a-f-]{36})$/.exec(text) ?? [];
  return isId(id) ? { at: new Date(Number(ms)), id } : null;
}

function lineOf(row: Row): HistoryLine {
  const amount = toNumber(row.amount);
  const subject = row.subject_kind;
  const way = `credits.what.${row.kind}${wayOf(row, amount)}`;
  const what = hasMessage(`${way}.${subject}`) ? `${way}.${subject}` : way;
  const url = urlOf(row.subject_kind, row.subject_id);
  return {
    ...{ id: row.id, amount, at: toDate(row.at).toISOString(), note: row.note },
    isFromSomebody: row.kind === 'tip',
    what: t(what),
    other: row.other_name === null ? null : otherOf({ name: row.other_name, host: row.other_host ?? '' }),
    url,
    urlLabel: url === '' ? '' : t(`credits.subject.${row.subject_kind}`),
  };
}

/** A hold that ended reads as what was paid, beside what came back of it. */
function wayOf({ kind, hold_state: state }: Row, amount: number): string {
  if (kind === 'tip' || kind === 'licence') return amount > 0 ? '-in' : '-out';
  return kind === 'hold' && state !== 'held' ? '-ended' : '';
}

const otherOf = (account: { name: string; host: string }) => ({
  label: handle(account),
  url: `/${handle(account)}`,
});

const FOLDERS: Readonly<Record<string, string>> = {
  ...{ image: '/images/', model: '/models/', post: '/posts/' },
  ...{ generation: '/generate/', training: '/train/', merge: '/merge/' },
  ...{ bounty: '/bounties/', licence: '/licences/', 'rights-licence': '/rights/licences/' },
};
const urlOf = (kind: string, id: string): string => {
  if (kind === 'early-access') return `/versions/${id}/early-access`;
  return FOLDERS[kind] ? `${FOLDERS[kind]}${id}` : '';
};

export interface HeldLine {
  readonly what: string;
  readonly url: string;
  readonly amount: number;
  readonly createdAt: string;
}

const MOST_HELD = 50;

/** What is put aside: for work that waits or runs, and for what others may earn. */
export async function listHeld(em: EntityManager, purseId: string): Promise<HeldLine[]> {
  const found = await rows<{ subject_kind: string; subject_id: string; amount: number; created_at: unknown }>(
    em,
    `select id, cast(subject_kind as varchar(20)) as subject_kind, cast(subject_id as varchar(40)) as subject_id, amount,
       created_at from credit_hold where payer_id = ? and state = 'held'
     union all
     select id, cast(subject_kind as varchar(20)), cast(subject_id as varchar(40)), amount, created_at from credit_pledge where payer_id = ? and state = 'held'
     order by id desc limit ${MOST_HELD}`,
    [purseId, purseId],
  );
  return found.map(({ subject_kind: kind, subject_id: id, amount, created_at: at }) => ({
    ...{ what: t(`credits.subject.${kind}`), url: urlOf(kind, id), amount },
    createdAt: toDate(at).toISOString(),
  }));
}
