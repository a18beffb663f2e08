import type Router from '@koa/router';
import { z } from 'zod';
import { anyone, membersOnly, viewerIn } from '../../accounts/access/guard.ts';
import { AppError } from '../../kit/errors.ts';
import { type FormState, idParam, readQuery, readRawForm, uuidParam, wantsJson } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import { showWaiting } from '../../safety/words/waiting-page.ts';
import type { Target } from '../access.ts';
import type { GalleryDeps } from '../deps.ts';
import { loadShares, share, unshare } from '../shares.ts';
import { keptPictures, submitTalk } from '../talk-pictures/form.ts';
import type { GivenPictures } from '../talk-pictures/hold.ts';
import type { PicturesField } from '../talk-pictures/shown.ts';
import { addComment, CommentForm, deleteComment, editComment, loadComment, subjectOf } from './comments.ts';
import { type Conversation, loadConversation, placeOfComment } from './conversation.ts';
import { like, loadLikes, unlike } from './likes.ts';
import { loadSubject, type Subject, urlOf } from './target.ts';

export const COMMENT: Limit = { name: 'comment', max: 30, perMs: 600_000 };
export const LIKE: Limit = { name: 'like', max: 300, perMs: 3_600_000 };
export const SHARE: Limit = { name: 'share', max: 100, perMs: 3_600_000 };

const EditForm = CommentForm.pick({ text: true });

interface CommentPage {
  readonly action: string;
  readonly heading: string;
  /** What it answers; '' for none. */
  readonly parent: string;
  readonly text: string;
  readonly backUrl: string;
  readonly errors: Readonly<Record<string, string>>;
  readonly pictures: PicturesField;
  readonly page: { title: string; noindex: boolean };
}
const commentPage = view<CommentPage>('gallery/comment');

interface EarlierPage {
  readonly conversation: Conversation;
  readonly backUrl: string;
  readonly page: { title: string; noindex: boolean; path: string };
}
const earlierPage = view<EarlierPage>('gallery/earlier');

/** Without a comment: the last, which stand on the page of what they are about. */
const TalkQuery = z.object({ upto: z.uuid().toLowerCase().nullable().catch(null).default(null) });

type ParamCtx = Ctx & { params: Record<string, string | undefined> };

