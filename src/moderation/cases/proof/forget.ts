import type { EntityManager } from '@mikro-orm/core';
import type { AuditWrite } from '../../../kit/audit/append.ts';
import { IdentityProof } from '../model/proofs.ts';

/** With the decision: whatever is left of the proofs is gone, and what nobody noted stays unseen. */
export async function forgetIdentities(em: EntityManager, caseId: string, now: Date): Promise<AuditWrite[]> {
  const entries: AuditWrite[] = [];
  for (const proof of await em.find(IdentityProof, { caseId, deletedAt: null })) {
    proof.outcome ??= 'unseen';
    Object.assign(proof, { sealed: null, deletedAt: now });
    const after = { party: proof.party, outcome: proof.outcome };
    entries.push({ action: 'case.forget-identity', subject: { kind: 'case', id: caseId }, role: 'node', after });
  }
  return entries;
}
