import { randomBytes } from 'node:crypto';
import sharp from 'sharp';
import { readRgb } from '../../src/kit/storage/images-luma.ts';
import { Bank } from '../../src/safety/hashes/bank.ts';
import { lumaOf } from '../../src/safety/hashes/pdq.ts';
import { queriesOf } from '../../src/safety/hashes/variants.ts';
import { drawn } from '../safety/drawings.ts';
import { median, report } from './report.ts';

const ROUNDS = process.env.BENCH_SIZE === 'ci' ? 15 : 60;
const IMAGE_GOAL_MS = 6;
const SCAN_GOAL_MS = 20;
const HASHES = 200_000;

/** One picture of 512 pixels, from its pixels to the hashes that it asks with; decoding it stands beside it. */
export async function pdqBench(): Promise<void> {
  const png = await drawn(1, 512, 512);
  const jpeg = await sharp(png).jpeg().toBuffer();
  const [decoding, hashing]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    let startedAt = performance.now();
    const [frame] = await readRgb(jpeg, 512, 1);
    decoding.push(performance.now() - startedAt);
    if (!frame) throw new Error('no frame');
    startedAt = performance.now();
    queriesOf(lumaOf(frame.data, frame.width, frame.height));
    hashing.push(performance.now() - startedAt);
  }
  report('pdq-ms', median(hashing), 'ms');
  report('pdq-ratio', median(hashing) / IMAGE_GOAL_MS);
  report('pdq-decode-ms', median(decoding), 'ms');
}

/** One picture against a bank of this many hashes, one after the other. */
export async function pdqScanBench(): Promise<void> {
  const variants = randomBytes(HASHES * 32).toString('hex');
  const perBlock = 64 * 61;
  const entries = Array.from({ length: Math.ceil((HASHES * 64) / perBlock) }, (_, n) => ({
    block: { id: String(n), category: 'other' as const, isSevere: true },
    variants: variants.slice(n * perBlock, (n + 1) * perBlock),
  }));
  const bank = new Bank(entries);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const query = randomBytes(32).toString('hex');
    const startedAt = performance.now();
    bank.nearest(query);
    times.push(performance.now() - startedAt);
  }
  report('pdq-scan-200k-ms', median(times), 'ms');
  report('pdq-scan-200k-ratio', median(times) / SCAN_GOAL_MS);
}
