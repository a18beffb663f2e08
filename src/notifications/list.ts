import { isShownPerson } from '../gallery/hidden.ts';
import { OWNER_COLUMNS, type OwnerRow, type OwnerView, ownerView } from '../gallery/views.ts';
import { inList, type Parameter, rows, toDate, toNumber } from '../kit/database/sql.ts';
import type { Viewer, Work } from '../kit/work.ts';
import { CHANNEL, type Kind } from './kinds.ts';
import { sentenceOf } from './sentence.ts';
import { findComments, findSubjects, refKey, type SubjectView } from './subjects.ts';

/** One line of the page, of a mail or on a phone: one or many things of one kind about one thing. */
export interface Line {
  readonly id: number;
  readonly kind: Kind;
  readonly groupKey: string;
  readonly isUnread: boolean;
  readonly at: string;
  /** Who did it last; null for the node. */
  readonly actor: OwnerView | null;
  readonly text: string;
  /** The first words of a comment; '' where there are none. */
  readonly excerpt: string;
  readonly thumb: string;
  /** Marks it read and leads on. */
  readonly openUrl: string;
  readonly url: string;
}

interface Row extends Omit<OwnerRow, 'owner_id'> {
  owner_id: number | null;
  id: number;
  kind: Kind;
  group_key: string;
  subject_kind: string;
  subject_id: string;
  comment_id: string | null;
  note: string;
  created_at: unknown;
  unread: unknown;
  n: unknown;
  actors: unknown;
}

const PAGE = 30;
/** Older ones are not looked through: nobody scrolls that far, and a popular picture must not make the page slow. */
const MOST_READ = 2_000;

/**
 * Leaves out what people did who are gone, or whom this person mutes, blocks or whose server they hide by now, and a follow
 * that is no more: a peer that blocks ends it without a word. Of rows `alias`; takes the person's id twice.
 */
const isShown = (alias: string): string => `(${alias}.actor_id is null or a.state = 'active') and ${isShownPerson('a')}
  and (${alias}.kind not in ('follow', 'follow-request') or exists (select 1 from follow f
    where f.follower_id = ${alias}.actor_id and f.target_id = ${alias}.account_id))`;

const COLUMNS = `n.id, n.kind, n.group_key, n.subject_kind, n.subject_id, n.comment_id, n.note, n.created_at, ${OWNER_COLUMNS}`;

export interface Wanted {
  /** Only what was not read yet. */
  readonly isUnread?: boolean;
  /** The number of the last line of the page before. */
  readonly before?: number | undefined;
  /** Only lines that something was added to since this number. */
  readonly after?: number | undefined;
  /** Of these kinds alone. */
  readonly kinds?: readonly Kind[] | undefined;
  readonly channel: number;
  /** Not those before this time. */
  readonly since?: Date;
}

/** The newest first; one query along one index, and then one for each kind of thing on the page. */
export async function listLines(
  { em, viewer }: { em: Work['em']; viewer: Viewer },
  { isUnread = false, before, after, kinds = [], channel, since }: Wanted,
): Promise<{ readonly lines: readonly Line[]; readonly next: number | null }> {
  const found = await rows<Row>(
    em,
    `select ${COLUMNS}, g.unread, g.n, g.actors from (
       select w.group_key, w.unread, max(w.id) as top, count(*) as n, count(distinct w.actor_id) as actors from (
         select x.id, x.group_key, x.actor_id, case when x.read_at is null then 1 else 0 end as unread
         from notification x left join account a on a.id = x.actor_id
         where x.account_id = ? and (x.channels & ${channel}) <> 0 ${isUnread ? 'and x.read_at is null' : ''}
           ${since ? 'and x.created_at > ?' : ''} ${after === undefined ? '' : 'and x.id > ?'}
           ${kinds.length > 0 ? `and x.kind in (${inList(kinds)})` : ''} and ${isShown('x')}
         order by x.id desc limit ${MOST_READ}) w
       group by w.group_key, w.unread having max(w.id) < ? order by top desc limit ${PAGE + 1}) g
     join notification n on n.id = g.top left join account a on a.id = n.actor_id order by n.id desc`,
    [
      ...[viewer.id, ...(since ? [since] : []), ...(after === undefined ? [] : [after]), ...kinds],
      viewer.id,
      viewer.id,
      before ?? 2_147_483_647,
    ],
  );
  const shown = found.slice(0, PAGE);
  return {
    lines: await linesOf({ em, viewer }, shown),
    next: found.length > PAGE ? (shown.at(-1)?.id ?? null) : null,
  };
}

