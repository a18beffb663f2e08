import { can } from '../../accounts/permissions.ts';
import { inList, type Parameter, rows, toBoolean, toDate, toNumber } from '../../kit/database/sql.ts';
import { renderMarkdown, renderRemoteHtml } from '../../kit/web/markdown.ts';
import type { Work } from '../../kit/work.ts';
import { isShownPerson } from '../hidden.ts';
import { type Conversation, loadConversation } from '../talk/conversation.ts';
import {
  listTalkPictures,
  NO_PICTURES,
  type PicturesField,
  picturesField,
  type TalkPictures,
} from '../talk-pictures/shown.ts';
import { OWNER_COLUMNS, type OwnerRow, type OwnerView, ownerView } from '../views.ts';

/** A review as `review.njk` draws it. */
export interface ReviewView {
  readonly id: string;
  readonly url: string;
  readonly account: OwnerView;
  readonly isRecommended: boolean;
  readonly html: string;
  readonly postedAt: string;
  readonly isEdited: boolean;
  readonly likeCount: number;
  readonly commentCount: number;
  /** Only moderators see it. */
  readonly isWithheld: boolean;
  readonly deleteUrl: string;
  /** Where it is given back; for those who moderate. */
  readonly restoreUrl: string;
  readonly pictures: TalkPictures;
}

/** What the form holds before anything is typed into it. */
export interface ReviewFormView {
  readonly action: string;
  readonly verdict: 'up' | 'down' | '';
  readonly text: string;
  /** Null for those who may not publish pictures. */
  readonly field: PicturesField | null;
}

export interface Reviews {
  readonly upCount: number;
  readonly downCount: number;
  readonly items: readonly ReviewView[];
  /** The viewer's own, which stands before all others. */
  readonly own: ReviewView | null;
  /** Null for those who may not write one. */
  readonly form: ReviewFormView | null;
  /** The older ones; '' when there are none. */
  readonly moreUrl: string;
}

/** The version that is shown, whose page judged already whether this viewer sees it. */
export interface Reviewed {
  readonly versionId: number;
  readonly ownerId: number;
  /** It and its model are published. */
  readonly isPublished: boolean;
  /** Address of the page, with the version in its query. */
  readonly url: string;
  readonly upCount: number;
  readonly downCount: number;
}

const PER_PAGE = 10;

interface ReviewRow extends OwnerRow {
  id: string;
  text: string;
  is_recommended: unknown;
  is_local: unknown;
  like_count: number;
  comment_count: number;
  created_at: unknown;
  edited_at: unknown;
  withheld_at: unknown;
}

const COLUMNS = `r.id, r.text, r.is_recommended, r.is_local, r.like_count, r.comment_count, r.created_at, r.edited_at,
  r.withheld_at, ${OWNER_COLUMNS}`;

/** The reviews of a version, newest first, after the one with the id `after`. */
export async function loadReviews(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  { versionId, ownerId, isPublished, url, upCount, downCount }: Reviewed,
  after: string | undefined,
): Promise<Reviews> {
  const viewerId = viewer?.id ?? 0;
  const seesAll = can(viewer, 'moderateContent');
  const mayWrite = viewer !== null && viewer.id !== ownerId && isPublished;
  const place: Parameter[] = after === undefined ? [] : [after];
  const isAfter = after && 'and (r.created_at, r.id) < (select x.created_at, x.id from review x where x.id = ?)';
  const [found, [mine], [block]] = await Promise.all([
    upCount + downCount === 0 && !seesAll
      ? []
      : rows<ReviewRow>(
          em,
          `select ${COLUMNS} from review r join account a on a.id = r.author_id
           where r.version_id = ? and r.author_id <> ? and r.deleted_at is null and a.state = 'active'
             and (r.withheld_at is null or ?) ${isAfter ?? ''}
             and ${isShownPerson('a')}
             and not exists (select 1 from block b where b.target_id = ? and b.account_id = r.author_id and b.kind = 'block')
           order by r.created_at desc, r.id desc limit ${PER_PAGE + 1}`,
          [versionId, viewerId, seesAll, ...place, viewerId, viewerId, viewerId],
        ),
    viewer
      ? rows<ReviewRow>(
          em,
          `select ${COLUMNS} from review r join account a on a.id = r.author_id
           where r.version_id = ? and r.author_id = ? and r.deleted_at is null`,
          [versionId, viewerId],
        )
      : [],
    mayWrite
      ? rows<{ n: unknown }>(
          em,
          `select count(*) as n from block b where b.kind = 'block' and ((b.account_id = ? and b.target_id = ?)
             or (b.account_id = ? and b.target_id = ?))`,
          [viewerId, ownerId, ownerId, viewerId],
        )
      : [],
  ]);
  const shown = found.slice(0, PER_PAGE);
  const pictures = await picturesOf({ em, viewer }, mine ? [mine, ...shown] : shown);
  const items = shown.map((row) => reviewView(row, viewer, pictures));
  const own = mine ? reviewView(mine, viewer, pictures) : null;
  const last = found.length > PER_PAGE ? items.at(-1) : undefined;
  return {
    ...{ upCount, downCount, items, own },
    form: mayWrite && toNumber(block?.n) === 0 ? formOf(versionId, viewer, mine, own) : null,
    moreUrl: last ? `${url}&reviews=${last.id}#reviews` : '',
  };
}

