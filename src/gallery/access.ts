import type { EntityManager } from '@mikro-orm/core';
import type { Account } from '../accounts/model.ts';
import { can } from '../accounts/permissions.ts';
import { MODEL_ACCESS, type ModelAccessRow, modelAudienceParameters, modelVerdict } from '../catalogue/access.ts';
import type { ContentState } from '../catalogue/types.ts';
import { type Parameter, rows, toBoolean } from '../kit/database/sql.ts';
import { AppError } from '../kit/errors.ts';
import type { Viewer } from '../kit/work.ts';
import { askerParameters, followsSql, isOpen, namedSql, type Visibility } from '../safety/audience.ts';
import { type Act, decide, RESTRICTION, type Subject, type Verdict } from '../safety/policy.ts';
import { RATING } from '../safety/ratings.ts';
import type { TALK_KINDS } from './model.ts';

// Who may see what, for pages and bytes alike: one row of facts, read beside whatever else a query wants, then the one
// decide() of safety. Ratings are not among them: they say what is listed and shown unasked, not what is secret.

const restrictionsOf = (kind: string, id: string): string =>
  `coalesce((select s.restrictions from policy_state s where s.target_kind = '${kind}' and s.target_id = ${id}), 0)`;

/** Is the post `p` for the asker, apart from its state? Takes `accessParameters`. */
export const POST_AUDIENCE = `(p.visibility in ('public', 'unlisted') or p.owner_id = ?
  or (p.visibility = 'followers' and ${followsSql('p.owner_id')}) or ${namedSql('post', 'p.id')})`;
/** What each of the conditions and columns of this file takes. */
export const accessParameters = (viewer: Viewer | null): Parameter[] => [
  viewer?.id ?? 0,
  ...askerParameters(viewer),
  ...askerParameters(viewer),
];

/** Columns for a query over `post p`. */
export const POST_ACCESS = `p.owner_id as access_owner, p.state as access_state, p.visibility as access_visibility,
  p.published_at as access_published_at, p.talk_kind as access_talk_kind, p.talk_id as access_talk_id, case when ${POST_AUDIENCE} then 1 else 0 end as is_audience,
  ${restrictionsOf('post', 'p.id')} as post_restrictions, ${restrictionsOf('account', 'p.owner_id')} as account_restrictions`;

/** Columns for a query over `image i` and its `post p`. */
export const IMAGE_ACCESS = `${POST_ACCESS}, i.level as access_level, i.deleted_at as access_deleted_at,
  ${restrictionsOf('image', 'i.id')} as image_restrictions`;

export interface PostAccessRow {
  access_owner: number;
  access_state: ContentState;
  access_visibility: Visibility;
  access_published_at: unknown;
  /** Of the pictures of words. */
  access_talk_kind: (typeof TALK_KINDS)[number] | null;
  access_talk_id: string | null;
  is_audience: unknown;
  post_restrictions: number;
  account_restrictions: number;
}

export interface ImageAccessRow extends PostAccessRow {
  access_level: number;
  access_deleted_at: unknown;
  image_restrictions: number;
}

const BLOCKED_LEVEL = 32;

/** What only holds the pictures of words is no post to anybody. */
export function postVerdict(row: PostAccessRow, viewer: Viewer | null, act: Act = 'view'): Verdict {
  if (row.access_talk_kind !== null) return { allowed: false, reason: 'not_found' };
  return verdictOf(row, viewer, act, row.access_state, row.post_restrictions | row.account_restrictions);
}

/** An unrated picture is its author's alone, as if it were a draft. */
export function imageVerdict(row: ImageAccessRow, viewer: Viewer | null, act: Act = 'view'): Verdict {
  const isRated = row.access_level > 0 && row.access_level < BLOCKED_LEVEL;
  const state = row.access_deleted_at != null ? 'deleted' : isRated ? row.access_state : 'draft';
  const forbidden = row.image_restrictions | row.post_restrictions | row.account_restrictions;
  // what may be shown at PG alone is not shown at all while its author rates it above
  const isTooMuch = (forbidden & RESTRICTION.explicit) !== 0 && row.access_level > RATING.pg;
  const restrictions = isTooMuch ? forbidden | RESTRICTION.view : forbidden;
  return verdictOf(row, viewer, act, state, restrictions);
}

