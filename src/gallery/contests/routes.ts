import type Router from '@koa/router';
import { z } from 'zod';
import { anyone, membersOnly } from '../../accounts/access/guard.ts';
import { AppError } from '../../kit/errors.ts';
import {
  EMPTY_FORM,
  type FormState,
  idParam,
  readForm,
  readQuery,
  submitForm,
  uuidParam,
} from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import { loadOwnCollection } from '../collections/edit.ts';
import type { GalleryDeps } from '../deps.ts';
import { eyesOf } from '../views.ts';
import { endJudging, giveScore, loadContest, loadJudged, publishResult, ResultForm, ScoreForm, vote } from './judge.ts';
import { CONTEST_TABS, type ContestLine, ContestsQuery, listContests } from './list.ts';
import { Contest, ContestScore, type ContestState, stateOf } from './model.ts';
import { ContestForm, endContest, setContest } from './set.ts';
import { type ContestEntry, listContestEntries, listVoted } from './view.ts';

export const JUDGE: Limit = { name: 'contest-judge', max: 600, perMs: 3_600_000 };
export const SET: Limit = { name: 'contest-set', max: 60, perMs: 3_600_000 };

type WithId = Ctx & { params: Record<string, string | undefined> };

interface ListPage {
  readonly items: readonly ContestLine[];
  readonly show: string;
  readonly tabs: readonly { readonly label: string; readonly href: string; readonly current: boolean }[];
  readonly moreUrl: string;
}
const listPage = view<ListPage>('gallery/contests/list');

interface FormPage {
  readonly id: number;
  readonly name: string;
  readonly state: ContestState | null;
  readonly form: FormState;
}
const formPage = view<FormPage>('gallery/contests/form');

interface EntriesPage {
  readonly id: number;
  readonly name: string;
  readonly state: ContestState;
  readonly hasVotes: boolean;
  readonly canVote: boolean;
  readonly voted: readonly string[];
  readonly mineName: string;
  readonly entries: readonly ContestEntry[];
}
const entriesPage = view<EntriesPage>('gallery/contests/entries');

interface JudgingPage {
  readonly id: number;
  readonly name: string;
  readonly isOver: boolean;
  readonly entries: readonly (ContestEntry & { readonly score: number | null; readonly note: string })[];
  /** The entry whose score was refused. */
  readonly wrong: string;
  readonly form: FormState;
}
const judgingPage = view<JudgingPage>('gallery/contests/judging');

interface ResultPage {
  readonly id: number;
  readonly name: string;
  readonly state: ContestState;
  readonly isJudged: boolean;
  readonly entries: readonly ContestEntry[];
  readonly form: FormState;
}
const resultPage = view<ResultPage>('gallery/contests/result');

const local = (at: Date): string => at.toISOString().slice(0, 16);
const VoteForm = z.object({ on: z.enum(['0', '1']).default('1') });

