import type Router from '@koa/router';
import { z } from 'zod';
import type { State } from '../../../kit/web/state.ts';
import { submitWithFiles, type WayIn } from '../files/routes.ts';
import { type CaseDeps, sealPage } from '../pages/deps.ts';
import { MOST_PROOF_BYTES, type Side, sendIdentity } from './identity.ts';

/** Of somebody who is a party to the case. */
export interface PartyWay extends WayIn {
  readonly party: Side;
}

const LIMITS = { field: 'identity', maxFiles: 1, maxFileBytes: MOST_PROOF_BYTES };

/** A party sends a picture that shows who they are; there is no address at which it can be seen again. */
export function identityRoute(routes: Router<State>, { claims, limits, uploadsDir }: CaseDeps, way: PartyWay): void {
  const { path, party, guard, limit, load, urlOf, show } = way;
  routes.post(`${path}/identity`, guard, async (ctx) => {
    sealPage(ctx);
    if (limit) limits.take(ctx, limit);
    const kase = await load(ctx);
    await submitWithFiles(
      ctx,
      uploadsDir,
      LIMITS,
      z.object({}),
      async (_form, [file]) => {
        await sendIdentity(ctx.state.work, claims, kase, party, file);
        ctx.redirect(`${urlOf(kase)}?said=identity#identity`);
      },
      (form) => show(ctx, kase, form),
    );
  });
}
