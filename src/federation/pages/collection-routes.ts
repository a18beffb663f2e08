import Router from '@koa/router';
import type { EntityManager } from '@mikro-orm/core';
import { anyone } from '../../accounts/access/guard.ts';
import { Account, Follow } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import { Comment, Post, Reaction } from '../../gallery/model.ts';
import { rows, toDate, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { idParam, uuidParam } from '../../kit/web/forms.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { actorUri, objectUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { isRendered, modelDocument, postDocument } from '../documents/objects.ts';
import { findTarget } from '../ingest/target.ts';
import { buildCreate } from '../vocabulary/activity.ts';
import { emptyCollection } from '../vocabulary/collection.ts';
import { type Document, withContext } from '../vocabulary/context.ts';
import { sendActivity } from './negotiate.ts';

const PER_PAGE = 20;

/** What an account has, as numbers; only the outbox has items, for who knows whom is for the two alone (P04). */
export function collectionRoutes(federation: Federation): Router<State> {
  const { origin } = federation;
  const routes = new Router<State>();

  const counted = (name: string, count: (em: EntityManager, account: Account) => Promise<number>) =>
    routes.get(`/users/:name/${name}`, anyone, async (ctx) => {
      const { em } = ctx.state.work;
      const account = await loadOwner(ctx, ctx.params.name ?? '');
      const uri = `${actorUri(origin, account)}/${name}`;
      if (ctx.query.page === undefined) await sendHead(ctx, uri, await count(em, account));
      else await sendPage(ctx, uri, 'true', [], null);
    });
  counted('followers', (em, account) => em.count(Follow, { target: account, state: 'accepted' }));
  counted('following', (em, account) => em.count(Follow, { follower: account, state: 'accepted' }));
  counted('liked', (em, account) => em.count(Reaction, { account }));

  routes.get('/users/:name/outbox', anyone, async (ctx) => {
    const { em } = ctx.state.work;
    const account = await loadOwner(ctx, ctx.params.name ?? '');
    const uri = `${actorUri(origin, account)}/outbox`;
    const { page } = ctx.query;
    if (page === undefined) return sendHead(ctx, uri, await countPublic(em, account));
    const items = await listPublic(em, account, readBefore(page));
    const last = items.length === PER_PAGE ? items.at(-1) : undefined;
    const documents: Document[] = [];
    for (const item of items) documents.push(...(await createOf(em, item)));
    await sendPage(ctx, uri, String(page), documents, last ? String(last.listedAt.getTime()) : null);
  });

  routes.get('/actor/outbox', anyone, async (ctx) => {
    if (ctx.query.page === undefined) await sendHead(ctx, `${origin}/actor/outbox`, 0);
    else await sendPage(ctx, `${origin}/actor/outbox`, 'true', [], null);
  });

  const KINDS = { models: 'model', posts: 'post', images: 'image', comments: 'comment' } as const;
  for (const [folder, kind] of Object.entries(KINDS)) {
    routes.get(`/${folder}/:id/replies`, anyone, async (ctx) => {
      const id = kind === 'comment' ? uuidParam(ctx) : idParam(ctx);
      const uri = `${objectUri(origin, kind, { id })}/replies`;
      await requirePublic(ctx, uri.slice(0, -'/replies'.length));
      sendActivity(ctx, withContext(await repliesOf(ctx.state.work.em, uri, kind, id)));
    });
    routes.get(`/${folder}/:id/likes`, anyone, async (ctx) => {
      const id = kind === 'comment' ? uuidParam(ctx) : idParam(ctx);
      const uri = `${objectUri(origin, kind, { id })}/likes`;
      await requirePublic(ctx, uri.slice(0, -'/likes'.length));
      const totalItems = await ctx.state.work.em.count(Reaction, { [kind]: id });
      sendActivity(ctx, withContext({ id: uri, type: 'Collection', totalItems }));
    });
  }
  return routes;

  /** What is said about a thing betrays it as the thing itself would (P02). */
  async function requirePublic(ctx: Ctx, uri: string): Promise<void> {
    const target = await findTarget(ctx.state.work.em, origin, uri);
    if (!target?.isPublic) throw new AppError('not_found', 'There is no such object.');
  }

  async function sendHead(ctx: Ctx, uri: string, totalItems: number): Promise<void> {
    const apex = federation.apex();
    sendActivity(ctx, (await apex.toJSONLD(await apex.buildCollection(uri, true, totalItems))) as Document);
  }

  async function sendPage(
    ctx: Ctx,
    uri: string,
    page: string,
    items: readonly Document[],
    lastItemId: string | null,
  ): Promise<void> {
    const apex = federation.apex();
    const built = await apex.toJSONLD(await apex.buildCollectionPage(uri, page, true, lastItemId));
    sendActivity(ctx, { ...built, orderedItems: items });
  }

  async function loadOwner(ctx: Ctx, name: string): Promise<Account> {
    const account = await ctx.state.work.em.findOne(Account, { host: '', name: name.toLowerCase(), state: 'active' });
    if (!account) throw new AppError('not_found', 'There is no such account.');
    return account;
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

  async function repliesOf(
    em: EntityManager,
    uri: string,
    kind: 'model' | 'post' | 'image' | 'comment',
    id: number | string,
  ): Promise<Document> {
    const shown = { deletedAt: null, withheldAt: null };
    const comments = await em.find(
      Comment,
      kind === 'comment' ? { parent: String(id), ...shown } : { [kind]: id, parent: null, ...shown },
      { orderBy: { createdAt: 1 }, limit: 100 },
    );
    if (comments.length === 0) return emptyCollection(uri);
    const items = comments.map((comment) => objectUri(origin, 'comment', comment));
    const first = { type: 'CollectionPage', partOf: uri, items };
    return { id: uri, type: 'Collection', totalItems: comments.length, first };
  }
}

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

async function countPublic(em: EntityManager, { id }: Account): Promise<number> {
  const [found] = await rows<{ n: unknown }>(em, `select count(*) as n ${PUBLIC}`, [id, true, id, true]);
  return toNumber(found?.n);
}

async function listPublic(em: EntityManager, { id }: Account, before: Date): Promise<PublicItem[]> {
  const found = await rows<{ kind: 'model' | 'post'; id: number; listed_at: unknown }>(
    em,
    `select kind, id, listed_at ${PUBLIC} where listed_at < ? order by listed_at desc, kind, id desc limit ${PER_PAGE}`,
    [id, true, id, true, before],
  );
  return found.map((row) => ({ kind: row.kind, id: row.id, listedAt: toDate(row.listed_at) }));
}

/** `true` is the first page, a number the time before which the page begins; anything else is the asker's mistake. */
function readBefore(page: unknown): Date {
  if (page === 'true') return new Date(8.64e15 / 4);
  if (typeof page !== 'string' || !/^\d{1,14}$/.test(page)) throw new AppError('malformed', 'This is no page.');
  return new Date(Number(page));
}
