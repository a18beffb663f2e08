/** Offsets in bytes, both inclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** More than any player, PDF reader or download manager asks for at once; beyond it the whole is sent. */
const MAX_RANGES = 32;

/**
 * Reads a `Range` header (RFC 9110, 14.1.2 and 14.2). `null`: there is none to obey, send the whole; an empty list:
 * none of them lies within the file (416). Overlapping spans are joined, which 15.3.7.2 allows, so that
 * no header makes the answer longer than the file.
 */
export function parseRange(header: string | undefined, totalBytes: number): Span[] | null {
  const set = /^bytes=(.*)$/i.exec(header?.trim() ?? '')?.[1];
  if (set === undefined) return null;
  const specs = set.split(',').map((spec) => spec.trim());
  if (specs.length > MAX_RANGES || specs.every((spec) => spec === '')) return null;

  const spans: Span[] = [];
  for (const spec of specs) {
    if (spec === '') continue; // RFC 9110, 5.6.1: empty elements of a list are ignored
    const span = parseSpec(spec, totalBytes);
    if (span === null) return null;
    if (span.start <= span.end) spans.push(span);
  }
  return spans.reduce(joined, []);
}

/** Null when malformed, which voids the whole header; a span that ends before it starts when it cannot be satisfied. */
function parseSpec(spec: string, totalBytes: number): Span | null {
  const [, first = '', last = ''] = /^(\d*)-(\d*)$/.exec(spec) ?? [];
  if (first === '' && last === '') return null;
  const end = totalBytes - 1;
  if (first === '') return { start: Math.max(0, totalBytes - Number(last)), end };
  if (last !== '' && Number(last) < Number(first)) return null;
  return { start: Number(first), end: last === '' ? end : Math.min(Number(last), end) };
}

/** Adds a span in the place of the first that it overlaps, since the asker's order may mean something. */
function joined(spans: readonly Span[], span: Span): Span[] {
  const overlaps = (other: Span) => other.start <= span.end && span.start <= other.end;
  const overlapped = spans.filter(overlaps);
  if (overlapped.length === 0) return [...spans, span];
  const whole = {
    start: Math.min(span.start, ...overlapped.map(({ start }) => start)),
    end: Math.max(span.end, ...overlapped.map(({ end }) => end)),
  };
  const at = spans.findIndex(overlaps);
  return spans.flatMap((other, n) => (n === at ? [whole] : overlaps(other) ? [] : [other]));
}
