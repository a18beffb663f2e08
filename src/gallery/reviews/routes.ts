import type Router from '@koa/router';
import { anyone, membersOnly, viewerIn } from '../../accounts/access/guard.ts';
import { can } from '../../accounts/permissions.ts';
import { ModelVersion } from '../../catalogue/model.ts';
import { AppError } from '../../kit/errors.ts';
import { type FormState, idParam, uuidParam, wantsJson } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { type PageHead, view } from '../../kit/web/views.ts';
import { showWaiting } from '../../safety/words/waiting-page.ts';
import type { GalleryDeps } from '../deps.ts';
import type { Conversation } from '../talk/conversation.ts';
import { loadSubject } from '../talk/target.ts';
import { submitTalk } from '../talk-pictures/form.ts';
import type { PicturesField } from '../talk-pictures/shown.ts';
import { loadPlacedReview, type ReviewFormView, type ReviewView, versionPath } from './list.ts';
import type { Review } from './model.ts';
import { deleteReview, ReviewForm, restoreReview, writeReview } from './write.ts';

export const REVIEW: Limit = { name: 'review', max: 30, perMs: 3_600_000 };

interface ReviewPage {
  /** Null while it is being written. */
  readonly review: ReviewView | null;
  readonly form: ReviewFormView | null;
  readonly liked: boolean;
  /** Null while it is being written. */
  readonly conversation: Conversation | null;
  readonly errors: Readonly<Record<string, string>>;
  readonly message: string;
  readonly modelName: string;
  readonly versionName: string;
  readonly versionUrl: string;
  readonly page: PageHead;
}
const reviewPage = view<ReviewPage>('gallery/review');

type ParamCtx = Ctx & { params: Record<string, string | undefined> };

/** What people found of the versions that they used. They are listed on the page of the model. */
export function reviewRoutes(routes: Router<State>, deps: GalleryDeps): void {
  const { limits } = deps;
  routes.post('/versions/:id/reviews', membersOnly, (ctx) =>
    submitTalk(
      ctx,
      deps,
      { kind: 'review', schema: ReviewForm },
      async ({ verdict, text }, pictures) => {
        limits.take(ctx, REVIEW);
        const { work } = ctx.state;
        const version = idParam(ctx);
        const said = { isRecommended: verdict === 'up', text, pictures };
        const id = await writeReview(work, viewerIn(ctx), version, said);
        if (wantsJson(ctx)) ctx.body = { id, url: `/reviews/${id}` };
        else if (!(await showWaiting(ctx, { kind: 'review', id }))) await backToVersion(ctx, version);
      },
      (form, pictures) => showAgain(ctx, form, pictures),
    ),
  );

  routes.get('/reviews/:id', anyone, async (ctx) => {
    const id = uuidParam(ctx);
    const { work } = ctx.state;
    const { visibility } = await loadSubject(work.em, work.viewer, { kind: 'review', id });
    const placed = await loadPlacedReview(work, id);
    if (!placed) throw new AppError('not_found', 'There is no such review.');
    const { review, modelName, versionName } = placed;
    reviewPage(ctx, {
      ...placed,
      form: placed.isOwn ? placed.form : null,
      ...{ errors: {}, message: '' },
      page: {
        title: t('review.title', { model: modelName, version: versionName }),
        canonical: review.url,
        ...(visibility === 'public' && !review.isWithheld ? {} : { noindex: true }),
      },
    });
  });

  routes.post('/reviews/:id/removal', membersOnly, async (ctx) => {
    await back(ctx, await deleteReview(ctx.state.work, viewerIn(ctx), uuidParam(ctx)));
  });

  routes.post('/reviews/:id/removal/undo', membersOnly, async (ctx) => {
    await back(ctx, await restoreReview(ctx.state.work, uuidParam(ctx)));
  });

  /** The form by itself, with what is wrong with it. */
  async function showAgain(ctx: ParamCtx, { values, errors, message }: FormState, field: PicturesField): Promise<void> {
    const { em, viewer } = ctx.state.work;
    const id = idParam(ctx);
    await loadSubject(em, viewer, { kind: 'version', id });
    const version = await em.findOneOrFail(ModelVersion, id, { populate: ['model'] });
    const { verdict, text } = values;
    const [modelName, versionName] = [version.model.$.name, version.name];
    reviewPage(ctx, {
      ...{ review: null, liked: false, conversation: null },
      form: {
        action: `/versions/${id}/reviews`,
        verdict: verdict === 'up' || verdict === 'down' ? verdict : '',
        text: typeof text === 'string' ? text : '',
        field: can(viewer, 'publish') ? field : null,
      },
      ...{ errors, modelName, versionName, versionUrl: versionPath(version.model.id, id) },
      message: Object.keys(errors).length === 0 ? (message ?? '') : '',
      page: { title: t('review.title', { model: modelName, version: versionName }), noindex: true },
    });
  }
}

async function backToVersion(ctx: Ctx, versionId: number): Promise<void> {
  const version = await ctx.state.work.em.findOneOrFail(ModelVersion, versionId);
  ctx.redirect(`${versionPath(version.model.id, versionId)}#reviews`);
}

async function back(ctx: Ctx, review: Review): Promise<void> {
  if (wantsJson(ctx)) ctx.body = { id: review.id };
  else ctx.redirect(`${versionPath(review.model.id, review.version.id)}#reviews`);
}
