import type { EntityManager } from '@mikro-orm/core';
import type { Licensed } from '../../catalogue/lineage/terms.ts';
import { fromJson, inList, rows } from '../../kit/database/sql.ts';
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
 * holds is asked by the gate (`licencesFor`). Takes the account.
 */
export const LICENSED_SQL = `exists (select 1 from licence_grant lg where lg.model_id = m.id and lg.holder_id = ?
  and lg.state = 'granted' and (cast(lg.uses as text) like '%"personal"%' or cast(lg.uses as text) like '%"commercial"%'))`;

/** A licence to use a model, for oneself or commercially, is one to make pictures with it on this node too. */
const MAKES: readonly LicenceUse[] = ['personal', 'commercial'];

/** Models by what licences let a person do with them whatever their authors let everybody do. */
export interface HeldLicences {
  /** To make pictures on a node. */
  readonly makes: ReadonlySet<number>;
  /** To make a model of them. */
  readonly derives: ReadonlySet<number>;
}

export async function licencesFor(
  em: EntityManager,
  accountId: number,
  people: readonly Licensed[],
  now: Date,
): Promise<HeldLicences> {
  const asked = people.filter(({ forbidsGeneration, allowDerivatives }) => forbidsGeneration || !allowDerivatives);
  const held = await grantsOf(em, accountId, [...new Set(asked.map(({ modelId }) => modelId))], now);
  const to = (wanted: readonly LicenceUse[]) =>
    new Set(held.filter(({ uses }) => uses.some((use) => wanted.includes(use))).map(({ modelId }) => modelId));
  return { makes: to(MAKES), derives: to(['merge']) };
}

/** Whose word still binds a person who holds these licences. A moderation decision binds with any. */
export const notFreedOf = (people: readonly Licensed[], licensed: ReadonlySet<number>): Licensed[] =>
  people.filter(({ modelId, isDeriveBarred }) => isDeriveBarred || !licensed.has(modelId));
