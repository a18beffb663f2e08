/** Civitai's rating bits (spec/civitai-api.md 2.3); a set of ratings is their sum. */
export const RATING = {
  pg: 1,
  pg13: 2,
  r: 4,
  x: 8,
  xxx: 16,
  blocked: 32,
} as const;

export const RATINGS = [RATING.pg, RATING.pg13, RATING.r, RATING.x, RATING.xxx] as const;
/** A visitor's mask is PG. */
export const VISITOR_LEVELS: number = RATING.pg;
export const ALL_LEVELS: number = RATINGS.reduce<number>((sum, level) => sum | level, 0);
/** Above PG-13 we send `sensitive` to peers. */
export const isSensitive = (level: number): boolean => level > RATING.pg13;

const LABELS: Readonly<Record<number, string>> = {
  1: 'PG',
  2: 'PG-13',
  4: 'R',
  8: 'X',
  16: 'XXX',
  32: 'Blocked',
};
/** The set of the ratings that bear these labels. */
export const levelsLabelled = (labels: readonly string[]): number =>
  RATINGS.reduce<number>((sum, level) => (labels.includes(LABELS[level] ?? '') ? sum | level : sum), 0);
export const ratingLabel = (level: number): string => LABELS[highestLevel(level)] ?? 'PG';

/** The highest single rating in a set; 0 when the set is empty. */
export function highestLevel(levels: number): number {
  return levels <= 0 ? 0 : 1 << (31 - Math.clz32(levels));
}

/** A remote image without `rating` counts as PG-13, with `sensitive: true` as R (DESIGN.md section 3). */
export const remoteLevel = (rating: number | null, sensitive: boolean): number => {
  const claimed = rating !== null && (RATINGS as readonly number[]).includes(rating) ? rating : RATING.pg13;
  return sensitive ? Math.max(claimed, RATING.r) : claimed;
};
