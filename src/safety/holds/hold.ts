import type { EntityManager } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { record } from '../../kit/events/events.ts';
import { newId } from '../../kit/ids.ts';
import { hasMessage, t } from '../../kit/web/messages.ts';
import { safetyDecided, safetyHeld } from './events.ts';
import { type HoldKind, SafetyHold } from './model.ts';

/** Why, for people. Rules of a node have categories of their own. */
export const holdReason = (reason: string): string => {
  const key = `safety.reason.${reason}`;
  return t(hasMessage(key) ? key : 'safety.reason.rules');
};

interface NewHold {
  readonly kind: HoldKind;
  readonly id: string;
  readonly accountId: number;
  readonly reason: string;
}

/** These are as they were when somebody decided about them; an account goes on, and words are written anew. */
const DECIDED_ONCE: readonly HoldKind[] = ['generation', 'training', 'image'];

/** Written with the caller's flush. What is held stays held for its first reason, and what was decided stays decided. */
export async function hold(em: EntityManager, { kind, id, accountId, reason }: NewHold, now: Date): Promise<void> {
  const isKnown = {
    kind,
    targetId: id,
    $or: [{ state: 'held' as const }, { reason, kind: { $in: [...DECIDED_ONCE] } }],
  };
  if ((await em.count(SafetyHold, isKnown)) > 0) return;
  const account = em.getReference(Account, accountId);
  em.create(SafetyHold, { id: newId(), kind, targetId: id, account, reason, createdAt: now }, { persist: true });
  record(em, safetyHeld, { kind, id, reason });
}

/** The newest that is not released: what is held or refused does not go on. Null when nothing stands in its way. */
export const findHold = (em: EntityManager, kind: HoldKind, id: string): Promise<SafetyHold | null> =>
  em.findOne(SafetyHold, { kind, targetId: id, state: { $ne: 'released' } }, { orderBy: { id: -1 } });

interface Decision {
  /** Null: the node itself. */
  readonly byId: number | null;
  readonly now: Date;
}

/** It may go on. What follows stands in `wiring.ts`. False when nothing was held. Written with the caller's flush. */
export const releaseHold = (em: EntityManager, kind: HoldKind, id: string, decision: Decision): Promise<boolean> =>
  decideHold(em, kind, id, 'released', decision);

/** It may not, for good. */
export const refuseHold = (em: EntityManager, kind: HoldKind, id: string, decision: Decision): Promise<boolean> =>
  decideHold(em, kind, id, 'refused', decision);

async function decideHold(
  em: EntityManager,
  kind: HoldKind,
  id: string,
  outcome: 'released' | 'refused',
  { byId, now }: Decision,
): Promise<boolean> {
  const held = await em.find(SafetyHold, { kind, targetId: id, state: 'held' });
  if (held.length === 0) return false;
  for (const one of held) {
    const decidedBy = byId === null ? null : em.getReference(Account, byId, { wrapped: true });
    Object.assign(one, { state: outcome, decidedAt: now, decidedBy });
  }
  record(em, safetyDecided, { kind, id, outcome });
  return true;
}
