import Router from '@koa/router';
import { z } from 'zod';
import { browserOnly } from '../../accounts/access/guard.ts';
import { readQuery } from '../../kit/web/forms.ts';
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
export function jobRoutes({ settings }: Pick<ComputeDeps, 'settings'>): Router<State> {
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

  return routes;
}
