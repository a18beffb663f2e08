import type { EntityManager } from '@mikro-orm/core';
import { type Parameter, rows } from '../kit/database/sql.ts';
import { type PolicyTargetKind, RESTRICTION } from './policy.ts';

/** No aggregate of both databases ORs, so each bit is looked for by itself. */
const SUM = Object.values(RESTRICTION)
  .map((bit) => `max(r.bits & ${bit})`)
  .join(' | ');

/**
 * `restrict()` for many things at once: what one source forbids of all that `ids` finds (a SELECT of one column `id`
 * that bears `where`), 0 for nothing any more. The time of a restriction is when it last began or ceased to hide. Epochs go up; no event is
 * recorded, for thousands of rows are one decision: the caller does what follows. Returns the ids.
 */
export async function restrictMany(
  em: EntityManager,
  kind: PolicyTargetKind,
  ids: string,
  parameters: readonly Parameter[],
  source: string,
  bits: number,
  now: Date,
): Promise<number[]> {
  const touched = await rows<{ target_id: number }>(
    em,
    `insert into policy_state (target_kind, target_id, epoch, restrictions, changed_at)
       select '${kind}', t.id, 1, 0, ? from (${ids}) t where true
     on conflict (target_kind, target_id) do update set epoch = policy_state.epoch + 1, changed_at = excluded.changed_at
     returning target_id`,
    [now, ...parameters],
  );
  if (bits === 0) {
    await rows(
      em,
      `delete from policy_restriction where target_kind = '${kind}' and source = ? and target_id in (${ids})
       returning target_id`,
      [source, ...parameters],
    );
  } else {
    await rows(
      em,
      `insert into policy_restriction (target_kind, target_id, source, bits, created_at)
         select '${kind}', t.id, ?, ${Math.trunc(bits)}, ? from (${ids}) t where true
       on conflict (target_kind, target_id, source) do update set bits = excluded.bits,
         created_at = case when (policy_restriction.bits & ${RESTRICTION.view}) = (excluded.bits & ${RESTRICTION.view})
           then policy_restriction.created_at else excluded.created_at end
       returning target_id`,
      [source, now, ...parameters],
    );
  }
  await rows(
    em,
    `update policy_state set restrictions = coalesce((select ${SUM} from policy_restriction r
       where r.target_kind = policy_state.target_kind and r.target_id = policy_state.target_id), 0)
     where target_kind = '${kind}' and target_id in (${ids}) returning target_id`,
    parameters,
  );
  return touched.map(({ target_id }) => target_id);
}
