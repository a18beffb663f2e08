import { z } from 'zod';
import { listItems } from '../../../compute/datasets/pages/queries.ts';
import { findBase } from '../../../compute/training/bases.ts';
import { LOOKS, PRESETS, RIGHTS } from '../../../compute/training/model.ts';
import { TrainSettings } from '../../../compute/training/params.ts';
import { defaultsFor } from '../../../compute/training/presets.ts';
import type { TrainingRequest } from '../../../compute/training/start.ts';
import { AppError } from '../../../kit/errors.ts';
import type { OwnAsk } from '../../operation/define.ts';
import { readWith } from '../../operation/read.ts';

/** The same fields, none of them needed and none filled in. */
function loosened(schema: z.ZodObject): z.ZodObject {
  const fields = Object.entries(schema.shape).map(([name, field]) => {
    const inner = field instanceof z.ZodDefault ? (field.unwrap() as z.ZodType) : (field as z.ZodType);
    return [name, (inner instanceof z.ZodObject ? loosened(inner) : inner).optional()];
  });
  return z.strictObject(Object.fromEntries(fields));
}

export const TrainingBody = z.strictObject({
  datasetId: z.uuid().toLowerCase(),
  name: z.string().trim().min(1).max(120),
  /** A checkpoint, as `/training-bases` names it. */
  base: z.string().max(64),
  preset: z.enum(PRESETS).default('style'),
  look: z.enum(LOOKS).default('standard'),
  /** An epoch of an earlier training of one’s own to go on from. */
  startEpochId: z.uuid().toLowerCase().optional(),
  /** What is to be other than the preset has it. */
  settings: loosened(TrainSettings).default({}),
  /** Why one may train on these pictures, and that one says so. */
  rights: z.strictObject({ kind: z.enum(RIGHTS), confirmed: z.boolean() }),
  people: z.enum(['none', 'fictional', 'real']).default('none'),
});

/** The request of the page: the preset for this base and this set, with what was given in its place. */
export async function requestOf(ask: OwnAsk, body: z.output<typeof TrainingBody>): Promise<TrainingRequest> {
  const hello = await ask.deps.training.trainer.hello(ask);
  if (!hello) throw new AppError('unavailable', 'There is no engine here that could train.');
  const base = await findBase(ask, ask.viewer, hello, body.base);
  if (!base) throw new AppError('invalid', 'base: Choose a checkpoint that this node offers.');
  const { preset, look, name, datasetId, startEpochId = null } = body;
  const kind = { family: base.family, baseModel: base.baseModel, look, preset };
  const { length } = await listItems(ask, datasetId);
  const usual = defaultsFor(kind, base.caps, length, hello.device.kind === 'cpu');
  const settings = readWith(TrainSettings, overlaid(usual, body.settings)) as TrainSettings;
  return { datasetId, name, baseKey: body.base, preset, look, settings, startEpochId };
}

function overlaid(below: object, above: object): Record<string, unknown> {
  const both: Record<string, unknown> = { ...below };
  for (const [name, value] of Object.entries(above)) {
    if (value === undefined) continue;
    const isGroup = typeof value === 'object' && value !== null && !Array.isArray(value);
    both[name] = isGroup ? overlaid((both[name] ?? {}) as object, value as object) : value;
  }
  return both;
}
