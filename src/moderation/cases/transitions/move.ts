import type { EntityManager } from '@mikro-orm/core';
import { PERMISSION } from '../../../accounts/permissions.ts';
import { type AuditWrite, audited } from '../../../kit/audit/append.ts';
import { AppError } from '../../../kit/errors.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Work } from '../../../kit/work.ts';
import { closeRow, openRow } from '../../queue/open.ts';
import { approveTogether, type JointAct } from '../../staff/two-people.ts';
import { setClock, stopClocks } from '../clocks/set.ts';
import { findCited } from '../licences/find.ts';
import { type CaseState, ClaimCase, ENDED, targetOf } from '../model/case.ts';
import { CounterNotice } from '../model/redress.ts';
import { forgetIdentities } from '../proof/forget.ts';
import { CLAIMS, DAY } from '../types/types.ts';
import { stepOf, type Trigger } from './table.ts';

export interface Move {
  readonly trigger: Trigger;
  /** Who acts, where it is not staff: `claimant`, `uploader`, `timer`, `worker`. */
  readonly role?: string;
  readonly rule?: string;
  /** In the words of who acts. */
  readonly reason?: string;
  /** Facts for the audit row, naming nobody. */
  readonly facts?: object;
  /** For what two people must want: the first of them changes nothing yet. */
  readonly together?: JointAct;
  /** What else changes, in the same transaction. */
  readonly act?: (em: EntityManager, kase: ClaimCase) => Promise<void> | void;
}

type Subject = string | ((em: EntityManager) => ClaimCase);

/**
 * The one way in which a case goes from one state to another: looks into the table, does what follows, and writes the
 * audit row, in one transaction. Throws `not_found`, or `conflict` with the reason that the table gives. Where two people
 * are needed the first gets the case back as it was.
 */
export async function moveCase(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  subject: Subject,
  { trigger, role, rule, reason, facts, together, act }: Move,
): Promise<ClaimCase> {
  return audited(work, async (em) => {
    const now = work.now();
    const isNew = typeof subject !== 'string';
    const kase = isNew ? subject(em) : await em.findOne(ClaimCase, subject, { refresh: true });
    if (!kase) throw new AppError('not_found', 'There is no such case.');
    const from = isNew ? null : kase.state;
    const step = stepOf({ ...(await factsOf(em, kase)), state: from }, trigger, now);
    if ('refusal' in step) throw new AppError('conflict', step.refusal);
    const { to, row } = step.transition;
    const about = { subject: { kind: 'case', id: kase.id }, ...(rule ? { rule } : {}), ...(reason ? { reason } : {}) };
    if (together && (await approveTogether(em, together, work.viewer, now)) === 'waits') {
      return { result: kase, entries: [{ action: 'case.agree', after: { trigger, ...facts }, ...about }] };
    }
    // of two who move it at once, the second finds another state than it read
    if (from !== null && (await em.nativeUpdate(ClaimCase, { id: kase.id, state: from }, { state: to })) !== 1) {
      throw new AppError('conflict', 'The case was changed a moment ago. Please look again.');
    }
    kase.state = to;
    await act?.(em, kase);
    const more = await arrive(em, kase, now);
    const entry: AuditWrite = {
      action: 'case.move',
      before: { state: from },
      after: { state: to, trigger, row, interim: kase.interim, outcome: kase.outcome ?? null, ...facts },
      ...about,
      ...(role ? { role } : {}),
    };
    return { result: kase, entries: [entry, ...more] };
  });
}

async function factsOf(em: EntityManager, kase: ClaimCase) {
  const counter = kase.state === 'counter_wait' ? await em.findOne(CounterNotice, kase.id) : null;
  return {
    type: kase.type,
    hasTarget: targetOf(kase) !== null,
    isComplete: kase.missing.length === 0,
    isBehindBreaker: kase.isBehindBreaker,
    isExecuted: kase.executedAt != null,
    isLicensed: (await findCited(em, kase.id)) !== null,
    appealUntil: kase.appealUntil ?? null,
    notBefore: counter?.notBefore ?? null,
  };
}

const WAITS: readonly CaseState[] = ['open', 'needs_info', 'notified', 'review'];

/** What is so in each state, however the case came into it: whether it waits for a person, and until when it is kept. */
async function arrive(em: EntityManager, kase: ClaimCase, now: Date): Promise<AuditWrite[]> {
  // an unfinished counter-notice waits for the uploader alone
  const waits = WAITS.includes(kase.state) && kase.executedAt == null;
  if (waits) await openCaseRow(em, kase, now);
  else await closeRow(em, 'case', kase.id, kase.state, now);
  if (kase.state !== 'appealed') await closeRow(em, 'appeal', kase.id, kase.state, now);
  const isOver = ENDED.includes(kase.state);
  const entries = isOver || kase.state === 'decided' ? await forgetIdentities(em, kase.id, now) : [];
  if (!isOver) return entries;
  kase.endedAt = now;
  await stopClocks(em, kase.id, ['expire', 'lapse', 'window', 'page', 'run_out', 'agree', 'settle']);
  await stopClocks(em, kase.id, ['counter_alarm', 'counter_restore']);
  // spec/takedowns.md 2.11
  const kept = kase.state === 'expired' ? 7 * DAY : kase.type === 'copyright' ? 3 * 365 * DAY : 365 * DAY;
  await setClock(em, kase.id, 'erase_claimant', new Date(now.getTime() + kept));
  await setClock(em, kase.id, 'redact', new Date(now.getTime() + 365 * DAY));
  return entries;
}

/** Puts the case among what waits for a person. */
export async function openCaseRow(em: EntityManager, kase: ClaimCase, now: Date): Promise<void> {
  const target = targetOf(kase);
  const entry = {
    kind: 'case' as const,
    subjectId: kase.id,
    about: target ?? { kind: 'case', id: kase.number },
    title: `${kase.number} · ${t(`case.type-${kase.type}`)}`,
    priority: kase.isBehindBreaker ? Math.max(kase.priority, 1) : kase.priority,
    dueAt: kase.dueAt ?? null,
    permission: PERMISSION[CLAIMS[kase.type].permission],
  };
  const row = await openRow(em, entry, now);
  // openRow counts voices; a case speaks once
  row.voiceCount = 1;
}