/** `imageVerdict`, also for the pictures of what people say: those are for whoever sees the words, and go with them. */
export async function judgeImage(
  em: EntityManager,
  row: ImageAccessRow,
  viewer: Viewer | null,
  act: Act = 'view',
): Promise<Verdict> {
  const { access_talk_kind: kind, access_talk_id: id } = row;
  if (kind === null) return imageVerdict(row, viewer, act);
  const words = id === null ? null : await lookAt(em, viewer, { kind, id });
  // peers read them in the words, under no name of their own
  if (!words || act === 'federate') return { allowed: false, reason: 'not_found' };
  return words.verdict.allowed ? imageVerdict({ ...row, is_audience: 1 }, viewer, act) : words.verdict;
}

/** Anybody may have it, so caches on the way may keep it. */
export const isForEverybody = (row: ImageAccessRow): boolean =>
  isOpen(row.access_visibility) && imageVerdict(row, null).allowed;

function verdictOf(
  row: PostAccessRow,
  viewer: Viewer | null,
  act: Act,
  state: Subject['state'],
  restrictions: number,
): Verdict {
  // that a draft was there, and is not any more, is nobody's business either
  const isForViewer = toBoolean(row.is_audience) && (state !== 'deleted' || row.access_published_at != null);
  const subject = { ownerId: row.access_owner, state, restrictions, isForViewer };
  return decide(act, viewer, subject, can(viewer, 'moderateContent'));
}

/** Throws what a page answers: `not_found`, `gone` or `withheld`. */
export function assertAllowed(verdict: Verdict): void {
  if (verdict.allowed) return;
  if (verdict.reason === 'gone') throw new AppError('gone', 'This was deleted.');
  if (verdict.reason === 'withheld')
    throw new AppError('withheld', 'This was withheld by the moderators of this node.');
  throw nothing();
}

/** The same for what is not there and for what is not for the viewer, so that nobody learns what exists. */
export const nothing = () => new AppError('not_found', 'There is nothing at this address.');

/** Is the comment `c` for the asker, who sees its page? A narrow one names whose page it is and whom it answers. */
export const COMMENT_AUDIENCE = `(c.audience = 'page' or c.author_id = ?
  or (c.audience = 'followers' and ${followsSql('c.author_id')}) or ${namedSql('comment', 'c.id')})`;

/** What one may look at, talk about, like and pass on. */
export type Target =
  | { readonly kind: 'model' | 'post' | 'image'; readonly id: number }
  | { readonly kind: 'comment'; readonly id: string }
  | { readonly kind: 'review'; readonly id: string };

/** What one may look at. */
export type Sight =
  | Target
  | { readonly kind: 'version'; readonly id: number }
  | { readonly kind: 'bounty'; readonly id: string };

export interface Look {
  readonly verdict: Verdict;
  readonly ownerId: number;
  readonly visibility: Visibility;
  /** Of the row itself, not of what it stands under. */
  readonly isLocal: boolean;
  /** A picture of what somebody says: it is seen and reported, and nothing else is done with it. */
  readonly isOfTalk?: boolean;
}

/**
 * The one question of everybody who asks for a thing by its id: pages, likes, answers, and peers, whose verified actor
 * is the viewer. Null, or the verdict `not_found`, for what is not for them, as if it did not exist.
 */
