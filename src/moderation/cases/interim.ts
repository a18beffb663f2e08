import type { EntityManager } from '@mikro-orm/core';
import { RESTRICTION } from '../../safety/policy.ts';
import { restrict } from '../../safety/restrict.ts';
import { Takedown } from '../takedown/model.ts';
import { startTakedown, type TakedownParameters } from '../takedown/start.ts';
import { findCited } from './licences/find.ts';
import { type ClaimCase, targetOf } from './model/case.ts';
import { CLAIMS, isSevere } from './types/types.ts';

/** What the claim type forbids while a case stands as it does (spec/takedowns.md 2.1 and 2.2). */
function interimOf(kase: ClaimCase): number {
  const { interim } = CLAIMS[kase.type];
  if (kase.isBehindBreaker && kase.type === 'ncii') return 0;
  if (kase.state === 'received') return interim.filed;
  if (kase.type === 'copyright' && kase.missing.length > 0) return 0;
  if (kase.type === 'style' && !kase.hasDatasetMatch) return 0;
  return interim.open;
}

/** The same, but that nothing more is forbidden while a licence answers the claim and nobody has looked. */
export async function wantedInterim(em: EntityManager, kase: ClaimCase): Promise<number> {
  const bits = interimOf(kase);
  const isAnswered = !isSevere(kase.type) && (await findCited(em, kase.id)) !== null;
  return isAnswered ? bits & kase.interim : bits;
}

const hides = (bits: number): boolean => (bits & RESTRICTION.view) !== 0;

/**
 * Forbids what is given, in place of what the case forbade; 0 lifts it. What a severe case hides is hidden everywhere:
 * jobs stop, caches are emptied and peers hear a provisional notice, and all of that is taken back when it is shown again
 * (spec/takedowns.md 2.9). Flushes with the caller.
 */
export async function setInterim(em: EntityManager, kase: ClaimCase, bits: number, now: Date): Promise<void> {
  const before = kase.interim;
  await hold(em, kase, bits, now);
  const target = targetOf(kase);
  if (!target || !isSevere(kase.type) || hides(before) === hides(bits)) return;
  if (hides(bits)) {
    startTakedown(em, { caseId: kase.id, target, outcome: 'quarantine', category: kase.type, parameters: {} }, now);
  } else await takeBackQuarantine(em, kase, now);
}

/** The outcome holds in place of the case from here on: a removal also of what was hidden, any other shows it again. */
export async function handOver(em: EntityManager, kase: ClaimCase, now: Date): Promise<void> {
  await hold(em, kase, 0, now);
  if (isSevere(kase.type) && kase.outcome !== 'remove') await takeBackQuarantine(em, kase, now);
}

async function hold(em: EntityManager, kase: ClaimCase, bits: number, now: Date): Promise<void> {
  const target = targetOf(kase);
  if (!target || bits === kase.interim) return;
  await restrict(em, target, `case:${kase.id}`, bits, now);
  kase.interim = bits;
}

/** Once for each time that it was hidden. */
async function takeBackQuarantine(em: EntityManager, kase: ClaimCase, now: Date): Promise<void> {
  const target = targetOf(kase);
  if (!target) return;
  const own = await em.find(Takedown, { caseId: kase.id, outcome: { $in: ['quarantine', 'undo'] } });
  const undone = new Set(own.map(({ parameters }) => (parameters as TakedownParameters).undoes));
  for (const { id, outcome } of own) {
    if (outcome !== 'quarantine' || undone.has(id)) continue;
    const parameters = { undoes: id };
    startTakedown(em, { caseId: kase.id, target, outcome: 'undo', category: kase.type, parameters }, now);
  }
}
