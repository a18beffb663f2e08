import type { EntityManager } from '@mikro-orm/core';
import { Account, handle } from '../../accounts/model.ts';
import { type Parameter, rows, toDate, toDateOrNull, toNumber } from '../../kit/database/sql.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import type { Desks } from './desk.ts';
import { requireModerator } from './lock.ts';
import type { QueueKind } from './model.ts';

export interface QueueFilter {
  readonly kind: QueueKind | '';
  /** `mine`: given to the viewer; `free`: given to nobody. */
  readonly whose: 'all' | 'mine' | 'free';
  readonly cursor: string;
}

export interface QueueItem {
  readonly id: string;
  readonly kind: QueueKind;
  readonly title: string;
  readonly about: string;
  readonly priority: number;
  readonly dueAt: string | null;
  readonly isOverdue: boolean;
  readonly openedAt: string;
  readonly voiceCount: number;
  readonly assignee: string;
  /** Who looks at it now, other than the viewer. */
  readonly lockedBy: string;
  /** '' where nobody knows how to decide it. */
  readonly url: string;
}

interface Row {
  id: string;
  kind: QueueKind;
  subject_id: string;
  about_kind: string;
  about_id: string;
  title: string;
  priority: number;
  due_at: unknown;
  opened_at: unknown;
  voice_count: unknown;
  assignee_id: number | null;
  locked_by_id: number | null;
  locked_until: unknown;
}

const PAGE = 40;
/** Rows without a deadline come last among those of their priority. */
const NEVER = new Date('9999-01-01T00:00:00Z');

/** What waits, the most urgent first and then what is due first. */
export async function listQueue(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  desks: Desks,
  { kind, whose, cursor }: QueueFilter,
): Promise<{ items: QueueItem[]; nextCursor: string }> {
  const who = requireModerator(viewer);
  const open = openTo(who);
  const where = [open.sql];
  const values: Parameter[] = [...open.values];
  if (kind) {
    where.push('q.kind = ?');
    values.push(kind);
  }
  if (whose === 'mine') {
    where.push('q.assignee_id = ?');
    values.push(who.id);
  }
  if (whose === 'free') where.push('q.assignee_id is null');
  const place = readPlace(cursor);
  if (place) {
    where.push('(q.priority, coalesce(q.due_at, ?), q.id) > (?, ?, ?)');
    values.push(NEVER, place.priority, place.dueAt, place.id);
  }
  const found = await rows<Row>(
    em,
    `select q.* from queue_row q where ${where.join(' and ')}
     order by q.priority, coalesce(q.due_at, ?), q.id limit ${PAGE + 1}`,
    [...values, NEVER],
  );
  const shown = found.slice(0, PAGE);
  const last = found.length > PAGE ? shown.at(-1) : undefined;
  const names = await namesOf(em, shown);
  return {
    items: shown.map((row) => itemOf(row, desks, names, who, now())),
    nextCursor: last ? writePlace(last) : '',
  };
}

/** Open rows `q` that this moderator may decide. */
function openTo(viewer: Viewer): { sql: string; values: Parameter[] } {
  return { sql: `q.state = 'open' and (q.permission = 0 or (q.permission & ?) <> 0)`, values: [viewer.permissions] };
}

/** The next row that nobody else looks at, after the one that was looked at; the first again at the end. */
export async function findNext(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  desks: Desks,
  afterId = '',
): Promise<string> {
  const who = requireModerator(viewer);
  const open = openTo(who);
  const found = await rows<Row>(
    em,
    `select q.* from queue_row q where ${open.sql} and (q.locked_by_id is null or q.locked_by_id = ? or q.locked_until <= ?)
     order by q.priority, coalesce(q.due_at, ?), q.id limit 500`,
    [...open.values, who.id, now(), NEVER],
  );
  const decidable = found.filter(({ kind, subject_id: subjectId }) => desks.deskOf({ kind, subjectId }));
  const at = decidable.findIndex(({ id }) => id === afterId);
  const next = decidable[at + 1] ?? decidable.find(({ id }) => id !== afterId);
  return next ? `/moderation/queue/${next.id}` : '';
}

/** How much waits for this moderator, by kind. */
export async function countQueue(em: EntityManager, viewer: Viewer): Promise<{ kind: QueueKind; count: number }[]> {
  const open = openTo(viewer);
  const found = await rows<{ kind: QueueKind; n: unknown }>(
    em,
    `select q.kind, count(*) as n from queue_row q where ${open.sql} group by q.kind order by q.kind`,
    open.values,
  );
  return found.map(({ kind, n }) => ({ kind, count: toNumber(n) }));
}

/** For the navigation: what waits at all. */
export async function countOpenRows({ em }: Pick<Work, 'em'>): Promise<number> {
  const [found] = await rows<{ n: unknown }>(em, `select count(*) as n from queue_row where state = 'open'`);
  return toNumber(found?.n);
}

async function namesOf(em: EntityManager, found: readonly Row[]): Promise<ReadonlyMap<number, string>> {
  const ids = found.flatMap(({ assignee_id, locked_by_id }) => [assignee_id ?? 0, locked_by_id ?? 0]);
  const accounts = await em.find(Account, { id: { $in: ids.filter((id) => id > 0) } });
  return new Map(accounts.map((account) => [account.id, handle(account)]));
}

function itemOf(row: Row, desks: Desks, names: ReadonlyMap<number, string>, viewer: Viewer, now: Date): QueueItem {
  const dueAt = toDateOrNull(row.due_at);
  const lockedUntil = toDateOrNull(row.locked_until);
  const isLocked =
    row.locked_by_id !== null && row.locked_by_id !== viewer.id && lockedUntil !== null && lockedUntil > now;
  return {
    ...{ id: row.id, kind: row.kind, title: row.title, about: row.about_kind, priority: row.priority },
    dueAt: dueAt?.toISOString() ?? null,
    isOverdue: dueAt !== null && dueAt < now,
    openedAt: toDate(row.opened_at).toISOString(),
    voiceCount: toNumber(row.voice_count),
    assignee: names.get(row.assignee_id ?? 0) ?? '',
    lockedBy: isLocked ? (names.get(row.locked_by_id ?? 0) ?? '') : '',
    url: desks.urlOf({
      ...{ id: row.id, kind: row.kind, subjectId: row.subject_id },
      ...{ aboutKind: row.about_kind, aboutId: row.about_id },
    }),
  };
}

const writePlace = (row: Row): string =>
  Buffer.from(JSON.stringify([row.priority, (toDateOrNull(row.due_at) ?? NEVER).getTime(), row.id])).toString(
    'base64url',
  );

const Place = /^\[(\d),(\d{1,16}),"([0-9a-f-]{36})"\]$/;

function readPlace(cursor: string): { priority: number; dueAt: Date; id: string } | null {
  const [, priority, dueAt, id] = Place.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  return priority && dueAt && id ? { priority: Number(priority), dueAt: new Date(Number(dueAt)), id } : null;
}
