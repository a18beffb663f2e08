import { z } from 'zod';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { newId } from '../../kit/ids.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { assertSayable } from '../../safety/words/sayable.ts';
import { assertSeesCollection } from '../collections/access.ts';
import { loadOwnCollection } from '../collections/edit.ts';
import { CollectionEntry, CollectionMember } from '../collections/together/model.ts';
import { loadStanding, member } from '../collections/together/standing.ts';
import { contestTurned } from '../events.ts';
import { Contest, ContestScore, ContestVote, LEAST_SCORE, MOST_SCORE, stateOf } from './model.ts';

export const ScoreForm = z.object({
  score: z.coerce
    .number('A number from 1 to 10.')
    .int('A whole number.')
    .min(LEAST_SCORE, 'At least 1.')
    .max(MOST_SCORE, 'At most 10.'),
  note: z.string().trim().max(1_000, 'At most 1,000 characters.').default(''),
});
const place = z.coerce.number(t('contest.bad-place')).int(t('contest.bad-place')).min(1).max(100);
const list = <Item extends z.ZodType>(item: Item) => z.union([z.array(item), item]).transform((one) => [one].flat());

/** Lists of one length, as the rows of the form stand. */
export const ResultForm = z
  .object({
    text: z.string().trim().max(10_000, 'At most 10,000 characters.').default(''),
    entry: list(z.uuid()).default([]),
    place: list(z.union([z.literal('').transform(() => null), place])).default([]),
    award: list(z.string().trim().max(120, 'At most 120 characters.')).default([]),
  })
  .transform(({ text, entry, place: places, award }) => ({
    text,
    places: entry.flatMap((id, n) => {
      const its = places[n];
      return typeof its === 'number' ? [{ id: String(id), place: its, award: String(award[n] ?? '') }] : [];
    }),
  }));

type Task = Pick<Work, 'em' | 'viewer' | 'now'>;

export async function loadContest(em: Work['em'], viewer: Viewer | null, id: number) {
  const { collection, owner } = await assertSeesCollection(em, viewer, id);
  const contest = await em.findOne(Contest, id);
  if (!contest) throw new AppError('not_found', 'This is no contest.');
  return { contest, collection, owner, standing: await loadStanding(em, viewer, collection) };
}

async function loadEntry(em: Work['em'], collectionId: number, id: string): Promise<CollectionEntry> {
  const entry = await em.findOne(CollectionEntry, { id, collection: collectionId, state: 'in' });
  if (!entry) throw new AppError('not_found', t('contest.no-entry'));
  return entry;
}

/** As a judge who accepted. Throws `not_found` for everybody else. */
export async function loadJudged(em: Work['em'], viewer: Viewer | null, id: number) {
  const found = await loadContest(em, member(viewer), id);
  if (found.standing.role !== 'judge') throw new AppError('not_found', t('contest.no-judge'));
  return found;
}

/** Again changes it. */
export async function giveScore(
  { em, viewer, words, now }: Task & Pick<Work, 'words'>,
  collectionId: number,
  entryId: string,
  { score, note }: z.output<typeof ScoreForm>,
): Promise<void> {
  const judge = member(viewer);
  const { contest } = await loadJudged(em, viewer, collectionId);
  const state = stateOf(contest, now());
  if (contest.judgedAt != null || (state !== 'open' && state !== 'judging'))
    throw new AppError('conflict', t('contest.not-judging'));
  const entry = await loadEntry(em, collectionId, entryId);
  await assertSayable({ words }, judge, { note });
  await rows(
    em,
    `insert into contest_score (id, entry_id, judge_id, score, note, updated_at) values (?, ?, ?, ?, ?, ?)
     on conflict (entry_id, judge_id) do update set score = excluded.score, note = excluded.note,
       updated_at = excluded.updated_at returning id`,
    [newId(), entry.id, judge.id, score, note, now()],
  );
}

