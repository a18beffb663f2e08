import type Router from '@koa/router';
import { z } from 'zod';
import { browserOnly } from '../../../accounts/access/guard.ts';
import { EMPTY_FORM, type FormState, readQuery, submitForm, uuidParam } from '../../../kit/web/forms.ts';
import { t, tCount } from '../../../kit/web/messages.ts';
import type { Ctx, State } from '../../../kit/web/state.ts';
import { type PageHead, view } from '../../../kit/web/views.ts';
import { type CaptioningView, captioningView } from '../captioning/view.ts';
import { type BULK_ACTS, BulkForm, CaptionsForm, changeCaptions, saveCaptions } from '../captions.ts';
import { loadOwnDataset } from '../own.ts';
import { captioningRoutes } from './captioning-routes.ts';
import type { DatasetDeps } from './deps.ts';
import { type CaptionsView, captionsView, type DatasetView, datasetView, listItems } from './queries.ts';

interface CaptionsPage extends CaptionsView {
  readonly set: DatasetView;
  readonly tag: string;
  readonly said: string;
  readonly acts: readonly { readonly value: (typeof BULK_ACTS)[number]; readonly label: string }[];
  readonly captioning: CaptioningView;
  readonly form: FormState;
  readonly page: PageHead;
}
const captionsPage = view<CaptionsPage>('compute/datasets/captions');

const CaptionsQuery = z.object({
  tag: z.string().max(500).catch('').default(''),
  changed: z.coerce.number().int().nonnegative().optional().catch(undefined),
  undone: z.coerce.number().int().nonnegative().optional().catch(undefined),
  saved: z.string().optional().catch(undefined),
});

/** What the pictures of a set show, one by one and many at once. */
export function captionRoutes(routes: Router<State>, deps: DatasetDeps): void {
  const showCaptions = async (ctx: Ctx, datasetId: string, form: FormState = EMPTY_FORM): Promise<void> => {
    const { work } = ctx.state;
    const dataset = await loadOwnDataset(work, datasetId);
    const items = await listItems(work, datasetId);
    const query = readQuery(ctx, CaptionsQuery);
    const tag = typeof form.values.tag === 'string' ? form.values.tag : query.tag;
    captionsPage(ctx, {
      set: datasetView(dataset, items),
      ...captionsView(items, tag),
      ...{ tag, form },
      said: saidOf(query),
      captioning: await captioningView(work, deps.captioner, dataset, items),
      acts: (['prepend', 'append', 'remove', 'replace'] as const).map((value) => ({
        value,
        label: t(`dataset.act.${value}`),
      })),
      page: { title: t('dataset.captions-of', { name: dataset.name }), noindex: true },
    });
  };

  captioningRoutes(routes, deps, showCaptions);
  routes.get('/datasets/:id/captions', browserOnly, (ctx) => showCaptions(ctx, uuidParam(ctx)));
  routes.post('/datasets/:id/captions', browserOnly, async (ctx) => {
    const id = uuidParam(ctx);
    const { tag } = readQuery(ctx, CaptionsQuery);
    await submitForm(
      ctx,
      CaptionsForm,
      async (captions) => {
        await saveCaptions(ctx.state.work, id, captions);
        ctx.redirect(`/datasets/${id}/captions?saved=1${tag ? `&tag=${encodeURIComponent(tag)}` : ''}`);
      },
      (form) => showCaptions(ctx, id, form),
    );
  });
  routes.post('/datasets/:id/captions/changes', browserOnly, async (ctx) => {
    const id = uuidParam(ctx);
    await submitForm(
      ctx,
      BulkForm,
      async (form) => {
        const changed = await changeCaptions(ctx.state.work, id, form);
        ctx.redirect(`/datasets/${id}/captions?changed=${changed}`);
      },
      (form) => showCaptions(ctx, id, form),
    );
  });
}

function saidOf({ changed, undone, saved }: z.output<typeof CaptionsQuery>): string {
  if (changed !== undefined) return tCount('dataset.changed', changed);
  if (undone !== undefined) return tCount('caption.undone', undone);
  return saved ? t('dataset.saved') : '';
}
