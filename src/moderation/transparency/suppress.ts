/** Below this a count could point at a person (spec/takedowns.md 2.12). */
const SMALLEST_CELL = 5;

/** How often something was decided in one way. */
export interface Count {
  readonly type: string;
  readonly outcome: string;
  readonly count: number;
}

export interface PublishedCell {
  readonly type: string;
  readonly outcome: string;
  /** Null where fewer than five, which may be none. */
  readonly count: number | null;
}

export interface PublishedTable {
  readonly types: readonly string[];
  readonly outcomes: readonly string[];
  /** Every type with every outcome, in their order. */
  readonly cells: readonly PublishedCell[];
  /** Sums of what is shown and of nothing else. */
  readonly shownByType: ReadonlyMap<string, number>;
  readonly shownByOutcome: ReadonlyMap<string, number>;
  readonly shown: number;
}

/**
 * A table that can be published. Small cells are left out, and nothing that is published holds a part of them: a sum is
 * a sum of what is shown, so no difference of two numbers gives a hidden one back. An empty cell and a small one look
 * alike, so that a single case cannot be told from none.
 */
export function suppress(
  counts: readonly Count[],
  types: readonly string[],
  outcomes: readonly string[],
): PublishedTable {
  const found = new Map<string, number>();
  for (const { type, outcome, count } of counts) {
    const key = `${type}/${outcome}`;
    found.set(key, (found.get(key) ?? 0) + count);
  }
  const cells = types.flatMap((type) =>
    outcomes.map((outcome) => ({ type, outcome, count: publishable(found.get(`${type}/${outcome}`) ?? 0) })),
  );
  const sum = (of: readonly PublishedCell[]) => of.reduce((total, { count }) => total + (count ?? 0), 0);
  return {
    types,
    outcomes,
    cells,
    shownByType: new Map(types.map((type) => [type, sum(cells.filter((cell) => cell.type === type))])),
    shownByOutcome: new Map(
      outcomes.map((outcome) => [outcome, sum(cells.filter((cell) => cell.outcome === outcome))]),
    ),
    shown: sum(cells),
  };
}

/** A number that may stand alone, or null. */
export const publishable = (count: number): number | null => (count >= SMALLEST_CELL ? count : null);

/** The middle and the 90th percentile (nearest rank) of at least five durations, in their unit; null of fewer. */
export function spread(durations: readonly number[]): { median: number; p90: number } | null {
  if (durations.length < SMALLEST_CELL) return null;
  const sorted = [...durations].sort((a, b) => a - b);
  const rank = (part: number) => sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0;
  return { median: rank(0.5), p90: rank(0.9) };
}
