import { z } from 'zod';
import { ALL_LEVELS, RATING } from '../../../safety/ratings.ts';
import { period } from '../models/query.ts';
import { flag, id, ids, list, scope, text, whole } from '../query.ts';

export const SORTS = {
  'Most Reactions': { column: 'like_count', order: 'desc' },
  'Most Comments': { column: 'comment_count', order: 'desc' },
  'Most Collected': { column: 'collect_count', order: 'desc' },
  Newest: { column: 'listed_at', order: 'desc' },
  Oldest: { column: 'listed_at', order: 'asc' },
  // of this node, as on its pages (/about/trending)
  Trending: { column: 'trend_score', order: 'desc' },
} as const;
export const RANDOM = 'Random';
type Sort = keyof typeof SORTS | typeof RANDOM;
const IMAGE_SORTS = [RANDOM, ...Object.keys(SORTS)] as [Sort, ...Sort[]];

/** What each word of `nsfw` lets in (spec/civitai-api.md 2.3): the words add up, true alone is mature things only. */
export const NSFW = {
  None: RATING.pg,
  Soft: RATING.pg | RATING.pg13,
  Mature: RATING.pg | RATING.pg13 | RATING.r,
  X: ALL_LEVELS,
  true: RATING.r | RATING.x | RATING.xxx,
  false: RATING.pg,
} as const;
const NSFW_WORDS = Object.keys(NSFW) as [keyof typeof NSFW, ...(keyof typeof NSFW)[]];
const MOST_IMAGES = 200;

export const ImagesQuery = z.object({
  limit: whole(0, MOST_IMAGES),
  page: whole(1, 1_000_000),
  cursor: text(60),
  postId: id,
  modelId: id,
  modelVersionId: id,
  imageId: id,
  username: text(320),
  userId: id,
  period,
  sort: z.enum(IMAGE_SORTS).default('Most Reactions'),
  nsfw: z.enum(NSFW_WORDS).default('None'),
  /** Ratings as bits; it wins over `nsfw`. */
  browsingLevel: whole(0, 63),
  tags: ids(),
  type: z.enum(['image', 'video', 'audio']).optional(),
  baseModels: list(z.string().max(60)),
  withMeta: flag(),
  requiringMeta: flag(),
  flatMeta: flag(),
  withTags: flag(),
  scope,
  // what the pages of this node narrow by, and Civitai's API does not
  /** Words of the prompt, the caption and the description. */
  query: text(),
  /** Names of tags that its post must not bear. */
  excludeTags: list(z.string().max(60)),
  /** What the owner of the token has not opened. */
  unseen: flag(),
});
export type ImagesQuery = z.output<typeof ImagesQuery>;
