import { z } from 'zod';
import { audited } from '../../../kit/audit/append.ts';
import { AppError } from '../../../kit/errors.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Work } from '../../../kit/work.ts';
import { closeRow } from '../../queue/open.ts';
import { setClock } from '../clocks/set.ts';
import { putBack } from '../counter/counter.ts';
import { requireDecider } from '../decide/bars.ts';
import type { Desk } from '../desk.ts';
import { setInterim, wantedInterim } from '../interim.ts';
import { type CaseState, ClaimCase } from '../model/case.ts';
import { CaseLicence } from '../model/redress.ts';
import { moveCase, openCaseRow } from '../transitions/move.ts';
import { CLAIMS } from '../types/types.ts';
import { tellClaimant, tellUploader } from '../verify/letters.ts';
import { findCited, findPermission } from './find.ts';

type Actor = Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>;

/** States in which a licence can still change something. */
export const CITES: readonly CaseState[] = [
  ...(['open', 'needs_info', 'notified', 'review', 'executed', 'counter_wait', 'court_hold', 'closed'] as const),
];
const UNDECIDED: readonly CaseState[] = ['open', 'needs_info', 'notified', 'review'];

/** The uploader answers with the licence that the claimant granted them: somebody looks at it. Throws `conflict`. */
export async function citeLicence(work: Actor, desk: Desk, caseId: string): Promise<void> {
  await audited(work, async (em) => {
    const now = work.now();
    const kase = await em.findOneOrFail(ClaimCase, caseId, { refresh: true });
    if (!CITES.includes(kase.state)) throw new AppError('conflict', t('case.licence-not-now'));
    if (await findCited(em, caseId)) throw new AppError('conflict', t('case.licence-cited-already'));
    const permission = await findPermission(em, desk, kase, now);
    if (!permission) throw new AppError('conflict', t('case.licence-none'));
    const { grantId } = permission;
    em.create(CaseLicence, { caseId, grantId, citedBy: 'uploader', citedAt: now }, { persist: true });
    await openCaseRow(em, kase, now);
    const entry = { action: 'case.cite-licence', subject: { kind: 'case', id: caseId }, after: { grantId } };
    return { result: null, entries: [{ ...entry, role: 'uploader' }] };
  });
}

/** A person finds that the licence covers what is claimed: what the case did and held is taken back. */
export async function releaseByLicence(work: Actor, desk: Desk, caseId: string): Promise<void> {
  await requireDecider(work, caseId, 'case.release');
  const cited = await findCited(work.em, caseId);
  await moveCase(work, caseId, {
    ...{ trigger: 'license', facts: { grantId: cited?.grantId ?? null } },
    act: async (em, kase) => {
      await putBack(em, kase, 'licence', work.now());
      await tellClaimant({ ...work, em }, desk, kase, 'released');
      if (kase.uploaderToldAt) await tellUploader({ ...work, em }, desk, kase, 'released');
    },
  });
}

export const RefusalForm = z.object({ licenceReason: z.string().trim().min(1, t('case.error-text')).max(1_000) });

/** A person finds that it does not: the claim goes on as if it had not been cited, with a new deadline. */
export async function refuseLicence(
  work: Actor,
  desk: Desk,
  caseId: string,
  { licenceReason: reason }: z.output<typeof RefusalForm>,
): Promise<void> {
  await requireDecider(work, caseId, 'case.refuse-licence');
  await audited(work, async (em) => {
    const now = work.now();
    const kase = await em.findOneOrFail(ClaimCase, caseId, { refresh: true });
    const cited = await findCited(em, caseId);
    if (!cited || !CITES.includes(kase.state)) throw new AppError('conflict', t('case.licence-not-cited'));
    Object.assign(cited, { refusedAt: now, refuserId: work.viewer?.id ?? null, reason });
    await em.flush();
    if (UNDECIDED.includes(kase.state)) {
      await setInterim(em, kase, await wantedInterim(em, kase), now);
      const dueAt = new Date(now.getTime() + CLAIMS[kase.type].targetMs);
      if (kase.missing.length === 0) await setClock(em, caseId, 'run_out', dueAt);
    } else await closeRow(em, 'case', caseId, kase.state, now);
    await tellUploader({ ...work, em }, desk, kase, 'licence-refused');
    const entry = { action: 'case.refuse-licence', subject: { kind: 'case', id: caseId }, reason };
    return { result: null, entries: [{ ...entry, after: { grantId: cited.grantId, interim: kase.interim } }] };
  });
}
