import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../../kit/database/sql.ts';
import { openRow } from '../../moderation/queue/open.ts';
import { listDescendants } from '../../moderation/takedown/descendants.ts';
import { QUARANTINE, RESTRICTION } from '../../safety/policy.ts';
import { restrict } from '../../safety/restrict.ts';

/** What happens to models made with one that a notice took down (spec/takedowns.md 2.9, derived models). */
const BITS: ReadonlyMap<string, number> = new Map([
  ...['minor', 'ncii', 'likeness'].map(
    (code) => [code, QUARANTINE | RESTRICTION.generate | RESTRICTION.train] as const,
  ),
  ['copyright', RESTRICTION.generate],
  ['style', RESTRICTION.label],
]);
/** Restricted one by one, in the transaction of the notice. */
const MOST_FOUND = 500;

/**
 * Marks the versions that descend from a model, for a person to look at; severe ones are hidden meanwhile. Returns those
 * that were restricted, as `version:12`.
 */
export async function markDerived(
  em: EntityManager,
  modelId: number,
  code: string,
  source: string,
  now: Date,
): Promise<string[]> {
  const bits = BITS.get(code);
  if (bits === undefined) return [];
  const own = await rows<{ id: number }>(em, 'select id from model_version where model_id = ?', [modelId]);
  const below = await listDescendants(
    em,
    own.map(({ id }) => id),
  );
  const found = below.slice(0, MOST_FOUND);
  for (const id of found) {
    await restrict(em, { kind: 'version', id }, source, bits, now);
    // a label is the whole of it
    if (bits === RESTRICTION.label) continue;
    await openRow(
      em,
      {
        ...{ kind: 'peer', subjectId: `derived:version:${id}`, about: { kind: 'version', id } },
        ...{ title: `Made with a model that its home took down (${code})`, priority: bits & RESTRICTION.view ? 0 : 2 },
      },
      now,
    );
  }
  return found.map((id) => `version:${id}`);
}