export function contestRoutes(routes: Router<State>, { limits }: GalleryDeps): void {
  routes.get('/contests', anyone, async (ctx) => {
    const query = readQuery(ctx, ContestsQuery);
    const { items, nextAfter } = await listContests(ctx.state.work, query);
    const href = (show: string) => (show === 'open' ? '/contests' : `/contests?show=${show}`);
    listPage(ctx, {
      ...{ items, show: query.show },
      tabs: CONTEST_TABS.map((tab) => ({
        ...{ label: t(`contest.tab-${tab}`), href: href(tab), current: tab === query.show },
      })),
      moreUrl: nextAfter === '' ? '' : `/contests?show=${query.show}&after=${nextAfter}`,
      page: {
        title: t('contest.title'),
        canonical: href(query.show),
        feeds: [{ title: t('contest.feed'), href: '/feeds/contests.atom' }],
      },
    });
  });

  const form = async (ctx: WithId, given?: FormState) => {
    const { em, now } = ctx.state.work;
    const id = idParam(ctx);
    const { name, adders, intake } = await loadOwnCollection(ctx.state.work, id);
    const contest = await em.findOne(Contest, id);
    const values = contest && {
      ...{ rules: contest.rules, opensAt: local(contest.opensAt), closesAt: local(contest.closesAt) },
      ...{ mostEntries: String(contest.mostEntries), hasVotes: contest.hasVotes ? '1' : '0' },
      ...{ who: adders === 'invited' ? 'invited' : 'anyone', intake },
    };
    const state = contest && stateOf(contest, now());
    const filled = given ?? { ...EMPTY_FORM, values: values ?? { who: 'anyone', intake, mostEntries: '1' } };
    formPage(ctx, { id, name, state, form: filled, page: { title: t('contest.edit'), noindex: true } });
  };

  routes.get('/collections/:id/contest', membersOnly, (ctx) => form(ctx));

  routes.post('/collections/:id/contest', membersOnly, async (ctx) => {
    limits.take(ctx, SET);
    await submitForm(
      ctx,
      ContestForm,
      async (given) => {
        await setContest(ctx.state.work, idParam(ctx), given);
        ctx.redirect(`/collections/${idParam(ctx)}`);
      },
      (given) => form(ctx, given),
    );
  });

  routes.post('/collections/:id/contest/removal', membersOnly, async (ctx) => {
    await endContest(ctx.state.work, idParam(ctx));
    ctx.redirect(`/collections/${idParam(ctx)}`);
  });

  routes.get('/collections/:id/entries', anyone, async (ctx) => {
    const { work } = ctx.state;
    const id = idParam(ctx);
    const { contest, collection, standing } = await loadContest(work.em, work.viewer, id);
    const state = stateOf(contest, work.now());
    entriesPage(ctx, {
      ...{ id, name: collection.name, state, hasVotes: contest.hasVotes, mineName: work.viewer?.name ?? '' },
      canVote: contest.hasVotes && state === 'open' && work.viewer !== null && standing.role !== 'judge',
      voted: await listVoted(work, id),
      entries: await listContestEntries(work, contest, await eyesOf(work.em, work.viewer)),
      page: { title: collection.name, noindex: true },
    });
  });

  routes.post('/collections/:id/entries/:entry/vote', membersOnly, async (ctx) => {
    limits.take(ctx, JUDGE);
    const { on } = await readForm(ctx, VoteForm);
    await vote(ctx.state.work, idParam(ctx), uuidParam(ctx, 'entry'), on === '1');
    ctx.redirect(`/collections/${idParam(ctx)}/entries`);
  });

  const judging = async (ctx: WithId, wrong = '', given: FormState = EMPTY_FORM) => {
    const { em, viewer } = ctx.state.work;
    const id = idParam(ctx);
    const { contest, collection } = await loadJudged(em, viewer, id);
    const scores = await em.find(ContestScore, { judge: viewer?.id ?? 0, entry: { collection: id } });
    const entries = await listContestEntries(ctx.state.work, contest, await eyesOf(em, viewer), false);
    judgingPage(ctx, {
      ...{ id, name: collection.name, wrong, form: given },
      isOver: contest.judgedAt != null || contest.resultsAt != null,
      entries: entries
        .filter(({ isIn }) => isIn)
        .map((entry) => {
          const its = scores.find((one) => one.entry.id === entry.id);
          return { ...entry, score: its?.score ?? null, note: its?.note ?? '' };
        }),
      page: { title: t('contest.judging-title'), noindex: true },
    });
  };

  routes.get('/collections/:id/judging', membersOnly, (ctx) => judging(ctx));

  routes.post('/collections/:id/judging/:entry', membersOnly, async (ctx) => {
    limits.take(ctx, JUDGE);
    const entry = uuidParam(ctx, 'entry');
    await submitForm(
      ctx,
      ScoreForm,
      async (given) => {
        await giveScore(ctx.state.work, idParam(ctx), entry, given);
        ctx.redirect(`/collections/${idParam(ctx)}/judging#${entry}`);
      },
      (given) => judging(ctx, entry, given),
    );
  });

  const result = async (ctx: WithId, given: FormState = EMPTY_FORM) => {
    const { work } = ctx.state;
    const id = idParam(ctx);
    await loadOwnCollection(work, id);
    const { contest, collection } = await loadContest(work.em, work.viewer, id);
    if (contest.resultsAt != null) throw new AppError('conflict', t('contest.is-over'));
    const eyes = await eyesOf(work.em, work.viewer);
    const isJudged = contest.judgedAt != null;
    const entries = (await listContestEntries(work, contest, eyes, isJudged)).filter(({ isIn }) => isIn);
    entries.sort((a, b) => (b.average ?? 0) - (a.average ?? 0) || (b.votes ?? 0) - (a.votes ?? 0));
    const state = stateOf(contest, work.now());
    const page = { title: t('contest.result-make'), noindex: true };
    resultPage(ctx, { id, name: collection.name, state, isJudged, entries, form: given, page });
  };

  routes.get('/collections/:id/result', membersOnly, (ctx) => result(ctx));

  routes.post('/collections/:id/result', membersOnly, async (ctx) => {
    limits.take(ctx, SET);
    await submitForm(
      ctx,
      ResultForm,
      async (given) => {
        await publishResult(ctx.state.work, idParam(ctx), given);
        ctx.redirect(`/collections/${idParam(ctx)}`);
      },
      (given) => result(ctx, given),
    );
  });

  routes.post('/collections/:id/result/judged', membersOnly, async (ctx) => {
    await endJudging(ctx.state.work, idParam(ctx));
    ctx.redirect(`/collections/${idParam(ctx)}/result`);
  });
}
