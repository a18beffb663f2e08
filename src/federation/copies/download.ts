import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { AppError } from '../../kit/errors.ts';
import type { Net } from '../../kit/net/net.ts';

/** What a peer promised of a file. */
export interface Wanted {
  readonly url: string;
  readonly sha256: string;
  readonly totalBytes: number;
}

/** The bytes are not those that were promised. Nothing of them is left. */
class Mismatch extends AppError {
  constructor() {
    super('invalid', 'The bytes that came are not the ones that the peer had promised; they were thrown away.');
  }
}

const READ_BYTES = 1024 * 1024;
/** As long as something comes, a large file may take its time. */
const LONGEST_MS = 12 * 3_600_000;
const LONGEST_SILENCE_MS = 60_000;

/**
 * Fetches a file through the guarded door into `path`. What is there from an earlier try is read again and gone on with
 * (RFC 9110, 14.2), so a break costs what was under way and no more. The bytes are hashed as they come; the file is
 * complete and right when this returns. Throws `Mismatch`, `gone` (the peer has it no more), `too_large` or `unavailable`.
 */
export async function download(
  net: Pick<Net, 'peerFetch'>,
  { url, sha256, totalBytes }: Wanted,
  path: string,
  {
    signal,
    onProgress,
    sign,
  }: {
    readonly signal: AbortSignal;
    readonly onProgress: (doneBytes: number) => void;
    /** For what is not for everybody. */
    readonly sign: ((url: URL) => Readonly<Record<string, string>>) | null;
  },
): Promise<void> {
  let doneBytes = (await stat(path).catch(() => null))?.size ?? 0;
  if (doneBytes > totalBytes) doneBytes = 0;
  let hash = doneBytes === 0 ? createHash('sha256') : await hashStart(path, doneBytes);
  if (doneBytes < totalBytes) await fetchRest();
  if (doneBytes === totalBytes && hash.digest('hex') === sha256) return;
  await rm(path, { force: true });
  throw new Mismatch();

  async function fetchRest(): Promise<void> {
    const silence = new AbortController();
    const stop = () => silence.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    let timer = setTimeout(stop, LONGEST_SILENCE_MS);
    const handle = await open(path, doneBytes === 0 ? 'w' : 'r+');
    try {
      const startBytes = doneBytes;
      // the peer's bytes as they are: a coding would make the range another one
      const headers = { 'accept-encoding': 'identity', ...(startBytes > 0 ? { range: `bytes=${startBytes}-` } : {}) };
      const reply = await net.peerFetch(url, {
        headers: sign ? (hop) => ({ ...headers, ...sign(hop) }) : headers,
        maxBytes: totalBytes,
        timeoutMs: LONGEST_MS,
        signal: silence.signal,
        writeTo: ({ status, headers }) => {
          if (status === 206 && !headers['content-range']?.startsWith(`bytes ${startBytes}-`)) {
            throw new AppError('unavailable', 'The peer answered with another part of the file.');
          }
          if (status !== 206) [doneBytes, hash] = [0, createHash('sha256')];
          return sink(
            handle,
            (bytes) => {
              clearTimeout(timer);
              timer = setTimeout(stop, LONGEST_SILENCE_MS);
              hash.update(bytes);
              doneBytes += bytes.length;
              onProgress(doneBytes);
            },
            doneBytes,
          );
        },
      });
      if (reply.status === 404 || reply.status === 410) throw new AppError('gone', 'The peer has this file no more.');
      if (reply.status !== 200 && reply.status !== 206) {
        throw new AppError('unavailable', `The peer answered ${reply.status}.`);
      }
      await handle.truncate(doneBytes);
      await handle.sync();
      if (doneBytes < totalBytes) throw new AppError('unavailable', 'The connection broke off.');
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      await handle.close();
    }
  }
}

/** Each chunk is on the disk before it counts: after a kill the file holds nothing that was not hashed alike. */
function sink(handle: FileHandle, written: (bytes: Buffer) => void, startBytes: number): Writable {
  let at = startBytes;
  return new Writable({
    highWaterMark: READ_BYTES,
    write(chunk: Buffer, _encoding, done) {
      handle.write(chunk, 0, chunk.length, at).then(
        () => {
          at += chunk.length;
          written(chunk);
          done();
        },
        (cause) => done(new AppError('unavailable', 'The disk of this node did not take the file.', { cause })),
      );
    },
  });
}

async function hashStart(path: string, bytes: number): Promise<Hash> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { end: bytes - 1, highWaterMark: READ_BYTES })) hash.update(chunk);
  return hash;
}
