import Router from '@koa/router';
import { z } from 'zod';
import { idParam, readForm, uuidParam } from '../kit/web/forms.ts';
import type { Limit } from '../kit/web/rate-limit.ts';
import type { Ctx, State } from '../kit/web/state.ts';
import { browserOnly, membersOnly, safeNext } from './access/guard.ts';
import { blockAccount, listBlocks, unblockAccount } from './block.ts';
import type { AccountDeps } from './deps.ts';
import {
  acceptFollow,
  followAccount,
  listFollowers,
  listFollowRequests,
  listOwnRequests,
  rejectFollow,
  unfollowAccount,
} from './follow.ts';
import { Account, handle } from './model.ts';
import { type AccountCard, accountCard } from './profile/header.ts';
import { settingsPage } from './settings-page.ts';

interface FollowRow {
  readonly id: string;
  readonly askedAt: string;
  readonly account: AccountCard;
}

interface PeoplePage {
  /** Who waits for an answer. */
  readonly requests: readonly FollowRow[];
  /** Whose answer is waited for. */
  readonly asked: readonly FollowRow[];
  /** The newest hundred. */
  readonly followers: readonly FollowRow[];
  readonly blocks: readonly { readonly kind: 'block' | 'mute'; readonly account: AccountCard }[];
}
const peoplePage = settingsPage<PeoplePage>('people');

/** As the toggle button sends it: 1 switches on, 0 off. */
const Switch = z.object({ on: z.enum(['0', '1']).default('1') });

export const FOLLOW: Limit = { name: 'follow', max: 200, perMs: 3_600_000 };

/** Follow, block and mute: any member; the requests and blocks of each member under `/settings/people`. */
export function peopleRoutes({ limits }: AccountDeps): Router<State> {
  const routes = new Router<State>();

  const backTo = async (ctx: Ctx, accountId: number) => {
    if (typeof ctx.query.next === 'string') return ctx.redirect(safeNext(ctx.query.next));
    const account = await ctx.state.work.em.findOne(Account, accountId);
    ctx.redirect(account ? `/${handle(account)}` : '/');
  };

  routes.post('/accounts/:id/follow', membersOnly, async (ctx) => {
    limits.take(ctx, FOLLOW);
    const { on } = await readForm(ctx, Switch);
    const targetId = idParam(ctx);
    if (on === '1') await followAccount(ctx.state.work, targetId);
    else await unfollowAccount(ctx.state.work, targetId);
    await backTo(ctx, targetId);
  });

  for (const kind of ['block', 'mute'] as const) {
    routes.post(`/accounts/:id/${kind}`, membersOnly, async (ctx) => {
      const { on } = await readForm(ctx, Switch);
      const targetId = idParam(ctx);
      if (on === '1') await blockAccount(ctx.state.work, targetId, kind);
      else await unblockAccount(ctx.state.work, targetId);
      await backTo(ctx, targetId);
    });
  }

  routes.get('/settings/people', browserOnly, async (ctx) => {
    const { work } = ctx.state;
    const cards = (rows: Awaited<ReturnType<typeof listFollowRequests>>) =>
      rows.map((one) => ({ ...one, account: accountCard(one.account) }));
    const blocks = await listBlocks(work);
    peoplePage(ctx, {
      requests: cards(await listFollowRequests(work)),
      asked: cards(await listOwnRequests(work)),
      followers: cards(await listFollowers(work)),
      blocks: blocks.map((one) => ({ ...one, account: accountCard(one.account) })),
    });
  });

  routes.post('/follows/:id/acceptance', membersOnly, async (ctx) => {
    await acceptFollow(ctx.state.work, uuidParam(ctx));
    ctx.redirect('/settings/people');
  });

  routes.post('/follows/:id/rejection', membersOnly, async (ctx) => {
    await rejectFollow(ctx.state.work, uuidParam(ctx));
    ctx.redirect('/settings/people');
  });

  return routes;
}
