import { randomBytes } from 'node:crypto';
import sharp from 'sharp';
import { renderSizes } from '../../src/kit/storage/images-render.ts';
import { median, report } from './report.ts';

const ROUNDS = process.env.BENCH_SIZE === 'ci' ? 3 : 7;
const WIDTHS = [320, 640, 1280, null] as const;

/**
 * Our sizes of a picture against bare sharp making the same files: decoded once for each size, both formats at once, as
 * its manual shows. Ratio of wall time; processor time stands beside it, because more threads would only hide work.
 */
export async function thumbnailBench(): Promise<void> {
  const picture = await paintedPng(1216, 832);
  await renderSizes(picture);
  await bare(picture);
  const [ours, theirs]: [Cost[], Cost[]] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    theirs.push(await costOf(() => bare(picture)));
    ours.push(await costOf(() => renderSizes(picture)));
  }
  const wall = (costs: readonly Cost[]) => median(costs.map(({ wallMs }) => wallMs));
  const cpu = (costs: readonly Cost[]) => median(costs.map(({ cpuMs }) => cpuMs));
  report('thumbnail-ms', wall(ours), 'ms');
  report('thumbnail-ratio', wall(theirs) / wall(ours));
  report('thumbnail-cpu-ratio', cpu(theirs) / cpu(ours));
}

interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
}

async function costOf(work: () => Promise<unknown>): Promise<Cost> {
  const startedAt = performance.now();
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { wallMs: performance.now() - startedAt, cpuMs: (user + system) / 1000 };
}

/** The same files with the same settings: never enlarged, so the widest and the full one are the same, made once. */
async function bare(picture: Buffer): Promise<void> {
  for (const width of [...new Set(WIDTHS.map((wanted) => Math.min(wanted ?? 1216, 1216)))]) {
    const sized = () => sharp(picture).autoOrient().resize({ width }).toColourspace('srgb');
    await Promise.all([
      sized().webp({ quality: 80, effort: 4 }).toBuffer(),
      sized().avif({ quality: 55, effort: 2, chromaSubsampling: '4:2:0' }).toBuffer(),
    ]);
  }
}

/** A picture with soft and with sharp parts: what a diffusion model makes is neither noise nor flat. */
async function paintedPng(width: number, height: number): Promise<Buffer> {
  const raw = { width: width / 8, height: height / 8, channels: 3 as const };
  const clouds = await sharp(randomBytes(raw.width * raw.height * 3), { raw })
    .blur(2)
    .resize(width, height, { kernel: 'cubic' })
    .png()
    .toBuffer();
  const lines = Array.from(
    { length: 60 },
    (_, n) => `<path d="M${(n * 211) % width} 0L${(n * 373) % width} ${height}"/>`,
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" stroke="#222" stroke-width="3">${lines.join('')}</svg>`;
  return sharp(clouds)
    .composite([{ input: Buffer.from(svg) }])
    .png()
    .toBuffer();
}
