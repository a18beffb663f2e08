import { can } from '../accounts/permissions.ts';
import type { ContentState } from '../catalogue/types.ts';
import { type Parameter, toNumber } from '../kit/database/sql.ts';
import { AppError } from '../kit/errors.ts';
import type { Viewer } from '../kit/work.ts';
import { type Act, decide, type Subject, type Verdict } from '../safety/policy.ts';
import type { VISIBILITIES } from './model.ts';

// Who may see what, for pages and bytes alike: one row of facts, read beside whatever else a query wants, then the one
// decide() of safety. Ratings are not among them: they say what is listed and shown unasked, not what is secret.

const restrictionsOf = (kind: string, id: string): string =>
  `coalesce((select s.restrictions from policy_state s where s.target_kind = '${kind}' and s.target_id = ${id}), 0)`;

/** Columns for a query over `post p`; takes `accessParameters`. */
export const POST_ACCESS = `p.owner_id as access_owner, p.state as access_state, p.visibility as access_visibility,
  ${restrictionsOf('post', 'p.id')} as post_restrictions, ${restrictionsOf('account', 'p.owner_id')} as account_restrictions,
  case when p.visibility = 'followers' then (select count(*) from follow f where f.follower_id = ?
    and f.target_id = p.owner_id and f.state = 'accepted') else 0 end as is_follower`;

/** Columns for a query over `image i` and its `post p`. */
export const IMAGE_ACCESS = `${POST_ACCESS}, i.level as access_level, i.deleted_at as access_deleted_at,
  ${restrictionsOf('image', 'i.id')} as image_restrictions`;

export const accessParameters = (viewer: Viewer | null): Parameter[] => [viewer?.id ?? 0];

export interface PostAccessRow {
  access_owner: number;
  access_state: ContentState;
  access_visibility: (typeof VISIBILITIES)[number];
  post_restrictions: number;
  account_restrictions: number;
  is_follower: unknown;
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

function verdictOf(
  row: PostAccessRow,
  viewer: Viewer | null,
  act: Act,
  state: Subject['state'],
  restrictions: number,
): Verdict {
  const canModerate = can(viewer, 'moderateContent');
  const verdict = decide(act, viewer, { ownerId: row.access_owner, state, restrictions }, canModerate);
  if (!verdict.allowed || viewer?.id === row.access_owner || canModerate) return verdict;
  return isAudience(row) ? verdict : { allowed: false, reason: 'not_found' };
}

export function isAudience(row: PostAccessRow): boolean {
  switch (row.access_visibility) {
    case 'public':
    case 'unlisted':
      return true;
    case 'followers':
      return toNumber(row.is_follower) > 0;
    case 'direct':
      return false;
  }
}

/** Throws what a page answers: `not_found`, `gone` or `withheld`. */
export function assertAllowed(verdict: Verdict): void {
  if (verdict.allowed) return;
  if (verdict.reason === 'gone') throw new AppError('gone', 'This was deleted.');
  if (verdict.reason === 'withheld')
    throw new AppError('withheld', 'This was withheld by the moderators of this node.');
  throw new AppError('not_found', 'There is nothing at this address.');
}
