import { audited } from '../../../kit/audit/append.ts';
import type { Work } from '../../../kit/work.ts';
import { removeBytes } from '../files/attachments.ts';
import { ClaimCase } from '../model/case.ts';
import { CaseClaimant, CaseMail } from '../model/claimant.ts';
import { ArtistProof, IdentityProof } from '../model/proofs.ts';
import { CaseAppeal, CounterDraft, CounterNotice } from '../model/redress.ts';
import { CaseAttachment, CaseMessage } from '../model/talk.ts';
import { DAY } from '../types/types.ts';

type Timer = Pick<Work, 'em' | 'viewer' | 'now'>;

const entryOf = (action: string, id: string) => ({ action, subject: { kind: 'case', id }, role: 'timer' });

/** Where a claim came from is forgotten after 30 days (spec/takedowns.md 2.11). */
export async function forgetSource({ em, now }: Timer, caseId: string): Promise<void> {
  await em.nativeUpdate(ClaimCase, { id: caseId }, { sourceHash: null });
  await em.nativeDelete(CaseMail, { createdAt: { $lt: new Date(now().getTime() - 30 * DAY) } });
}

/** Who filed it, and who signed the answer to it. The hash of the address goes too; marks and strikes keep their own. */
export async function eraseClaimant(work: Timer, caseId: string): Promise<void> {
  await audited(work, async (em) => {
    await em.nativeDelete(CaseClaimant, { caseId });
    await em.nativeUpdate(CounterNotice, { caseId }, { sealed: null });
    await em.nativeDelete(CounterDraft, { caseId });
    await em.nativeDelete(IdentityProof, { caseId });
    await em.nativeUpdate(ArtistProof, { caseId }, { url: '' });
    await em.nativeUpdate(ClaimCase, { id: caseId }, { verifyHash: null });
    return { result: null, entries: [entryOf('case.erase-claimant', caseId)] };
  });
}

/** What the parties wrote; that there was a case, and how it ended, stays. */
export async function redactCase(work: Timer & Pick<Work, 'files'>, caseId: string): Promise<void> {
  const pictures = await work.em.fork().find(CaseAttachment, { caseId }, { fields: ['sha256'] });
  await audited(work, async (em) => {
    await em.nativeDelete(CaseAttachment, { caseId });
    await em.nativeDelete(CaseMessage, { caseId });
    await em.nativeUpdate(CaseAppeal, { caseId }, { text: '' });
    await em.nativeUpdate(CounterNotice, { caseId }, { text: '', action: '' });
    await em.nativeUpdate(ClaimCase, { id: caseId }, { answers: {}, url: '', redactedAt: work.now() });
    return { result: null, entries: [entryOf('case.redact', caseId)] };
  });
  const hashes = pictures.map(({ sha256 }) => sha256);
  await removeBytes({ ...work, em: work.em.fork() }, hashes);
}
