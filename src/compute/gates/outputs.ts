import { readFile } from 'node:fs/promises';
import type { Work } from '../../kit/work.ts';
import { hold } from '../../safety/holds/hold.ts';
import type { EngineImage } from '../engine/protocol.ts';
import type { Generation, GenerationScreening } from '../model.ts';
import type { Guard } from './generation.ts';

/** What the classifier says of the pictures of a run, before they are kept: it may only raise. */
export async function screenOutputs(
  { screening: { classifier } }: Guard,
  screening: GenerationScreening,
  images: readonly EngineImage[],
  pathOf: (name: string) => string,
): Promise<GenerationScreening> {
  if (!classifier.isOn) return screening;
  let result = screening;
  for (const { file, sha256 } of images) {
    const opinion = await classifier.judge({
      ...{ kind: 'image', purpose: 'output', digest: sha256, level: screening.floor, flags: [] },
      media: { bytes: await readFile(pathOf(file)), mediaType: `image/${file.split('.').at(-1)}` },
      policyVersion: screening.ruleVersion,
    });
    result = {
      ...result,
      floor: Math.max(result.floor, opinion.level),
      hold: result.hold ?? (opinion.action === 'none' ? null : opinion.reason),
    };
  }
  return result;
}

/** Writes down how the pictures may be rated, and that somebody has to look at them. With the caller's flush. */
export async function keepScreening(
  { em, now }: Pick<Work, 'em' | 'now'>,
  generation: Generation,
  screening: GenerationScreening,
): Promise<void> {
  generation.screening = screening;
  if (screening.hold === null) return;
  const { id, account } = generation;
  await hold(em, { kind: 'generation', id, accountId: account.id, reason: screening.hold }, now());
}
