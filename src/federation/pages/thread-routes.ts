import Router from '@koa/router';
import type { EntityManager } from '@mikro-orm/core';
import { anyone } from '../../accounts/access/guard.ts';
import { ModelVersion } from '../../catalogue/model.ts';
import { Reaction } from '../../gallery/model.ts';
import { countShares } from '../../gallery/shares.ts';
import { AppError } from '../../kit/errors.ts';
import { idParam, uuidParam } from '../../kit/web/forms.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { objectUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { type Answered, countReplies, listReplies } from '../documents/replies.ts';
import { countedCollection } from '../vocabulary/collection.ts';
import { type Document, withContext } from '../vocabulary/context.ts';
import type { Door } from './asker.ts';
import { readCursor, writeCursor } from './cursor.ts';
import { isNumbered, type Reading } from './may-read.ts';
import { sendActivity, sendPrivately } from './negotiate.ts';
import { readingFor, sendTombstone } from './object-routes.ts';

const KINDS = { models: 'model', posts: 'post', images: 'image', comments: 'comment', reviews: 'review' } as const;
const PER_PAGE = 40;
const PLACE = /^(\d{1,14}) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/**
 * `replies`, `likes` and `shares` of every object, for whoever may read the object itself (P02). They answer whenever
 * the object does, because Hollo drops a post whose `replies` do not (spec/federation.md, section 5).
 */
export function threadRoutes({ origin }: Federation, door: Door): Router<State> {
  const routes = new Router<State>();
  for (const [folder, kind] of Object.entries(KINDS)) {
    const collection = (
      name: string,
      load: (em: EntityManager, uri: string, id: number | string, page: unknown) => Promise<Document>,
    ) =>
      routes.get(`/${folder}/:id/${name}`, anyone, async (ctx) => {
        await door.admit(ctx);
        const id = isNumbered(kind) ? idParam(ctx) : uuidParam(ctx);
        const uri = `${objectUri(origin, kind, { id })}/${name}`;
        const reading = await readingFor(ctx, door, kind, id);
        if (reading === 'gone') return sendTombstone(ctx, uri, 'Collection', null);
        send(ctx, reading, withContext(await load(ctx.state.work.em, uri, id, ctx.query.page)));
      });
    collection('replies', (em, uri, id, page) => loadReplies(em, uri, kind, id, page));
    collection('likes', async (em, uri, id) => countedCollection(uri, await em.count(Reaction, { [kind]: id })));
    collection('shares', async (em, uri, id) =>
      // reviews are passed on by nobody
      countedCollection(uri, kind === 'review' ? 0 : await countShares(em, { kind, id })),
    );
  }

  /** A version is part of its model; what is said of it alone is its reviews. */
  routes.get('/versions/:id/replies', anyone, async (ctx) => {
    await door.admit(ctx);
    const { em } = ctx.state.work;
    const id = idParam(ctx);
    const version = await em.findOne(ModelVersion, { id, uri: null, state: 'published' });
    if (!version) throw nothing();
    const uri = `${objectUri(origin, 'version', { id })}/replies`;
    const reading = await readingFor(ctx, door, 'model', version.model.id);
    if (reading === 'gone') return sendTombstone(ctx, uri, 'Collection', null);
    send(ctx, reading, withContext(await loadReplies(em, uri, 'version', id, ctx.query.page)));
  });
  return routes;

  async function loadReplies(
    em: EntityManager,
    uri: string,
    kind: Answered,
    id: number | string,
    page: unknown,
  ): Promise<Document> {
    if (page === undefined) {
      const totalItems = await countReplies(em, kind, id);
      return { id: uri, type: 'Collection', totalItems, first: await replyPage(em, uri, kind, id, null) };
    }
    const place = readCursor(page, PLACE);
    return { id: `${uri}?page=${String(page)}`, ...(await replyPage(em, uri, kind, id, place)) };
  }

  async function replyPage(
    em: EntityManager,
    uri: string,
    kind: Answered,
    id: number | string,
    place: readonly string[] | null,
  ): Promise<Document> {
    const [time, lastId = ''] = place ?? [];
    const after = place && { at: new Date(Number(time)), id: lastId };
    const replies = await listReplies(em, kind, id, PER_PAGE, after);
    const last = replies.length === PER_PAGE ? replies.at(-1) : undefined;
    return {
      type: 'CollectionPage',
      partOf: uri,
      ...(last ? { next: `${uri}?page=${writeCursor(last.createdAt.getTime(), last.id)}` } : {}),
      items: replies.map((reply) => objectUri(origin, reply.kind, reply)),
    };
  }
}

const nothing = () => new AppError('not_found', 'There is no such object.');

function send(ctx: Ctx, reading: Reading, document: Document): void {
  if (reading === 'nothing') throw nothing();
  if (reading === 'private') sendPrivately(ctx, document);
  else sendActivity(ctx, document);
}
