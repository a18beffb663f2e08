import { z } from 'zod';
import { parseTags } from '../../catalogue/tags.ts';
import type { Eyes } from '../../gallery/views.ts';

/*
 * The fields that the addresses of lists have in common. A value that does not fit counts as not given, so that no shared
 * link breaks.
 */

const PERIOD_DAYS = { all: 0, day: 1, week: 7, month: 30, year: 365 } as const;
type Period = keyof typeof PERIOD_DAYS;
export const PERIODS = Object.keys(PERIOD_DAYS) as [Period, ...Period[]];
export const SCOPES = ['known', 'here'] as const;

/** More tags than these would make one list many questions. */
const MOST_TAGS = 8;

const one = (value: unknown): unknown => (Array.isArray(value) ? value[0] : value);
const text = (most: number) => z.preprocess(one, z.string().trim().max(most)).catch('');
const tags = z
  .preprocess(one, z.string().max(600))
  .catch('')
  .transform((names) => parseTags(names).slice(0, MOST_TAGS));
/** A box that is ticked. */
const flag = z.preprocess((value) => one(value) === '1' || one(value) === 'true', z.boolean());

/** `a,b`, or the name once for each; what is none of them is left out. */
export const severalOf = <const Name extends string>(names: readonly [Name, ...Name[]]) =>
  z.preprocess(
    (value) => {
      const given = (Array.isArray(value) ? value : [value]).flatMap((each) => String(each ?? '').split(','));
      return names.filter((name) => given.includes(name));
    },
    z.array(z.enum(names)),
  );

export const cursor = z.string().max(40).optional().catch(undefined);
export const listFields = {
  q: text(200),
  base: text(60),
  /** All of these. */
  tag: tags,
  /** None of these. */
  not: tags,
  rating: z.coerce.number().int().catch(0),
  period: z.enum(PERIODS).catch('all'),
  scope: z.enum(SCOPES).catch('known'),
  /** Only what the viewer has not opened. */
  unseen: flag,
  cursor,
};
export const tick = flag;

export const since = (now: Date, period: Period): Date | undefined =>
  PERIOD_DAYS[period] === 0 ? undefined : new Date(now.getTime() - PERIOD_DAYS[period] * 86_400_000);

/** One chosen rating narrows what the viewer browses; it never widens it. */
export const narrowed = (eyes: Eyes, chosen: number): Eyes =>
  (eyes.levels & chosen) !== 0 ? { ...eyes, levels: eyes.levels & chosen } : eyes;

/** Beside the query: with `after` the newest of what was listed since, whatever its order and place. */
export interface ListedOptions {
  readonly limit?: number;
  readonly after?: Date;
  readonly until?: Date;
}
