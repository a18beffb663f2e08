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
import { loadGenerationView } from './queries.ts';

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

const CompareQuery = z.object({
  image: z
    .union([z.string(), z.array(z.string())])
    .default([])
    .transform((value) => (Array.isArray(value) ? value : [value]).filter(isId)),
  /** With the picture that the one was made from. */
  with: z.literal('start').optional().catch(undefined),
});

/** Two pictures of a person's own side by side. */
export function compareRoutes(routes: Router<State>): void {
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
