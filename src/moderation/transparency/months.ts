/** A calendar month of UTC, as `2026-01`. */
export type Month = string;

export const monthOf = (at: Date): Month => at.toISOString().slice(0, 7);

export const startOf = (month: Month): Date => new Date(`${month}-01T00:00:00.000Z`);

function shifted(month: Month, by: number): Month {
  const start = startOf(month);
  return monthOf(new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + by, 1)));
}

export const endOf = (month: Month): Date => startOf(shifted(month, 1));

/** The twelve months that are over, the oldest first, and the one that runs. */
export function lastMonths(now: Date): Month[] {
  const running = monthOf(now);
  return Array.from({ length: 13 }, (_, at) => shifted(running, at - 12));
}

/** `2026-01` that exists and has begun, or null. */
export function readMonth(text: string, now: Date): Month | null {
  if (!/^20\d\d-(?:0[1-9]|1[0-2])$/.test(text)) return null;
  return text <= monthOf(now) ? text : null;
}

/** SQL that gives the place of a time in `months`, counted from 0: the same on both dialects. */
export function placeIn(months: readonly Month[], column: string): { sql: string; parameters: Date[] } {
  const ends = months.slice(0, -1).map(endOf);
  if (ends.length === 0) return { sql: '0', parameters: [] };
  const cases = ends.map((_, at) => `when ${column} < ? then ${at}`).join(' ');
  return { sql: `case ${cases} else ${ends.length} end`, parameters: ends };
}
