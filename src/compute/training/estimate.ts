import { rows, toNumber } from '../../kit/database/sql.ts';
import type { Work } from '../../kit/work.ts';
import type { EngineHello } from '../engine/protocol.ts';
import { stepsOf, type TrainSettings } from './params.ts';

/** 10¹² operations a second in bf16 (spec/engine.md 2.6); the first that fits. */
const PEAKS: readonly (readonly [RegExp, number])[] = [
  [/H200|H100|B200|B100/, 790],
  [/A100/, 312],
  [/5090/, 210],
  [/4090|L40/, 165],
  [/4080|3090|A6000|5080/, 75],
  [/4070|3080|A5000/, 55],
  [/3070|4060|A4000/, 35],
  [/3060|2080|T4/, 26],
];
const UNKNOWN_GPU = 30;
const CPU = 0.1;
/** What trainers reach of that in the field. */
const USUAL_SHARE = 0.25;
const POOR_SHARE = 0.13;
/** 10¹² operations of one forward pass, and the side that it is for. */
const FORWARD: Readonly<Record<string, readonly [number, number]>> = {
  sd15: [0.68, 512],
  sdxl: [5.98, 1024],
  tiny: [0.00012, 32],
};
/** Rank 32 in fp16. */
const LORA_BYTES: Readonly<Record<string, readonly [withText: number, unetAlone: number]>> = {
  sd15: [38e6, 31e6],
  sdxl: [228e6, 170e6],
  tiny: [0.6e6, 0.5e6],
};
/** LoRA, two moments of the optimizer and the rest in fp32. */
const STATE_FACTOR = 6;
const START_SECONDS = 20;

export interface Estimate {
  readonly steps: number;
  readonly shownCount: number;
  readonly seconds50: number;
  readonly seconds90: number;
  readonly diskBytes: number;
  /** Own runs on this device, or the table. */
  readonly basis: 'measured' | 'table';
}

/** How long a run will take on this device and what it will leave on the disk. */
export async function estimateTraining(
  { em }: Pick<Work, 'em'>,
  { device }: EngineHello,
  family: string,
  settings: TrainSettings,
  items: readonly { readonly repeats: number }[],
): Promise<Estimate> {
  const { steps, shownPerEpoch } = stepsOf(items, settings);
  const shownCount = Math.min(steps * settings.batch * settings.grad_accum, shownPerEpoch * settings.epochs);
  const [flop, side] = FORWARD[family] ?? [5.98, 1024];
  const passes = settings.grad_checkpoint ? 3 : 2;
  const area = (settings.resolution / side) ** 2;
  const sampleArea = (settings.samples.w * settings.samples.h) / side ** 2;
  const sampleCount = Math.floor(settings.epochs / settings.samples.every_epochs) * settings.samples.prompts.length;
  const work = flop * (passes * area * shownCount + 2 * sampleArea * sampleCount * settings.samples.steps);
  const peak = device.kind === 'cpu' ? CPU : (PEAKS.find(([name]) => name.test(device.name))?.[1] ?? UNKNOWN_GPU);
  const measured = await measuredSeconds(em, device.name, family, settings.resolution);
  const seconds50 = START_SECONDS + (measured === null ? work / peak / USUAL_SHARE : measured * shownCount);
  const seconds90 = START_SECONDS * 2 + (measured === null ? work / peak / POOR_SHARE : 1.4 * measured * shownCount);
  const [withText, unetAlone] = LORA_BYTES[family] ?? [228e6, 170e6];
  const loraBytes =
    ((settings.te_lr > 0 ? withText : unetAlone) * (settings.rank + (settings.conv_rank ?? 0) / 2)) / 32;
  const kept = Math.min(settings.save.keep, Math.ceil(settings.epochs / settings.save.every_epochs));
  const diskBytes = Math.round(loraBytes * (kept + STATE_FACTOR));
  return { steps, shownCount, seconds50, seconds90, diskBytes, basis: measured === null ? 'table' : 'measured' };
}

/** Seconds for a picture shown, over the last runs of this kind here; null while there is none. */
async function measuredSeconds(
  em: Work['em'],
  deviceName: string,
  family: string,
  resolution: number,
): Promise<number | null> {
  const found = await rows<{ ms: unknown; total: unknown; params: unknown; base: unknown }>(
    em,
    `select trained_ms as ms, total_steps as total, cast(params as text) as params, cast(base as text) as base
     from training_run where state = 'done' and device_name = ? and trained_ms > 0 and total_steps > 0 order by id desc limit 30`,
    [deviceName],
  );
  const seconds = found.flatMap(({ ms, total, params, base }) => {
    const its = JSON.parse(String(params)) as TrainSettings;
    const itsFamily = (JSON.parse(String(base)) as { family: string }).family;
    if (itsFamily !== family || its.resolution !== resolution) return [];
    return [toNumber(ms) / 1000 / (toNumber(total) * its.batch * its.grad_accum)];
  });
  const sorted = seconds.slice(0, 9).sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? null;
}
