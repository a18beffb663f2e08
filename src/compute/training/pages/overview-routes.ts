import type Router from '@koa/router';
import { browserOnly } from '../../../accounts/access/guard.ts';
import { EMPTY_FORM, type FormState, submitForm } from '../../../kit/web/forms.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Ctx, State } from '../../../kit/web/state.ts';
import { type PageHead, view } from '../../../kit/web/views.ts';
import { createDataset, DatasetForm } from '../../datasets/create.ts';
import { trainingSettings } from '../../datasets/limits.ts';
import { mayTrain } from '../../datasets/own.ts';
import type { DatasetDeps } from '../../datasets/pages/deps.ts';
import { type DatasetCard, listDatasets } from '../../datasets/pages/queries.ts';
import { listRuns, type RunCard } from '../queries.ts';

export const DATASET = { name: 'dataset', max: 60, perMs: 3_600_000 };

interface OverviewPage {
  readonly sets: readonly DatasetCard[];
  readonly runs: readonly RunCard[];
  readonly form: FormState;
  readonly page: PageHead;
}
const overviewPage = view<OverviewPage>('compute/training/overview');

/** Where training begins: a person's sets and runs. */
export function overviewRoutes(routes: Router<State>, { settings, limits }: DatasetDeps): void {
  const show = async (ctx: Ctx, form: FormState = EMPTY_FORM): Promise<void> => {
    const { work } = ctx.state;
    const viewer = mayTrain(work.viewer);
    overviewPage(ctx, {
      sets: await listDatasets(work, viewer),
      runs: await listRuns(work, viewer),
      form,
      page: { title: t('train.overview'), noindex: true },
    });
  };

  routes.get('/train', browserOnly, (ctx) => show(ctx));
  routes.post('/datasets', browserOnly, async (ctx) => {
    limits.take(ctx, DATASET);
    const allowed = await settings.read(ctx.state.work.em, trainingSettings);
    await submitForm(
      ctx,
      DatasetForm,
      async (form) => {
        const dataset = await createDataset(ctx.state.work, allowed, form);
        ctx.redirect(`/datasets/${dataset.id}`);
      },
      (form) => show(ctx, form),
    );
  });
}
