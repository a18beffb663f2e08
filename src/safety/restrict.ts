import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { rows } from '../kit/database/sql.ts';
import { defineEvent, record } from '../kit/events/events.ts';
import { POLICY_TARGETS, type PolicyTarget } from './policy.ts';

/** The epoch of a thing went up: lists, jobs, copies and peers must hear of it. */
export const policyChanged = defineEvent(
  'policy.changed',
  z.object({
    kind: z.enum(POLICY_TARGETS),
    id: z.int(),
    epoch: z.int(),
    before: z.int(),
    after: z.int(),
  }),
);

/**
 * Says what one source forbids of a thing, 0 for nothing any more; what other sources forbid stays. Bumps the epoch and
 * records `policy.changed`, also when the sum stays the same, for a decision is a new one. Only `moderation/`, the hash
 * blocks and the domain policy call it, in the transaction of their decision, which flushes. Returns the new epoch.
 */
export async function restrict(
  em: EntityManager,
  { kind, id }: PolicyTarget,
  source: string,
  bits: number,
  now: Date,
): Promise<number> {
  // the row of the thing first: it is the lock that puts two decisions about one thing one after the other
  await rows(
    em,
    `insert into policy_state (target_kind, target_id, epoch, restrictions, changed_at) values (?, ?, 1, 0, ?)
     on conflict (target_kind, target_id) do update set epoch = policy_state.epoch + 1, changed_at = excluded.changed_at
     returning epoch`,
    [kind, id, now],
  );
  await rows(
    em,
    bits === 0
      ? 'delete from policy_restriction where target_kind = ? and target_id = ? and source = ? returning source'
      : `insert into policy_restriction (target_kind, target_id, source, bits, created_at) values (?, ?, ?, ${Math.trunc(bits)}, ?)
         on conflict (target_kind, target_id, source) do update set bits = excluded.bits returning source`,
    bits === 0 ? [kind, id, source] : [kind, id, source, now],
  );
  const sources = await rows<{ bits: number }>(
    em,
    'select bits from policy_restriction where target_kind = ? and target_id = ?',
    [kind, id],
  );
  const after = sources.reduce((sum, row) => sum | row.bits, 0);
  const [before] = await rows<{ restrictions: number }>(
    em,
    'select restrictions from policy_state where target_kind = ? and target_id = ?',
    [kind, id],
  );
  const [state] = await rows<{ epoch: number }>(
    em,
    'update policy_state set restrictions = ? where target_kind = ? and target_id = ? returning epoch',
    [after, kind, id],
  );
  const epoch = state?.epoch ?? 1;
  record(em, policyChanged, { kind, id, epoch, before: before?.restrictions ?? 0, after });
  return epoch;
}

/** What one source forbids of a thing now. */
export async function restrictedBy(em: EntityManager, { kind, id }: PolicyTarget, source: string): Promise<number> {
  const [row] = await rows<{ bits: number }>(
    em,
    'select bits from policy_restriction where target_kind = ? and target_id = ? and source = ?',
    [kind, id, source],
  );
  return row?.bits ?? 0;
}
