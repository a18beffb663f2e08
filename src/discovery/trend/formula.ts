/**
 * What is trending: a public formula, explained on /about/trending, which reads its numbers from here.
 *
 * Each account counts once for a thing, at the time when it first liked it, whatever it takes back and gives again, and
 * nobody counts for their own. A like is worth 0 while its account is younger than a day, then more each day, and 1 from
 * thirty days on. Likes are summed in groups: accounts of this node by the day on which they joined, accounts of another
 * node by their node; what a group is worth beyond 1 counts as its square root, so two hundred accounts that were made in one go, or
 * a whole node that somebody runs for it, weigh what fourteen people do. And a like halves every three days.
 *
 * The last is computed the other way round (forward decay: Cormode et al., ICDE 2009): a like doubles for every three
 * days that it is younger. That orders things alike and never changes as time goes by, so a place is computed when
 * somebody likes something, and never for its age.
 */
const DAY_MS = 86_400_000;
export const HALF_LIFE_DAYS = 3;
export const YOUNG_DAYS = 1;
export const GROWN_DAYS = 30;
/** A like older than this is worth less than a thousandth of a new one, and is left out. */
export const FORGOTTEN_DAYS = 30;

export interface Vote {
  /** When the account first liked it. */
  readonly at: Date;
  readonly joinedAt: Date;
  /** '' for an account of this node. */
  readonly host: string;
}

/** From 0 to 1, by how old the account was when it liked it. */
function weightOf({ at, joinedAt }: Vote): number {
  const days = (at.getTime() - joinedAt.getTime()) / DAY_MS;
  if (days < YOUNG_DAYS) return 0;
  return Math.min(1, days / GROWN_DAYS);
}

const groupOf = ({ host, joinedAt }: Vote): string => host || joinedAt.toISOString().slice(0, 10);

/** Steps of the score for each doubling: what is stored is a whole number. */
const SCALE = 100_000;

/** The place of a thing; null where no like counts. It fits 31 bits until the year 2140. */
export function trendScore(votes: readonly Vote[]): number | null {
  const newest = Math.max(...votes.map(({ at }) => at.getTime()));
  const groups = new Map<string, number>();
  for (const vote of votes) {
    const halvings = (newest - vote.at.getTime()) / DAY_MS / HALF_LIFE_DAYS;
    const worth = weightOf(vote) * 2 ** -halvings;
    groups.set(groupOf(vote), (groups.get(groupOf(vote)) ?? 0) + worth);
  }
  let sum = 0;
  for (const worth of groups.values()) sum += Math.min(worth, Math.sqrt(worth));
  if (sum <= 0) return null;
  return Math.round((newest / DAY_MS / HALF_LIFE_DAYS + Math.log2(sum)) * SCALE);
}
