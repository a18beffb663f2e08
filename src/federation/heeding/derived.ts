import type { EntityManager } from '@mikro-orm/core';
import { inList, rows } from '../../kit/database/sql.ts';
import { openRow } from '../../moderation/queue/open.ts';
import { QUARANTINE, RESTRICTION } from '../../safety/policy.ts';
import { restrict } from '../../safety/restrict.ts';

/** What happens to models made with one that a notice took down (spec/takedowns.md 2.9, derived models). */
const BITS: ReadonlyMap<string, number> = new Map([
  ...['minor', 'ncii', 'likeness'].map(
    (code) => [code, QUARANTINE | RESTRICTION.generate | RESTRICTION.train] as const,
  ),
  ['copyright', RESTRICTION.generate],
  ['style', 0],
]);
const MOST_STEPS = 10;
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
  const found = await descendantsOf(em, modelId);
  for (const id of found) {
    if (bits !== 0) await restrict(em, { kind: 'version', id }, source, bits, now);
    await openRow(
      em,
      {
        ...{ kind: 'peer', subjectId: `derived:version:${id}`, about: { kind: 'version', id } },
        ...{ title: `Made with a model that its home took down (${code})`, priority: bits & RESTRICTION.view ? 0 : 2 },
      },
      now,
    );
  }
  return bits === 0 ? [] : found.map((id) => `version:${id}`);
}

/** Level by level, at most ten deep and five hundred wide, each once. */
async function descendantsOf(em: EntityManager, modelId: number): Promise<number[]> {
  const first = await rows<{ id: number }>(em, 'select id from model_version where model_id = ?', [modelId]);
  const seen = new Set(first.map(({ id }) => id));
  const found: number[] = [];
  let level = [...seen];
  for (let step = 0; step < MOST_STEPS && level.length > 0 && found.length < MOST_FOUND; step += 1) {
    const below = await rows<{ id: number }>(
      em,
      `select distinct child_id as id from lineage where parent_id in (${inList(level)}) limit ${MOST_FOUND}`,
      level,
    );
    level = below.flatMap(({ id }) => (seen.has(id) ? [] : [id]));
    for (const id of level) seen.add(id);
    found.push(...level);
  }
  return found.slice(0, MOST_FOUND);
}
