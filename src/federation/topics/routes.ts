import Router from '@koa/router';
import type { EntityManager } from '@mikro-orm/core';
import { anyone } from '../../accounts/access/guard.ts';
import { Model } from '../../catalogue/model.ts';
import { countTopicFollowers, type Topic } from '../../gallery/topics/topic.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { Federation } from '../deps.ts';
import type { Door } from '../pages/asker.ts';
import { readingOf } from '../pages/may-read.ts';
import { sendActivity, wantsActivity } from '../pages/negotiate.ts';
import { sendTombstone } from '../pages/object-routes.ts';
import { buildCollection, buildCollectionPage, countedCollection } from '../vocabulary/collection.ts';
import { type Document, withContext } from '../vocabulary/context.ts';
import { topicDocument } from './actor.ts';
import { findTopicByPath, topicActorUri, topicFollowersUri } from './addresses.ts';
import { admitToTopic } from './admit.ts';
import { findCollectionEnd } from './collection-routes.ts';
import { countTold, listTold, tellingDocument } from './documents.ts';

const PER_PAGE = 20;

/** Where an actor of a topic lies. */
export const TOPIC_FOLDERS = ['/models/:id/actor', '/collections/:id/actor', '/tags/:id/actor'] as const;

/** The actors of models, collections and tags, for anyone, or whoever signs where the owner wants that. */
export function topicActorRoutes(federation: Federation, door: Door): Router<State> {
  const { origin } = federation;
  const routes = new Router<State>();

  const admitted = (ctx: Ctx, topic: Topic | null) => admitToTopic(door, ctx, topic);
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
  const at = await findCollectionEnd(em, Number(id));
  return at && { formerType: 'Group', at };
}

const bare = (document: Document): Document => {
  const { '@context': _context, ...body } = document;
  return body;
};