export async function lookAt(
  em: EntityManager,
  viewer: Viewer | null,
  target: Sight,
  act: Act = 'view',
): Promise<Look | null> {
  const { kind, id } = target;
  if (kind === 'review') return lookAtReview(em, viewer, id, act);
  if (kind === 'bounty') return lookAtBounty(em, viewer, id, act);
  if (kind === 'version') return lookAtVersion(em, viewer, id, act);
  if (kind === 'comment') return lookAtComment(em, viewer, String(id), act);
  if (kind === 'model') {
    const [row] = await rows<ModelAccessRow & { is_local: unknown }>(
      em,
      `select ${MODEL_ACCESS}, m.is_local from model m where m.id = ?`,
      [...modelAudienceParameters(viewer), id],
    );
    return row ? lookOf(row, modelVerdict(row, viewer, act)) : null;
  }
  const [row] = await rows<ImageAccessRow & { is_local: unknown }>(
    em,
    kind === 'post'
      ? `select ${POST_ACCESS}, p.is_local from post p where p.id = ?`
      : `select ${IMAGE_ACCESS}, i.is_local from image i join post p on p.id = i.post_id where i.id = ?`,
    [...accessParameters(viewer), id],
  );
  if (!row) return kind === 'image' ? lookAtMark(em, viewer, id, act) : null;
  const isOfTalk = row.access_talk_kind !== null;
  if (kind === 'image') return { ...lookOf(row, await judgeImage(em, row, viewer, act)), isOfTalk };
  return isOfTalk ? null : lookOf(row, postVerdict(row, viewer, act));
}

/** A picture that is not there any more: gone, for those whom its post is or was for. */
async function lookAtMark(em: EntityManager, viewer: Viewer | null, id: number, act: Act): Promise<Look | null> {
  const [row] = await rows<PostAccessRow & { is_local: unknown }>(
    em,
    `select ${POST_ACCESS}, k.is_local from image_mark k join post p on p.id = k.post_id where k.id = ?`,
    [...accessParameters(viewer), id],
  );
  if (!row) return null;
  return lookOf(row, verdictOf(row, viewer, act, 'deleted', row.post_restrictions | row.account_restrictions));
}

/** Throws `gone` for a picture that was there for this viewer, `withheld` for one that is kept back, else `not_found`. */
export async function refuseImage(em: EntityManager, viewer: Viewer | null, id: number): Promise<never> {
  const look = await lookAt(em, viewer, { kind: 'image', id }, 'download');
  if (look) assertAllowed(look.verdict);
  throw nothing();
}

interface LookedAt {
  readonly access_owner: number;
  readonly access_visibility: Visibility;
  readonly is_local: unknown;
}

const lookOf = (row: LookedAt, verdict: Verdict): Look => ({
  verdict,
  ownerId: row.access_owner,
  visibility: row.access_visibility,
  isLocal: toBoolean(row.is_local),
});

interface CommentRow {
  author_id: number;
  audience: 'page' | 'followers' | 'direct';
  is_audience: unknown;
  is_local: unknown;
  model_id: number | null;
  post_id: number | null;
  image_id: number | null;
  review_id: string | null;
  bounty_id: string | null;
  deleted_at: unknown;
  withheld_at: unknown;
}

/** A comment is for those who see what it stands under, and among them for those whom it is meant for. */
async function lookAtComment(em: EntityManager, viewer: Viewer | null, id: string, act: Act): Promise<Look | null> {
  const [row] = await rows<CommentRow>(
    em,
    `select c.author_id, c.audience, c.is_local, c.model_id, c.post_id, c.image_id, c.review_id, c.bounty_id, c.deleted_at, c.withheld_at,
       case when ${COMMENT_AUDIENCE} then 1 else 0 end as is_audience from comment c where c.id = ?`,
    [...accessParameters(viewer), id],
  );
  const page = row && (await lookAt(em, viewer, pageOf(row), act));
  if (!row || !page) return null;
  const isFor = toBoolean(row.is_audience) || can(viewer, 'moderateContent');
  const verdict: Verdict = !page.verdict.allowed
    ? page.verdict
    : !isFor || row.withheld_at != null
      ? { allowed: false, reason: 'not_found' }
      : row.deleted_at != null
        ? { allowed: false, reason: 'gone' }
        : page.verdict;
  return {
    verdict,
    ownerId: row.author_id,
    visibility: row.audience === 'page' ? page.visibility : row.audience,
    isLocal: toBoolean(row.is_local),
  };
}

