import type Router from '@koa/router';
import { membersOnly } from '../../accounts/access/guard.ts';
import { AppError } from '../../kit/errors.ts';
import { idParam, readForm, uuidParam } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import type { GalleryDeps } from '../deps.ts';
import { assertSeesCollection } from './access.ts';
import { ADD } from './arrange-routes.ts';
import { listRefusals, listTheirs, type RefusalRow, refuse, withdrawRefusal } from './refuse.ts';
import { type NamedThing, Thing, thingOf } from './thing.ts';

interface RefusalsPage {
  readonly id: number;
  readonly name: string;
  /** Of the viewer's, in the collection. */
  readonly things: readonly NamedThing[];
  readonly refusals: readonly RefusalRow[];
}
const refusalsPage = view<RefusalsPage>('gallery/collection-refusals');

/** Whoever made something that lies in a collection of somebody else's, here or elsewhere, has it left out. */
export function refusalRoutes(routes: Router<State>, { limits }: GalleryDeps): void {
  routes.get('/collections/:id/refusals', membersOnly, async (ctx) => {
    const { em, viewer } = ctx.state.work;
    const id = idParam(ctx);
    const { collection, owner } = await assertSeesCollection(em, viewer, id);
    const viewerId = viewer?.id ?? 0;
    if (owner.id === viewerId) return ctx.redirect(`/collections/${id}/items`);
    refusalsPage(ctx, {
      id,
      name: collection.name,
      things: await listTheirs(em, id, viewerId),
      refusals: await listRefusals(em, id, viewerId),
      page: { title: t('refusals.title'), noindex: true },
    });
  });

  routes.post('/collections/:id/refusals', membersOnly, async (ctx) => {
    limits.take(ctx, ADD);
    const thing = thingOf(await readForm(ctx, Thing));
    if (!thing) throw new AppError('invalid', 'Leave what out?');
    await refuse(ctx.state.work, idParam(ctx), thing);
    ctx.redirect(`/collections/${idParam(ctx)}/refusals`);
  });

  routes.post('/collections/:id/refusals/:refusal/removal', membersOnly, async (ctx) => {
    await withdrawRefusal(ctx.state.work, uuidParam(ctx, 'refusal'));
    ctx.redirect(`/collections/${idParam(ctx)}/refusals`);
  });
}
