import type { EntityManager } from '@mikro-orm/core';
import { audited } from '../../../kit/audit/append.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Work } from '../../../kit/work.ts';
import { QUARANTINE } from '../../../safety/policy.ts';
import type { TakedownParameters } from '../../takedown/start.ts';
import { restoreByCounter } from '../counter/counter.ts';
import { lapseDraft } from '../counter/draft.ts';
import { writeDecision } from '../decide/decide.ts';
import type { Desk } from '../desk.ts';
import { setInterim } from '../interim.ts';
import { findCited } from '../licences/find.ts';
import { type CaseState, ClaimCase } from '../model/case.ts';
import { CaseClock, type ClockKind } from '../model/clock.ts';
import { CounterNotice } from '../model/redress.ts';
import { carryOutAgreement, hasAgreement } from '../offers/offers.ts';
import { eraseClaimant, forgetSource, redactCase } from '../retention/erase.ts';
import { moveCase, openCaseRow } from '../transitions/move.ts';
import { CLAIMS, DAY } from '../types/types.ts';
import { pageStaff, tellClaimant, tellUploader } from '../verify/letters.ts';
import { setClock } from './set.ts';

type Timer = Pick<Work, 'em' | 'viewer' | 'jobs' | 'files' | 'now'>;
type Ring = (work: Timer, desk: Desk, kase: ClaimCase) => Promise<void>;

/** States in which a clock means something; in another it stopped without being taken away. */
interface Clock {
  readonly in: readonly CaseState[] | null;
  readonly ring: Ring;
}

const UNDECIDED: readonly CaseState[] = ['open', 'needs_info', 'notified', 'review'];

/** What each clock does when its time has come (spec/takedowns.md 2.1 and 2.3). */
const CLOCKS: Readonly<Record<ClockKind, Clock>> = {
  expire: { in: ['received'], ring: (work, desk, kase) => endQuietly(work, desk, kase, 'expire') },
  lapse: { in: ['needs_info'], ring: (work, desk, kase) => lapse(work, desk, kase) },
  window: { in: ['notified'], ring: endWindow },
  page: { in: UNDECIDED, ring: (work, desk, kase) => page(work, desk, kase, 'soon') },
  run_out: { in: UNDECIDED, ring: runOut },
  agree: { in: ['notified'], ring: (work, _desk, kase) => carryOutAgreement(work, kase.id) },
  counter_alarm: { in: ['counter_wait'], ring: alarm },
  counter_restore: { in: ['counter_wait'], ring: restore },
  settle: { in: ['executed'], ring: settle },
  forget_source: { in: null, ring: (work, _desk, kase) => forgetSource(work, kase.id) },
  erase_claimant: { in: null, ring: (work, _desk, kase) => eraseClaimant(work, kase.id) },
  redact: { in: null, ring: (work, _desk, kase) => redactCase(work, kase.id) },
};

/** Rings one clock that is due. It rings once: the mark is set when what it does is done, and doing it twice is harmless. */
export async function fireClock(work: Timer, desk: Desk, caseId: string, kind: ClockKind): Promise<void> {
  const clock = await work.em.fork().findOne(CaseClock, { caseId, kind });
  if (!clock || clock.firedAt != null || clock.dueAt > work.now()) return;
  const kase = await work.em.fork().findOne(ClaimCase, caseId);
  const { in: states, ring } = CLOCKS[kind];
  if (kase && (states === null || states.includes(kase.state))) await ring(work, desk, kase);
  await work.em.nativeUpdate(CaseClock, { caseId, kind, dueAt: clock.dueAt }, { firedAt: work.now() });
}

/** Whoever was asked stayed silent: the claimant, or after the decision the uploader about their counter-notice. */
const lapse: Ring = (work, desk, kase) =>
  kase.executedAt == null ? endQuietly(work, desk, kase, 'lapse') : lapseDraft(work, desk, kase.id);

async function endQuietly(work: Timer, desk: Desk, { id }: ClaimCase, trigger: 'expire' | 'lapse'): Promise<void> {
  await moveCase(work, id, {
    ...{ trigger, role: 'timer' },
    act: async (em, kase) => {
      await setInterim(em, kase, 0, work.now());
      await tellClaimant({ ...work, em }, desk, kase, 'lapsed');
      if (kase.uploaderToldAt) await tellUploader({ ...work, em }, desk, kase, 'lapsed');
    },
  });
}

