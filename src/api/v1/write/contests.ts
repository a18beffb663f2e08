import { z } from 'zod';
import {
  endJudging,
  giveScore,
  loadContest,
  publishResult,
  ResultForm,
  ScoreForm,
  vote,
} from '../../../gallery/contests/judge.ts';
import { CONTEST_TABS, ContestsQuery, listContests } from '../../../gallery/contests/list.ts';
import { JUDGE, SET } from '../../../gallery/contests/routes.ts';
import { ContestForm, endContest, setContest } from '../../../gallery/contests/set.ts';
import { findContestView, listContestEntries } from '../../../gallery/contests/view.ts';
import { AppError } from '../../../kit/errors.ts';
import { checkForm } from '../../../kit/web/forms.ts';
import { defineOperation, defineOwn, type Operation } from '../../operation/define.ts';
import { ById, pathId, text } from '../query.ts';
import { Done, done } from './said.ts';

const group = 'Contests';
const scope = 'write:social';

const State = z.enum(['coming', 'open', 'judging', 'ended']);
const OfEntry = z.object({ id: pathId, entry: z.uuid().toLowerCase() });

/** Absent before it may be known. */
const Entry = z.object({
  id: z.uuid(),
  username: z.string(),
  present: z.boolean(),
  url: z.url().optional(),
  place: z.int().optional(),
  award: z.string(),
  votes: z.int().optional(),
  average: z.number().optional(),
});

/** A contest is a collection: it is entered by `collect`. */
export const CONTEST_OPERATIONS: readonly Operation[] = [
  defineOperation({
    ...{ method: 'get', path: '/contests', name: 'listContests', group },
    summary: 'Public contests: open or opening soon, being judged, or ended.',
    query: z.object({ show: z.enum(CONTEST_TABS).optional(), cursor: text(40) }),
    answer: z.object({
      items: z.array(
        z.object({
          ...{ id: z.int(), name: z.string(), username: z.string(), state: State, url: z.url() },
          ...{ opensAt: z.string(), closesAt: z.string(), entryCount: z.int() },
        }),
      ),
      nextCursor: z.string().optional(),
    }),
    run: async (ask, { query }) => {
      const found = await listContests(ask, ContestsQuery.parse({ show: query.show, after: query.cursor }));
      return {
        items: found.items.map(({ id, name, owner, state, url, opensAt, closesAt, entryCount }) => ({
          ...{ id, name, username: owner.name, state, url: ask.origin + url, opensAt, closesAt, entryCount },
        })),
        ...(found.nextAfter === '' ? {} : { nextCursor: found.nextAfter }),
      };
    },
  }),
  defineOperation({
    ...{ method: 'get', path: '/collections/:id/contest', name: 'getContest', group },
    summary: 'The terms of a contest, its entries, and as much of votes, scores and result as may be known.',
    params: ById,
    answer: z.object({
      ...{ state: State, rules: z.string(), opensAt: z.string(), closesAt: z.string(), mostEntries: z.int() },
      ...{ hasVotes: z.boolean(), judges: z.array(z.string()), resultText: z.string(), entries: z.array(Entry) },
    }),
    run: async (ask, { params: { id } }) => {
      const { contest, collection } = await loadContest(ask.em, ask.viewer, id);
      const found = await findContestView(ask, collection, ask.eyes);
      if (!found) throw new AppError('not_found', 'This is no contest.');
      const { state, rules, opensAt, closesAt, mostEntries, hasVotes, judges, resultText } = found;
      const entries = await listContestEntries(ask, contest, ask.eyes);
      return {
        ...{ state, rules, opensAt, closesAt, mostEntries, hasVotes, judges: [...judges], resultText },
        entries: entries.map((entry) => ({
          ...{ id: entry.id, username: entry.person.name, present: entry.isIn, award: entry.award },
          ...(entry.thing && { url: ask.origin + entry.thing.url }),
          ...(entry.place !== null && { place: entry.place }),
          ...(entry.votes !== null && { votes: entry.votes }),
          ...(entry.average !== null && { average: entry.average }),
        })),
      };
    },
  }),
  defineOwn({
    ...{ method: 'put', path: '/collections/:id/contest', name: 'setContest', group, scope },
    summary: 'Makes an empty collection of one’s own a contest, or changes its terms.',
    params: ById,
    body: z.strictObject({
      ...{ rules: z.string().max(20_000), opensAt: z.string().max(40), closesAt: z.string().max(40) },
      ...{ mostEntries: z.int().min(1).max(100).optional(), who: z.enum(['invited', 'anyone']).optional() },
      ...{ intake: z.enum(['at-once', 'reviewed']).optional(), hasVotes: z.boolean().optional() },
    }),
    answer: Done,
    run: async (ask, { params: { id }, body }) => {
      ask.take(SET);
      const { hasVotes = false, ...given } = body;
      await setContest(ask, id, checkForm({ ...given, hasVotes: hasVotes ? '1' : '0' }, ContestForm));
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/collections/:id/contest', name: 'removeContest', group, scope },
    summary: 'Makes it a plain collection again, while nobody has entered.',
    ...{ params: ById, answer: Done },
    run: async (ask, { params }) => {
      await endContest(ask, params.id);
      return done;
    },
  }),
  ...(
    [
      ['put', 'voteForEntry', 'Votes for an entry of an open contest.', true],
      ['delete', 'withdrawVote', 'Takes one’s vote back.', false],
    ] as const
  ).map(([method, name, summary, on]) =>
    defineOwn({
      ...{ method, path: '/collections/:id/entries/:entry/vote', name, summary, group, scope },
      ...{ params: OfEntry, answer: Done },
      run: async (ask, { params }) => {
        ask.take(JUDGE);
        await vote(ask, params.id, params.entry, on);
        return done;
      },
    }),
  ),
  defineOwn({
    ...{ method: 'put', path: '/collections/:id/entries/:entry/score', name: 'scoreEntry', group, scope },
    summary: 'Gives an entry a score, as a judge.',
    params: OfEntry,
    body: z.strictObject({ score: z.int().min(1).max(10), note: z.string().max(1_000).optional() }),
    answer: Done,
    run: async (ask, { params, body }) => {
      ask.take(JUDGE);
      await giveScore(ask, params.id, params.entry, checkForm(body, ScoreForm));
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'put', path: '/collections/:id/contest/judged', name: 'endJudging', group, scope },
    summary: 'Ends the judging of a contest of one’s own that has closed.',
    ...{ params: ById, answer: Done },
    run: async (ask, { params }) => {
      await endJudging(ask, params.id);
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'put', path: '/collections/:id/contest/result', name: 'publishResult', group, scope },
    summary: 'Publishes the result of a contest of one’s own, once.',
    params: ById,
    body: z.strictObject({
      text: z.string().max(10_000).optional(),
      places: z
        .array(
          z.strictObject({
            ...{ entry: z.uuid(), place: z.int().min(1).max(100), award: z.string().max(120).optional() },
          }),
        )
        .min(1)
        .max(100),
    }),
    answer: Done,
    run: async (ask, { params: { id }, body: { text: said = '', places } }) => {
      ask.take(SET);
      const form = {
        ...{ text: said, entry: places.map(({ entry }) => entry), place: places.map(({ place }) => place) },
        award: places.map(({ award = '' }) => award),
      };
      await publishResult(ask, id, checkForm(form, ResultForm));
      return done;
    },
  }),
];
