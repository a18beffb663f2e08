import Router from '@koa/router';
import type { EntityManager } from '@mikro-orm/core';
import { anyone } from '../../accounts/access/guard.ts';
import { isBlockedEither } from '../../accounts/block.ts';
import { Model } from '../../catalogue/model.ts';
import { Collection } from '../../gallery/collections/model.ts';
import { countTopicFollowers, findTopic, type Topic } from '../../gallery/topics/topic.ts';
import { AppError } from '../../kit/errors.ts';
import { idParam } from '../../kit/web/forms.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { Federation } from '../deps.ts';
import type { Door } from '../pages/asker.ts';
import { readCursor, writeCursor } from '../pages/cursor.ts';
import { readingOf } from '../pages/may-read.ts';
import { sendActivity, wantsActivity } from '../pages/negotiate.ts';
import { sendTombstone } from '../pages/object-routes.ts';
import { buildCollection, buildCollectionPage, countedCollection } from '../vocabulary/collection.ts';
import { type Document, withContext } from '../vocabulary/context.ts';
import { topicDocument } from './actor.ts';
import { collectionUri, findTopicByPath, topicActorUri, topicFollowersUri } from './addresses.ts';
import { collectionDocument, countTold, listTold, tellingDocument, toldUri } from './documents.ts';

const PER_PAGE = 20;
const PLACE = /^(\d{1,14}) (model|post) (\d{1,10})$/;

const nothing = () => new AppError('not_found', 'There is nothing here that can be followed.');

/** Where an actor of a topic lies. */
export const TOPIC_FOLDERS = ['/models/:id/actor', '/collections/:id/actor', '/tags/:id/actor'] as const;

/** The actors of models, collections and tags, for anyone, or whoever signs where the owner wants that; and collections themselves. */
export function topicActorRoutes(federation: Federation, door: Door): Router<State> {
  const { origin } = federation;
  const routes = new Router<State>();

  /** Throws `not_found` for what is hidden, and for who is blocked. */
  const admitted = async (ctx: Ctx, topic: Topic | null): Promise<Topic> => {
    await door.admit(ctx);
    if (!topic) throw nothing();
    if ((await door.mode(ctx)) === 'everything' && topic.ownerId !== null) {
      const { viewer } = await door.asker(ctx);
      if (viewer && (await isBlockedEither(ctx.state.work, viewer.id, topic.ownerId))) throw nothing();
    }
    return topic;
  };
  const topicOf = (ctx: Ctx, end = '') =>
    findTopicByPath(ctx.state.work.em, ctx.path.slice(0, ctx.path.length - end.length));

  for (const folder of TOPIC_FOLDERS) {
    routes.get(folder, anyone, async (ctx, next) => {
      ctx.vary('Accept');
      const found = await topicOf(ctx);
      // a model of the name “Actor” has its page at this address
      if (!wantsActivity(ctx.get('accept'))) {
        if (folder.startsWith('/models') || !found) return next();
        return ctx.redirect(found.url);
      }
      await door.admit(ctx);
      const end = found ? null : await findEnd(ctx.state.work.em, ctx.path);
      if (end) return sendTombstone(ctx, `${origin}${ctx.path}`, end.formerType, end.at);
      sendActivity(ctx, await topicDocument(federation, ctx.state.work.em, await admitted(ctx, found)));
    });

    routes.get(`${folder}/followers`, anyone, async (ctx) => {
      const topic = await admitted(ctx, await topicOf(ctx, '/followers'));
      const total = await countTopicFollowers(ctx.state.work.em, topic.kind, topic.id);
      sendActivity(
        ctx,
        withContext({ ...countedCollection(topicFollowersUri(origin, topic), total), type: 'OrderedCollection' }),
      );
    });

    routes.get(`${folder}/outbox`, anyone, async (ctx) => {
      const { em } = ctx.state.work;
      const topic = await admitted(ctx, await topicOf(ctx, '/outbox'));
      const uri = `${topicActorUri(origin, topic)}/outbox`;
      const first = `${uri}?page=true`;
      if (ctx.query.page === undefined) {
        const totalItems = await countTold(em, topic.kind, topic.id);
        return sendActivity(ctx, buildCollection({ uri, totalItems, firstPageUri: first }));
      }
      const items: Document[] = [];
      for (const told of await listTold(em, topic.kind, topic.id, PER_PAGE)) {
        const telling = await tellingDocument(federation, em, topic, told);
        if (telling) items.push(bare(telling.document));
      }
      sendActivity(ctx, buildCollectionPage({ uri: first, collectionUri: uri, nextUri: null, items }));
    });
  }

  routes.get('/collections/:id', anyone, async (ctx, next) => {
    ctx.vary('Accept');
    if (!wantsActivity(ctx.get('accept'))) return next();
    const { em } = ctx.state.work;
    const id = idParam(ctx);
    await door.admit(ctx);
    const found = await em.findOne(Collection, { id, uri: null, visibility: 'public' });
    const uri = collectionUri(origin, { id });
    if (found?.deletedAt) return sendTombstone(ctx, uri, 'OrderedCollection', found.deletedAt);
    await admitted(ctx, await findTopic(em, 'collection', id));
    if (!found) throw nothing();
    const { page } = ctx.query;
    if (page === undefined) return sendActivity(ctx, await collectionDocument(federation, em, found));
    const [at, kind = '', lastId] = readCursor(page, PLACE) ?? [];
    const after = at === undefined ? null : { at: new Date(Number(at)), kind, id: Number(lastId) };
    const told = await listTold(em, 'collection', id, PER_PAGE, after);
    const last = told.length === PER_PAGE ? told.at(-1) : undefined;
    const items: string[] = [];
    for (const one of told) items.push((await toldUri(origin, em, one))?.uri ?? '');
    sendActivity(
      ctx,
      buildCollectionPage({
        uri: `${uri}?page=${page}`,
        collectionUri: uri,
        nextUri: last ? `${uri}?page=${writeCursor(last.at.getTime(), last.kind, last.id)}` : null,
        items: items.filter((item) => item !== ''),
      }),
    );
  });

  // a tag has no object beside its actor: whoever pastes its page finds that
  routes.get('/tags/:id', anyone, async (ctx, next) => {
    ctx.vary('Accept');
    if (!wantsActivity(ctx.get('accept'))) return next();
    const topic = await admitted(ctx, await topicOf(ctx));
    sendActivity(ctx, await topicDocument(federation, ctx.state.work.em, topic));
  });

  return routes;
}

/** When something that everybody saw was deleted; null for what is hidden, and for what never was. */
async function findEnd(em: EntityManager, path: string): Promise<{ formerType: string; at: Date | null } | null> {
  const [, folder, id] = /^\/(models|collections)\/([1-9]\d{0,8})\/actor$/.exec(path) ?? [];
  if (folder === 'models' && (await readingOf(em, 'model', Number(id), null)) === 'gone') {
    return { formerType: 'Service', at: (await em.findOne(Model, Number(id)))?.deletedAt ?? null };
  }
  if (folder !== 'collections') return null;
  const where = { id: Number(id), uri: null, visibility: 'public', deletedAt: { $ne: null } } as const;
  const collection = await em.findOne(Collection, where);
  return collection && { formerType: 'Group', at: collection.deletedAt ?? null };
}

const bare = (document: Document): Document => {
  const { '@context': _context, ...body } = document;
  return body;
};
