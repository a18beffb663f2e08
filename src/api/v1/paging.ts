import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';

/** Deeper than this a list is read by cursor alone (spec/civitai-api.md 2.1). */
const DEEPEST = 1_000;

export const Metadata = z.object({
  nextCursor: z.string().optional(),
  nextPage: z.url().optional(),
  currentPage: z.int().optional(),
  pageSize: z.int().optional(),
  /** Left out where there are more than a thousand. */
  totalItems: z.int().optional(),
  totalPages: z.int().optional(),
  prevPage: z.url().optional(),
  /** Ratings that were asked for are not in the answer: a token of somebody who browses them gives more. */
  narrowed: z.literal(true).optional(),
  /** The ratings that are in it, as bits, where it is narrowed. */
  browsingLevel: z.int().optional(),
});
export type Metadata = z.output<typeof Metadata>;

/** A place in a list: a row after another, or a page by its number. */
export interface Place {
  readonly limit: number;
  readonly cursor: string | null;
  /** From 1; null where the list is read by cursor. */
  readonly page: number | null;
  readonly offset: number;
}

/** A cursor wins over a page: Civitai's own links carry both. Throws `rate_limited` for what is too deep. */
export function placeOf(query: { limit: number; page?: number | undefined; cursor?: string | undefined }): Place {
  const { limit, page, cursor } = query;
  if (cursor !== undefined || page === undefined) return { limit, cursor: cursor ?? null, page: null, offset: 0 };
  if (page * limit > DEEPEST) {
    throw new AppError('rate_limited', `Pages go as deep as ${DEEPEST} items. Use the cursor of metadata.nextCursor.`);
  }
  return { limit, cursor: null, page, offset: (page - 1) * limit };
}

/** How far counting goes: one more than any page can reach. */
export const COUNT_LIMIT = DEEPEST + 1;

export interface Counted {
  readonly nextCursor: string | null;
  /** Up to `COUNT_LIMIT`; null where nobody counted. */
  readonly total: number | null;
}

/** `url` is what was asked, with its whole query. */
export function pageMetadata(url: URL, { limit, page }: Place, { nextCursor, total }: Counted): Metadata {
  const linkTo = (changes: Record<string, string | null>): string => {
    const link = new URL(url);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) link.searchParams.delete(name);
      else link.searchParams.set(name, value);
    }
    return link.href;
  };
  const byCursor = nextCursor === null ? {} : { nextCursor };
  if (page === null) {
    return nextCursor === null ? {} : { ...byCursor, nextPage: linkTo({ cursor: nextCursor, page: null }) };
  }
  // where the next page would be too deep, its link goes on by cursor
  const isDeep = (page + 1) * limit > DEEPEST;
  const isExact = total !== null && total < COUNT_LIMIT;
  return {
    ...byCursor,
    ...{ currentPage: page, pageSize: limit },
    ...(isExact ? { totalItems: total, totalPages: limit === 0 ? 0 : Math.ceil(total / limit) } : {}),
    ...(nextCursor === null
      ? {}
      : { nextPage: isDeep ? linkTo({ cursor: nextCursor, page: null }) : linkTo({ page: String(page + 1) }) }),
    ...(page > 1 ? { prevPage: linkTo({ page: String(page - 1) }) } : {}),
  };
}

/** Says that ratings which were asked for are left out; nothing where none are. */
export const narrowing = (asked: number, given: number): Pick<Metadata, 'narrowed' | 'browsingLevel'> =>
  (asked & ~given) === 0 ? {} : { narrowed: true, browsingLevel: asked & given };

export const malformedCursor = () => new AppError('malformed', 'cursor: is none that this list gave');
