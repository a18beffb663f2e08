import Router from '@koa/router';
import { anyone, membersOnly } from '../../accounts/access/guard.ts';
import { readFileHash } from '../../catalogue/files/by-hash.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import type { Federation } from '../deps.ts';
import type { Door } from '../pages/asker.ts';
import { sendActivity, wantsActivity } from '../pages/negotiate.ts';
import { holdersDocument } from './answer.ts';
import { askHolders } from './ask.ts';
import { type HoldersPage, loadHoldersPage } from './view.ts';

const holdersPage = view<HoldersPage>('federation/holders');
const ANSWERS = { name: 'holder-answers', max: 300, perMs: 60_000 };

/** `/hashes/:hash`: who has this file, for people as a page and for nodes of our kind as a collection of our models. */
export function holderRoutes(federation: Federation, door: Door | null): Router<State> {
  const routes = new Router<State>();

  routes.get('/hashes/:hash', anyone, async (ctx) => {
    const { work } = ctx.state;
    const text = ctx.params.hash ?? '';
    federation.limits.take(ctx, ANSWERS);
    const hash = readFileHash(text);
    if (hash === null) throw new AppError('not_found', 'This is no hash of a file.');
    if (door && wantsActivity(ctx.get('accept'))) {
      // one spelling, because the address is the id
      if (text !== hash) throw new AppError('not_found', 'There is no such object.');
      await door.admit(ctx);
      return sendActivity(ctx, await holdersDocument(federation, work.em, hash));
    }
    if (text !== hash) return ctx.redirect(`/hashes/${hash}`);
    ctx.set('Cache-Control', 'no-store');
    const page = { title: t('holders.title'), noindex: true };
    holdersPage(ctx, { ...(await loadHoldersPage(work, federation, hash)), page });
  });

  if (door) {
    routes.post('/hashes/:hash/question', membersOnly, async (ctx) => {
      const hash = readFileHash(ctx.params.hash ?? '');
      if (hash === null) throw new AppError('not_found', 'This is no hash of a file.');
      await askHolders(ctx.state.work, federation, hash);
      ctx.redirect(`/hashes/${hash}`);
    });
  }

  return routes;
}
