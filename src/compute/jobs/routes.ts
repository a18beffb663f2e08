import Router from '@koa/router';
import { z } from 'zod';
import { browserOnly } from '../../accounts/access/guard.ts';
import { readQuery, uuidParam } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import type { ComputeDeps } from '../deps.ts';
import { mayGenerate } from '../generator.ts';
import { gpuSettings, loadAllowance } from '../gpu/quotas.ts';
import { allowanceText, type JobView, listJobs } from './queries.ts';

interface JobsPage {
  readonly items: readonly JobView[];
  readonly allowance: string;
  readonly nextUrl: string;
}
const jobsPage = view<JobsPage>('compute/jobs');
const JobsQuery = z.object({ before: z.uuid().optional().catch(undefined) });

/** What a person had made on the GPU, and what they wait for. Each person sees their own. */
export function jobRoutes({ trainer, settings }: Pick<ComputeDeps, 'trainer' | 'settings'>): Router<State> {
  const routes = new Router<State>();

  routes.get('/jobs', browserOnly, async (ctx) => {
    const { work } = ctx.state;
    const viewer = mayGenerate(work.viewer);
    const { before } = readQuery(ctx, JobsQuery);
    const { items, next } = await listJobs(work, viewer, before);
    const allowance = await loadAllowance(work, viewer.id, await settings.read(work.em, gpuSettings));
    jobsPage(ctx, {
      items,
      allowance: allowanceText(allowance, work.now()),
      nextUrl: next ? `/jobs?before=${next}` : '',
      page: { title: t('nav.jobs'), noindex: true },
    });
  });

  routes.post('/jobs/:id/cancellation', browserOnly, async (ctx) => {
    await trainer.cancel(ctx.state.work, mayGenerate(ctx.state.work.viewer), uuidParam(ctx));
    ctx.redirect('/jobs');
  });

  routes.post('/jobs/:id/retry', browserOnly, async (ctx) => {
    await trainer.retry(ctx.state.work, mayGenerate(ctx.state.work.viewer), uuidParam(ctx));
    ctx.redirect('/jobs');
  });

  return routes;
}
