import type { EntityManager } from '@mikro-orm/core';
import { can } from '../accounts/permissions.ts';
import { assertSeesModel } from '../catalogue/access.ts';
import type { ContentState } from '../catalogue/types.ts';
import { type Parameter, rows, toBoolean } from '../kit/database/sql.ts';
import { AppError } from '../kit/errors.ts';
import type { Viewer } from '../kit/work.ts';
import { askerParameters, followsSql, isOpen, namedSql, type Visibility } from '../safety/audience.ts';
import { type Act, decide, type Subject, type Verdict } from '../safety/policy.ts';

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
  p.published_at as access_published_at, case when ${POST_AUDIENCE} then 1 else 0 end as is_audience,
  ${restrictionsOf('post', 'p.id')} as post_restrictions, ${restrictionsOf('account', 'p.owner_id')} as account_restrictions`;

/** Columns for a query over `image i` and its `post p`. */
export const IMAGE_ACCESS = `${POST_ACCESS}, i.level as access_level, i.deleted_at as access_deleted_at,
  ${restrictionsOf('image', 'i.id')} as image_restrictions`;

export interface PostAccessRow {
  access_owner: number;
  access_state: ContentState;
  access_visibility: Visibility;
  access_published_at: unknown;
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

export function postVerdict(row: PostAccessRow, viewer: Viewer | null, act: Act = 'view'): Verdict {
  return verdictOf(row, viewer, act, row.access_state, row.post_restrictions | row.account_restrictions);
}

/** An unrated picture is its author's alone, as if it were a draft. */
export function imageVerdict(row: ImageAccessRow, viewer: Viewer | null, act: Act = 'view'): Verdict {
  const isRated = row.access_level > 0 && row.access_level < BLOCKED_LEVEL;
  const state = row.access_deleted_at != null ? 'deleted' : isRated ? row.access_state : 'draft';
  const restrictions = row.image_restrictions | row.post_restrictions | row.account_restrictions;
  return verdictOf(row, viewer, act, state, restrictions);
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

const nothing = () => new AppError('not_found', 'There is nothing at this address.');

/** Is the comment `c` for the asker, who sees its page? A narrow one names whose page it is and whom it answers. */
export const COMMENT_AUDIENCE = `(c.audience = 'page' or c.author_id = ?
  or (c.audience = 'followers' and ${followsSql('c.author_id')}) or ${namedSql('comment', 'c.id')})`;

/** What one may look at, talk about or like. */
export type Target =
  | { readonly kind: 'model' | 'post' | 'image'; readonly id: number }
  | { readonly kind: 'comment'; readonly id: string };

/**
 * The one question of everybody who asks for a thing by its id: pages, likes, answers, and peers, whose verified actor
 * is the viewer. Throws `not_found` for what is not for them, as if it did not exist; else `gone` or `withheld`.
 */
export async function assertSees(
  em: EntityManager,
  viewer: Viewer | null,
  target: Target,
): Promise<{ readonly ownerId: number; readonly visibility: Visibility }> {
  if (target.kind === 'comment') return assertSeesComment(em, viewer, target.id);
  if (target.kind === 'model') return subjectOf(await assertSeesModel(em, viewer, target.id));
  const isPost = target.kind === 'post';
  const [row] = await rows<ImageAccessRow>(
    em,
    isPost
      ? `select ${POST_ACCESS} from post p where p.id = ?`
      : `select ${IMAGE_ACCESS} from image i join post p on p.id = i.post_id where i.id = ?`,
    [...accessParameters(viewer), target.id],
  );
  if (!row) throw nothing();
  assertAllowed(isPost ? postVerdict(row, viewer) : imageVerdict(row, viewer));
  return subjectOf(row);
}

const subjectOf = (row: { access_owner: number; access_visibility: Visibility }) => ({
  ownerId: row.access_owner,
  visibility: row.access_visibility,
});

interface CommentRow {
  author_id: number;
  audience: 'page' | 'followers' | 'direct';
  is_audience: unknown;
  model_id: number | null;
  post_id: number | null;
  image_id: number | null;
  deleted_at: unknown;
  withheld_at: unknown;
}

/** A comment is for those who see what it stands under, and among them for those whom it is meant for. */
async function assertSeesComment(em: EntityManager, viewer: Viewer | null, id: string) {
  const [row] = await rows<CommentRow>(
    em,
    `select c.author_id, c.audience, c.model_id, c.post_id, c.image_id, c.deleted_at, c.withheld_at,
       case when ${COMMENT_AUDIENCE} then 1 else 0 end as is_audience from comment c where c.id = ?`,
    [...accessParameters(viewer), id],
  );
  if (!row) throw nothing();
  const page = await assertSees(em, viewer, pageOf(row));
  if (!toBoolean(row.is_audience) && !can(viewer, 'moderateContent')) throw nothing();
  if (row.deleted_at != null) throw new AppError('gone', 'This was deleted.');
  if (row.withheld_at != null) throw nothing();
  return { ownerId: row.author_id, visibility: row.audience === 'page' ? page.visibility : row.audience };
}

function pageOf(row: CommentRow): Target {
  if (row.model_id !== null) return { kind: 'model', id: row.model_id };
  if (row.post_id !== null) return { kind: 'post', id: row.post_id };
  return { kind: 'image', id: row.image_id ?? 0 };
}

/** As `assertSees`, as a question: for peers, who are told nothing either way. */
export async function sees(em: EntityManager, viewer: Viewer | null, target: Target): Promise<boolean> {
  try {
    await assertSees(em, viewer, target);
    return true;
  } catch (error) {
    if (error instanceof AppError && ['not_found', 'gone', 'withheld'].includes(error.kind)) return false;
    throw error;
  }
}
