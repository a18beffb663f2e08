import Router from '@koa/router';
import type { EntityManager } from '@mikro-orm/core';
import { anyone } from '../../accounts/access/guard.ts';
import { type Account, Follow } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import { Post } from '../../gallery/model.ts';
import { listPins } from '../../gallery/pins.ts';
import { rows, toDate, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { isId } from '../../kit/ids.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { actorUri, objectUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { isRendered, modelDocument, postDocument } from '../documents/objects.ts';
import { buildCreate } from '../vocabulary/activity.ts';
import { type Document, withContext } from '../vocabulary/context.ts';
import type { Door } from './asker.ts';
import { FIRST_PAGE, readCursor, writeCursor } from './cursor.ts';
import { loadLocalAccount } from './local-account.ts';
import { sendActivity } from './negotiate.ts';
import { sendTombstone } from './object-routes.ts';

const PER_PAGE = 20;

/**
 * What an account has. How many is said of everything; who knows whom only where the account shows it (P04), and what
 * somebody likes stands under what they liked.
 */
export function collectionRoutes(federation: Federation, door: Door): Router<State> {
  const { origin } = federation;
  const routes = new Router<State>();

  /** The collection of one account; a deleted account's went with it. */
  const owned = (name: string, send: (ctx: Ctx, account: Account, uri: string) => Promise<void>) =>
    routes.get(`/users/:name/${name}`, anyone, async (ctx) => {
      await door.admit(ctx);
      const account = await loadLocalAccount(ctx.state.work.em, ctx.params.name ?? '');
      const uri = `${actorUri(origin, account)}/${name}`;
      if (account.state === 'suspended') throw new AppError('withheld', 'This account is suspended.');
      if (account.state === 'deleted') return sendTombstone(ctx, uri, 'OrderedCollection', account.deletedAt ?? null);
      await send(ctx, account, uri);
    });

  const counted = (name: string, end: 'target' | 'follower', other: 'target' | 'follower') =>
    owned(name, async (ctx, account, uri) => {
      const { em } = ctx.state.work;
      const { page } = ctx.query;
      const { isNetworkShown } = account;
      if (page === undefined) {
        const totalItems = await em.count(Follow, { [end]: account, state: 'accepted' });
        return sendHead(ctx, uri, totalItems, isNetworkShown);
      }
      const [after] = readCursor(page, UUID_PLACE) ?? [];
      if (after !== undefined && !isId(after)) throw new AppError('malformed', 'This is no page.');
      if (!isNetworkShown) return sendPage(ctx, uri, String(page), [], null);
      const follows = await em.find(
        Follow,
        { [end]: account, state: 'accepted', ...(after === undefined ? {} : { id: { $lt: after } }) },
        { populate: [other], orderBy: { id: 'desc' }, limit: PER_PAGE },
      );
      const last = follows.length === PER_PAGE ? follows.at(-1) : undefined;
      const items = follows.map((follow) => actorUri(origin, follow[other].$ as Account));
      await sendPage(ctx, uri, String(page), items, last ? writeCursor(last.id) : null);
    });
  counted('followers', 'target', 'follower');
  counted('following', 'follower', 'target');

  owned('liked', async (ctx, account, uri) => {
    if (ctx.query.page !== undefined) return sendPage(ctx, uri, FIRST_PAGE, [], null);
    await sendHead(ctx, uri, await countLiked(ctx.state.work.em, account), false);
  });

  owned('outbox', async (ctx, account, uri) => {
    const { em } = ctx.state.work;
    const { page } = ctx.query;
    if (page === undefined) return sendHead(ctx, uri, await countPublic(em, account), true);
    const items = await listPublic(em, account, page);
    const last = items.length === PER_PAGE ? items.at(-1) : undefined;
    const documents: Document[] = [];
    for (const item of items) documents.push(...(await createOf(em, item)));
    const cursor = last ? writeCursor(last.listedAt.getTime(), last.kind, last.id) : null;
    await sendPage(ctx, uri, String(page), documents, cursor);
  });

  // at most five: the ids in full, so that nobody has to ask for a page
  owned('featured', async (ctx, account, uri) => {
    const pins = await listPins(ctx.state.work.em, account.id);
    const orderedItems = pins.map(({ kind, id }) => objectUri(origin, kind, { id }));
    sendActivity(ctx, withContext({ id: uri, type: 'OrderedCollection', totalItems: pins.length, orderedItems }));
  });

  routes.get('/actor/outbox', anyone, async (ctx) => {
    if (ctx.query.page === undefined) await sendHead(ctx, `${origin}/actor/outbox`, 0, false);
    else await sendPage(ctx, `${origin}/actor/outbox`, FIRST_PAGE, [], null);
  });

  return routes;

  async function sendHead(ctx: Ctx, uri: string, totalItems: number, hasPages: boolean): Promise<void> {
    const apex = federation.apex();
    const { first, ...head } = (await apex.toJSONLD(await apex.buildCollection(uri, true, totalItems))) as Document;
    sendActivity(ctx, hasPages ? { ...head, first } : head);
  }

  async function sendPage(
    ctx: Ctx,
    uri: string,
    page: string,
    items: readonly (Document | string)[],
    nextCursor: string | null,
  ): Promise<void> {
    const apex = federation.apex();
    const built = await apex.toJSONLD(await apex.buildCollectionPage(uri, page, true, nextCursor));
    sendActivity(ctx, { ...built, orderedItems: items });
  }

  async function createOf(em: EntityManager, { kind, id }: PublicItem): Promise<Document[]> {
    const row = kind === 'model' ? await em.findOne(Model, id) : await em.findOne(Post, id);
    if (!row || (kind === 'post' && !(await isRendered(em, id)))) return [];
    const document =
      kind === 'model'
        ? await modelDocument(federation, em, row as Model)
        : await postDocument(federation, em, row as Post);
    const uri = String(document.id);
    const create = buildCreate({ uri: `${uri}#create`, actorUri: String(document.attributedTo) }, bare(document));
    return [bare(create)];
  }
}

const UUID_PLACE = /^([0-9a-f-]{36})$/;
const OUTBOX_PLACE = /^(\d{1,14}) (model|post) (\d{1,10})$/;

const bare = (document: Document): Document => {
  const { '@context': _context, ...body } = document;
  return body;
};

interface PublicItem {
  readonly kind: 'model' | 'post';
  readonly id: number;
  readonly listedAt: Date;
}

const PUBLIC = `from (select 'model' as kind, id, listed_at from model where owner_id = ? and is_local = ? and listed_at is not null
  union all select 'post', id, listed_at from post where owner_id = ? and is_local = ? and listed_at is not null) x`;

/** Of what is public: a number tells nothing of the rest (P03). A comment counts with its page. */
async function countLiked(em: EntityManager, { id }: Account): Promise<number> {
  const listed = (kind: string, column: string) =>
    `exists (select 1 from ${kind} x where x.id = ${column} and x.listed_at is not null)`;
  const [found] = await rows<{ n: unknown }>(
    em,
    `select count(*) as n from reaction r left join comment c on c.id = r.comment_id and c.audience = 'page'
     where r.account_id = ? and (${['model', 'post', 'image'].map((kind) => listed(kind, `coalesce(r.${kind}_id, c.${kind}_id)`)).join(' or ')})`,
    [id],
  );
  return toNumber(found?.n);
}

async function countPublic(em: EntityManager, { id }: Account): Promise<number> {
  const [found] = await rows<{ n: unknown }>(em, `select count(*) as n ${PUBLIC}`, [id, true, id, true]);
  return toNumber(found?.n);
}

/** Newest first; things of one moment in a fixed order, so that no page leaves one out. */
async function listPublic(em: EntityManager, { id }: Account, page: unknown): Promise<PublicItem[]> {
  const place = readCursor(page, OUTBOX_PLACE);
  const [time, kind = '', lastId] = place ?? [];
  const found = await rows<{ kind: 'model' | 'post'; id: number; listed_at: unknown }>(
    em,
    `select kind, id, listed_at ${PUBLIC} ${place ? 'where (listed_at, kind, id) < (?, ?, ?)' : ''}
     order by listed_at desc, kind desc, id desc limit ${PER_PAGE}`,
    [id, true, id, true, ...(place ? [new Date(Number(time)), kind, Number(lastId)] : [])],
  );
  return found.map((row) => ({ kind: row.kind, id: row.id, listedAt: toDate(row.listed_at) }));
}
