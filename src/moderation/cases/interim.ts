import type { EntityManager } from '@mikro-orm/core';
import { restrict } from '../../safety/restrict.ts';
import { type ClaimCase, targetOf } from './model/case.ts';
import { CLAIMS } from './types/types.ts';

/** What the claim type forbids while a case stands as it does (spec/takedowns.md 2.1 and 2.2). */
export function interimOf(kase: ClaimCase): number {
  const { interim } = CLAIMS[kase.type];
  if (kase.isBehindBreaker && kase.type === 'ncii') return 0;
  if (kase.state === 'received') return interim.filed;
  if (kase.type === 'copyright' && kase.missing.length > 0) return 0;
  if (kase.type === 'style' && !kase.hasDatasetMatch) return 0;
  return interim.open;
}

/** Forbids what is given, in place of what the case forbade; 0 lifts it. Flushes with the caller. */
export async function setInterim(em: EntityManager, kase: ClaimCase, bits: number, now: Date): Promise<void> {
  const target = targetOf(kase);
  if (!target || bits === kase.interim) return;
  await restrict(em, target, `case:${kase.id}`, bits, now);
  kase.interim = bits;
}
