import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { benchSize } from './dataset.ts';
import { median, report } from './report.ts';

const run = promisify(execFile);
const MB = 1_000_000;
const ROUNDS = 5;

/** All our hashes of a file, as an upload takes them, against `sha256sum` alone on the same file, in turn. */
export async function hashBench(): Promise<void> {
  // built, because the threads of a node are
  const built = new URL('../../dist/catalogue/files/hash.js', import.meta.url).href;
  const { Hashing } = (await import(built)) as typeof import('../../src/catalogue/files/hash.ts');
  const folder = await mkdtemp(join(tmpdir(), 'tessera-bench-hash-'));
  const path = join(folder, 'file.safetensors');
  const totalBytes = Math.min(benchSize().uploadBytes, 1_000 * MB);
  const hashing = new Hashing();
  try {
    await writeRandom(path, totalBytes);
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      let startedAt = performance.now();
      const { stdout } = await run('sha256sum', [path]);
      theirs.push(performance.now() - startedAt);
      startedAt = performance.now();
      const { sha256 } = await hashing.hash(path);
      ours.push(performance.now() - startedAt);
      if (!stdout.startsWith(sha256.toLowerCase())) throw new Error(`sha256sum says ${stdout}, we say ${sha256}`);
    }
    report('upload-hash-mb-per-s', totalBytes / MB / (median(ours) / 1000), 'MB/s');
    report('upload-hash-ratio', median(theirs) / median(ours));
  } finally {
    await hashing.close();
    await rm(folder, { recursive: true });
  }
}

/** A safetensors file of one tensor, so that every hash has its work. */
async function writeRandom(path: string, totalBytes: number): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (const chunk of randomSafetensors(totalBytes)) await file.write(chunk);
  } finally {
    await file.close();
  }
}

const CHUNK_BYTES = 8 * 1024 * 1024;

/** A valid file of this size, in pieces; the weights are one random piece again and again, with a number in each. */
export function* randomSafetensors(totalBytes: number): Generator<Buffer> {
  const headerBytes = 128;
  const header = {
    weight: { dtype: 'U8', shape: [totalBytes - headerBytes], data_offsets: [0, totalBytes - headerBytes] },
  };
  const head = Buffer.alloc(headerBytes, ' ');
  head.writeBigUInt64LE(BigInt(headerBytes - 8));
  head.write(JSON.stringify(header), 8);
  yield head;
  const piece = randomBytes(CHUNK_BYTES);
  for (let at = headerBytes; at < totalBytes; at += CHUNK_BYTES) {
    piece.writeBigUInt64LE(BigInt(at));
    yield piece.subarray(0, Math.min(CHUNK_BYTES, totalBytes - at));
  }
}