/** What people say of models, posts, pictures and reviews, and what they like. */
export function talkRoutes(routes: Router<State>, deps: GalleryDeps): void {
  const { limits } = deps;
  const folders = { model: 'models', post: 'posts', image: 'images', review: 'reviews', bounty: 'bounties' } as const;
  for (const kind of ['model', 'post', 'image', 'review', 'bounty'] as const) {
    const subjectIn = (ctx: ParamCtx): Subject =>
      kind === 'review' || kind === 'bounty' ? { kind, id: uuidParam(ctx) } : { kind, id: idParam(ctx) };
    routes.get(`/${folders[kind]}/:id/comments`, anyone, async (ctx) => {
      const { em, viewer } = ctx.state.work;
      const subject = subjectIn(ctx);
      const { ownerId } = await loadSubject(em, viewer, subject);
      const { upto } = readQuery(ctx, TalkQuery);
      if (upto === null) {
        ctx.redirect(`${urlOf(subject)}#comments`);
        return;
      }
      earlierPage(ctx, {
        conversation: await loadConversation({ em, viewer }, subject, ownerId, upto),
        backUrl: urlOf(subject),
        page: { title: t('comments.earlier'), noindex: true, path: ctx.path },
      });
    });
    routes.post(`/${folders[kind]}/:id/comments`, membersOnly, async (ctx) => {
      limits.take(ctx, COMMENT);
      const subject = subjectIn(ctx);
      // nobody uploads below what they do not see
      await loadSubject(ctx.state.work.em, ctx.state.work.viewer, subject);
      const act = async ({ text, parent }: z.output<typeof CommentForm>, pictures: GivenPictures | undefined) => {
        const said = { text, parentId: parent, pictures };
        const commentId = await addComment(ctx.state.work, viewerIn(ctx), subject, said);
        if (wantsJson(ctx)) ctx.body = { id: commentId, url: `/comments/${commentId}` };
        else if (!(await showWaiting(ctx, { kind: 'comment', id: commentId })))
          ctx.redirect(`${urlOf(subject)}#comment-${commentId}`);
      };
      await submitTalk(ctx, deps, { kind: 'comment', schema: CommentForm }, act, (form, pictures) =>
        showAgain(ctx, subject, form, pictures),
      );
    });
  }
  for (const kind of ['model', 'post', 'image'] as const) {
    likeRoutes(routes, `/${kind}s/:id/likes`, limits, (ctx) => ({ kind, id: idParam(ctx) }));
  }
  likeRoutes(routes, '/reviews/:id/likes', limits, (ctx) => ({ kind: 'review', id: uuidParam(ctx) }));
  for (const kind of ['model', 'post'] as const) shareRoutes(routes, kind, limits);
  likeRoutes(routes, '/comments/:id/likes', limits, (ctx) => ({ kind: 'comment', id: uuidParam(ctx) }));

  routes.get('/comments/:id', anyone, async (ctx) => {
    const { em, viewer } = ctx.state.work;
    const id = uuidParam(ctx);
    await loadSubject(em, viewer, { kind: 'comment', id });
    ctx.redirect(await placeOfComment({ em }, subjectOf(await loadComment(em, id)), id));
  });

  /** The form by itself, with what is wrong with it. */
  function showAgain(
    ctx: Ctx,
    subject: Subject,
    { values, errors, message }: FormState,
    pictures: PicturesField,
  ): void {
    const { text, parent } = values;
    commentPage(ctx, {
      ...{ action: `${urlOf(subject)}/comments`, heading: t('comment.write'), backUrl: urlOf(subject) },
      text: typeof text === 'string' ? text : '',
      parent: typeof parent === 'string' ? parent : '',
      errors: Object.keys(errors).length > 0 ? errors : { text: message ?? '' },
      pictures,
      page: { title: t('comment.write'), noindex: true },
    });
  }

  const showEdit = async (ctx: ParamCtx, form?: FormState, refused?: PicturesField) => {
    const { work } = ctx.state;
    const comment = await loadComment(ctx.state.work.em, uuidParam(ctx));
    if (comment.author.id !== viewerIn(ctx).id) throw new AppError('not_found', 'There is no such comment.');
    const typed = form?.values.text;
    commentPage(ctx, {
      ...{ action: `/comments/${comment.id}/edit`, heading: t('comment.edit'), parent: '' },
      text: typeof typed === 'string' ? typed : comment.text,
      backUrl: `/comments/${comment.id}`,
      errors: form?.errors ?? {},
      pictures: refused ?? (await keptPictures(work, { kind: 'comment', id: comment.id })),
      page: { title: t('comment.edit'), noindex: true },
    });
  };

  routes.get('/comments/:id/edit', membersOnly, (ctx) => showEdit(ctx));

  routes.post('/comments/:id/edit', membersOnly, (ctx) =>
    submitTalk(
      ctx,
      deps,
      { kind: 'comment', schema: EditForm },
      async ({ text }, pictures) => {
        await editComment(ctx.state.work, viewerIn(ctx), uuidParam(ctx), text, pictures);
        if (await showWaiting(ctx, { kind: 'comment', id: uuidParam(ctx) })) return;
        ctx.redirect(`/comments/${uuidParam(ctx)}`);
      },
      (form, pictures) => showEdit(ctx, form, pictures),
    ),
  );

  routes.post('/comments/:id/removal', membersOnly, async (ctx) => {
    const subject = await deleteComment(ctx.state.work, viewerIn(ctx), uuidParam(ctx));
    ctx.redirect(`${urlOf(subject)}#comments`);
  });
}

const LikeForm = z.object({ on: z.enum(['0', '1']).catch('1') });

/** The button of a toggle posts `on`; a program posts to `…/likes` and `…/likes/removal`. */
function likeRoutes(
  routes: Router<State>,
  path: string,
  limits: GalleryDeps['limits'],
  targetOf: (ctx: ParamCtx) => Target,
): void {
  const answer = async (ctx: ParamCtx, isOn: boolean) => {
    limits.take(ctx, LIKE);
    const viewer = viewerIn(ctx);
    const { work } = ctx.state;
    const target = targetOf(ctx);
    if (isOn) await like(work, viewer, target);
    else await unlike(work, viewer, target);
    if (wantsJson(ctx)) ctx.body = await loadLikes(work.em, viewer.id, target);
    else ctx.redirect(target.kind === 'comment' ? `/comments/${target.id}` : urlOf(target));
  };
  routes.post(path, membersOnly, async (ctx) => {
    const { on } = LikeForm.parse(await readRawForm(ctx));
    await answer(ctx, on === '1');
  });
  routes.post(`${path}/removal`, membersOnly, (ctx) => answer(ctx, false));
}

/** As `likeRoutes`. */
function shareRoutes(routes: Router<State>, kind: 'model' | 'post', limits: GalleryDeps['limits']): void {
  const answer = async (ctx: ParamCtx, isOn: boolean) => {
    limits.take(ctx, SHARE);
    const viewer = viewerIn(ctx);
    const { work } = ctx.state;
    const target = { kind, id: idParam(ctx) };
    if (isOn) await share(work, viewer, target);
    else await unshare(work.em, viewer.id, target);
    if (wantsJson(ctx)) ctx.body = await loadShares(work.em, viewer.id, target);
    else ctx.redirect(urlOf(target));
  };
  routes.post(`/${kind}s/:id/shares`, membersOnly, async (ctx) => {
    const { on } = LikeForm.parse(await readRawForm(ctx));
    await answer(ctx, on === '1');
  });
  routes.post(`/${kind}s/:id/shares/removal`, membersOnly, (ctx) => answer(ctx, false));
}
