import { z } from 'zod';
import { ADD, ARRANGE } from '../../../gallery/collections/arrange-routes.ts';
import { COLLECTED_KINDS, CollectionItem, CollectionRefusal } from '../../../gallery/collections/model.ts';
import { chooseCover, moveItem } from '../../../gallery/collections/order.ts';
import { refuse, withdrawRefusal } from '../../../gallery/collections/refuse.ts';
import type { Collected } from '../../../gallery/collections/thing.ts';
import { loadKeptCollection } from '../../../gallery/collections/together/standing.ts';
import { AppError } from '../../../kit/errors.ts';
import { defineOwn, type Operation, type OwnAsk } from '../../operation/define.ts';
import { ById, MOST_ID, pathId } from '../query.ts';
import { Done, done } from './said.ts';

const group = 'Collections';
const scope = 'write:social';

const Item = z.object({ id: pathId, kind: z.enum(COLLECTED_KINDS), thing: pathId });
const Thing = z.strictObject({ kind: z.enum(COLLECTED_KINDS), id: z.int().min(1).max(MOST_ID) });

/** Its place in a collection that one keeps. Throws `not_found`. */
async function loadItemId(ask: OwnAsk, collectionId: number, { kind, id }: Collected): Promise<string> {
  await loadKeptCollection(ask, collectionId);
  const item = await ask.em.findOne(CollectionItem, { collection: collectionId, [kind]: id });
  if (!item) throw new AppError('not_found', 'This is not in the collection.');
  return item.id;
}

/** What stands where in a collection and for all of it, and what of one's own lies in none. */
export const ARRANGE_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'put', path: '/collections/:id/items/:kind/:thing/place', name: 'moveCollected', group, scope },
    summary: 'Puts a thing somewhere else in a collection: one place up or down, to the front, or beside another.',
    params: Item,
    body: z.union([
      z.strictObject({ to: z.enum(['up', 'down', 'first']) }),
      z.strictObject({ to: z.enum(['before', 'after']), beside: Thing }),
    ]),
    answer: Done,
    run: async (ask, { params: { id, kind, thing }, body }) => {
      ask.take(ARRANGE);
      const itemId = await loadItemId(ask, id, { kind, id: thing });
      const move = 'beside' in body ? { to: body.to, itemId: await loadItemId(ask, id, body.beside) } : body;
      await moveItem(ask, id, itemId, move);
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'put', path: '/collections/:id/cover', name: 'chooseCover', group, scope },
    summary: 'Chooses what stands for a collection; null lets the first do it.',
    ...{ params: ById, body: z.strictObject({ cover: Thing.nullable() }), answer: Done },
    run: async (ask, { params: { id }, body: { cover } }) => {
      ask.take(ARRANGE);
      await chooseCover(ask, id, cover && (await loadItemId(ask, id, cover)));
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'put', path: '/collections/:id/refusals/:kind/:thing', name: 'refuseCollecting', group, scope },
    summary: 'Has something of one’s own left out of a collection of somebody else’s, for good. Again is the same.',
    ...{ params: Item, answer: Done },
    run: async (ask, { params: { id, kind, thing } }) => {
      ask.take(ADD);
      await refuse(ask, id, { kind, id: thing });
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/collections/:id/refusals/:kind/:thing', name: 'allowCollecting', group, scope },
    summary: 'Lets it be put in again.',
    ...{ params: Item, answer: Done },
    run: async (ask, { params: { id, kind, thing } }) => {
      const its = { collection: id, [kind]: thing, account: ask.viewer.id };
      const refusal = await ask.em.findOne(CollectionRefusal, its);
      if (!refusal) throw new AppError('not_found', 'You did not ask for this.');
      await withdrawRefusal(ask, refusal.id);
      return done;
    },
  }),
];
