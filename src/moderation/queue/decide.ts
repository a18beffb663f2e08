import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { PERMISSION, type Permission } from '../../accounts/permissions.ts';
import { type AuditWrite, audited } from '../../kit/audit/append.ts';
import { refuseAudited } from '../../kit/audit/refuse.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { Rule, ruleLabel } from '../rules/model.ts';
import { approveTogether, hasTwoPeople } from '../staff/two-people.ts';
import { findBar } from './bars.ts';
import { type Desks, type Evidence, fingerprintOf } from './desk.ts';
import { executeDecisionJob } from './execute.ts';
import { LOCK_MS, loadRow, requireModerator } from './lock.ts';
import { QueueDecision, type QueueRow } from './model.ts';

/** So long a decision waits for somebody to think better of it. */
const UNDO_MS = 10_000;
/** And so long one for which a second person is missing on a node that has none. */
const ALONE_MS = 72 * 3_600_000;

export const DecisionForm = z.object({
  /** Made with the form: sent twice, it is one decision. */
  key: z.uuid(),
  /** The fingerprint of what the page showed; '' from a program that shows nothing. */
  seen: z.string().max(64).default(''),
  choice: z.string().max(40),
  rule: z.union([z.literal(''), z.uuid()]).default(''),
  facts: z.string().trim().max(2_000, 'At most 2,000 characters.').default(''),
  level: z.enum(['', '1', '2', '4', '8', '16'], 'Choose a rating.').default('').transform(Number),
  strike: z.enum(['', '1']).default(''),
});
type DecisionWords = z.output<typeof DecisionForm>;

export interface Decided {
  /** `waits`: the first of two people was noted, and the row stays where it is. `alone`: it happens after three days. */
  readonly state: 'decided' | 'waits' | 'alone';
  readonly decisionId: string;
}

/**
 * Decides one row. Nothing follows from it until the time to undo it is over. Throws `forbidden` for parties (and writes
 * the attempt down), `conflict` when somebody else holds the row or has decided it, or its owner changed the thing
 * meanwhile, `invalid` without a rule and facts.
 */
export async function decideRow(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  desks: Desks,
  rowId: string,
  form: DecisionWords,
): Promise<Decided> {
  const viewer = requireModerator(work.viewer);
  const row = await loadRow(work.em, viewer, rowId);
  const evidence = await desks.deskOf(row)?.load(work.em, row);
  if (!evidence) throw new AppError('conflict', 'There is nothing left to decide here.');
  const bar = await findBar(work.em, viewer, evidence, work.now());
  if (bar) {
    const attempt = { action: 'queue.decide', subject: subjectOf(row), after: { choice: form.choice, bar } };
    await refuseAudited(work, attempt, BARRED[bar]);
  }
  if (form.seen !== '' && form.seen !== fingerprintOf(evidence)) {
    throw new AppError('conflict', 'This was changed after you opened it. Look at it as it is now.');
  }
  const rule = form.rule === '' ? null : await work.em.findOne(Rule, form.rule);
  assertComplete(evidence, form, rule);
  return audited(work, (em) => write({ ...work, em, viewer }, row, evidence, form, rule));
}

const BARRED = {
  owner: 'This is yours, so somebody else must decide.',
  decider: 'You decided this before, so somebody else must look again.',
  reporter: 'You reported this yourself, so somebody else must decide.',
  blocked: 'You and its owner are across a block, so somebody else must decide.',
  follower: 'You follow its owner, so somebody else must decide.',
} as const;

const subjectOf = ({ aboutKind, aboutId }: QueueRow) => ({ kind: aboutKind, id: aboutId });

function assertComplete({ choices }: Evidence, form: DecisionWords, rule: Rule | null): void {
  const choice = choices.find(({ name }) => name === form.choice);
  const fields: Record<string, string> = {};
  if (!choice) fields.choice = 'Choose what shall happen.';
  if (choice?.isHarsh && !rule) fields.rule = 'Name the rule that it breaks.';
  if (choice?.hasLevel && form.level === 0) fields.level = 'Choose a rating.';
  if (form.facts === '') fields.facts = 'Say what you found: its author and whoever looks later will read it.';
  const [first] = Object.values(fields);
  if (first) throw new AppError('invalid', first, { fields });
}

type WriteWork = Pick<Work, 'em' | 'jobs' | 'now'> & { readonly viewer: Viewer };

