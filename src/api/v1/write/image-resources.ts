import { z } from 'zod';
import { addResource, removeResource } from '../../../gallery/images/edit.ts';
import { RESOURCE_KINDS, ResourceUse } from '../../../gallery/model.ts';
import { loadOwnImage } from '../../../gallery/posts/delete.ts';
import { defineOwn, type Operation, type OwnAsk } from '../../operation/define.ts';
import { ById, MOST_ID } from '../query.ts';

const group = 'Posts and images';

const Resources = z.object({
  items: z.array(
    z.object({
      ...{ id: z.uuid(), kind: z.enum(RESOURCE_KINDS), name: z.string(), weight: z.number().nullable() },
      modelVersionId: z.int().nullable(),
      /** Said by its owner, not by the file. */
      manual: z.boolean(),
    }),
  ),
});

async function loadResources(ask: OwnAsk, imageId: number): Promise<z.output<typeof Resources>> {
  const em = ask.em.fork();
  const { image } = await loadOwnImage({ em, viewer: ask.viewer }, imageId);
  const uses = await em.find(ResourceUse, { image }, { orderBy: { position: 1, id: 1 } });
  return {
    items: uses.map(({ id, kind, name, weight, version, isManual }) => ({
      ...{ id, kind, name, weight: weight ?? null, modelVersionId: version?.id ?? null, manual: isManual },
    })),
  };
}

/** What a picture of one's own was made with, as far as its file does not say it. */
export const IMAGE_RESOURCE_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'get', path: '/images/:id/resources', name: 'listImageResources', group, scope: 'read' },
    summary: 'What a picture of one’s own was made with.',
    ...{ params: ById, answer: Resources },
    run: (ask, { params }) => loadResources(ask, params.id),
  }),
  defineOwn({
    ...{ method: 'post', path: '/images/:id/resources', name: 'addImageResource', group, scope: 'write:images' },
    summary: 'Says that it was made with a version.',
    params: ById,
    body: z.strictObject({
      modelVersionId: z.int().min(1).max(MOST_ID),
      weight: z.number().min(-10).max(10).nullable().default(null),
    }),
    answer: Resources,
    run: async (ask, { params: { id }, body: { modelVersionId, weight } }) => {
      await addResource(ask, id, modelVersionId, weight);
      return loadResources(ask, id);
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/images/:id/resources/:use', name: 'removeImageResource', group },
    ...{ scope: 'write:images', params: ById.extend({ use: z.uuid().toLowerCase() }), answer: Resources },
    summary: 'Says that it was not.',
    run: async (ask, { params: { id, use } }) => {
      await removeResource(ask, id, use);
      return loadResources(ask, id);
    },
  }),
];
