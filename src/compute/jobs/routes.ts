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
import { allowanceText, type JobView, listJobs, listUsedModels } from './queries.ts';

interface JobsPage {
  readonly items: readonly JobView[];
  readonly allowance: string;
  readonly nextUrl: string;
  readonly isFirst: boolean;
  readonly isFiltered: boolean;
  readonly models: readonly { readonly value: string; readonly label: string }[];
  readonly values: { readonly q: string; readonly model: string; readonly from: string; readonly to: string };
  /** The generation that was deleted a moment ago. */
  readonly deletedId: string;
}
const jobsPage = view<JobsPage>('compute/jobs');

const day = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d$/)
  .refine((text) => !Number.isNaN(Date.parse(text)))
  .catch('');
const JobsQuery = z.object({
  before: z.uuid().optional().catch(undefined),
  q: z.string().max(200).catch(''),
  model: z.string().max(300).catch(''),
  from: day,
  to: day,
  deleted: z.uuid().optional().catch(undefined),
});

const dayOf = (text: string): Date | null => (text === '' ? null : new Date(`${text}T00:00:00Z`));

/** What a person had made on the GPU, and what they wait for. Each person sees their own. */
export function jobRoutes({ settings }: Pick<ComputeDeps, 'settings'>): Router<State> {
  const routes = new Router<State>();

  routes.get('/jobs', browserOnly, async (ctx) => {
    const { work } = ctx.state;
    const viewer = mayGenerate(work.viewer);
    const { before, deleted, ...values } = readQuery(ctx, JobsQuery);
    const { items, next } = await listJobs(work, viewer, {
      ...{ before, search: values.q, model: values.model },
      ...{ from: dayOf(values.from), to: dayOf(values.to) },
    });
    const filled = Object.entries(values).filter(([, value]) => value !== '');
    const models = await listUsedModels(work, viewer);
    const allowance = await loadAllowance(work, viewer.id, await settings.read(work.em, gpuSettings));
    jobsPage(ctx, {
      items,
      allowance: allowanceText(allowance, work.now()),
      nextUrl: next ? `/jobs?${new URLSearchParams([...filled, ['before', next]])}` : '',
      isFirst: before === undefined,
      isFiltered: filled.length > 0,
      models: [{ value: '', label: t('jobs.any-model') }, ...models.map((title) => ({ value: title, label: title }))],
      values,
      deletedId: deleted ?? '',
      page: { title: t('nav.jobs'), noindex: true },
    });
  });

  return routes;
}
