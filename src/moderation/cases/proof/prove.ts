import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { audited } from '../../../kit/audit/append.ts';
import { fromJson, rows } from '../../../kit/database/sql.ts';
import { AppError } from '../../../kit/errors.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Work } from '../../../kit/work.ts';
import type { Desk } from '../desk.ts';
import { countTrainedOn, hashesIn } from '../intake/target.ts';
import { setInterim, wantedInterim } from '../interim.ts';
import { type CaseState, ClaimCase, targetOf } from '../model/case.ts';
import { openCaseRow } from '../transitions/move.ts';
import { CLAIMS } from '../types/types.ts';
import { pageStaff } from '../verify/letters.ts';

/*
 * An artist proves that a model was trained on their works without showing the works, and without learning what else is
 * in a set that is private (spec/guardrails.md 3.4): inside a confirmed case of style alone, in coarse steps, and so
 * seldom that it is no oracle. A second case about the same thing is joined to the first, so the budget is the thing's.
 */

const MOST_AT_ONCE = 500;
const MOST_IN_A_CASE = 1_000;
/** The smaller the question, the finer the answer. */
const MOST_QUESTIONS = 5;
const LIVE: readonly CaseState[] = ['open', 'needs_info', 'notified', 'review'];

export const ProofForm = z.object({ hashes: z.string().max(800_000, t('case.proof-error-many', { n: MOST_AT_ONCE })) });

type Step = '0' | '1-4' | '5+';
interface ProofAnswer {
  readonly asked: number;
  readonly step: Step;
}

export interface ProofView {
  readonly answers: readonly ProofAnswer[];
  /** How many works can still be compared. */
  readonly left: number;
}

const stepOf = (matches: number): Step => (matches === 0 ? '0' : matches < 5 ? '1-4' : '5+');

const mayAsk = (kase: ClaimCase): boolean =>
  kase.type === 'style' && kase.verifiedAt != null && LIVE.includes(kase.state) && targetOf(kase) !== null;

/** What was asked before, from the audit log, where each question stands anyway. */
async function answersOf(em: EntityManager, caseId: string): Promise<ProofAnswer[]> {
  const found = await rows<{ after: unknown }>(
    em,
    `select after from audit_entry where subject_kind = 'case' and subject_id = ? and action = 'case.prove' order by seq`,
    [caseId],
  );
  return found.flatMap(({ after }) => fromJson<ProofAnswer>(after) ?? []);
}

const leftAfter = (answers: readonly ProofAnswer[]): number =>
  answers.length >= MOST_QUESTIONS ? 0 : Math.max(0, MOST_IN_A_CASE - answers.reduce((sum, one) => sum + one.asked, 0));

/** What the claimant's page shows; null where there is nothing to ask. */
export async function loadProof(em: EntityManager, kase: ClaimCase): Promise<ProofView | null> {
  if (!mayAsk(kase)) return null;
  const answers = await answersOf(em, kase.id);
  return { answers, left: leftAfter(answers) };
}

/**
 * Compares works with what the thing was trained on. A match stops generation as it does when the case is filed with
 * it (spec/takedowns.md 2.1). Throws `invalid`, `conflict`, and `rate_limited` past the budget, of which staff hear.
 */
export async function prove(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  desk: Desk,
  caseId: string,
  form: z.output<typeof ProofForm>,
): Promise<Step> {
  const hashes = hashesIn(form.hashes);
  const refuse = (message: string) => new AppError('invalid', message, { fields: { hashes: message } });
  if (hashes.length === 0) throw refuse(t('case.proof-error-none'));
  const answer = await audited(work, async (em) => {
    // whoever asks twice at once stands in line here, so that no question is answered past the budget
    await rows(em, 'update claim_case set state = state where id = ? returning id', [caseId]);
    const kase = await em.findOne(ClaimCase, caseId, { refresh: true });
    const target = kase && targetOf(kase);
    if (!kase || !target || !mayAsk(kase)) {
      throw new AppError('conflict', 'This is for confirmed cases about style that are not decided yet.');
    }
    const subject = { kind: 'case', id: caseId };
    if (hashes.length > MOST_AT_ONCE || hashes.length > leftAfter(await answersOf(em, caseId))) {
      await alarm({ ...work, em }, desk, kase);
      const entry = { action: 'case.probe', subject, role: 'claimant', after: { asked: hashes.length } };
      return { result: null, entries: [entry] };
    }
    const step = stepOf(await countTrainedOn(em, target, hashes));
    if (step !== '0' && !kase.hasDatasetMatch) {
      kase.hasDatasetMatch = true;
      await setInterim(em, kase, kase.interim | (await wantedInterim(em, kase)), work.now());
    }
    const after: ProofAnswer = { asked: hashes.length, step };
    return { result: step, entries: [{ action: 'case.prove', subject, role: 'claimant', after }] };
  });
  if (answer !== null) return answer;
  if (hashes.length > MOST_AT_ONCE) throw refuse(t('case.proof-error-many', { n: MOST_AT_ONCE }));
  throw new AppError('rate_limited', t('case.proof-over'), { retryAfterSeconds: 24 * 3_600 });
}

/** Once for each case: somebody looks whether this is an artist or somebody who probes. */
async function alarm(
  work: Pick<Work, 'em' | 'jobs' | 'now'> & { readonly em: EntityManager },
  desk: Desk,
  kase: ClaimCase,
): Promise<void> {
  const [known] = await rows(
    work.em,
    `select seq from audit_entry where subject_kind = 'case' and subject_id = ? and action = 'case.probe' limit 1`,
    [kase.id],
  );
  if (known) return;
  await openCaseRow(work.em, kase, work.now());
  const { permission } = CLAIMS[kase.type];
  const path = `/moderation/cases/${kase.id}`;
  await pageStaff(work, desk, { permission, key: 'probing', path, number: kase.number });
}
