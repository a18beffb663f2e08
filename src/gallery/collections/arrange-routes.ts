import type Router from '@koa/router';
import { z } from 'zod';
import { membersOnly } from '../../accounts/access/guard.ts';
import { idParam, readForm, readQuery, uuidParam } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import type { GalleryDeps } from '../deps.ts';
import { eyesOf } from '../views.ts';
import { type ArrangedItem, chooseCover, listArrangement, moveItem } from './order.ts';
import { listRefusals, type RefusalRow } from './refuse.ts';
import { loadKeptCollection } from './together/standing.ts';

export const ADD: Limit = { name: 'collect', max: 300, perMs: 3_600_000 };
export const ARRANGE: Limit = { name: 'arrange', max: 600, perMs: 3_600_000 };

interface ArrangePage {
  readonly id: number;
  readonly name: string;
  readonly items: readonly ArrangedItem[];
  /** The part of the list that this is; '' for its beginning. */
  readonly cursor: string;
  readonly nextUrl: string;
  /** Nothing was chosen: the first stands for it. */
  readonly hasChosenCover: boolean;
  readonly refusals: readonly RefusalRow[];
}
const arrangePage = view<ArrangePage>('gallery/collection-items');

const cursor = z.string().max(60).optional().catch(undefined);
const ListQuery = z.object({ cursor });
const CoverForm = z.object({ item: z.uuid().or(z.literal('')).default(''), cursor });
const MoveForm = z
  .object({ to: z.enum(['up', 'down', 'first', 'before', 'after']), beside: z.uuid().optional(), cursor })
  .refine(({ to, beside }) => (to === 'before' || to === 'after') === (beside !== undefined), 'Beside what?');

/** The owner of a collection alone: what stands where, and what stands for all. */
export function arrangeRoutes(routes: Router<State>, { limits }: GalleryDeps): void {
  const addressOf = (id: number, place: string | undefined) =>
    `/collections/${id}/items${place ? `?cursor=${encodeURIComponent(place)}` : ''}`;

  routes.get('/collections/:id/items', membersOnly, async (ctx) => {
    const { work } = ctx.state;
    const id = idParam(ctx);
    const query = readQuery(ctx, ListQuery);
    const {
      collection: { name, coverItemId },
    } = await loadKeptCollection(work, id);
    const list = await listArrangement(work, id, await eyesOf(work.em, work.viewer), query.cursor);
    arrangePage(ctx, {
      ...{ id, name, items: list.items, hasChosenCover: coverItemId != null },
      cursor: list.isFromStart ? '' : (query.cursor ?? ''),
      nextUrl: list.nextCursor === null ? '' : addressOf(id, list.nextCursor),
      refusals: await listRefusals(work.em, id, null),
      page: { title: t('collection.arrange'), noindex: true },
    });
  });

  routes.post('/collections/:id/items/:item/place', membersOnly, async (ctx) => {
    limits.take(ctx, ARRANGE);
    const { to, beside = '', cursor: place } = await readForm(ctx, MoveForm);
    const move = to === 'before' || to === 'after' ? { to, itemId: beside } : { to };
    await moveItem(ctx.state.work, idParam(ctx), uuidParam(ctx, 'item'), move);
    ctx.redirect(addressOf(idParam(ctx), to === 'first' ? undefined : place));
  });

  routes.post('/collections/:id/cover', membersOnly, async (ctx) => {
    limits.take(ctx, ARRANGE);
    const { item, cursor: place } = await readForm(ctx, CoverForm);
    await chooseCover(ctx.state.work, idParam(ctx), item === '' ? null : item);
    ctx.redirect(addressOf(idParam(ctx), place));
  });
}
