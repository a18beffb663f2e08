/** What of a resource conditional requests are about. */
export interface Validators {
  /** With its quotes; strong. */
  readonly etag: string;
  readonly lastModified: Date | null;
}

interface ConditionalRequest {
  readonly method: string;
  /** The header's value, '' when absent. */
  get(header: string): string;
}

/** RFC 9110, 13.2.2: in this order, and the dates only where no tag was given. */
export function checkPreconditions(request: ConditionalRequest, { etag, lastModified }: Validators): 200 | 304 | 412 {
  const modified = lastModified && wholeSeconds(lastModified);
  const ifMatch = request.get('If-Match');
  if (ifMatch) {
    // Strong comparison: a weak tag matches nothing.
    if (ifMatch.trim() !== '*' && !listedTags(ifMatch).includes(etag)) return 412;
  } else {
    const limit = Date.parse(request.get('If-Unmodified-Since'));
    if (modified !== null && modified > limit) return 412;
  }
  const ifNoneMatch = request.get('If-None-Match');
  if (ifNoneMatch) {
    const isKnown =
      ifNoneMatch.trim() === '*' || listedTags(ifNoneMatch).some((tag) => tag.replace(/^W\//, '') === etag);
    if (isKnown) return request.method === 'GET' || request.method === 'HEAD' ? 304 : 412;
  } else if (modified !== null && modified <= Date.parse(request.get('If-Modified-Since'))) {
    return 304;
  }
  return 200;
}

/** RFC 9110, 13.1.5: a range is of what the asker has only when its tag or exact date is still ours. */
export function isRangeStillValid(ifRange: string, { etag, lastModified }: Validators): boolean {
  if (ifRange === '') return true;
  if (ifRange.includes('"')) return ifRange.trim() === etag;
  return lastModified !== null && Date.parse(ifRange) === wholeSeconds(lastModified);
}

const listedTags = (header: string): string[] => header.match(/(?:W\/)?"[^"]*"/g) ?? [];

/** HTTP dates have no fractions. */
const wholeSeconds = (date: Date): number => Math.floor(date.getTime() / 1000) * 1000;
