import type { Middleware } from 'koa';
import { browserOnly } from '../../../accounts/access/guard.ts';
import { unsign } from '../../../accounts/access/secrets.ts';
import { Account } from '../../../accounts/model.ts';
import type { Ctx, State } from '../../../kit/web/state.ts';
import { ClaimCase } from '../model/case.ts';
import { OWN_KEY } from '../verify/letters.ts';
import type { CaseDeps } from './deps.ts';
import { openInBrowser, readOpened } from './key.ts';

/*
 * Whoever was suspended cannot sign in, and still reads why and appeals (spec/takedowns.md 2.6): the letter about the
 * decision carries a signed link to their side of that one case. It opens nothing while they can sign in.
 */

const COOKIE = 'own-case';

/** The uploader: signed in, or shut out and with the link of their letter. */
export const uploaderOnly =
  (deps: CaseDeps): Middleware<State> =>
  async (ctx, next) => {
    const { token } = ctx.query;
    if (ctx.state.work.viewer || ctx.state.door === 'token') return browserOnly(ctx, next);
    ctx.set('Cache-Control', 'no-store');
    if (ctx.method === 'GET' && typeof token === 'string') {
      const kase = await findShutOut(ctx, (unsign(deps.claims.secretKey, OWN_KEY, token) ?? '').split('_'));
      if (!kase) return browserOnly(ctx, next);
      openInBrowser(ctx, deps, kase, COOKIE);
      return ctx.redirect(`/cases/${kase.number}`);
    }
    return (await findOwnOpened(ctx, deps)) ? next() : browserOnly(ctx, next);
  };

export const findOwnOpened = (ctx: Ctx, deps: CaseDeps): Promise<ClaimCase | null> =>
  findShutOut(ctx, readOpened(ctx, deps, COOKIE));

/** By what was signed: the case of the address, while its uploader cannot sign in and there is something to read. */
async function findShutOut(ctx: Ctx, [id = '', until = '']: readonly string[]): Promise<ClaimCase | null> {
  const { em, now } = ctx.state.work;
  if (id === '' || Number(until) < now().getTime()) return null;
  const kase = await em.findOne(ClaimCase, {
    id,
    number: String(ctx.params.number ?? ''),
    uploaderToldAt: { $ne: null },
  });
  const uploader = kase?.uploaderId == null ? null : await em.findOne(Account, { id: kase.uploaderId, host: '' });
  return uploader && uploader.state !== 'active' ? kase : null;
}
