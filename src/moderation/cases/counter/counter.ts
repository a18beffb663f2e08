import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { claimSettings } from '../../../accounts/claim-settings.ts';
import { audited } from '../../../kit/audit/append.ts';
import { AppError } from '../../../kit/errors.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Work } from '../../../kit/work.ts';
import { startTakedown } from '../../takedown/start.ts';
import { setClock, stopClocks } from '../clocks/set.ts';
import { requireDecider } from '../decide/bars.ts';
import { type Desk, sealPerson } from '../desk.ts';
import { setInterim } from '../interim.ts';
import { ClaimCase, targetOf } from '../model/case.ts';
import { CounterDraft, CounterNotice } from '../model/redress.ts';
import { voidStrike } from '../strikes/strikes.ts';
import { moveCase, openCaseRow } from '../transitions/move.ts';
import { tellClaimant, tellUploader } from '../verify/letters.ts';
import { addBusinessDays } from './business-days.ts';
import { type Counter, keepDraft, lacking } from './draft.ts';

type Actor = Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>;

export const NOT_BEFORE = 10;
const ALARM = 12;
export const NOT_AFTER = 14;

/**
 * The uploader answers a notice: the thing comes back after ten to fourteen business days, unless a court is asked. One
 * that lacks an element is kept and waits for it.
 */
export async function fileCounterNotice(
  work: Actor,
  desk: Desk,
  caseId: string,
  counter: Counter,
): Promise<'countered' | 'counter-lacks'> {
  if (lacking(counter).length > 0) {
    await keepDraft(work, desk, caseId, counter);
    return 'counter-lacks';
  }
  const { name, address, phone, signature, text } = counter;
  const calendar = await desk.settings.read(work.em, claimSettings);
  await moveCase(work, caseId, {
    ...{ trigger: 'counter', role: 'uploader' },
    act: async (em, kase) => {
      const now = work.now();
      const after = (days: number) => addBusinessDays(now, days, calendar);
      const sealed = sealPerson(desk, { name, address, phone, signature });
      const dates = { filedAt: now, notBefore: after(NOT_BEFORE), notAfter: after(NOT_AFTER) };
      const known = await em.findOne(CounterNotice, caseId);
      if (known) throw new AppError('conflict', t('case.counter-twice'));
      em.create(CounterNotice, { caseId, sealed, text, ...dates }, { persist: true });
      await em.nativeDelete(CounterDraft, { caseId });
      await stopClocks(em, caseId, ['settle', 'lapse']);
      await setClock(em, caseId, 'counter_alarm', after(ALARM));
      await setClock(em, caseId, 'counter_restore', dates.notAfter);
      await tellClaimant({ ...work, em }, desk, kase, 'countered');
    },
  });
  return 'countered';
}

const words = z.string().trim().min(1, t('claim.error-missing')).max(1_000);

export const CourtForm = z.object({ action: words });

/** The claimant went to court: it stays down until that is over. */
export async function showCourtAction(
  work: Actor,
  desk: Desk,
  caseId: string,
  { action }: z.output<typeof CourtForm>,
): Promise<void> {
  await moveCase(work, caseId, {
    ...{ trigger: 'court', role: 'claimant' },
    act: async (em, kase) => {
      const counter = await em.findOneOrFail(CounterNotice, caseId);
      counter.action = action;
      await stopClocks(em, caseId, ['counter_alarm', 'counter_restore']);
      await tellUploader({ ...work, em }, desk, kase, 'court');
    },
  });
}

/** Puts back what a notice took down; a person from the tenth day on, the timer on the fourteenth. */
export async function restoreByCounter(work: Actor, desk: Desk, caseId: string): Promise<void> {
  if (work.viewer) await requireDecider(work, caseId, 'case.restore');
  await moveCase(work, caseId, {
    ...{ trigger: 'restore', ...(work.viewer ? {} : { role: 'timer' }) },
    act: async (em, kase) => {
      await putBack(em, kase, 'counter-notice', work.now());
      await tellClaimant({ ...work, em }, desk, kase, 'restored');
      await tellUploader({ ...work, em }, desk, kase, 'restored');
    },
  });
}

/** Takes back what the case did and held. Flushes with the caller. */
export async function putBack(em: EntityManager, kase: ClaimCase, why: string, now: Date): Promise<void> {
  const target = targetOf(kase);
  if (target && kase.takedownId) {
    const parameters = { undoes: kase.takedownId };
    startTakedown(em, { caseId: kase.id, target, outcome: 'undo', category: kase.type, parameters }, now);
  }
  await setInterim(em, kase, 0, now);
  await voidStrike(em, kase, why, now);
}

export const HoldForm = z.object({ reason: words });

/** A person keeps it down after the fourteenth day, and says why. */
export async function holdDown(work: Actor, caseId: string, { reason }: z.output<typeof HoldForm>): Promise<void> {
  await requireDecider(work, caseId, 'case.hold');
  await audited(work, async (em) => {
    const kase = await em.findOneOrFail(ClaimCase, caseId, { refresh: true });
    if (kase.state !== 'counter_wait') throw new AppError('conflict', 'No counter-notice waits in this case.');
    const counter = await em.findOneOrFail(CounterNotice, caseId);
    Object.assign(counter, { holdReason: reason, holderId: work.viewer?.id ?? null });
    await stopClocks(em, caseId, ['counter_restore']);
    await openCaseRow(em, kase, work.now());
    return { result: null, entries: [{ action: 'case.hold', subject: { kind: 'case', id: caseId }, reason }] };
  });
}