async function endWindow(work: Timer, desk: Desk, { id }: ClaimCase): Promise<void> {
  // what both agreed on is carried out when the time for a veto is over
  if (await hasAgreement(work.em.fork(), id)) return;
  await moveCase(work, id, { trigger: 'end-window', role: 'timer' });
  const clock = await work.em.fork().findOne(CaseClock, { caseId: id, kind: 'run_out' });
  if (clock && clock.dueAt <= work.now()) await fireClock(work, desk, id, 'run_out');
}

/** A moderator has not decided in time: the type says what happens, and where it says nothing staff are told. */
async function runOut(work: Timer, desk: Desk, kase: ClaimCase): Promise<void> {
  const { runOut: end } = CLAIMS[kase.type];
  const isLicensed = (await findCited(work.em.fork(), kase.id)) !== null;
  if (kase.targetId == null || end === null || isLicensed) return page(work, desk, kase, 'late');
  if (kase.isBehindBreaker) return quarantineAndPage(work, desk, kase);
  // the uploader's window or an agreement comes first, and rings this again
  if (kase.state === 'notified') {
    await setClockIn(work, kase.id, new Date(work.now().getTime() + DAY / 24));
    return;
  }
  await moveCase(work, kase.id, {
    ...{ trigger: 'run-out', role: 'timer', rule: 'clock' },
    act: async (em, kase) => {
      const parameters = withNames(kase, end.parameters);
      const facts = t('case.facts-clock');
      await writeDecision(
        em,
        kase,
        { outcome: end.outcome, parameters, rule: 'clock', facts, deciderId: null },
        work.now(),
      );
    },
  });
  await page(work, desk, kase, 'ran-out');
}

/** De-attribution needs a name: the one that the artist gave. */
const withNames = (kase: ClaimCase, parameters: TakedownParameters): TakedownParameters =>
  kase.type === 'style' && kase.answers.artistName ? { ...parameters, names: [kase.answers.artistName] } : parameters;

async function setClockIn(work: Timer, caseId: string, dueAt: Date): Promise<void> {
  await work.em.transactional((em) => setClock(em, caseId, 'run_out', dueAt));
}

/** Behind the breaker no timer removes anything: it hides, and calls people (DESIGN.md section 9, ruling 3). */
async function quarantineAndPage(work: Timer, desk: Desk, { id }: ClaimCase): Promise<void> {
  await audited(work, async (em) => {
    const kase = await em.findOneOrFail(ClaimCase, id, { refresh: true });
    await setInterim(em, kase, QUARANTINE, work.now());
    await pageFor({ ...work, em }, desk, kase, 'quarantined');
    const entry = { action: 'case.quarantine', subject: { kind: 'case', id }, after: { interim: kase.interim } };
    return { result: null, entries: [{ ...entry, role: 'timer', rule: 'breaker' }] };
  });
}

async function alarm(work: Timer, desk: Desk, { id }: ClaimCase): Promise<void> {
  await work.em.transactional(async (em) => {
    const kase = await em.findOneOrFail(ClaimCase, id);
    const counter = await em.findOne(CounterNotice, id);
    kase.dueAt = counter?.notAfter ?? kase.dueAt;
    await openCaseRow(em, kase, work.now());
    await pageFor({ ...work, em }, desk, kase, 'counter');
  });
}

async function restore(work: Timer, desk: Desk, { id }: ClaimCase): Promise<void> {
  const counter = await work.em.fork().findOne(CounterNotice, id);
  if (counter?.holdReason === '') await restoreByCounter(work, desk, id);
}

async function settle(work: Timer, _desk: Desk, { id }: ClaimCase): Promise<void> {
  await moveCase(work, id, { trigger: 'settle', role: 'timer' });
}

async function page(work: Timer, desk: Desk, { id }: ClaimCase, key: string): Promise<void> {
  await work.em.transactional(async (em) => {
    await pageFor({ ...work, em }, desk, await em.findOneOrFail(ClaimCase, id), key);
  });
}

async function pageFor(work: Timer & { em: EntityManager }, desk: Desk, kase: ClaimCase, key: string): Promise<void> {
  const { permission } = CLAIMS[kase.type];
  await pageStaff(work, desk, { permission, key, path: `/moderation/cases/${kase.id}`, number: kase.number });
}
