import type { EntityManager } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { record } from '../../kit/events/events.ts';
import { newId } from '../../kit/ids.ts';
import { RESTRICTION } from '../policy.ts';
import { restrict } from '../restrict.ts';
import type { BankBlock } from './bank.ts';
import { hashHit } from './events.ts';
import type { Arrival, Judgement } from './gate.ts';
import { HashBlock, HashHit, type HashVerdict } from './model.ts';

export interface Hit {
  readonly block: BankBlock;
  /** What was found: a SHA-256, or a PDQ of the picture. */
  readonly digest: string;
  /** Null for a digest. */
  readonly distance: number | null;
  readonly verdict: Exclude<HashVerdict, 'allow'>;
}

export interface HitTarget {
  /** Such as `image`; the rooms above know what it means. */
  readonly kind: string;
  readonly id: string | number;
}

/** All that shows or passes on a thing. */
export const HELD_RESTRICTIONS =
  RESTRICTION.view | RESTRICTION.download | RESTRICTION.generate | RESTRICTION.train | RESTRICTION.federate;

/** Persisted with the caller's flush: the row for the queue, and the event for who draws consequences. */
export function recordHit(
  em: EntityManager,
  { door, accountId }: Arrival,
  { block, digest, distance, verdict }: Hit,
  target: HitTarget | null,
  now: Date,
): void {
  const id = newId();
  const [targetKind, targetId] = [target?.kind ?? null, target ? String(target.id) : null];
  em.create(
    HashHit,
    {
      id,
      block: em.getReference(HashBlock, block.id),
      ...{ door, account: accountId === null ? null : em.getReference(Account, accountId) },
      ...{ targetKind, targetId, digest, distance, verdict, at: now },
    },
    { persist: true },
  );
  record(em, hashHit, {
    ...{ hitId: id, blockId: block.id, category: block.category, isSevere: block.isSevere },
    ...{ door, accountId, targetKind, targetId, digest, distance, verdict },
  });
}

/**
 * Puts on record what a judgement found, beside the row of the thing. What is to be held is forbidden to everybody but
 * moderators until one of them looked. Nothing to do when nothing was found.
 */
export async function keepHit(
  em: EntityManager,
  judged: Judgement,
  target: { readonly kind: 'image' | 'version'; readonly id: number },
  now: Date,
): Promise<void> {
  if (!judged.hit) return;
  recordHit(em, judged, judged.hit, target, now);
  if (judged.verdict === 'hold') await restrict(em, target, `hash:${judged.hit.block.id}`, HELD_RESTRICTIONS, now);
}
