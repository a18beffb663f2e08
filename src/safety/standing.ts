import type { EntityManager } from '@mikro-orm/core';
import { inList, rows, toNumber } from '../kit/database/sql.ts';
import { AppError } from '../kit/errors.ts';
import { type Act, type PolicyTarget, RESTRICTION } from './policy.ts';

/** How moderation stands to some things together. */
export interface Standing {
  /** Sum of their epochs: another one as soon as something was decided about any of them. */
  readonly epoch: number;
  /** OR of what is forbidden of them. */
  readonly restrictions: number;
}

/** One query, however many they are. What was never decided about counts as epoch 0 and nothing forbidden. */
export async function standingOf(em: EntityManager, targets: readonly PolicyTarget[]): Promise<Standing> {
  const kinds = [...new Set(targets.map(({ kind }) => kind))];
  if (kinds.length === 0) return { epoch: 0, restrictions: 0 };
  const idsOf = (kind: string) => [...new Set(targets.flatMap((one) => (one.kind === kind ? [one.id] : [])))];
  const found = await rows<{ epoch: unknown; restrictions: unknown }>(
    em,
    `select epoch, restrictions from policy_state where ${kinds
      .map((kind) => `(target_kind = '${kind}' and target_id in (${inList(idsOf(kind))}))`)
      .join(' or ')}`,
    kinds.flatMap(idsOf),
  );
  return {
    epoch: found.reduce((sum, row) => sum + toNumber(row.epoch), 0),
    restrictions: found.reduce((bits, row) => bits | toNumber(row.restrictions), 0),
  };
}

/** Nobody but those who moderate may see it. */
export const SHUT = RESTRICTION.view | RESTRICTION.removed;

export const isShut = (restrictions: number): boolean => (restrictions & SHUT) !== 0;

/** Is this act forbidden, by itself or with everything else? The half of `decide()` that needs nobody who asks. */
export const isForbidden = (restrictions: number, act: Act): boolean =>
  (restrictions & (SHUT | RESTRICTION[act])) !== 0;

/**
 * For what somebody does with their own: throws `gone` for what was removed, `withheld` for what is kept back, also from
 * its owner (DESIGN.md section 9, ruling 3).
 */
export async function assertNotShut(em: EntityManager, targets: readonly PolicyTarget[]): Promise<number> {
  const { restrictions } = await standingOf(em, targets);
  if ((restrictions & RESTRICTION.removed) !== 0) throw new AppError('gone', 'This was removed by the moderators.');
  if (isShut(restrictions)) throw new AppError('withheld', 'A moderation decision keeps this back.');
  return restrictions;
}

/**
 * For lists of those who may see what is not in everybody's: no decision keeps it, or all of its owner's, out of lists. `id` and `ownerId` are columns.
 */
export const notDelistedSql = (kind: 'model' | 'post' | 'image', id: string, ownerId: string): string =>
  `not exists (select 1 from policy_state dl where (dl.restrictions & ${RESTRICTION.list}) <> 0
    and ((dl.target_kind = '${kind}' and dl.target_id = ${id}) or (dl.target_kind = 'account' and dl.target_id = ${ownerId})))`;
