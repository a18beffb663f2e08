import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../kit/database/sql.ts';
import type { PolicyState } from './policy.ts';

/** Adds to what is forbidden of a thing, and bumps its epoch, in the caller's transaction. Lists are the caller's to refresh. */
export async function restrict(
  em: EntityManager,
  { kind, id }: { readonly kind: PolicyState['targetKind']; readonly id: number },
  { add }: { readonly add: number },
  now: Date,
): Promise<void> {
  await rows(
    em,
    `insert into policy_state (target_kind, target_id, epoch, restrictions, changed_at) values (?, ?, 1, ?, ?)
     on conflict (target_kind, target_id) do update set epoch = policy_state.epoch + 1,
       restrictions = policy_state.restrictions | excluded.restrictions, changed_at = excluded.changed_at
     returning target_id`,
    [kind, id, add, now],
  );
}