/** The one that this person was told under a key; null when they may not see it any more. */
export async function findLine({ em, viewer }: { em: Work['em']; viewer: Viewer }, key: string): Promise<Line | null> {
  return findOne({ em, viewer }, 'n.key = ?', key);
}

export const findLineById = (work: { em: Work['em']; viewer: Viewer }, id: number): Promise<Line | null> =>
  findOne(work, 'n.id = ?', id);

async function findOne(
  { em, viewer }: { em: Work['em']; viewer: Viewer },
  where: string,
  value: Parameter,
): Promise<Line | null> {
  const found = await rows<Row>(
    em,
    `select ${COLUMNS}, case when n.read_at is null then 1 else 0 end as unread, 1 as n, 1 as actors
     from notification n left join account a on a.id = n.actor_id where ${where} and n.account_id = ?
       and ${isShown('n')}`,
    [value, viewer.id, viewer.id, viewer.id],
  );
  return (await linesOf({ em, viewer }, found))[0] ?? null;
}

async function linesOf({ em, viewer }: { em: Work['em']; viewer: Viewer }, found: readonly Row[]): Promise<Line[]> {
  const refs = found.map((row) => ({ kind: row.subject_kind, id: row.subject_id }));
  const subjects = await findSubjects(em, viewer, refs);
  const comments = await findComments(
    em,
    viewer,
    found.flatMap((row) => row.comment_id ?? []),
  );
  return found.flatMap((row) => {
    const subject = subjects.get(refKey({ kind: row.subject_kind, id: row.subject_id }));
    const said = row.comment_id === null ? '' : comments.get(row.comment_id);
    // what is hidden, withheld or gone by now is not told of
    return subject === undefined || said === undefined ? [] : [lineOf(row, subject, said)];
  });
}

function lineOf(row: Row, subject: SubjectView, said: string): Line {
  const actor = row.owner_id === null ? null : ownerView({ ...row, owner_id: row.owner_id });
  return {
    ...{ id: row.id, kind: row.kind, groupKey: row.group_key, isUnread: toNumber(row.unread) === 1, actor },
    at: toDate(row.created_at).toISOString(),
    text: sentenceOf({
      kind: row.kind,
      who: actor ? actor.displayName || actor.name : '',
      others: toNumber(row.actors) - 1,
      count: toNumber(row.n),
      thing: row.comment_id !== null && row.kind === 'like' ? 'comment' : row.subject_kind,
      title: subject.title,
      note: row.note,
    }),
    excerpt: said,
    thumb: subject.thumb,
    openUrl: `/notifications/${row.id}`,
    url:
      row.kind === 'follow-request' ? '/settings/people' : row.comment_id ? `/comments/${row.comment_id}` : subject.url,
  };
}

/** The bell stops counting here. */
const MOST_COUNTED = 100;

export async function countUnread(em: Work['em'], accountId: number): Promise<number> {
  const [found] = await rows<{ n: unknown }>(
    em,
    `select count(*) as n from (select 1 from notification x left join account a on a.id = x.actor_id
       where x.account_id = ? and x.read_at is null and (x.channels & ${CHANNEL.page}) <> 0 and ${isShown('x')}
       limit ${MOST_COUNTED}) c`,
    [accountId, accountId, accountId],
  );
  return toNumber(found?.n);
}
