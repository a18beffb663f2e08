import type { Work } from '../../kit/work.ts';
import { type HashGate, readPdq } from '../../safety/hashes/gate.ts';
import { DatasetItem } from '../datasets/model.ts';
import type { TrainingRun } from './model.ts';

/**
 * Compares the pictures of a run with what was blocked since they came: one that is refused ends the run
 * (spec/guardrails.md section 3.4). Throws `withheld`.
 */
export async function assertNotBlocked(
  { em }: Pick<Work, 'em'>,
  gate: HashGate,
  { manifest, owner }: Pick<TrainingRun, 'manifest' | 'owner'>,
): Promise<void> {
  const where = { sha256: { $in: manifest.items.map(({ sha256 }) => sha256) }, dataset: { owner: owner.id } };
  const known = await em.fork().find(DatasetItem, where);
  const pdqOf = new Map(known.map(({ sha256, pdq }) => [sha256, pdq ?? '']));
  for (const { sha256 } of manifest.items) {
    const evidence = { sha256s: [sha256], frames: readPdq(pdqOf.get(sha256) ?? '') };
    await gate.judge(em, { door: 'dataset-item', accountId: owner.id }, evidence);
  }
}
