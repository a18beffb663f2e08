import type { Viewer, Work } from '../../kit/work.ts';
import type { Collection } from '../collections/model.ts';
import { CollectionMember } from '../collections/together/model.ts';
import { type EntryRow, listEntries } from '../collections/together/queries.ts';
import { type Eyes, hidingNothing } from '../views.ts';
import { loadTallies, type Tally } from './judge.ts';
import { Contest, type ContestState, ContestVote, stateOf } from './model.ts';

/** What the page of a contest says of it to everybody. */
export interface ContestView {
  readonly state: ContestState;
  /** Markdown. */
  readonly rules: string;
  readonly opensAt: string;
  readonly closesAt: string;
  readonly resultsAt: string | null;
  readonly mostEntries: number;
  readonly hasVotes: boolean;
  readonly judges: readonly string[];
  /** Markdown; '' before the result. */
  readonly resultText: string;
  /** What has a place, the first first. */
  readonly places: readonly ContestEntry[];
}

export interface ContestEntry extends EntryRow {
  /** Null before they may be known. */
  readonly votes: number | null;
  /** Of the judges; null before the result, and without any. */
  readonly average: number | null;
  readonly notes: readonly string[];
  /** Entered, and here. */
  readonly isIn: boolean;
}

type Asking = Pick<Work, 'em' | 'now'> & { readonly viewer: Viewer | null };

export async function findContestView(asking: Asking, { id }: Collection, eyes: Eyes): Promise<ContestView | null> {
  const { em, now } = asking;
  const contest = await em.findOne(Contest, id);
  if (!contest) return null;
  const state = stateOf(contest, now());
  const judges = await em.find(
    CollectionMember,
    { collection: id, role: 'judge', acceptedAt: { $ne: null } },
    { populate: ['account'], limit: 50 },
  );
  return {
    ...{ state, rules: contest.rules, mostEntries: contest.mostEntries, hasVotes: contest.hasVotes },
    ...{ opensAt: contest.opensAt.toISOString(), closesAt: contest.closesAt.toISOString() },
    resultsAt: contest.resultsAt?.toISOString() ?? null,
    judges: judges.map(({ account }) => account.$.name),
    resultText: contest.resultText,
    places:
      state === 'ended'
        ? (await listContestEntries(asking, contest, eyes)).filter((entry) => entry.place !== null)
        : [],
  };
}

/** With what may be known of them by now: votes once it closed, scores with the result. */
export async function listContestEntries(
  { em, now }: Asking,
  contest: Contest,
  eyes: Eyes,
  seesScores = contest.resultsAt != null,
): Promise<ContestEntry[]> {
  const id = contest.collection.id;
  const isClosed = ['judging', 'ended'].includes(stateOf(contest, now()));
  const tallies = isClosed ? await loadTallies(em, id) : new Map<string, Tally>();
  const entries = await listEntries(em, id, hidingNothing(eyes));
  return entries.map((entry) => {
    const tally = tallies.get(entry.id);
    return {
      ...entry,
      votes: contest.hasVotes && isClosed ? (tally?.votes ?? 0) : null,
      average: seesScores ? (tally?.average ?? null) : null,
      notes: seesScores ? (tally?.notes ?? []) : [],
      isIn: entry.state === 'in' && entry.thing !== null,
    };
  });
}

/** Entries for which somebody voted. */
export async function listVoted({ em, viewer }: Asking, id: number): Promise<readonly string[]> {
  if (!viewer) return [];
  const found = await em.find(ContestVote, { account: viewer.id, entry: { collection: id } });
  return found.map(({ entry }) => entry.id);
}
