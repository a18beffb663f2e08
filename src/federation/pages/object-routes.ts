import Router from '@koa/router';
import type { EntityManager } from '@mikro-orm/core';
import type { Middleware } from 'koa';
import { anyone } from '../../accounts/access/guard.ts';
import { Model, ModelVersion } from '../../catalogue/model.ts';
import { Comment, Image, ImageMark, Post } from '../../gallery/model.ts';
import { Review } from '../../gallery/reviews/model.ts';
import { AppError } from '../../kit/errors.ts';
import { idParam, uuidParam } from '../../kit/web/forms.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { objectUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { accountDocument, nodeDocument } from '../documents/account.ts';
import { commentDocument, imageDocument, modelDocument, postDocument } from '../documents/objects.ts';
import { reviewDocument } from '../documents/review.ts';
import { ACTIVITY_JSON } from '../fetch-document.ts';
import { noteReader } from '../notices/readers.ts';
import { buildTombstone } from '../vocabulary/activity.ts';
import { type Document, withContext } from '../vocabulary/context.ts';
import { accountAlternateOf, alternateOf } from './alternate.ts';
import type { Door } from './asker.ts';
import { loadLocalAccount } from './local-account.ts';
import { isNumbered, type ReadableKind, type Reading, readingOf } from './may-read.ts';
import { sendActivity, sendPrivately, wantsActivity } from './negotiate.ts';

const nothing = () => new AppError('not_found', 'There is no such object.');

type ParamCtx = Ctx & { params: Record<string, string | undefined> };

/** What may be read by who asks: as everybody first, and only where that is not enough by the signature. */
export async function readingFor(
  ctx: Ctx,
  door: Door,
  kind: ReadableKind,
  id: number | string,
): Promise<Exclude<Reading, 'nothing'>> {
  const { em } = ctx.state.work;
  const mode = await door.mode(ctx);
  const isKnown = mode === 'everything';
  let reading = await readingOf(em, kind, id, isKnown ? (await door.asker(ctx)).viewer : null);
  // also for what never was: a key that is fetched for hidden objects alone would tell that they are there
  if (reading === 'nothing' && mode === 'followers') {
    reading = await readingOf(em, kind, id, (await door.asker(ctx)).viewer);
  }
  if (reading === 'nothing') throw nothing();
  return reading;
}