async function lookAtVersion(em: EntityManager, viewer: Viewer | null, id: number, act: Act): Promise<Look | null> {
  const [row] = await rows<ModelAccessRow & { is_local: unknown; state: ContentState; restrictions: number }>(
    em,
    `select ${MODEL_ACCESS}, m.is_local, v.state, ${restrictionsOf('version', 'v.id')} as restrictions
     from model_version v join model m on m.id = v.model_id where v.id = ?`,
    [...modelAudienceParameters(viewer), id],
  );
  if (!row) return null;
  const model = modelVerdict(row, viewer, act);
  return lookOf(row, model.allowed ? modelVerdict(row, viewer, act, row) : model);
}

interface BountyRow {
  owner_id: number;
  held_at: unknown;
  withheld_at: unknown;
  owner_state: Account['state'];
  restrictions: number;
}

/** The rows are of the room above, as the words below them are of this one. A request that waits for a person is a draft. */
async function lookAtBounty(em: EntityManager, viewer: Viewer | null, id: string, act: Act): Promise<Look | null> {
  // peers hear of none
  if (act === 'federate') return null;
  const [row] = await rows<BountyRow>(
    em,
    `select b.owner_id, b.held_at, b.withheld_at, a.state as owner_state, ${restrictionsOf('account', 'b.owner_id')} as restrictions
     from bounty b join account a on a.id = b.owner_id where b.id = ?`,
    [id],
  );
  if (!row) return null;
  const subject: Subject = {
    ownerId: row.owner_id,
    state: row.owner_state === 'deleted' ? 'deleted' : row.held_at == null ? 'published' : 'draft',
    restrictions: row.restrictions | (row.withheld_at == null ? 0 : RESTRICTION.view),
    isForViewer: true,
  };
  const verdict = decide(act, viewer, subject, can(viewer, 'moderateContent'));
  return { verdict, ownerId: row.owner_id, visibility: 'public', isLocal: true };
}

interface ReviewRow {
  author_id: number;
  author_state: Account['state'];
  version_id: number;
  is_local: unknown;
  deleted_at: unknown;
  withheld_at: unknown;
}

/** A review is for those who see the version that it is of. */
async function lookAtReview(em: EntityManager, viewer: Viewer | null, id: string, act: Act): Promise<Look | null> {
  const [row] = await rows<ReviewRow>(
    em,
    `select r.author_id, a.state as author_state, r.version_id, r.is_local, r.deleted_at, r.withheld_at
     from review r join account a on a.id = r.author_id where r.id = ?`,
    [id],
  );
  const version = row && (await lookAt(em, viewer, { kind: 'version', id: row.version_id }, act));
  if (!row || !version) return null;
  const isShut = row.withheld_at != null || row.author_state === 'suspended';
  const verdict: Verdict = !version.verdict.allowed
    ? version.verdict
    : isShut && !(can(viewer, 'moderateContent') && act === 'view')
      ? { allowed: false, reason: 'not_found' }
      : row.deleted_at != null
        ? { allowed: false, reason: 'gone' }
        : version.verdict;
  return { verdict, ownerId: row.author_id, visibility: version.visibility, isLocal: toBoolean(row.is_local) };
}

function pageOf(row: CommentRow): Sight {
  if (row.bounty_id !== null) return { kind: 'bounty', id: row.bounty_id };
  if (row.model_id !== null) return { kind: 'model', id: row.model_id };
  if (row.post_id !== null) return { kind: 'post', id: row.post_id };
  if (row.review_id !== null) return { kind: 'review', id: row.review_id };
  return { kind: 'image', id: row.image_id ?? 0 };
}

/** Throws `not_found`, `gone` or `withheld` when this viewer may not see it. */
export async function assertSees(em: EntityManager, viewer: Viewer | null, target: Sight): Promise<Look> {
  const look = await lookAt(em, viewer, target);
  if (!look) throw nothing();
  assertAllowed(look.verdict);
  return look;
}
