import type Router from '@koa/router';
import { z } from 'zod';
import { browserOnly } from '../../accounts/access/guard.ts';
import { AppError } from '../../kit/errors.ts';
import { isId } from '../../kit/ids.ts';
import { readQuery } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import type { Work } from '../../kit/work.ts';
import { mayGenerate } from '../generator.ts';
import { GenerationImage } from '../model.ts';
import { listGenerations, listUsedModels } from './history.ts';
import { type GenerationView, loadGenerationView } from './queries.ts';

interface JobsPage {
  readonly items: readonly GenerationView[];
  readonly nextUrl: string;
  readonly isFirst: boolean;
  readonly isFiltered: boolean;
  readonly models: readonly { readonly value: string; readonly label: string }[];
  readonly values: { readonly q: string; readonly model: string; readonly from: string; readonly to: string };
  /** The generation that was deleted a moment ago. */
  readonly deletedId: string;
}
const jobsPage = view<JobsPage>('compute/jobs');

interface ComparedView {
  readonly src: string;
  readonly label: string;
  readonly width: number;
  readonly height: number;
}
interface ComparePage {
  readonly first: ComparedView;
  readonly second: ComparedView;
  readonly backUrl: string;
}
const comparePage = view<ComparePage>('compute/compare');

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
const CompareQuery = z.object({
  image: z
    .union([z.string(), z.array(z.string())])
    .default([])
    .transform((value) => (Array.isArray(value) ? value : [value]).filter(isId)),
  /** With the picture that the one was made from. */
  with: z.literal('start').optional().catch(undefined),
});

/** Everything that a person had made here, and two pictures of it side by side. */
export function historyRoutes(routes: Router<State>): void {
  routes.get('/jobs', browserOnly, async (ctx) => {
    const { work } = ctx.state;
    const viewer = mayGenerate(work.viewer);
    const { before, deleted, ...values } = readQuery(ctx, JobsQuery);
    const { items, next } = await listGenerations(work, viewer, {
      ...{ before, search: values.q, model: values.model },
      ...{ from: dayOf(values.from), to: dayOf(values.to) },
    });
    const filled = Object.entries(values).filter(([, value]) => value !== '');
    const models = await listUsedModels(work, viewer);
    jobsPage(ctx, {
      items,
      nextUrl: next ? `/jobs?${new URLSearchParams([...filled, ['before', next]])}` : '',
      isFirst: before === undefined,
      isFiltered: filled.length > 0,
      models: [{ value: '', label: t('jobs.any-model') }, ...models.map((title) => ({ value: title, label: title }))],
      values,
      deletedId: deleted ?? '',
      page: { title: t('nav.jobs'), noindex: true },
    });
  });

  routes.get('/generate/compare', browserOnly, async (ctx) => {
    const { work } = ctx.state;
    mayGenerate(work.viewer);
    const query = readQuery(ctx, CompareQuery);
    const [one, other] = await Promise.all(query.image.slice(0, 2).map((imageId) => loadResult(work, imageId)));
    if (!one || !(other || query.with)) throw new AppError('invalid', 'Choose two pictures to compare.');
    const { view: generation, request } = await loadGenerationView(work, one.generation.id);
    if (!other && !request.start) throw new AppError('invalid', 'This picture was made from nothing.');
    const start = request.start && {
      ...{ src: `/generate/inputs/${request.start.sha256}.png`, label: t('generate.start-picture') },
      ...{ width: request.start.width, height: request.start.height },
    };
    const first = other || !start ? comparedOf(one) : start;
    comparePage(ctx, {
      first,
      second: comparedOf(other ?? one),
      backUrl: generation.url,
      page: { title: t('generate.compare'), noindex: true },
    });
  });
}

const dayOf = (text: string): Date | null => (text === '' ? null : new Date(`${text}T00:00:00Z`));

/** Throws `not_found` for what is not the viewer's. */
async function loadResult({ em, viewer }: Pick<Work, 'em' | 'viewer'>, imageId: string): Promise<GenerationImage> {
  const where = { id: imageId, deletedAt: null, generation: { account: viewer?.id ?? 0, deletedAt: null } };
  const image = await em.findOne(GenerationImage, where);
  if (!image) throw new AppError('not_found', 'There is no such picture.');
  return image;
}

const comparedOf = ({ id, seed, width, height }: GenerationImage): ComparedView => ({
  ...{ src: `/generate/images/${id}`, width, height },
  label: t('generate.compared', { seed, width, height }),
});
