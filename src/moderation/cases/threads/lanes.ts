import type { ClaimCase } from '../model/case.ts';
import type { Party, Thread } from '../model/talk.ts';

/** Which of the three threads somebody reads and writes in this case; the joint one is there when both agreed to it. */
export function threadsOf(kase: ClaimCase, party: Party): Thread[] {
  const joint: Thread[] = kase.jointClaimantAt && kase.jointUploaderAt ? ['joint'] : [];
  return party === 'moderator' ? ['claimant', 'uploader', ...joint] : [party, ...joint];
}