/** Every object of ours at its page's address. What is of elsewhere, a draft or for others is not here. */
export function objectRoutes(federation: Federation, door: Door): Router<State> {
  const { origin } = federation;
  const routes = new Router<State>();

  /** The object for peers; for people the page, which says where its object is. */
  const negotiated =
    (kind: ReadableKind): Middleware<State> =>
    async (koa, next) => {
      const ctx = koa as ParamCtx;
      ctx.vary('Accept');
      const { em } = ctx.state.work;
      const isPeer = wantsActivity(ctx.get('accept'));
      // the forms of pages stand beside them, such as `/models/new`
      if (!isPeer && isNumbered(kind) && !/^\d+$/.test(ctx.params.id ?? '')) return next();
      const id = isNumbered(kind) ? idParam(ctx) : uuidParam(ctx);
      if (!isPeer) return page(ctx, await alternateOf(em, origin, kind, id), next);
      const reading = await readingFor(ctx, door, kind, id);
      if (reading === 'gone') {
        const deletedAt = await deletionTimeOf(em, kind, id);
        return sendTombstone(ctx, objectUri(origin, kind, { id }), 'Note', deletedAt);
      }
      const document = await documentOf(em, kind, id);
      await noteReader(ctx, `${kind}:${id}`);
      if (reading === 'private') sendPrivately(ctx, document);
      else sendActivity(ctx, document);
    };

  routes.get('/models/:id', anyone, negotiated('model'));
  routes.get('/models/:id/:slug', anyone, negotiated('model'));
  routes.get('/posts/:id', anyone, negotiated('post'));
  routes.get('/images/:id', anyone, negotiated('image'));
  routes.get('/comments/:id', anyone, negotiated('comment'));
  routes.get('/reviews/:id', anyone, negotiated('review'));

  routes.get('/versions/:id', anyone, async (ctx, next) => {
    ctx.vary('Accept');
    if (!wantsActivity(ctx.get('accept'))) return next();
    const version = await ctx.state.work.em.findOne(ModelVersion, { id: idParam(ctx), uri: null, state: 'published' });
    if (!version) throw nothing();
    await readingFor(ctx, door, 'model', version.model.id);
    // a version is part of its model's document
    ctx.redirect(`${origin}/models/${version.model.id}`);
  });

  routes.get('/actor', anyone, async (ctx) => {
    sendActivity(ctx, await nodeDocument(federation, ctx.state.work.em));
  });

  routes.get('/users/:name', anyone, async (ctx) => {
    ctx.vary('Accept');
    const name = ctx.params.name ?? '';
    if (wantsActivity(ctx.get('accept'))) return sendAccount(ctx, name);
    // a name that is none leads nowhere: `//host` would lead away
    if (!/^[\w.-]+$/.test(name)) throw nothing();
    ctx.redirect(`/@${name}`);
  });

  routes.get('/:handle', anyone, async (ctx, next) => {
    const { handle = '' } = ctx.params;
    if (!handle.startsWith('@')) return next();
    ctx.vary('Accept');
    const { em } = ctx.state.work;
    const [, name, host = ''] = /^@([\w.-]{1,64})(?:@([\w.:-]{1,253}))?$/.exec(handle) ?? [];
    if (name === undefined) return next();
    if (host === '' && wantsActivity(ctx.get('accept'))) return sendAccount(ctx, name);
    await page(ctx, await accountAlternateOf(em, origin, name, host), next);
  });

  return routes;

  async function sendAccount(ctx: Ctx, name: string): Promise<void> {
    const { em } = ctx.state.work;
    const account = await loadLocalAccount(em, name);
    if (account.state === 'suspended') throw new AppError('withheld', 'This account is suspended.');
    if (account.state === 'deleted') {
      return sendTombstone(ctx, `${origin}/users/${account.name}`, 'Person', account.deletedAt ?? null);
    }
    sendActivity(ctx, await accountDocument(federation, em, account));
  }

  async function documentOf(em: EntityManager, kind: ReadableKind, id: number | string): Promise<Document> {
    switch (kind) {
      case 'model':
        return modelDocument(federation, em, await em.findOneOrFail(Model, Number(id)));
      case 'post':
        return postDocument(federation, em, await em.findOneOrFail(Post, Number(id)));
      case 'image':
        return imageDocument(federation, em, await em.findOneOrFail(Image, Number(id)));
      case 'comment':
        return commentDocument(federation, em, await em.findOneOrFail(Comment, String(id)));
      case 'review':
        return reviewDocument(federation, em, await em.findOneOrFail(Review, String(id)));
    }
  }
}

/** A page with its object named in the header and in the head of the document; null where there is none to read. */
async function page(ctx: Ctx, alternate: string | null, next: () => Promise<unknown>): Promise<void> {
  if (alternate !== null) ctx.state.page = { ...ctx.state.page, alternate };
  await next();
  if (alternate !== null && ctx.status === 200) {
    ctx.append('Link', `<${alternate}>; rel="alternate"; type="${ACTIVITY_JSON}"`);
  }
}

/** What it was and when it went, and nothing else (P10). */
export function sendTombstone(ctx: Ctx, uri: string, formerType: string, deletedAt: Date | null): void {
  sendActivity(
    ctx,
    withContext(buildTombstone({ uri, formerType, deletedAt: deletedAt ?? new Date(0), takedown: null })),
  );
  ctx.status = 410;
  // that something was there may be for a few to know
  ctx.set('Cache-Control', 'private, no-store');
}

/** What moderation removed has no time of its own: then it is when it last changed. */
async function deletionTimeOf(em: EntityManager, kind: ReadableKind, id: number | string): Promise<Date | null> {
  switch (kind) {
    case 'model': {
      const model = await em.findOne(Model, Number(id));
      return model?.deletedAt ?? model?.updatedAt ?? null;
    }
    case 'post': {
      const post = await em.findOne(Post, Number(id));
      return post?.deletedAt ?? post?.updatedAt ?? null;
    }
    case 'image': {
      const image = await em.findOne(Image, Number(id), { populate: ['post'] });
      const mark = image ?? (await em.findOne(ImageMark, Number(id)));
      return mark?.deletedAt ?? image?.post.$.deletedAt ?? image?.post.$.updatedAt ?? null;
    }
    case 'comment':
      return (await em.findOne(Comment, String(id)))?.deletedAt ?? null;
    case 'review':
      return (await em.findOne(Review, String(id)))?.deletedAt ?? null;
  }
}
