import Router from '@koa/router';
import { z } from 'zod';
import { type FormState, readForm, submitForm } from '../../kit/web/forms.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { browserOnly, viewerIn } from '../access/guard.ts';
import type { AccountDeps } from '../deps.ts';
import { Account } from '../model.ts';
import { settingsPage } from '../settings-page.ts';
import { AliasForm, addAlias, cancelMove, MoveForm, moveAccount, PAUSE_DAYS, removeAlias } from './move.ts';

interface MovingNow {
  /** As other servers ask for it. */
  readonly handle: string;
  readonly aliases: readonly string[];
  readonly movedToUri: string | null;
  readonly pauseDays: number;
}

const movePage = settingsPage<MovingNow>('moving');
const OWN_PASSWORD: Limit = { name: 'own-password', max: 10, perMs: 15 * 60_000 };

/** `/settings/moving`: other accounts of the same person, and the way out. */
export function movingRoutes(deps: AccountDeps): Router<State> {
  const { limits, moving } = deps;
  const routes = new Router<State>();

  const show = async (ctx: Ctx, form?: FormState, refused?: string) => {
    const account = await ctx.state.work.em.findOneOrFail(Account, viewerIn(ctx).id);
    const { aliases, movedToUri } = account;
    const now = {
      handle: `@${account.name}@${deps.publicUrl.host}`,
      aliases: aliases ?? [],
      movedToUri: movedToUri ?? null,
    };
    movePage(ctx, { ...now, pauseDays: PAUSE_DAYS }, form, refused);
  };

  routes.get('/settings/moving', browserOnly, (ctx) => show(ctx));

  routes.post('/settings/moving/aliases', browserOnly, async (ctx) => {
    await submitForm(
      ctx,
      AliasForm,
      async (form) => {
        await addAlias(ctx.state.work, moving, form);
        ctx.redirect('/settings/moving?said=alias');
      },
      (form) => show(ctx, form, 'alias'),
    );
  });

  routes.post('/settings/moving/aliases/removal', browserOnly, async (ctx) => {
    const { uri } = await readForm(ctx, z.object({ uri: z.string().max(2_048) }));
    await removeAlias(ctx.state.work, uri);
    ctx.redirect('/settings/moving?said=alias-removed');
  });

  routes.post('/settings/moving/move', browserOnly, async (ctx) => {
    limits.take(ctx, OWN_PASSWORD);
    await submitForm(
      ctx,
      MoveForm,
      async (form) => {
        await moveAccount(ctx.state.work, moving, form);
        ctx.redirect('/settings/moving?said=moved');
      },
      (form) => show(ctx, form, 'move'),
    );
  });

  routes.post('/settings/moving/cancellation', browserOnly, async (ctx) => {
    await cancelMove(ctx.state.work);
    ctx.redirect('/settings/moving?said=move-cancelled');
  });

  return routes;
}
