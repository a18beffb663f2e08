import { z } from 'zod';
import { mayGenerate } from '../../../compute/generator.ts';
import { deleteResults } from '../../../compute/keep.ts';
import { upscaleRequest, variationsRequest } from '../../../compute/tool/derive.ts';
import { loadGenerationView } from '../../../compute/tool/queries.ts';
import { REQUESTS } from '../../../compute/tool/result-routes.ts';
import { AppError } from '../../../kit/errors.ts';
import { defineOwn, type Operation } from '../../operation/define.ts';
import { ByUuid } from '../query.ts';
import { Generation, loadGeneration } from './generations.ts';

const group = 'Generation';
const scope = 'generate';
const OfResult = ByUuid.extend({ image: z.uuid().toLowerCase() });

/** What is done with single pictures of a generation. */
export const RESULT_OPERATIONS: readonly Operation[] = [
  ...(
    [
      ['upscale', 'upscaleImage', 'Makes a picture again at twice its size, from itself.', upscaleRequest],
      ['variations', 'varyImage', 'Makes pictures that stay near one.', variationsRequest],
    ] as const
  ).map(([end, name, summary, make]) =>
    defineOwn({
      ...{ method: 'post', path: `/generations/:id/images/:image/${end}`, name, summary, group, scope },
      ...{ status: 202, once: true, params: OfResult, answer: Generation },
      run: async (ask, { params: { id, image } }) => {
        await loadGenerationView(ask, id);
        ask.take(REQUESTS);
        const viewer = mayGenerate(ask.viewer);
        const { generator } = ask.deps.training;
        const status = await generator.status(ask);
        if (status.state !== 'ready') throw new AppError('unavailable', 'There is no engine here that could generate.');
        const request = await make(ask, viewer, status.hello.caps, image);
        return loadGeneration(ask, (await generator.repeat(ask, request)).id);
      },
    }),
  ),
  defineOwn({
    ...{ method: 'post', path: '/generations/:id/images/deletion', name: 'deleteGeneratedImages', group, scope },
    summary: 'Deletes pictures of a generation; those that were posted stay. They can be brought back for an hour.',
    params: ByUuid,
    body: z.strictObject({ images: z.array(z.uuid().toLowerCase()).min(1).max(100) }),
    answer: Generation,
    run: async (ask, { params: { id }, body }) => {
      await deleteResults(ask, id, body.images);
      return loadGeneration(ask, id);
    },
  }),
];
