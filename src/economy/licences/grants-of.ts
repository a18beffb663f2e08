import type { EntityManager } from '@mikro-orm/core';
import { fromJson, inList, rows, toBoolean } from '../../kit/database/sql.ts';
import type { LicenceUse } from './model.ts';

/** A grant that holds now. */
export interface HeldGrant {
  readonly grantId: string;
  readonly modelId: number;
  readonly uses: readonly LicenceUse[];
}

/**
 * What licences this account holds now for these models, whatever else they are free for: the one question of everybody
 * who enforces a permission. One query; empty for visitors.
 */
export async function grantsOf(
  em: EntityManager,
  accountId: number,
  modelIds: readonly number[],
  now: Date,
): Promise<HeldGrant[]> {
  if (accountId === 0 || modelIds.length === 0) return [];
  const found = await rows<{ id: string; model_id: number; uses: unknown }>(
    em,
    `select g.id, g.model_id, g.uses from licence_grant g where g.holder_id = ? and g.state = 'granted'
       and (g.expires_at is null or g.expires_at > ?) and g.model_id in (${inList(modelIds)})`,
    [accountId, now, ...modelIds],
  );
  return found.map(({ id, model_id: modelId, uses }) => ({
    ...{ grantId: id, modelId },
    uses: fromJson<LicenceUse[]>(uses) ?? [],
  }));
}

/**
 * Was this account granted a licence to make pictures with `model m`? For lists of what can be chosen; whether it still
 * holds is asked by the gate (`listLicensed`). Takes the account.
 */
export const LICENSED_SQL = `exists (select 1 from licence_grant lg where lg.model_id = m.id and lg.holder_id = ?
  and lg.state = 'granted' and (cast(lg.uses as text) like '%"personal"%' or cast(lg.uses as text) like '%"commercial"%'))`;

/** A licence to use a model, for oneself or commercially, is one to make pictures with it on this node too. */
const MAKES: readonly LicenceUse[] = ['personal', 'commercial'];

/** Of the models whose author forbids nodes to generate, those that this account may generate with by a licence. */
export async function listLicensed(
  em: EntityManager,
  accountId: number,
  models: Iterable<{ readonly model_id: number; readonly forbids_generation: unknown }>,
  now: Date,
): Promise<ReadonlySet<number>> {
  const asked = [...models].filter((one) => toBoolean(one.forbids_generation)).map((one) => one.model_id);
  const held = await grantsOf(em, accountId, [...new Set(asked)], now);
  return new Set(held.filter(({ uses }) => uses.some((use) => MAKES.includes(use))).map(({ modelId }) => modelId));
}
