import { z } from 'zod';
import { CollectionQuery, loadCollectionPage } from '../../../discovery/collection.ts';
import { ADD } from '../../../gallery/collections/arrange-routes.ts';
import {
  CollectionForm,
  createCollection,
  deleteCollection,
  editCollection,
} from '../../../gallery/collections/edit.ts';
import {
  COLLECTED_KINDS,
  COLLECTION_ADDERS,
  COLLECTION_INTAKES,
  COLLECTION_VISIBILITIES,
} from '../../../gallery/collections/model.ts';
import { listOwnCollections } from '../../../gallery/collections/queries.ts';
import { collect, uncollect } from '../../../gallery/collections/together/put.ts';
import { loadKeptCollection } from '../../../gallery/collections/together/standing.ts';
import { checkForm } from '../../../kit/web/forms.ts';
import { defineOperation, defineOwn, type Operation, type OwnAsk } from '../../operation/define.ts';
import { ById, pathId, text } from '../query.ts';
import { Done, done, Published, published } from './said.ts';

const group = 'Collections';
const scope = 'write:social';

const CollectionBody = z.strictObject({
  name: z.string().max(120).optional(),
  /** Markdown. */
  description: z.string().max(5_000).optional(),
  visibility: z.enum(COLLECTION_VISIBILITIES).optional(),
  adders: z.enum(COLLECTION_ADDERS).optional(),
  intake: z.enum(COLLECTION_INTAKES).optional(),
});

const shown = {
  id: z.int(),
  name: z.string(),
  visibility: z.enum(COLLECTION_VISIBILITIES),
  itemCount: z.int(),
  url: z.url(),
};

const said = async (ask: OwnAsk, id: number) => ({
  id,
  ...(await published(ask.em, `${ask.origin}/collections/${id}`, { kind: 'collection', id })),
});
const Saved = Published.extend({ id: z.int() });
/** `waiting`: until whoever keeps the collection approves it. */
const Put = Done.extend({ state: z.enum(['in', 'waiting', 'out']) });
const Item = z.object({ id: pathId, kind: z.enum(COLLECTED_KINDS), thing: pathId });

export const COLLECTION_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'get', path: '/collections', name: 'listOwnCollections', group, scope: 'read' },
    summary: 'Collections of one’s own, those that changed last first.',
    answer: z.object({ items: z.array(z.object(shown)) }),
    run: async (ask) => ({
      items: (await listOwnCollections(ask, null, ask.eyes)).map(({ id, name, visibility, itemCount }) => ({
        ...{ id, name, visibility, itemCount, url: `${ask.origin}/collections/${id}` },
      })),
    }),
  }),
  defineOperation({
    ...{ method: 'get', path: '/collections/:id', name: 'getCollection', group },
    summary: 'A collection, and what is in it among the ratings of whoever asks.',
    params: ById,
    query: z.object({ cursor: text(60) }),
    answer: z.object({
      ...shown,
      description: z.string(),
      username: z.string(),
      adders: z.enum(COLLECTION_ADDERS),
      intake: z.enum(COLLECTION_INTAKES),
      items: z.array(
        z.object({ kind: z.enum(['model', 'post', 'image']), id: z.int(), title: z.string(), url: z.url() }),
      ),
      nextCursor: z.string().optional(),
    }),
    run: async (ask, { params: { id }, query }) => {
      const page = await loadCollectionPage(ask, id, CollectionQuery.parse(query));
      const nextCursor = page.moreUrl === '' ? null : new URL(page.moreUrl, ask.origin).searchParams.get('cursor');
      return {
        ...{ id, name: page.name, visibility: page.visibility, itemCount: page.itemCount },
        ...{ url: `${ask.origin}/collections/${id}`, description: page.description, username: page.owner.name },
        ...{ adders: page.together.adders, intake: page.together.intake },
        items: page.items.flatMap(({ url, title }) => {
          const [, kind, its] = /^\/(model|post|image)s\/(\d+)/.exec(url) ?? [];
          return kind ? [{ kind: kind as 'model', id: Number(its), title, url: ask.origin + url }] : [];
        }),
        ...(nextCursor ? { nextCursor } : {}),
      };
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/collections', name: 'createCollection', group, scope, status: 201, once: true },
    summary: 'A new collection.',
    ...{ body: CollectionBody.required({ name: true }), answer: Saved },
    run: async (ask, { body }) => {
      ask.take(ADD);
      return said(ask, (await createCollection(ask, checkForm(body, CollectionForm))).id);
    },
  }),
  defineOwn({
    ...{ method: 'patch', path: '/collections/:id', name: 'editCollection', group, scope },
    summary: 'Changes what a collection says of itself, and who sees it.',
    ...{ params: ById, body: CollectionBody, answer: Saved },
    run: async (ask, { params: { id }, body }) => {
      const { name, description, visibility, adders, intake } = (await loadKeptCollection(ask, id)).collection;
      await editCollection(
        ask,
        id,
        checkForm({ name, description, visibility, adders, intake, ...body }, CollectionForm),
      );
      return said(ask, id);
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/collections/:id', name: 'deleteCollection', group, scope },
    summary: 'Deletes a collection; what was in it stays where it is.',
    ...{ params: ById, answer: Done },
    run: async (ask, { params }) => {
      await deleteCollection(ask, params.id);
      return done;
    },
  }),
  ...(
    [
      [
        'put',
        'collect',
        'Puts a model, post or image into a collection, or hands it in for review. Again is the same.',
        collect,
      ],
      ['delete', 'uncollect', 'Takes it out again, or takes back what waits.', uncollect],
    ] as const
  ).map(([method, name, summary, act]) =>
    defineOwn({
      ...{ method, path: '/collections/:id/items/:kind/:thing', name, summary, group, scope },
      ...{ params: Item, answer: Put },
      run: async (ask, { params: { id, kind, thing } }) => {
        ask.take(ADD);
        return { ...done, state: (await act(ask, id, { kind, id: thing })) ?? ('out' as const) };
      },
    }),
  ),
];
