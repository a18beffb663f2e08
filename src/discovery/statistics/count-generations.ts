import type { EntityManager } from '@mikro-orm/core';
import type { GenerationRequest } from '../../compute/model.ts';
import { filesOf } from '../../compute/request.ts';
import { versionIdsOf } from '../../compute/standing.ts';
import { fromJson, inList, rows } from '../../kit/database/sql.ts';
import { dayOf, FEWEST_PEOPLE } from './model.ts';
import { writeDay } from './write.ts';

const BATCH = 500;

interface Use {
  readonly owner: number;
  count: number;
  readonly people: Set<number>;
}

/**
 * Which models were used by others than their owner in what was generated in a day, as far as enough of them did. What
 * several models of one request do is counted for each.
 */
export async function countGenerations(em: EntityManager, from: Date, to: Date): Promise<void> {
  const uses = new Map<number, Use>();
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const found = await rows<{ id: string; account_id: number; request: unknown }>(
      em,
      `select id, account_id, request from generation
       where created_at >= ? and created_at < ? and state = 'done' and id > ? order by id limit ${BATCH}`,
      [from, to, after],
    );
    const versions = new Map(found.map((row) => [row.id, versionsOf(row.request)]));
    const models = await loadModels(em, [...new Set([...versions.values()].flat())]);
    for (const { id, account_id: who } of found) note(uses, who, versions.get(id) ?? [], models);
    after = found.at(-1)?.id ?? after;
    if (found.length < BATCH) break;
  }
  for (const [model, { owner, count, people }] of uses) {
    if (people.size < FEWEST_PEOPLE) continue;
    await writeDay(em, { owner, model, day: dayOf(from), figure: 'generations', n: count });
  }
}

function versionsOf(request: unknown): number[] {
  const asked = fromJson<GenerationRequest>(request);
  return asked ? versionIdsOf(filesOf(asked)) : [];
}

interface Used {
  readonly version: number;
  readonly model: number;
  readonly owner: number;
}

async function loadModels(em: EntityManager, versionIds: readonly number[]): Promise<Map<number, Used>> {
  const found = await rows<Used>(
    em,
    `select v.id as version, m.id as model, m.owner_id as owner from model_version v join model m on m.id = v.model_id
     where v.id in (${inList(versionIds)}) and m.uri is null`,
    versionIds,
  );
  return new Map(found.map((used) => [used.version, used]));
}

function note(uses: Map<number, Use>, who: number, versionIds: readonly number[], models: Map<number, Used>): void {
  const used = new Map(versionIds.flatMap((id) => models.get(id) ?? []).map((one) => [one.model, one.owner]));
  for (const [model, owner] of used) {
    if (owner === who) continue;
    const use = uses.get(model) ?? { owner, count: 0, people: new Set<number>() };
    use.count += 1;
    use.people.add(who);
    uses.set(model, use);
  }
}
