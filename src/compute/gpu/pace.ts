import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../../kit/database/sql.ts';
import type { USE_KINDS } from './model.ts';

/** How much there is to do. */
export interface WorkSize {
  readonly kind: (typeof USE_KINDS)[number];
  readonly family: string;
  /** Of one picture. */
  readonly pixels: number;
  /** Steps times pictures; of a training, pictures shown; of a merge, gigabytes read. */
  readonly units: number;
}

export interface Estimate {
  /** As often faster as slower. */
  readonly p50: number;
  /** Nine of ten are faster. */
  readonly p90: number;
}

/** Loading aside, nothing is quicker than this: encoding, decoding, saving. */
const LEAST_SECONDS = 1;
/** Share of the newest run in the mean. */
const NEWEST = 0.2;
/** Of a seed, which is a guess: its p90 is twice its p50. */
const SEED_SPREAD = 0.29;
/** Standard deviations of a normal distribution under which nine tenths lie. */
const Z90 = 1.2816;

/** A merge reads, mixes, writes and hashes, which is memory and disk and no matter of the GPU: of a gigabyte that is read. */
const MERGE_SECONDS = 6;

/** FLOP of one forward pass at a resolution: spec/engine.md, 2.6. */
const FORWARD: Readonly<Record<string, { readonly tera: number; readonly pixels: number }>> = {
  sd15: { tera: 0.68, pixels: 512 * 512 },
  sdxl: { tera: 5.98, pixels: 1024 * 1024 },
  // a ViT-B or a Swin-B at 448 pixels, about what taggers are; one pass, which PASSES counts twice
  captioner: { tera: 0.03, pixels: 448 * 448 },
  tiny: { tera: 0.00012, pixels: 32 * 32 },
};
const OTHER_FORWARD = { tera: 0.68, pixels: 512 * 512 };
/** Peak TFLOP/s in bf16, same place. */
const PEAK: readonly (readonly [RegExp, number])[] = [
  [/h200|h100|gh200|b200/i, 790],
  [/a100|l40/i, 312],
  [/4090|5090|5080/i, 165],
  [/4080|4070|3090|a6000|a5000/i, 80],
  [/3060|3070|3080|4060|2080|t4\b/i, 26],
];
const OTHER_GPU = 26;
/** Two ordinary cores. */
const CPU_TERAFLOPS = 0.15;
const UTILISATION = 0.25;
/** With guidance a step of generation is two passes; forward and back over a frozen base is two as well. */
const PASSES = 2;

export interface Device {
  readonly kind: string;
  readonly name: string;
}

/** The guess before anything was measured here. */
export function seedSeconds({ family, pixels }: Pick<WorkSize, 'family' | 'pixels'>, device: Device): number {
  const forward = FORWARD[family] ?? OTHER_FORWARD;
  const peak =
    device.kind === 'cpu' ? CPU_TERAFLOPS : (PEAK.find(([name]) => name.test(device.name))?.[1] ?? OTHER_GPU);
  return (PASSES * forward.tera * (pixels / forward.pixels)) / (UTILISATION * peak);
}

const sideOf = (pixels: number): number => Math.max(32, Math.round(Math.sqrt(pixels) / 32) * 32);
const workOf = ({ kind, family, pixels }: Omit<WorkSize, 'units'>): string => `${kind}/${family}/${sideOf(pixels)}`;

interface PaceRow {
  work: string;
  seconds_per_unit: number;
  spread: number;
  runs: number;
}

/** From own runs at this size, or at the nearest one, or from the table. */
export async function estimate(em: EntityManager, device: Device, size: WorkSize): Promise<Estimate> {
  const { perUnit, slower } = await paceOf(em, device, size);
  const p50 = Math.max(LEAST_SECONDS, perUnit * size.units);
  return { p50, p90: p50 * slower };
}

export interface Pace {
  /** Seconds. */
  readonly perUnit: number;
  /** Nine of ten runs take at most so many times as long. */
  readonly slower: number;
  readonly isMeasured: boolean;
}

export async function paceOf(em: EntityManager, device: Device, size: Omit<WorkSize, 'units'>): Promise<Pace> {
  const prefix = `${size.kind}/${size.family}/`;
  const known = await rows<PaceRow>(
    em,
    'select work, seconds_per_unit, spread, runs from gpu_pace where device_name = ? and work like ?',
    [device.name.slice(0, 120), `${prefix}%`],
  );
  const side = sideOf(size.pixels);
  const distance = ({ work }: PaceRow) => Math.abs(Math.log(Number(work.slice(prefix.length)) / side));
  const [nearest] = known.sort((a, b) => distance(a) - distance(b));
  const slowerOf = (spread: number) => Math.exp(Z90 * Math.sqrt(spread));
  if (!nearest)
    return {
      perUnit: size.kind === 'merge' ? MERGE_SECONDS : seedSeconds(size, device),
      slower: slowerOf(SEED_SPREAD),
      isMeasured: false,
    };
  const scale = (side / Number(nearest.work.slice(prefix.length))) ** 2;
  const spread = scale === 1 ? nearest.spread : SEED_SPREAD;
  return { perUnit: nearest.seconds_per_unit * scale, slower: slowerOf(spread), isMeasured: true };
}

/** A run that went well: the estimate of the next one leans on it. */
export async function learnPace(
  em: EntityManager,
  device: Device,
  size: WorkSize,
  seconds: number,
  now: Date,
): Promise<void> {
  if (size.units <= 0 || seconds <= 0) return;
  const name = device.name.slice(0, 120);
  const measured = seconds / size.units;
  const [known] = await rows<PaceRow>(
    em,
    'select work, seconds_per_unit, spread, runs from gpu_pace where device_name = ? and work = ?',
    [name, workOf(size)],
  );
  const part = known ? Math.max(NEWEST, 1 / (known.runs + 1)) : 1;
  const mean = known ? known.seconds_per_unit + part * (measured - known.seconds_per_unit) : measured;
  const off = known ? Math.log(measured / known.seconds_per_unit) ** 2 : SEED_SPREAD;
  const spread = known ? known.spread + NEWEST * (off - known.spread) : SEED_SPREAD;
  await rows(
    em,
    `insert into gpu_pace (device_name, work, seconds_per_unit, spread, runs, changed_at) values (?, ?, ?, ?, 1, ?)
     on conflict (device_name, work) do update set seconds_per_unit = excluded.seconds_per_unit,
       spread = excluded.spread, runs = gpu_pace.runs + 1, changed_at = excluded.changed_at returning work`,
    [name, workOf(size), mean, Math.min(1, spread), now],
  );
}
