import Router from '@koa/router';
import { anyone } from '../../accounts/access/guard.ts';
import { Review } from '../../gallery/reviews/model.ts';
import { uuidParam } from '../../kit/web/forms.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { objectUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { reviewDocument } from '../documents/review.ts';
import { countedCollection } from '../vocabulary/collection.ts';
import { type Document, withContext } from '../vocabulary/context.ts';
import { alternateOf } from './alternate.ts';
import type { Door } from './asker.ts';
import { sendActivity, sendPrivately, wantsActivity } from './negotiate.ts';
import { page, readingFor, sendTombstone } from './object-routes.ts';

/** Every review of ours at its page's address, and the lists that Hollo wants an answer from: nobody answers reviews. */
export function reviewRoutes(federation: Federation, door: Door): Router<State> {
  const { origin } = federation;
  const routes = new Router<State>();

  routes.get('/reviews/:id', anyone, async (ctx, next) => {
    ctx.vary('Accept');
    const id = uuidParam(ctx);
    const { em } = ctx.state.work;
    if (!wantsActivity(ctx.get('accept'))) return page(ctx, await alternateOf(em, origin, 'review', id), next);
    await answer(ctx, id, objectUri(origin, 'review', { id }), 'Note', async () =>
      reviewDocument(federation, em, await em.findOneOrFail(Review, id)),
    );
  });

  for (const name of ['replies', 'likes', 'shares']) {
    routes.get(`/reviews/:id/${name}`, anyone, async (ctx) => {
      await door.admit(ctx);
      const id = uuidParam(ctx);
      const uri = `${objectUri(origin, 'review', { id })}/${name}`;
      await answer(ctx, id, uri, 'Collection', async () => withContext(countedCollection(uri, 0)));
    });
  }
  return routes;

  async function answer(
    ctx: Ctx,
    id: string,
    uri: string,
    formerType: string,
    load: () => Promise<Document>,
  ): Promise<void> {
    const reading = await readingFor(ctx, door, 'review', id);
    if (reading === 'gone') {
      const review = await ctx.state.work.em.findOne(Review, id);
      return sendTombstone(ctx, uri, formerType, formerType === 'Note' ? (review?.deletedAt ?? null) : null);
    }
    if (reading === 'private') sendPrivately(ctx, await load());
    else sendActivity(ctx, await load());
  }
}