async function write(work: WriteWork, row: QueueRow, evidence: Evidence, form: DecisionWords, rule: Rule | null) {
  const { em, viewer, now } = work;
  const before = await em.findOne(QueueDecision, form.key);
  if (before) return { result: repeated(before, row, viewer), entries: [] };
  // one statement says who is first: nobody while somebody else holds the row, and one while it is open
  const taken = await rows(
    em,
    `update queue_row set state = 'decided', locked_by_id = null, locked_until = null
     where id = ? and state = 'open' and (locked_by_id is null or locked_by_id = ? or locked_until <= ?) returning id`,
    [row.id, viewer.id, now()],
  );
  if (taken.length === 0) {
    const meanwhile = await em.findOne(QueueDecision, form.key, { refresh: true });
    if (meanwhile) return { result: repeated(meanwhile, row, viewer), entries: [] };
    throw new AppError('conflict', 'Somebody else has this one, or has decided it.');
  }
  const joint = evidence.jointChoices.includes(form.choice) ? await askSecond(em, row, form, viewer, now()) : null;
  const entry: AuditWrite = {
    ...{ action: joint === 'waits' ? 'queue.agree-first' : 'queue.decide', subject: subjectOf(row) },
    after: { row: row.id, choice: form.choice, level: form.level, strike: form.strike === '1' },
    ...(rule ? { rule: ruleLabel(rule) } : {}),
    reason: form.facts,
  };
  if (joint === 'waits') {
    await rows(em, `update queue_row set state = 'open' where id = ? returning id`, [row.id]);
    return { result: { state: 'waits', decisionId: '' } as const, entries: [entry] };
  }
  const delayMs = joint === 'alone' ? ALONE_MS : UNDO_MS;
  const jobId = work.jobs.enqueue(em, executeDecisionJob, { decisionId: form.key }, { delayMs });
  em.create(
    QueueDecision,
    {
      ...{
        id: form.key,
        rowId: row.id,
        decidedById: viewer.id,
        ownerId: evidence.ownerId,
        choice: form.choice,
        level: form.level,
      },
      ...{ hasStrike: form.strike === '1', ruleId: rule?.id ?? null, facts: form.facts, state: 'pending' },
      ...{ decidedAt: now(), executesAt: new Date(now().getTime() + delayMs), jobId, takedownId: null, doneAt: null },
    },
    { persist: true },
  );
  return { result: { state: joint ?? 'decided', decisionId: form.key } as const, entries: [entry] };
}

function repeated({ id, rowId, decidedById }: QueueDecision, row: QueueRow, viewer: Viewer): Decided {
  if (rowId !== row.id || decidedById !== viewer.id) throw new AppError('conflict', 'Open it anew, please.');
  return { state: 'decided', decisionId: id };
}

/** Null when the second has agreed; `alone` where the node has no second. */
async function askSecond(
  em: EntityManager,
  row: QueueRow,
  { choice }: DecisionWords,
  viewer: Viewer,
  now: Date,
): Promise<'waits' | 'alone' | null> {
  const answer = await approveTogether(em, { act: `queue.${choice}`, subjectId: row.id }, viewer, now);
  if (answer === 'approved') return null;
  return (await hasTwoPeople(em, permissionOf(row), now)) ? 'waits' : 'alone';
}

export const permissionOf = ({ permission }: Pick<QueueRow, 'permission'>): Permission =>
  permission === PERMISSION.decideSevere
    ? 'decideSevere'
    : permission === PERMISSION.decideRights
      ? 'decideRights'
      : 'moderateContent';

/** Takes a decision back that nothing has followed from yet; the row is open again, and with who took it back. */
export async function undoDecision(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  decisionId: string,
): Promise<QueueDecision> {
  const viewer = requireModerator(work.viewer);
  const decision = await work.em.findOne(QueueDecision, { id: decisionId, decidedById: viewer.id });
  if (!decision) throw new AppError('not_found', 'There is no such decision of yours.');
  await audited(work, async (em) => {
    const undone = await em.nativeUpdate(QueueDecision, { id: decisionId, state: 'pending' }, { state: 'undone' });
    if (undone === 0) throw new AppError('conflict', 'It is too late to undo this.');
    const [row] = await rows<{ about_kind: string; about_id: string }>(
      em,
      `update queue_row set state = 'open', locked_by_id = ?, locked_until = ? where id = ? and state = 'decided'
       returning about_kind, about_id`,
      [viewer.id, new Date(work.now().getTime() + LOCK_MS), decision.rowId],
    );
    await work.jobs.cancel(em, decision.jobId);
    const subject = { kind: row?.about_kind ?? 'queue', id: row?.about_id ?? decision.rowId };
    const after = { row: decision.rowId, choice: decision.choice };
    return { result: null, entries: [{ action: 'queue.undo', subject, after }] };
  });
  return decision;
}
