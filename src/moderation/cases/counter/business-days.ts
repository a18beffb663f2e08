/** The calendar of the operator: Monday to Friday in a time zone, less the days of a list (ISO days). */
export interface Calendar {
  /** IANA name. */
  readonly timeZone: string;
  readonly holidays: readonly string[];
}

/** The wall clock of a zone at an instant, as if it were UTC. */
function wallAt(instant: number, timeZone: string): number {
  const format = new Intl.DateTimeFormat('en-US', {
    ...{ timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
  } as Intl.DateTimeFormatOptions);
  const part = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** The instant at which the clocks of a zone show this; an hour that is skipped counts as the one after it. */
function instantOf(wall: number, timeZone: string): number {
  const offsetAt = (instant: number) => wallAt(instant, timeZone) - instant;
  const first = wall - offsetAt(wall);
  const second = wall - offsetAt(first);
  // in the gap of spring the two differ for ever: the later one is after it
  return wallAt(second, timeZone) === wall ? second : Math.max(first, second);
}

const DAY_MS = 86_400_000;

/** The ISO day that it is in a zone. */
export const dayIn = (instant: Date, timeZone: string): string =>
  new Date(wallAt(instant.getTime(), timeZone)).toISOString().slice(0, 10);

export const isBusinessDay = (wall: number, holidays: readonly string[]): boolean => {
  const weekday = new Date(wall).getUTCDay();
  return weekday !== 0 && weekday !== 6 && !holidays.includes(new Date(wall).toISOString().slice(0, 10));
};

/** The same time of day, so many business days later; the day itself does not count (17 U.S.C. 512(g)(2)(C)). */
export function addBusinessDays(from: Date, count: number, { timeZone, holidays }: Calendar): Date {
  const milliseconds = from.getTime() % 1_000;
  let wall = wallAt(from.getTime() - milliseconds, timeZone);
  for (let left = count; left > 0; ) {
    wall += DAY_MS;
    if (isBusinessDay(wall, holidays)) left -= 1;
  }
  return new Date(instantOf(wall, timeZone) + milliseconds);
}

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