/** On or off. Throws `conflict` outside the window, `forbidden` for one's own entry and for judges. */
export async function vote(
  { em, viewer, now }: Task,
  collectionId: number,
  entryId: string,
  on: boolean,
): Promise<void> {
  const me = member(viewer);
  const { contest, standing } = await loadContest(em, viewer, collectionId);
  if (!contest.hasVotes) throw new AppError('conflict', t('contest.no-votes'));
  if (stateOf(contest, now()) !== 'open') throw new AppError('conflict', t('contest.vote-closed'));
  if (standing.role === 'judge') throw new AppError('forbidden', t('contest.judge-vote'));
  const entry = await loadEntry(em, collectionId, entryId);
  if (entry.account.id === me.id) throw new AppError('forbidden', t('contest.own-vote'));
  if (!on) await em.nativeDelete(ContestVote, { entry: entryId, account: me.id });
  else
    await rows(
      em,
      'insert into contest_vote (entry_id, account_id, created_at) values (?, ?, ?) on conflict do nothing returning entry_id',
      [entryId, me.id, now()],
    );
}

const countJudges = (em: Work['em'], id: number): Promise<number> =>
  em.count(CollectionMember, { collection: id, role: 'judge', acceptedAt: { $ne: null } });

/** The owner's; from then on they see the scores, and nobody changes them. */
export async function endJudging({ em, viewer, now }: Task, id: number): Promise<void> {
  await loadOwnCollection({ em, viewer }, id);
  const { contest } = await loadContest(em, viewer, id);
  if (stateOf(contest, now()) !== 'judging') throw new AppError('conflict', t('contest.first-closes'));
  contest.judgedAt ??= now();
  await em.flush();
}

/** The owner's, once: what was published stays. */
export async function publishResult(
  { em, viewer, words, now }: Task & Pick<Work, 'words'>,
  id: number,
  { text, places }: z.output<typeof ResultForm>,
): Promise<void> {
  await loadOwnCollection({ em, viewer }, id);
  const { contest } = await loadContest(em, viewer, id);
  const state = stateOf(contest, now());
  if (state === 'ended') throw new AppError('conflict', t('contest.is-over'));
  if (state !== 'judging') throw new AppError('conflict', t('contest.first-closes'));
  if (contest.judgedAt == null && (await countJudges(em, id)) > 0)
    throw new AppError('conflict', t('contest.first-end'));
  if (places.length === 0) throw new AppError('invalid', t('contest.no-places'));
  await assertSayable({ words }, member(viewer), {
    text,
    award: places
      .map(({ award }) => award)
      .join('\n')
      .trim(),
  });
  await em.transactional(async (tx) => {
    const taken = await tx.nativeUpdate(
      Contest,
      { collection: id, resultsAt: null },
      { resultsAt: now(), resultText: text },
    );
    if (taken === 0) throw new AppError('conflict', t('contest.is-over'));
    for (const { id: entryId, place: its, award } of places)
      await tx.nativeUpdate(CollectionEntry, { id: entryId, collection: id, state: 'in' }, { place: its, award });
    record(tx, contestTurned, { collectionId: id, turn: 'ended' });
    await tx.flush();
  });
}

export interface Tally {
  readonly average: number | null;
  readonly votes: number;
  readonly notes: readonly string[];
}

/** By entry, for those who may know them: the caller asks. */
export async function loadTallies(em: Work['em'], id: number): Promise<ReadonlyMap<string, Tally>> {
  const found = await rows<{ id: string; average: unknown; votes: unknown }>(
    em,
    `select e.id, (select avg(s.score * 1.0) from contest_score s where s.entry_id = e.id) as average,
       (select count(*) from contest_vote v where v.entry_id = e.id) as votes
     from collection_entry e where e.collection_id = ?`,
    [id],
  );
  const notes = await em.find(ContestScore, { entry: { collection: id }, note: { $ne: '' } }, { limit: 5_000 });
  return new Map(
    found.map((row) => [
      row.id,
      {
        average: row.average == null ? null : Math.round(Number(row.average) * 10) / 10,
        votes: toNumber(row.votes),
        notes: notes.filter(({ entry }) => entry.id === row.id).map(({ note }) => note),
      },
    ]),
  );
}
