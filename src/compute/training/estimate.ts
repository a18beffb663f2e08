import type { Work } from '../../kit/work.ts';
import type { EngineHello } from '../engine/protocol.ts';
import { paceOf } from '../gpu/pace.ts';
import { stepsOf, type TrainSettings } from './params.ts';

/** Rank 32 in fp16. */
const LORA_BYTES: Readonly<Record<string, readonly [withText: number, unetAlone: number]>> = {
  sd15: [38e6, 31e6],
  sdxl: [228e6, 170e6],
  tiny: [0.6e6, 0.5e6],
};
/** LoRA, two moments of the optimizer and the rest in fp32. */
const STATE_FACTOR = 6;
const START_SECONDS = 20;
/** One more forward pass for the two that a step has. */
const CHECKPOINTED = 1.5;

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
  const pace = await paceOf(em, device, { kind: 'training', family, pixels: settings.resolution ** 2 });
  // a pace that was measured has the samples in it
  const samples = pace.isMeasured ? 0 : await sampleSeconds(em, device, family, settings);
  const passes = !pace.isMeasured && settings.grad_checkpoint ? CHECKPOINTED : 1;
  const worked = pace.perUnit * passes * shownCount + samples;
  const seconds50 = START_SECONDS + worked;
  const seconds90 = START_SECONDS * 2 + worked * pace.slower;
  const [withText, unetAlone] = LORA_BYTES[family] ?? [228e6, 170e6];
  const loraBytes =
    ((settings.te_lr > 0 ? withText : unetAlone) * (settings.rank + (settings.conv_rank ?? 0) / 2)) / 32;
  const kept = Math.min(settings.save.keep, Math.ceil(settings.epochs / settings.save.every_epochs));
  const diskBytes = Math.round(loraBytes * (kept + STATE_FACTOR));
  return { steps, shownCount, seconds50, seconds90, diskBytes, basis: pace.isMeasured ? 'measured' : 'table' };
}

async function sampleSeconds(
  em: Work['em'],
  device: EngineHello['device'],
  family: string,
  { samples, epochs }: TrainSettings,
): Promise<number> {
  const { perUnit } = await paceOf(em, device, { kind: 'generation', family, pixels: samples.w * samples.h });
  return perUnit * samples.steps * samples.prompts.length * Math.floor(epochs / samples.every_epochs);
}
