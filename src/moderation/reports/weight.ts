const DAY_MS = 86_400_000;

/** Below this a voice counts as one of a fresh account. */
export const FRESH_WEIGHT = 25;

export interface Reporter {
  readonly joinedAt: Date;
  /** Reports of theirs that something was done about, and that nothing was done about. */
  readonly upheldCount: number;
  readonly dismissedCount: number;
}

/**
 * How far a reporter is to be trusted, 0 to 100: half of it is how often they were right (they begin at one of one),
 * and who is here for less than a month counts less. It orders what people look at, and decides nothing.
 */
export function weightOf({ joinedAt, upheldCount, dismissedCount }: Reporter, now: Date): number {
  const days = (now.getTime() - joinedAt.getTime()) / DAY_MS;
  const byAge = days < 7 ? 20 : days < 30 ? 60 : 100;
  const right = (upheldCount + 1) / (upheldCount + dismissedCount + 1);
  return Math.round(byAge * (0.5 + right / 2));
}

const BURST_COUNT = 5;
const BURST_MS = 3_600_000;

/** Many fresh accounts within an hour: people arranged it, or a machine did. It is said, and hides nothing. */
export function isBurst(voices: readonly { readonly weight: number; readonly createdAt: Date }[]): boolean {
  const fresh = voices
    .filter(({ weight }) => weight < FRESH_WEIGHT)
    .map(({ createdAt }) => createdAt.getTime())
    .sort((one, other) => one - other);
  return fresh.some((at, n) => (fresh[n + BURST_COUNT - 1] ?? Number.POSITIVE_INFINITY) - at <= BURST_MS);
}
