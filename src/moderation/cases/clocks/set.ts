import type { EntityManager } from '@mikro-orm/core';
import { CaseClock, type ClockKind } from '../model/clock.ts';

/** Sets one deadline of a case, in place of what it was. Flushes with the caller. */
export async function setClock(em: EntityManager, caseId: string, kind: ClockKind, dueAt: Date): Promise<void> {
  const known = await em.findOne(CaseClock, { caseId, kind });
  if (known) Object.assign(known, { dueAt, firedAt: null });
  else em.create(CaseClock, { caseId, kind, dueAt }, { persist: true });
}

export async function stopClocks(em: EntityManager, caseId: string, kinds: readonly ClockKind[]): Promise<void> {
  for (const clock of await em.find(CaseClock, { caseId, kind: { $in: [...kinds] } })) em.remove(clock);
}

/** Of two cases that become one, the earlier deadline holds. */
export async function takeStricterClocks(em: EntityManager, fromId: string, toId: string): Promise<void> {
  const own = new Map((await em.find(CaseClock, { caseId: toId, firedAt: null })).map((clock) => [clock.kind, clock]));
  for (const { kind, dueAt } of await em.find(CaseClock, { caseId: fromId, firedAt: null })) {
    const clock = own.get(kind);
    if (clock && dueAt < clock.dueAt) clock.dueAt = dueAt;
  }
}
