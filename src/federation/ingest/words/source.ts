import type { ApObject } from '../../normalise.ts';
import { htmlOf, objectsOf } from '../../vocabulary/read.ts';

/** The author's words without the lines that other servers need around them; it passes the same sanitiser. */
export function sourceOf(object: ApObject): string | null {
  const [source] = objectsOf(object, 'source', 1);
  return source && source.mediaType?.[0] === 'text/html' ? htmlOf(source, 'content') : null;
}
