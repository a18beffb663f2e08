import { can } from '../../accounts/permissions.ts';
import { rows, toBoolean, toDate, toNumber } from '../../kit/database/sql.ts';
import { renderMarkdown, renderRemoteHtml } from '../../kit/web/markdown.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { accessParameters, COMMENT_AUDIENCE } from '../access.ts';
import { isShownPerson } from '../hidden.ts';
import {
  listTalkPictures,
  NO_PICTURES,
  type PicturesField,
  picturesField,
  type TalkPictures,
} from '../talk-pictures/shown.ts';
import { OWNER_COLUMNS, type OwnerRow, type OwnerView, ownerView } from '../views.ts';
import { type Subject, urlOf } from './target.ts';

/** A comment as `comment.njk` draws it. */
interface CommentView {
  readonly id: string;
  readonly account: OwnerView;
  readonly html: string;
  readonly postedAt: string;
  readonly isEdited: boolean;
  readonly depth: number;
  readonly url: string;
  readonly canDelete: boolean;
  readonly deleteUrl: string;
  readonly editUrl: string;
  readonly reportUrl: string;
  readonly likeUrl: string;
  readonly liked: boolean;
  readonly likeCount: number;
  readonly replyable: boolean;
  /** Not everybody who sees the page sees it. */
  readonly isNarrow: boolean;
  readonly pictures: TalkPictures;
}

export interface Conversation {
  /** Threads in order of their first word, answers below what they answer to. */
  readonly items: readonly CommentView[];
  /** Where the form posts to; empty for a visitor. */
  readonly action: string;
  /** What the form takes; null for those who may not publish pictures. */
  readonly field: PicturesField | null;
  /** The last comment before these, where there are more, and where it stands with those before it. */
  readonly earlierId: string | null;
  readonly earlierUrl: string;
  /** Where the last are; empty when these are they. */
  readonly lastUrl: string;
}

export const NO_CONVERSATION: Conversation = {
  items: [],
  action: '',
  field: null,
  earlierId: null,
  earlierUrl: '',
  lastUrl: '',
};

const MOST_COMMENTS = 500;
const DEEPEST = 4;

interface CommentRow extends OwnerRow {
  id: string;
  parent_id: string | null;
  text: string;
  audience: 'page' | 'followers' | 'direct';
  is_local: unknown;
  like_count: number;
  created_at: unknown;
  edited_at: unknown;
  deleted_at: unknown;
  withheld_at: unknown;
  liked: unknown;
}

/**
 * What is said under something, for whoever may see that thing: the caller has judged. One query. Of very many the last,
 * or the last up to the comment `upto`; of another subject, none.
 */
