import { z } from 'zod';
import { COMMERCIAL_USES, FILE_FORMATS, MODEL_TYPES } from '../../../catalogue/types.ts';
import { flag, id, ids, list, MOST_ID, scope, text, whole } from '../query.ts';

export const SORTS = {
  'Highest Rated': { column: 'thumbs_up_count', order: 'desc' },
  'Most Downloaded': { column: 'download_count', order: 'desc' },
  'Most Liked': { column: 'thumbs_up_count', order: 'desc' },
  'Most Discussed': { column: 'comment_count', order: 'desc' },
  'Most Collected': { column: 'collect_count', order: 'desc' },
  'Most Images': { column: 'image_count', order: 'desc' },
  Newest: { column: 'listed_at', order: 'desc' },
  Oldest: { column: 'listed_at', order: 'asc' },
  // of this node, as on its pages (/about/trending)
  Trending: { column: 'trend_score', order: 'desc' },
} as const;
type Sort = keyof typeof SORTS;
const MODEL_SORTS = Object.keys(SORTS) as [Sort, ...Sort[]];

const PERIODS = { AllTime: null, Year: 365, Month: 30, Week: 7, Day: 1 } as const;
export const period = z.enum(Object.keys(PERIODS) as [keyof typeof PERIODS]).default('AllTime');
/** When a period began; null for that of all time. */
export const sinceOf = (now: Date, name: keyof typeof PERIODS): Date | null =>
  PERIODS[name] === null ? null : new Date(now.getTime() - PERIODS[name] * 86_400_000);

export const MOST_MODELS = 100;

export const ModelsQuery = z.object({
  limit: whole(0, MOST_MODELS),
  page: whole(1, 1_000_000),
  cursor: text(60),
  query: text(),
  tag: text(60),
  username: text(320),
  types: list(z.enum(MODEL_TYPES)),
  baseModels: list(z.string().max(60)),
  checkpointType: z.enum(['Trained', 'Merge']).optional(),
  sort: z.enum(MODEL_SORTS).default('Highest Rated'),
  period,
  periodMode: z.enum(['published', 'stats']).default('published'),
  /** Taken and without effect: there are thumbs here and no stars. */
  rating: whole(0, 5),
  ids: ids(),
  modelVersionIds: ids(),
  /** Absent or false is PG alone; true is everything that whoever asks may be given. */
  nsfw: flag(),
  primaryFileOnly: flag(),
  supportsGeneration: flag(),
  fromPlatform: flag(),
  earlyAccess: flag(),
  archived: flag(),
  availability: z.enum(['Public', 'Private', 'EarlyAccess']).optional(),
  allowNoCredit: flag(),
  allowDerivatives: flag(),
  allowDifferentLicense: flag(),
  allowCommercialUse: list(z.enum(COMMERCIAL_USES)),
  favorites: flag(),
  hidden: flag(),
  followed: flag(),
  collectionId: id,
  scope,
  // what the pages of this node narrow by, and Civitai's API does not
  /** Names of tags that it must not bear. */
  excludeTags: list(z.string().max(60)),
  /** Ratings as bits; it wins over `nsfw`. */
  browsingLevel: whole(0, 63),
  fileFormats: list(z.enum(FILE_FORMATS)),
  minSizeKB: whole(0, MOST_ID),
  maxSizeKB: whole(0, MOST_ID),
  /** Works on this node's engine. */
  runsHere: flag(),
  /** What the owner of the token has not opened. */
  unseen: flag(),
  // by other names, of the extension of A1111
  type: z.enum(MODEL_TYPES).optional(),
  pageSize: whole(1, MOST_MODELS),
});
export type ModelsQuery = z.output<typeof ModelsQuery>;
