import type { EntityManager } from '@mikro-orm/core';
import { withholdOutputs } from '../../../compute/withhold.ts';
import { inList, rows } from '../../../kit/database/sql.ts';
import type { Work } from '../../../kit/work.ts';
import { type PolicyTarget, QUARANTINE, RESTRICTION } from '../../../safety/policy.ts';
import { openRow } from '../../queue/open.ts';
import { listDescendants } from '../descendants.ts';
import { defineTakedownStep, done, type TakedownOrder } from '../step.ts';
import { batches, thingsOf } from '../things.ts';
import { derivedSourceOf, forbid } from './deny.ts';

const MOST_OUTPUTS = 20_000;

const SEVERE: ReadonlySet<string> = new Set(['minor', 'ncii', 'likeness']);

/**
 * What was made from it (spec/takedowns.md 2.9, derived models). Of children, intimate pictures and likeness: descendants
 * and pictures are withheld until somebody looked; of copyright: nobody generates with descendants; of style: a label, also
 * where the model stays without the artist's name, which is how most of those cases end.
 */
export const derivedStep = defineTakedownStep({
  name: 'derived',
  outcomes: ['remove', 'de_attribute', 'undo'],
  async run(work, order) {
    const { versionIds } = await thingsOf(work.em, order.target);
    if (order.outcome === 'de_attribute' && order.category !== 'style') return done('nothing of it was taken down');
    if (versionIds.length === 0) return done('nothing is made from it');
    if (order.outcome === 'undo') {
      // the restrictions went with `allow`
      return done(`${await withholdOutputs(work, versionIds, false)} generations given back`);
    }
    const descendants = await listDescendants(work.em, versionIds);
    const source = derivedSourceOf(order.takedownId);
    const targets = descendants.map((id): PolicyTarget => ({ kind: 'version', id }));
    if (order.category === 'copyright') {
      for (const some of batches(targets, 200)) await forbid(work, order, some, source, RESTRICTION.generate);
      await askToLook(work, order, targets);
    }
    if (order.category === 'style') {
      for (const some of batches(targets, 200)) await forbid(work, order, some, source, RESTRICTION.label);
    }
    if (!SEVERE.has(order.category)) return done(`${descendants.length} descendants`);
    const outputs = await listOutputs(work.em, versionIds);
    const pictures = outputs.map((id): PolicyTarget => ({ kind: 'image', id }));
    for (const some of batches([...targets, ...pictures], 200)) await forbid(work, order, some, source, QUARANTINE);
    await askToLook(work, order, targets);
    const kept = await withholdOutputs(work, versionIds, true);
    return done(`${descendants.length} descendants, ${outputs.length} pictures, ${kept} generations`);
  },
});

async function listOutputs(em: EntityManager, versionIds: readonly number[]): Promise<number[]> {
  const found = await rows<{ id: number }>(
    em,
    `select distinct image_id as id from resource_use where version_id in (${inList(versionIds)})
     order by image_id limit ${MOST_OUTPUTS}`,
    [...versionIds],
  );
  return found.map(({ id }) => id);
}

async function askToLook(
  { em, now }: Pick<Work, 'em' | 'now'>,
  order: TakedownOrder,
  targets: readonly PolicyTarget[],
) {
  await em.fork().transactional(async (tx) => {
    for (const { kind, id } of targets) {
      const known = await rows(tx, `select id from queue_row where kind = 'upload' and subject_id = ? limit 1`, [
        `derived:${order.takedownId}:${id}`,
      ]);
      if (known.length > 0) continue;
      const entry = { kind: 'upload', subjectId: `derived:${order.takedownId}:${id}`, about: { kind, id } } as const;
      await openRow(tx, { ...entry, title: 'Made from what was removed', priority: 1 }, now());
    }
    await tx.flush();
  });
}
