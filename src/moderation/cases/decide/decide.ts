import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { AppError } from '../../../kit/errors.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Work } from '../../../kit/work.ts';
import { listRules } from '../../rules/list.ts';
import { ruleLabel } from '../../rules/model.ts';
import type { Outcome } from '../../takedown/model.ts';
import { startTakedown, type TakedownParameters } from '../../takedown/start.ts';
import { setClock, stopClocks } from '../clocks/set.ts';
import type { Desk } from '../desk.ts';
import { notifyUploader } from '../intake/open.ts';
import { setInterim } from '../interim.ts';
import { type ClaimCase, targetOf } from '../model/case.ts';
import { moveCase } from '../transitions/move.ts';
import type { Trigger } from '../transitions/table.ts';
import { APPEAL_MS, DAY, isSevere } from '../types/types.ts';
import { tellClaimant, tellUploader } from '../verify/letters.ts';
import { requireDecider } from './bars.ts';
import { OutcomeFields, parametersOf, refuseUnfit } from './outcomes.ts';

type Decider = Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>;

/** A rule of the node, by its label, and facts stand in every decision (spec/takedowns.md 2.3, row 11). */
export const ReasonFields = z.object({
  rule: z.string().trim().min(1, t('case.error-rule')).max(80),
  facts: z.string().trim().min(1, t('case.error-facts')).max(4_000),
});
export const DecideForm = OutcomeFields.extend(ReasonFields.shape);

/** Throws `invalid` unless the rule is one that counts now: what is stored is the wording that it named. */
export async function requireRule(em: EntityManager, label: string): Promise<void> {
  if ((await listRules(em)).some((rule) => ruleLabel(rule) === label)) return;
  const message = t('case.error-rule');
  throw new AppError('invalid', message, { fields: { rule: message } });
}

/** What a decision is, before it is carried out. */
export interface Decision {
  readonly outcome: Outcome;
  readonly parameters: TakedownParameters;
  readonly rule: string;
  readonly facts: string;
  /** Null for a timer. */
  readonly deciderId: number | null;
}

/** Writes a decision into a case that is being moved, and hands its outcome to the worker. */
export async function writeDecision(
  em: EntityManager,
  kase: ClaimCase,
  { outcome, parameters, rule, facts, deciderId }: Decision,
  now: Date,
): Promise<void> {
  const target = targetOf(kase);
  if (!target) throw new TypeError('a case without a target was decided');
  const appealUntil = new Date(now.getTime() + APPEAL_MS);
  Object.assign(kase, { outcome, parameters, rule, facts, deciderId, decidedAt: now, appealUntil });
  // nothing is held for a claim that was turned down
  if (outcome === 'dismiss' || outcome === 'undo') await setInterim(em, kase, 0, now);
  await stopClocks(em, kase.id, ['lapse', 'window', 'page', 'run_out', 'agree']);
  const request = { caseId: kase.id, target, outcome, category: kase.type, parameters };
  kase.takedownId = startTakedown(em, request, now);
}

/** Decides a case. Of a severe one that is dismissed the first of two people gets `waits`. */
export async function decideCase(
  work: Decider,
  caseId: string,
  form: z.output<typeof DecideForm>,
): Promise<'decided' | 'waits'> {
  const kase = await requireDecider(work, caseId, 'case.decide');
  const { outcome, rule, facts } = form;
  const parameters = parametersOf(form);
  refuseUnfit(kase, outcome, parameters);
  await requireRule(work.em, rule);
  const moved = await moveCase(work, caseId, {
    ...{ trigger: 'decide', rule, reason: facts, facts: { outcome } },
    ...together(kase, outcome, parameters.action === 'terminate'),
    act: (em, kase) =>
      writeDecision(em, kase, { outcome, parameters, rule, facts, deciderId: work.viewer?.id ?? null }, work.now()),
  });
  return moved.state === 'decided' ? 'decided' : 'waits';
}

/** Two people turn a severe case down, give back what it removed, or end an account. */
export const together = (kase: ClaimCase, outcome: Outcome | 'reject', endsAccount = false) =>
  endsAccount || (isSevere(kase.type) && ['dismiss', 'undo', 'reject'].includes(outcome))
    ? { together: { act: `case.${outcome}`, subjectId: kase.id } }
    : {};

export const REJECTIONS = ['not-here', 'not-a-claim', 'no-right', 'not-shown', 'unfounded', 'other'] as const;
export const RejectForm = z.object({
  reason: z.enum(REJECTIONS, t('case.error-reason')),
  facts: z.string().trim().max(4_000).default(''),
});

/** Turns a claim down at the door, with a reason from the list. */
export async function rejectCase(
  work: Decider,
  desk: Desk,
  caseId: string,
  { reason, facts }: z.output<typeof RejectForm>,
): Promise<'rejected' | 'waits'> {
  const kase = await requireDecider(work, caseId, 'case.reject');
  const moved = await moveCase(work, caseId, {
    ...{ trigger: 'reject', rule: reason, reason: facts },
    ...together(kase, 'reject'),
    act: async (em, kase) => {
      const now = work.now();
      const appealUntil = new Date(now.getTime() + APPEAL_MS);
      const deciderId = work.viewer?.id ?? null;
      Object.assign(kase, { rule: reason, facts, deciderId, decidedAt: now, appealUntil });
      await setInterim(em, kase, 0, now);
      await tellClaimant({ ...work, em }, desk, kase, 'decided');
      if (kase.uploaderToldAt) await tellUploader({ ...work, em }, desk, kase, 'decided');
    },
  });
  return moved.state === 'rejected' ? 'rejected' : 'waits';
}

export const AskForm = z.object({ text: z.string().trim().min(1, t('case.error-text')).max(4_000) });

/** Asks the claimant for something; what they are asked stands in their thread. The deadline of a severe case runs on. */
export async function askClaimant(work: Decider, desk: Desk, caseId: string): Promise<void> {
  await requireDecider(work, caseId, 'case.ask');
  await moveCase(work, caseId, {
    trigger: 'ask',
    act: async (em, kase) => {
      await setClock(em, caseId, 'lapse', new Date(work.now().getTime() + 14 * DAY));
      await tellClaimant({ ...work, em }, desk, kase, 'asked');
    },
  });
}

/** Acts of a moderator that only lead on. */
export async function leadOn(
  work: Decider,
  desk: Desk,
  caseId: string,
  trigger: Extract<Trigger, 'notify' | 'escalate'>,
): Promise<void> {
  await requireDecider(work, caseId, `case.${trigger}`);
  if (trigger === 'notify') return notifyUploader(work, desk, caseId);
  await moveCase(work, caseId, { trigger, act: (em) => stopClocks(em, caseId, ['window', 'agree']) });
}
