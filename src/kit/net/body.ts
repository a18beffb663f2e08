import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { AppError } from '../errors.ts';

/** The whole body, decoded. Throws `too_large` as soon as wire or decoded bytes pass the cap. */
export async function readBody(response: IncomingMessage, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
  refuseDeclaredLength(response, maxBytes);
  const chunks: Buffer[] = [];
  const gather = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  await pipeline([...decoded(response, maxBytes), gather], { signal });
  return Buffer.concat(chunks);
}

/** Writes the decoded body to a new file and returns its length; the file is gone again when anything fails. */
export async function saveBody(
  response: IncomingMessage,
  path: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<number> {
  refuseDeclaredLength(response, maxBytes);
  const file = createWriteStream(path, { flags: 'wx' });
  try {
    await pipeline([...decoded(response, maxBytes), file], { signal });
  } catch (cause) {
    // `wx` failed on a file that is not ours to remove.
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) await rm(path, { force: true });
    throw cause;
  }
  return file.bytesWritten;
}

/** Passes the decoded body on, and returns its length. What has been passed on when something fails stays passed on. */
export async function pipeBody(
  response: IncomingMessage,
  open: () => Writable,
  maxBytes: number,
  signal: AbortSignal,
): Promise<number> {
  refuseDeclaredLength(response, maxBytes);
  let totalBytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      totalBytes += chunk.length;
      done(null, chunk);
    },
  });
  try {
    await pipeline([...decoded(response, maxBytes), count, open()], { signal });
  } finally {
    response.destroy();
  }
  return totalBytes;
}

function refuseDeclaredLength(response: IncomingMessage, maxBytes: number): void {
  const declared = Number(response.headers['content-length'] ?? 0);
  if (declared > maxBytes) {
    response.destroy();
    throw tooLarge();
  }
}

/** A cap on both sides of the decoder: a bomb is cut at the cap, and so is an endless stream that decodes to nothing. */
function decoded(response: IncomingMessage, maxBytes: number): [NodeJS.ReadableStream, ...Transform[]] {
  const coding = (response.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (coding === 'identity' || coding === '') return [response, capped(maxBytes)];
  // One coding only: gzip within gzip has no honest use and multiplies the bomb.
  const decoder = DECODERS.get(coding);
  if (!decoder) {
    response.destroy();
    throw new AppError('unavailable', 'The peer answered in an encoding that is not understood.');
  }
  return [response, capped(maxBytes), decoder(), capped(maxBytes)];
}

const CHUNK = { chunkSize: 64 * 1024 };
const DECODERS: ReadonlyMap<string, () => Transform> = new Map([
  ['gzip', () => createGunzip(CHUNK)],
  ['x-gzip', () => createGunzip(CHUNK)],
  ['deflate', () => createInflate(CHUNK)],
  ['br', () => createBrotliDecompress(CHUNK)],
]);

function capped(maxBytes: number): Transform {
  let totalBytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      totalBytes += chunk.length;
      if (totalBytes > maxBytes) done(tooLarge());
      else done(null, chunk);
    },
  });
}

function tooLarge(): AppError {
  return new AppError('too_large', 'The answer is larger than what is accepted here.');
}
