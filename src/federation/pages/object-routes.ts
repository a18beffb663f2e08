import Router from '@koa/router';
import type { Middleware } from 'koa';
import { anyone } from '../../accounts/access/guard.ts';
import { Account } from '../../accounts/model.ts';
import { Model, ModelVersion } from '../../catalogue/model.ts';
import { loadRestrictions } from '../../catalogue/publish.ts';
import { Comment, Image, Post } from '../../gallery/model.ts';
import { AppError } from '../../kit/errors.ts';
import { idParam, uuidParam } from '../../kit/web/forms.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { RESTRICTION } from '../../safety/policy.ts';
import { objectUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { accountDocument, nodeDocument } from '../documents/account.ts';
import { commentDocument, imageDocument, modelDocument, postDocument } from '../documents/objects.ts';
import { ACTIVITY_JSON } from '../fetch-document.ts';
import { buildTombstone } from '../vocabulary/activity.ts';
import { type Document, withContext } from '../vocabulary/context.ts';
import { sendActivity, wantsActivity } from './negotiate.ts';

const nothing = () => new AppError('not_found', 'There is no such object.');

/** A deleted object: what it was and when, and nothing else (P10). */
class Gone {
  readonly uri: string;
  readonly deletedAt: Date;
  constructor(uri: string, deletedAt: Date | null | undefined) {
    this.uri = uri;
    this.deletedAt = deletedAt ?? new Date(0);
  }
}

type Load = (ctx: Ctx & { params: Record<string, string> }) => Promise<Document | Gone>;

/** Every public object at its page's address. What is of elsewhere, private or a draft is not here. */
export function objectRoutes(federation: Federation): Router<State> {
  const { origin } = federation;
  const routes = new Router<State>();

  /** The object for peers; for people the page, which says where its object is. */
  const negotiated =
    (uriOf: (params: Record<string, string>) => string | null, load: Load): Middleware<State> =>
    async (ctx, next) => {
      ctx.vary('Accept');
      const params = ctx.params as Record<string, string>;
      const uri = uriOf(params);
      if (uri === null) return next();
      if (!wantsActivity(ctx.get('accept'))) {
        await next();
        if (ctx.status === 200) ctx.append('Link', `<${uri}>; rel="alternate"; type="${ACTIVITY_JSON}"`);
        return;
      }
      const found = await load(ctx as Ctx & { params: Record<string, string> });
      if (!(found instanceof Gone)) return sendActivity(ctx, found);
      const { deletedAt } = found;
      const tombstone = { uri: found.uri, formerType: 'Note', deletedAt, takedown: null };
      sendActivity(ctx, withContext(buildTombstone(tombstone)));
      ctx.status = 410;
    };

  const numbered = (folder: string, pattern: string, load: Load) =>
    routes.get(
      pattern,
      anyone,
      negotiated(({ id = '' }) => (/^\d+$/.test(id) ? `${origin}/${folder}/${id}` : null), load),
    );

  numbered('models', '/models/:id', loadModel);
  numbered('models', '/models/:id/:slug', loadModel);
  numbered('posts', '/posts/:id', loadPost);
  numbered('images', '/images/:id', loadImage);
  routes.get(
    '/comments/:id',
    anyone,
    negotiated(({ id }) => `${origin}/comments/${id}`, loadComment),
  );

  routes.get('/versions/:id', anyone, async (ctx, next) => {
    ctx.vary('Accept');
    if (!wantsActivity(ctx.get('accept'))) return next();
    const version = await ctx.state.work.em.findOne(ModelVersion, { id: idParam(ctx), uri: null, state: 'published' });
    if (!version) throw nothing();
    // a version is part of its model's document
    ctx.redirect(`${origin}/models/${version.model.id}`);
  });

  routes.get('/actor', anyone, async (ctx) => {
    sendActivity(ctx, await nodeDocument(federation, ctx.state.work.em));
  });

  routes.get('/users/:name', anyone, async (ctx) => {
    ctx.vary('Accept');
    if (!wantsActivity(ctx.get('accept'))) {
      ctx.redirect(`/@${ctx.params.name}`);
      return;
    }
    await sendAccount(ctx, ctx.params.name ?? '');
  });

  routes.get('/:handle', anyone, async (ctx, next) => {
    const [, name] = /^@([a-z0-9_][a-z0-9_.-]*)$/i.exec(ctx.params.handle ?? '') ?? [];
    if (name === undefined) return next();
    ctx.vary('Accept');
    if (wantsActivity(ctx.get('accept'))) return sendAccount(ctx, name);
    await next();
    const uri = `${origin}/users/${name.toLowerCase()}`;
    if (ctx.status === 200) ctx.append('Link', `<${uri}>; rel="alternate"; type="${ACTIVITY_JSON}"`);
  });

  return routes;

  async function sendAccount(ctx: Ctx, name: string): Promise<void> {
    const { em } = ctx.state.work;
    const account = await em.findOne(Account, { host: '', name: name.toLowerCase() });
    const isKnown = account && account.state !== 'unverified' && account.state !== 'awaiting_approval';
    if (!isKnown) throw nothing();
    if (account.state === 'suspended') throw new AppError('withheld', 'This account is suspended.');
    if (account.state === 'deleted') {
      const deletedAt = account.deletedAt ?? new Date(0);
      const tombstone = { uri: `${origin}/users/${account.name}`, formerType: 'Person', deletedAt, takedown: null };
      sendActivity(ctx, withContext(buildTombstone(tombstone)));
      ctx.status = 410;
      return;
    }
    sendActivity(ctx, await accountDocument(federation, em, account));
  }

  async function loadModel(ctx: Ctx & { params: Record<string, string> }): Promise<Document | Gone> {
    const { em } = ctx.state.work;
    const model = await em.findOne(Model, { id: idParam(ctx), isLocal: true });
    if (!model || (model.state === 'deleted' && model.publishedAt == null)) throw nothing();
    if (model.state === 'deleted') return new Gone(objectUri(origin, 'model', model), model.deletedAt);
    if (model.state !== 'published') throw nothing();
    const restrictions = await loadRestrictions(em, model.owner.id, model.id);
    if ((restrictions & RESTRICTION.removed) !== 0) return new Gone(objectUri(origin, 'model', model), model.updatedAt);
    if ((restrictions & (RESTRICTION.view | RESTRICTION.federate)) !== 0) throw nothing();
    return modelDocument(federation, em, model);
  }

  async function loadPost(ctx: Ctx & { params: Record<string, string> }): Promise<Document | Gone> {
    const { em } = ctx.state.work;
    const post = await em.findOne(Post, { id: idParam(ctx), isLocal: true });
    if (!post || (post.state === 'deleted' && post.publishedAt == null)) throw nothing();
    if (post.state === 'deleted' && isOpen(post)) return new Gone(objectUri(origin, 'post', post), post.deletedAt);
    if (!isServed(post)) throw nothing();
    return postDocument(federation, em, post);
  }

  async function loadImage(ctx: Ctx & { params: Record<string, string> }): Promise<Document | Gone> {
    const { em } = ctx.state.work;
    const image = await em.findOne(Image, { id: idParam(ctx), isLocal: true, deletedAt: null }, { populate: ['post'] });
    if (!image || !isServed(image.post.$) || image.level === 0) throw nothing();
    if (image.post.$.visibility === 'public' && image.listedAt == null) throw nothing();
    return imageDocument(federation, em, image);
  }

  async function loadComment(ctx: Ctx & { params: Record<string, string> }): Promise<Document | Gone> {
    const { em } = ctx.state.work;
    const comment = await em.findOne(Comment, { id: uuidParam(ctx), isLocal: true });
    if (!comment || comment.withheldAt != null) throw nothing();
    if (comment.deletedAt != null) return new Gone(objectUri(origin, 'comment', comment), comment.deletedAt);
    return commentDocument(federation, em, comment);
  }
}

const isOpen = ({ visibility }: Post): boolean => visibility === 'public' || visibility === 'unlisted';

/** Public and not withheld; what is for followers is delivered to them and never read here. */
const isServed = (post: Post): boolean =>
  post.state === 'published' && isOpen(post) && (post.visibility !== 'public' || post.listedAt != null);
