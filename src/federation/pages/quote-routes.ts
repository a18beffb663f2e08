import Router from '@koa/router';
import { anyone } from '../../accounts/access/guard.ts';
import { Account } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
import { uuidParam } from '../../kit/web/forms.ts';
import type { State } from '../../kit/web/state.ts';
import { actorUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { findTarget } from '../ingest/target.ts';
import { QuoteStamp } from '../model.ts';
import { withContext } from '../vocabulary/context.ts';
import { sendActivity } from './negotiate.ts';

export const stampUri = (origin: string, stampId: string): string => `${origin}/quotes/${stampId}`;

/** The proof that a post of ours may be quoted by that one (FEP-044f); gone when the post is. */
export function quoteRoutes({ origin }: Federation): Router<State> {
  const routes = new Router<State>();
  routes.get('/quotes/:id', anyone, async (ctx) => {
    const { em } = ctx.state.work;
    const stamp = await em.findOne(QuoteStamp, uuidParam(ctx));
    const target = stamp && (await findTarget(em, origin, stamp.targetUri));
    if (!stamp || !target?.isPublic) throw new AppError('not_found', 'There is no such quote.');
    const owner = await em.findOneOrFail(Account, stamp.account.id);
    sendActivity(
      ctx,
      withContext({
        id: stampUri(origin, stamp.id),
        type: 'QuoteAuthorization',
        attributedTo: actorUri(origin, owner),
        interactingObject: stamp.quoteUri,
        interactionTarget: stamp.targetUri,
      }),
    );
  });
  return routes;
}
