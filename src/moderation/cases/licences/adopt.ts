import { audited } from '../../../kit/audit/append.ts';
import { AppError } from '../../../kit/errors.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Work } from '../../../kit/work.ts';
import { ClaimCase } from '../model/case.ts';

/**
 * Who holds the secret of a case and is signed in takes it into their account: a claim that was filed without one is
 * then theirs to offer terms for. Once; nobody's case changes hands.
 */
export async function adoptClaim(work: Pick<Work, 'em' | 'viewer' | 'now'>, caseId: string): Promise<void> {
  const { viewer } = work;
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  await audited(work, async (em) => {
    const kase = await em.findOneOrFail(ClaimCase, caseId, { refresh: true });
    const isFree = kase.filerId == null && kase.origin === 'form';
    if (!isFree || kase.uploaderId === viewer.id) throw new AppError('conflict', t('rights.not-to-adopt'));
    kase.filerId = viewer.id;
    return {
      result: null,
      entries: [{ action: 'case.adopt', subject: { kind: 'case', id: caseId }, role: 'claimant' }],
    };
  });
}