export async function loadConversation(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  subject: Subject,
  ownerId: number,
  upto: string | null = null,
): Promise<Conversation> {
  const viewerId = viewer?.id ?? 0;
  const read = await rows<CommentRow>(
    em,
    // answers to what is not among these stand by themselves
    `select * from (select c.id, c.parent_id, c.text, c.audience, c.is_local, c.like_count, c.created_at, c.edited_at, c.deleted_at, c.withheld_at,
       ${OWNER_COLUMNS}, (select count(*) from reaction r where r.account_id = ? and r.comment_id = c.id) as liked
     from comment c join account a on a.id = c.author_id
     where c.${subject.kind}_id = ? and ${isShownPerson('a')}
       and not exists (select 1 from block b where b.target_id = ? and b.account_id = c.author_id and b.kind = 'block')
       and (c.audience = 'page' or ? or ${COMMENT_AUDIENCE})
       ${upto === null ? '' : `and (c.created_at, c.id) <= (select u.created_at, u.id from comment u where u.id = ? and u.${subject.kind}_id = ?)`}
     order by c.created_at desc, c.id desc limit ?) newest order by created_at, id`,
    [
      ...[viewerId, subject.id, viewerId, viewerId, viewerId, can(viewer, 'moderateContent')],
      ...[...accessParameters(viewer), ...(upto === null ? [] : [upto, subject.id]), MOST_COMMENTS + 1],
    ],
  );
  // one more than is shown, at which the page before begins
  const found = read.slice(-MOST_COMMENTS);
  const [before] = read.length > found.length ? read : [];
  const pictures = await listTalkPictures({ em, viewer }, 'comment', {
    sql: `in (select c.id from comment c where c.${subject.kind}_id = ?)`,
    values: [subject.id],
  });
  const childrenOf = new Map<string, CommentRow[]>();
  const ids = new Set(found.map(({ id }) => id));
  for (const row of found) {
    // the answer to somebody whom this person does not see stands by itself
    const parent = row.parent_id && ids.has(row.parent_id) ? row.parent_id : '';
    childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), row]);
  }
  const items: CommentView[] = [];
  const walk = (parent: string, depth: number): boolean => {
    let any = false;
    for (const row of childrenOf.get(parent) ?? []) {
      const at = items.length;
      const shown = isGone(row) ? NO_PICTURES : (pictures.get(row.id) ?? NO_PICTURES);
      items.push(commentView(row, depth, viewer, ownerId, shown));
      const isAnswered = walk(row.id, depth + 1);
      // what is gone leaves a mark only where something hangs on it
      if (isGone(row) && !isAnswered) items.splice(at, 1);
      else any = true;
    }
    return any;
  };
  walk('', 0);
  return {
    items,
    action: viewer ? `${urlOf(subject)}/comments` : '',
    field: can(viewer, 'publish') ? picturesField('comment') : null,
    earlierId: before?.id ?? null,
    earlierUrl: before ? talkUrl(subject, before.id) : '',
    lastUrl: upto === null ? '' : `${urlOf(subject)}#comments`,
  };
}

/** The page of what was said up to a comment. */
const talkUrl = (subject: Subject, upto: string): string => `${urlOf(subject)}/comments?upto=${upto}`;

/** Where a comment stands: on the page of its subject, or of very many on a page of those up to it. */
export async function placeOfComment({ em }: Pick<Work, 'em'>, subject: Subject, commentId: string): Promise<string> {
  const earlier = await rows(
    em,
    `select 1 as found from comment x where x.id = ? and (x.created_at, x.id) < (select c.created_at, c.id from comment c
       where c.${subject.kind}_id = ? order by c.created_at desc, c.id desc limit 1 offset ?)`,
    [commentId, subject.id, MOST_COMMENTS - 1],
  );
  return `${earlier.length > 0 ? talkUrl(subject, commentId) : urlOf(subject)}#comment-${commentId}`;
}

const isGone = (row: CommentRow): boolean => row.deleted_at != null || row.withheld_at != null;

function commentView(
  row: CommentRow,
  depth: number,
  viewer: Work['viewer'],
  ownerId: number,
  pictures: TalkPictures,
): CommentView {
  const gone = isGone(row);
  const isAuthor = viewer?.id === row.owner_id;
  const html = gone
    ? `<p><em>${t(row.deleted_at == null ? 'comment.withheld' : 'comment.deleted')}</em></p>`
    : toBoolean(row.is_local)
      ? renderMarkdown(row.text)
      : renderRemoteHtml(row.text);
  return {
    id: row.id,
    account: ownerView(row),
    html,
    postedAt: toDate(row.created_at).toISOString(),
    isEdited: row.edited_at != null,
    depth: Math.min(depth, DEEPEST),
    url: `/comments/${row.id}`,
    canDelete: !gone && viewer !== null && (isAuthor || viewer.id === ownerId || can(viewer, 'moderateContent')),
    deleteUrl: `/comments/${row.id}/removal`,
    editUrl: !gone && isAuthor ? `/comments/${row.id}/edit` : '',
    reportUrl: gone || isAuthor ? '' : `/reports/new?about=comment:${row.id}`,
    likeUrl: gone || !viewer ? '' : `/comments/${row.id}/likes`,
    liked: toNumber(row.liked) > 0,
    likeCount: row.like_count,
    replyable: !gone,
    isNarrow: row.audience !== 'page',
    pictures,
  };
}