function formOf(
  versionId: number,
  viewer: Work['viewer'],
  row: ReviewRow | undefined,
  own: ReviewView | null,
): ReviewFormView {
  const kept = own?.pictures.items ?? [];
  const levels = kept.reduce((most, { level }) => most | level, 0);
  const field = can(viewer, 'publish') ? picturesField('review', kept, levels) : null;
  const action = `/versions/${versionId}/reviews`;
  if (!row) return { action, verdict: '', text: '', field };
  return { action, verdict: toBoolean(row.is_recommended) ? 'up' : 'down', text: row.text, field };
}

const picturesOf = (asked: Pick<Work, 'em' | 'viewer'>, found: readonly ReviewRow[]) =>
  found.length === 0
    ? new Map<string, TalkPictures>()
    : listTalkPictures(asked, 'review', {
        sql: `in (${inList(found)})`,
        values: found.map(({ id }) => id),
      });

function reviewView(row: ReviewRow, viewer: Work['viewer'], pictures: ReadonlyMap<string, TalkPictures>): ReviewView {
  const isWithheld = row.withheld_at != null;
  const seesAll = can(viewer, 'moderateContent');
  const url = `/reviews/${row.id}`;
  return {
    ...{ id: row.id, url, account: ownerView(row), isWithheld },
    isRecommended: toBoolean(row.is_recommended),
    html: row.text === '' ? '' : toBoolean(row.is_local) ? renderMarkdown(row.text) : renderRemoteHtml(row.text),
    postedAt: toDate(row.created_at).toISOString(),
    isEdited: row.edited_at != null,
    ...{ likeCount: row.like_count, commentCount: row.comment_count },
    deleteUrl: viewer?.id === row.owner_id || (seesAll && !isWithheld) ? `${url}/removal` : '',
    restoreUrl: seesAll && isWithheld ? `${url}/removal/undo` : '',
    pictures: pictures.get(row.id) ?? NO_PICTURES,
  };
}

interface PlacedRow extends ReviewRow {
  liked: unknown;
  model_id: number;
  model_name: string;
  version_id: number;
  version_name: string;
}

export interface PlacedReview {
  readonly review: ReviewView;
  readonly isOwn: boolean;
  readonly form: ReviewFormView;
  readonly liked: boolean;
  readonly conversation: Conversation;
  readonly modelName: string;
  readonly versionName: string;
  readonly versionUrl: string;
}

/** One review with what it is of, for whoever may see it: the caller has judged. */
export async function loadPlacedReview(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  reviewId: string,
): Promise<PlacedReview | null> {
  const [row] = await rows<PlacedRow>(
    em,
    `select ${COLUMNS}, r.model_id, m.name as model_name, r.version_id, v.name as version_name,
       (select count(*) from reaction x where x.account_id = ? and x.review_id = r.id) as liked
     from review r join account a on a.id = r.author_id join model_version v on v.id = r.version_id
       join model m on m.id = r.model_id where r.id = ? and r.deleted_at is null`,
    [viewer?.id ?? 0, reviewId],
  );
  if (!row) return null;
  const review = reviewView(row, viewer, await picturesOf({ em, viewer }, [row]));
  return {
    review,
    isOwn: viewer?.id === row.owner_id,
    form: formOf(row.version_id, viewer, row, review),
    liked: toNumber(row.liked) > 0,
    conversation: await loadConversation({ em, viewer }, { kind: 'review', id: reviewId }, row.owner_id),
    ...{ modelName: row.model_name, versionName: row.version_name },
    versionUrl: versionPath(row.model_id, row.version_id),
  };
}

export const versionPath = (modelId: number, versionId: number): string => `/models/${modelId}?version=${versionId}`;
