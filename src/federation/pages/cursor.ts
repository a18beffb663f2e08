import { AppError } from '../../kit/errors.ts';

/** `true` asks for the first page; every other page is named by a cursor that this node wrote. */
export const FIRST_PAGE = 'true';

const LONGEST = 200;

/** Where a page ended, as a text that says nothing to anybody else. */
export const writeCursor = (...place: readonly (string | number)[]): string =>
  Buffer.from(place.join(' ')).toString('base64url');

/**
 * The place that a `page` parameter names, in the parts that `pattern` captures; null for the first page. Throws
 * `malformed` for anything that `writeCursor` did not write.
 */
export function readCursor(page: unknown, pattern: RegExp): readonly string[] | null {
  if (page === FIRST_PAGE) return null;
  const isText = typeof page === 'string' && page.length <= LONGEST && /^[\w-]+$/.test(page);
  const found = isText ? pattern.exec(Buffer.from(page, 'base64url').toString()) : null;
  if (!found) throw new AppError('malformed', 'This is no page.');
  return found.slice(1);
}
