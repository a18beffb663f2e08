import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { AppError } from '../errors.ts';
import type { Files } from '../storage/files.ts';
import { contentDisposition } from './download/file-names.ts';
import { checkPreconditions, isRangeStillValid } from './download/preconditions.ts';
import { parseRange, type Span } from './download/ranges.ts';
import type { Ctx } from './state.ts';

export interface StoredBytes {
  readonly files: Pick<Files, 'open' | 'has'>;
  readonly sha256: string;
  readonly totalBytes: number;
  /** From our own sniffing; what is not on the list of `safeContentType` goes out as plain bytes. */
  readonly contentType: string;
  readonly fileName: string;
  readonly disposition: 'attachment' | 'inline';
  /** Without quotes. Default: the SHA-256, which is as strong as a validator can be. */
  readonly etag?: string;
  readonly lastModified?: Date;
  readonly cacheControl?: string;
}

/** Neither markup nor anything that another server might read as an activity: a JSON upload could forge one. */
const SAFE_TYPES = new Map([
  ...['image/png', 'image/apng', 'image/jpeg', 'image/webp', 'image/avif', 'image/gif'].map(
    (type) => [type, type] as const,
  ),
  ...['video/mp4', 'video/webm', 'audio/mpeg', 'audio/ogg', 'audio/wav', 'application/zip'].map(
    (type) => [type, type] as const,
  ),
  ['text/plain', 'text/plain; charset=utf-8'],
]);
const PLAIN_BYTES = 'application/octet-stream';

/** The content type under which uploaded bytes may leave: one that no browser and no peer executes or believes. */
export const safeContentType = (sniffed: string): string =>
  SAFE_TYPES.get(sniffed.split(';', 1)[0]?.trim().toLowerCase() ?? '') ?? PLAIN_BYTES;

/**
 * Answers a GET or HEAD with stored bytes: conditions, ranges, and headers under which they cannot run as a page of
 * ours. Bytes go from the file to the socket as it takes them; a client that leaves closes the file.
 * Throws `not_found` or `unavailable` before anything was sent when the bytes cannot be had.
 */
export async function sendBytes(ctx: Ctx, bytes: StoredBytes): Promise<void> {
  const { files, sha256, totalBytes } = bytes;
  const validators = { etag: `"${bytes.etag ?? sha256}"`, lastModified: bytes.lastModified ?? null };
  const verdict = checkPreconditions(ctx, validators);
  const isRangeAsked = verdict === 200 && ctx.method === 'GET' && isRangeStillValid(ctx.get('If-Range'), validators);
  const spans = isRangeAsked ? parseRange(ctx.get('Range'), totalBytes) : null;
  const status = verdict !== 200 ? verdict : spans === null ? 200 : spans.length === 0 ? 416 : 206;
  const answer =
    status === 200 || status === 206
      ? await openAnswer(files, sha256, totalBytes, safeContentType(bytes.contentType), spans, ctx.method === 'HEAD')
      : null;

  ctx.body = answer ? answer.body : status === 304 ? null : '';
  ctx.remove('Content-Type');
  ctx.status = status;
  if (answer) {
    ctx.set(answer.headers);
    ctx.set('Content-Disposition', contentDisposition(bytes.disposition, bytes.fileName));
  }
  if (status === 416) ctx.set('Content-Range', `bytes */${totalBytes}`);
  if (bytes.lastModified) ctx.set('Last-Modified', bytes.lastModified.toUTCString());
  ctx.set({
    ETag: validators.etag,
    'Accept-Ranges': 'bytes',
    'Cache-Control': bytes.cacheControl ?? 'private, no-cache',
    // `sandbox` without a word gives a document no origin, no script and no form, should a browser open it as one.
    'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
    'X-Content-Type-Options': 'nosniff',
  });
}

interface Answer {
  readonly body: Readable | Buffer;
  readonly headers: Record<string, string>;
}

async function openAnswer(
  files: StoredBytes['files'],
  sha256: string,
  totalBytes: number,
  type: string,
  spans: readonly Span[] | null,
  isHead: boolean,
): Promise<Answer> {
  if (spans && spans.length > 1) {
    await assertThere(files, sha256);
    return partsAnswer(files, sha256, totalBytes, type, spans);
  }
  const span = spans?.[0] ?? { start: 0, end: totalBytes - 1 };
  const headers = {
    'Content-Type': type,
    'Content-Length': String(span.end - span.start + 1),
    ...(spans && { 'Content-Range': contentRange(span, totalBytes) }),
  };
  if (!isHead && totalBytes > 0) return { headers, body: await opened(files.open(sha256, span)) };
  await assertThere(files, sha256);
  return { headers, body: Buffer.alloc(0) };
}

/** RFC 9110, 14.6. The length is known beforehand, so a client sees when an answer was cut off. */
function partsAnswer(
  files: StoredBytes['files'],
  sha256: string,
  totalBytes: number,
  type: string,
  spans: readonly Span[],
): Answer {
  const boundary = randomUUID();
  const parts = spans.map((span) => ({
    span,
    head: `\r\n--${boundary}\r\nContent-Type: ${type}\r\nContent-Range: ${contentRange(span, totalBytes)}\r\n\r\n`,
  }));
  const tail = `\r\n--${boundary}--\r\n`;
  async function* pieces() {
    for (const { span, head } of parts) {
      yield Buffer.from(head);
      yield* files.open(sha256, span);
    }
    yield Buffer.from(tail);
  }
  const length = parts.reduce((sum, { span, head }) => sum + head.length + span.end - span.start + 1, tail.length);
  return {
    body: Readable.from(pieces(), { objectMode: false }),
    headers: { 'Content-Type': `multipart/byteranges; boundary=${boundary}`, 'Content-Length': String(length) },
  };
}

/** Waits for the first bytes, while an error can still become a page of its own. */
async function opened(stream: Readable): Promise<Readable> {
  await once(stream, 'readable');
  return stream;
}

async function assertThere(files: StoredBytes['files'], sha256: string): Promise<void> {
  if (!(await files.has(sha256))) throw new AppError('not_found', 'This file is not here any more.');
}

const contentRange = ({ start, end }: Span, totalBytes: number): string => `bytes ${start}-${end}/${totalBytes}`;
