import Router from '@koa/router';
import type { EntityManager } from '@mikro-orm/core';
import { anyone } from '../../accounts/access/guard.ts';
import { lookAtCollection } from '../../gallery/collections/access.ts';
import { Collection } from '../../gallery/collections/model.ts';
import { findTopic } from '../../gallery/topics/topic.ts';
import { idParam } from '../../kit/web/forms.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { Federation } from '../deps.ts';
import type { Door } from '../pages/asker.ts';
import { readCursor, writeCursor } from '../pages/cursor.ts';
import { sendActivity, wantsActivity } from '../pages/negotiate.ts';
import { sendTombstone } from '../pages/object-routes.ts';
import { buildCollectionPage, countedCollection } from '../vocabulary/collection.ts';
import { withContext } from '../vocabulary/context.ts';
import { collectionNoteUri, collectionUri } from './addresses.ts';
import { admitToTopic } from './admit.ts';
import { collectionDocument, collectionNote, listMembers } from './collection-documents.ts';
import { toldUri } from './documents.ts';

const PER_PAGE = 20;
const PLACE = /^(-?\d{1,10}) ([0-9a-f-]{36})$/;

/** When a collection that everybody saw was deleted or removed; null for what is hidden, and for what never was. */
export async function findCollectionEnd(em: EntityManager, id: number): Promise<Date | null> {
  const look = await lookAtCollection(em, null, id, 'federate');
  const isGone = look?.verdict.allowed === false && look.verdict.reason === 'gone';
  if (!look || !isGone || look.collection.uri != null || look.collection.visibility !== 'public') return null;
  return look.collection.deletedAt ?? look.collection.updatedAt;
}

/** Public collections of ours and the notes that tell of them, for anyone, or whoever signs where the owner wants that. */
export function collectionObjectRoutes(federation: Federation, door: Door): Router<State> {
  const { origin } = federation;
  const routes = new Router<State>();

  /** Null where a tombstone was the answer. Throws `not_found` for what is hidden. */
  const load = async (ctx: Ctx, id: number, uri: string, formerType: string): Promise<Collection | null> => {
    const { em } = ctx.state.work;
    await door.admit(ctx);
    const end = await findCollectionEnd(em, id);
    if (end) {
      sendTombstone(ctx, uri, formerType, end);
      return null;
    }
    await admitToTopic(door, ctx, await findTopic(em, 'collection', id));
    return em.findOneOrFail(Collection, id);
  };

  routes.get('/collections/:id', anyone, async (ctx, next) => {
    ctx.vary('Accept');
    if (!wantsActivity(ctx.get('accept'))) return next();
    const { em } = ctx.state.work;
    const id = idParam(ctx);
    const uri = collectionUri(origin, { id });
    const found = await load(ctx, id, uri, 'OrderedCollection');
    if (!found) return;
    const { page } = ctx.query;
    if (page === undefined) return sendActivity(ctx, await collectionDocument(federation, em, found));
    const [position, itemId = ''] = readCursor(page, PLACE) ?? [];
    const after = position === undefined ? null : { position: Number(position), itemId };
    const members = await listMembers(em, id, PER_PAGE, after);
    const last = members.length === PER_PAGE ? members.at(-1) : undefined;
    const items: string[] = [];
    for (const one of members) items.push((await toldUri(origin, em, one))?.uri ?? '');
    sendActivity(
      ctx,
      buildCollectionPage({
        uri: `${uri}?page=${page}`,
        collectionUri: uri,
        nextUri: last ? `${uri}?page=${writeCursor(last.position, last.itemId)}` : null,
        items: items.filter((item) => item !== ''),
      }),
    );
  });

  routes.get('/collections/:id/note', anyone, async (ctx) => {
    ctx.vary('Accept');
    const id = idParam(ctx);
    if (!wantsActivity(ctx.get('accept'))) return ctx.redirect(`/collections/${id}`);
    const found = await load(ctx, id, collectionNoteUri(origin, { id }), 'Note');
    if (found) sendActivity(ctx, await collectionNote(federation, ctx.state.work.em, found));
  });

  // what every note has beside it; nobody answers or likes a collection
  for (const name of ['replies', 'likes', 'shares']) {
    routes.get(`/collections/:id/note/${name}`, anyone, async (ctx) => {
      const id = idParam(ctx);
      const uri = `${collectionNoteUri(origin, { id })}/${name}`;
      if (await load(ctx, id, uri, 'Collection')) sendActivity(ctx, withContext(countedCollection(uri, 0)));
    });
  }
  return routes;
}
