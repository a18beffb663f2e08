import { type EntityManager, UniqueConstraintViolationException } from '@mikro-orm/core';
import { z } from 'zod';
import { Account } from '../../accounts/model.ts';
import { audited } from '../../kit/audit/append.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import { reportFiled } from '../queue/events.ts';
import { QueueRow } from '../queue/model.ts';
import { openRow } from '../queue/open.ts';
import { Rule, type RuleCategory, urgencyOf } from '../rules/model.ts';
import { Report } from './model.ts';
import { assertMayReport, findThing, snapshotOf, type Thing, type ThingName } from './thing.ts';
import { weightOf } from './weight.ts';

const MOST_TEXT = 4_000;
const HOUR_MS = 3_600_000;
const MOST_PER_HOUR = 20;
/** So much later the same person may add to what they said of the same thing. */
const ADD_AFTER_MS = HOUR_MS;

export const ReportForm = z.object({
  /** A rule by its id, or what no rule names. */
  reason: z.union([z.uuid(), z.literal('other')], 'Choose a reason.'),
  text: z.string().trim().max(MOST_TEXT, 'At most 4,000 characters.').default(''),
  link: z
    .string()
    .trim()
    .max(2_048, 'At most 2,048 characters.')
    .refine((text) => text === '' || isWebLink(text), 'A whole address, with https:// before it.')
    .default(''),
  /** A rating doubt. */
  level: z.enum(['', '1', '2', '4', '8', '16'], 'Choose a rating.').default('').transform(Number),
});

function isWebLink(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && !/\s/.test(text);
}

type ReportWork = Pick<Work, 'em' | 'viewer' | 'now'>;
type Words = z.output<typeof ReportForm>;

/**
 * Reports a thing: all voices about it are one row of the queue, and nothing is hidden by them. Throws `rate_limited`
 * for the same thing again within the hour and for too many things, `not_found` for what the viewer cannot see.
 */
export async function fileReport(work: ReportWork, name: ThingName, form: Words): Promise<Report> {
  const { viewer } = work;
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  await assertMayReport(work.em, viewer, name);
  // two voices may be the first at once, and one person may press twice: the second finds what the first wrote
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await audited({ ...work, em: work.em.fork() }, (em) => write(em, work.now(), viewer.id, name, form));
    } catch (error) {
      if (!(error instanceof UniqueConstraintViolationException) || attempt === 4) throw error;
    }
  }
}

async function write(em: EntityManager, now: Date, reporterId: number, name: ThingName, form: Words) {
  const thing = await findThing(em, name);
  if (!thing || thing.isGone) throw new AppError('gone', 'This was deleted meanwhile.');
  const isDoubt = form.level > 0;
  if (thing.ownerId === reporterId) throw new AppError('invalid', 'This is yours: you can change or delete it.');
  if (!isDoubt && form.reason === 'other' && form.text === '') {
    throw new AppError('invalid', 'Say what is wrong with it.', { fields: { text: 'Say what is wrong with it.' } });
  }
  const kind = isDoubt ? 'rating' : 'report';
  const subjectId = `${name.kind}:${name.id}`;
  const row = await em.findOne(QueueRow, { kind, subjectId, openKey: 'open' });
  const known = row && (await em.findOne(Report, { rowId: row.id, reporterId }));
  if (known) return { result: await addTo(em, known, form, now), entries: [] };
  await refuseTooMany(em, reporterId, now);
  const { category, ruleId } = await reasonOf(em, form, isDoubt);
  const { priority, hours, permission } = urgencyOf(category);
  const opened = await openRow(
    em,
    {
      ...{ kind, subjectId, about: name, priority, permission },
      title: titleOf(thing),
      dueAt: new Date(now.getTime() + hours * HOUR_MS),
    },
    now,
  );
  await em.flush();
  const result = em.create(
    Report,
    {
      ...{ id: newId(now.getTime()), rowId: opened.id, reporterId, aboutKind: name.kind, aboutId: name.id },
      ...{ category, ruleId, text: form.text, link: form.link, level: form.level, snapshot: snapshotOf(thing) },
      ...{ weight: await weighReporter(em, reporterId, now), createdAt: now, addedAt: now, closedAt: null },
    },
    { persist: true },
  );
  record(em, reportFiled, { reportId: result.id });
  const entry = {
    ...{ action: 'report.file', subject: { kind: name.kind, id: name.id }, role: 'reporter' },
    after: { report: result.id, category, weight: result.weight },
  };
  return { result, entries: [entry] };
}

const titleOf = ({ title, text, owner }: Thing): string =>
  (
    title ||
    text
      .replace(/<[^>]*>/g, ' ')
      .replace(/\s+/g, ' ')
      .trim() ||
    owner
  ).slice(0, 120);

/** What the same person says later of the same thing stands below what they said first, as long as there is room. */
async function addTo(em: EntityManager, report: Report, { text, link }: Words, now: Date): Promise<Report> {
  const wait = ADD_AFTER_MS - (now.getTime() - report.addedAt.getTime());
  if (wait > 0) {
    throw new AppError('rate_limited', 'You have reported this already, and it counts. You can add to it in an hour.', {
      retryAfterSeconds: Math.ceil(wait / 1_000),
    });
  }
  const more = [text, link === report.link ? '' : link].filter((one) => one !== '').join('\n');
  if (more !== '') report.text = `${report.text}\n\n${more}`.trim().slice(0, MOST_TEXT);
  report.addedAt = now;
  await em.flush();
  return report;
}

async function refuseTooMany(em: EntityManager, reporterId: number, now: Date): Promise<void> {
  const since = new Date(now.getTime() - HOUR_MS);
  if ((await em.count(Report, { reporterId, createdAt: { $gt: since } })) < MOST_PER_HOUR) return;
  throw new AppError('rate_limited', 'You have reported a lot within an hour. Please go on later.', {
    retryAfterSeconds: HOUR_MS / 1_000,
  });
}

async function reasonOf(
  em: EntityManager,
  { reason }: Words,
  isDoubt: boolean,
): Promise<{ category: RuleCategory; ruleId: string | null }> {
  if (reason === 'other') return { category: isDoubt ? 'rating' : 'other', ruleId: null };
  const rule = await em.findOne(Rule, { id: reason });
  if (!rule) throw new AppError('invalid', 'Choose a reason.', { fields: { reason: 'There is no such rule.' } });
  return { category: isDoubt ? 'rating' : rule.category, ruleId: rule.id };
}

async function weighReporter(em: EntityManager, reporterId: number, now: Date): Promise<number> {
  const account = await em.findOneOrFail(Account, reporterId);
  const [past] = await rows<{ upheld: unknown; dismissed: unknown }>(
    em,
    `select count(case when outcome <> 'dismiss' then 1 end) as upheld,
       count(case when outcome = 'dismiss' then 1 end) as dismissed
     from report where reporter_id = ? and closed_at is not null`,
    [reporterId],
  );
  const counts = { upheldCount: toNumber(past?.upheld), dismissedCount: toNumber(past?.dismissed) };
  return weightOf({ joinedAt: account.createdAt, ...counts }, now);
}
