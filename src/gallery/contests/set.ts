import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { assertSayable } from '../../safety/words/sayable.ts';
import { loadOwnCollection } from '../collections/edit.ts';
import { CollectionItem } from '../collections/model.ts';
import { CollectionEntry } from '../collections/together/model.ts';
import { member } from '../collections/together/standing.ts';
import { collectionChanged } from '../events.ts';
import { Contest, stateOf } from './model.ts';
import { scheduleNotices } from './notices.ts';

const YEAR_MS = 366 * 86_400_000;

/** UTC, as `datetime-local` writes it, or with an offset as programs do. */
const moment = z
  .string('When?')
  .trim()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)?$/, 'When?')
  .transform((text) => new Date(/Z$|[+-]\d\d:\d\d$/.test(text) ? text : `${text}Z`))
  .refine((at) => !Number.isNaN(at.getTime()), 'There is no such time.');

export const ContestForm = z.object({
  rules: z.string().trim().min(1, 'Say what the rules are.').max(20_000, 'At most 20,000 characters.'),
  opensAt: moment,
  closesAt: moment,
  mostEntries: z.coerce.number('How many?').int('How many?').min(1, 'At least 1.').max(100, 'At most 100.').default(1),
  who: z.enum(['invited', 'anyone']).default('anyone'),
  intake: z.enum(['at-once', 'reviewed']).default('at-once'),
  hasVotes: z.enum(['0', '1']).default('0'),
});
type Form = z.output<typeof ContestForm>;
type Task = Pick<Work, 'em' | 'viewer' | 'words' | 'jobs' | 'now'>;

const wrong = (field: string, message: string) => new AppError('invalid', message, { fields: { [field]: message } });

/**
 * Makes a collection of the viewer's own a contest, or changes its terms: nothing that entrants relied on once it opened.
 * Throws `invalid` at the field, `conflict` for a collection that holds something or is private.
 */
export async function setContest({ em, viewer, words, jobs, now }: Task, id: number, form: Form): Promise<Contest> {
  const collection = await loadOwnCollection({ em, viewer }, id);
  const known = await em.findOne(Contest, id);
  if (collection.visibility === 'private') throw new AppError('conflict', t('contest.was-private'));
  if (!known && (await em.count(CollectionItem, { collection: id })) > 0)
    throw new AppError('conflict', t('contest.not-empty'));
  assertTimes(form, known, now());
  if (known) assertKept(known, form, now());
  if (known?.rules !== form.rules) await assertSayable({ words }, member(viewer), { rules: form.rules });
  const { who, intake, hasVotes, ...terms } = form;
  const given = { ...terms, hasVotes: hasVotes === '1' };
  return em.transactional(async (tx) => {
    const contest = known
      ? tx.assign(known, given)
      : tx.create(Contest, { collection: id, ...given, createdAt: now() }, { persist: true });
    Object.assign(collection, { adders: who, intake, updatedAt: now() });
    record(tx, collectionChanged, { collectionId: id });
    scheduleNotices({ em: tx, jobs, now }, contest);
    await tx.flush();
    return contest;
  });
}

function assertTimes({ opensAt, closesAt }: Form, known: Contest | null, at: Date): void {
  if (closesAt <= opensAt) throw wrong('closesAt', t('contest.order'));
  if (closesAt.getTime() - opensAt.getTime() > YEAR_MS) throw wrong('closesAt', t('contest.too-long'));
  if (opensAt.getTime() - at.getTime() > YEAR_MS) throw wrong('opensAt', t('contest.too-long'));
  if (closesAt <= at && closesAt.getTime() !== known?.closesAt.getTime()) throw wrong('closesAt', t('contest.past'));
}

/** What entrants relied on. Minutes are compared, because that is what the form has. */
function assertKept(known: Contest, form: Form, at: Date): void {
  const state = stateOf(known, at);
  if (state === 'coming') return;
  if (state !== 'open') throw new AppError('conflict', t('contest.fixed-closed'));
  if (minute(form.opensAt) !== minute(known.opensAt)) throw wrong('opensAt', t('contest.fixed-opening'));
  if (minute(form.closesAt) < minute(known.closesAt)) throw wrong('closesAt', t('contest.only-later'));
  if (form.mostEntries < known.mostEntries) throw wrong('mostEntries', t('contest.only-more'));
  if ((form.hasVotes === '1') !== known.hasVotes) throw wrong('hasVotes', t('contest.fixed-votes'));
}

const minute = (at: Date): number => Math.floor(at.getTime() / 60_000);

/** A plain collection again; only while nobody has entered. */
export async function endContest({ em, viewer }: Pick<Work, 'em' | 'viewer'>, id: number): Promise<void> {
  await loadOwnCollection({ em, viewer }, id);
  if ((await em.count(CollectionEntry, { collection: id })) > 0)
    throw new AppError('conflict', t('contest.has-entries'));
  await em.nativeDelete(Contest, { collection: id });
}
