import { z } from 'zod';
import { CaptionsForm, saveCaptions } from '../../../compute/datasets/captions.ts';
import { createDataset, DatasetForm, renameDataset } from '../../../compute/datasets/create.ts';
import { deleteDataset, deleteItem, restoreDataset } from '../../../compute/datasets/delete.ts';
import { MOST_CAPTION_CHARS, trainingSettings } from '../../../compute/datasets/limits.ts';
import { loadOwnDataset, mayTrain } from '../../../compute/datasets/own.ts';
import { listDatasets, listItems } from '../../../compute/datasets/pages/queries.ts';
import { takeFiles } from '../../../compute/datasets/pages/take-files.ts';
import { MOST_FILES, sortFiles, UPLOAD } from '../../../compute/datasets/pages/upload-routes.ts';
import { DATASET } from '../../../compute/training/pages/overview-routes.ts';
import { checkForm } from '../../../kit/web/forms.ts';
import { defineOwn, type Operation, type OwnAsk } from '../../operation/define.ts';
import { ByUuid } from '../query.ts';
import { Done, done } from './said.ts';

const group = 'Datasets';
const scope = 'train';
const MOST_CAPTIONS = 1_000;

export const Dataset = z.object({
  ...{ id: z.string(), name: z.string(), updatedAt: z.iso.datetime() },
  images: z.array(
    z.object({
      ...{ id: z.string(), name: z.string(), width: z.int(), height: z.int(), caption: z.string(), repeats: z.int() },
      /** A moderator has to look at it first. */
      held: z.boolean(),
    }),
  ),
});

export async function loadDataset(ask: OwnAsk, id: string): Promise<z.output<typeof Dataset>> {
  const work = { em: ask.em.fork(), viewer: ask.viewer };
  const { name, updatedAt } = await loadOwnDataset(work, id);
  const items = await listItems(work, id);
  return {
    ...{ id, name, updatedAt: updatedAt.toISOString() },
    images: items.map((item) => ({
      ...{ id: item.id, name: item.fileName, width: item.width, height: item.height },
      ...{ caption: item.caption, repeats: item.repeats, held: item.heldAt != null },
    })),
  };
}

const NameBody = z.strictObject({ name: z.string().max(120) });

export const DATASET_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'get', path: '/datasets', name: 'listDatasets', group, scope },
    summary: 'Sets of pictures to train on, those that changed last first.',
    answer: z.object({
      items: z.array(
        z.object({
          ...{ id: z.string(), name: z.string(), imageCount: z.int(), captionedCount: z.int() },
          updatedAt: z.iso.datetime(),
        }),
      ),
    }),
    run: async (ask) => ({
      items: (await listDatasets(ask, mayTrain(ask.viewer))).map(({ id, name, count, captionedCount, updatedAt }) => ({
        ...{ id, name, captionedCount, imageCount: count, updatedAt: updatedAt.toISOString() },
      })),
    }),
  }),
  defineOwn({
    ...{ method: 'post', path: '/datasets', name: 'createDataset', group, scope, status: 201, once: true },
    summary: 'A new set.',
    ...{ body: NameBody, answer: Dataset },
    run: async (ask, { body }) => {
      ask.take(DATASET);
      const allowed = await ask.deps.training.settings.read(ask.em, trainingSettings);
      return loadDataset(ask, (await createDataset(ask, allowed, checkForm(body, DatasetForm))).id);
    },
  }),
  defineOwn({
    ...{ method: 'get', path: '/datasets/:id', name: 'getDataset', group, scope },
    summary: 'A set with its pictures and captions.',
    ...{ params: ByUuid, answer: Dataset },
    run: (ask, { params }) => loadDataset(ask, params.id),
  }),
  defineOwn({
    ...{ method: 'patch', path: '/datasets/:id', name: 'renameDataset', group, scope },
    summary: 'Gives a set another name.',
    ...{ params: ByUuid, body: NameBody, answer: Dataset },
    run: async (ask, { params, body }) => {
      await renameDataset(ask, params.id, checkForm(body, DatasetForm));
      return loadDataset(ask, params.id);
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/datasets/:id', name: 'deleteDataset', group, scope },
    summary: 'Deletes a set. It can be brought back for ten minutes.',
    ...{ params: ByUuid, answer: Done },
    run: async (ask, { params }) => {
      await deleteDataset(ask, params.id);
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/datasets/:id/restoration', name: 'restoreDataset', group, scope },
    summary: 'Brings back a set that was deleted within ten minutes.',
    ...{ params: ByUuid, answer: Dataset },
    run: async (ask, { params }) => {
      await restoreDataset(ask, params.id);
      return loadDataset(ask, params.id);
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/datasets/:id/images', name: 'addDatasetImages', group, scope },
    summary: 'Puts pictures into a set.',
    params: ByUuid,
    files: {
      most: MOST_FILES,
      mostBytes: ({ training }) => training.maxImageBytes,
      limit: UPLOAD,
      description: 'Pictures, and a .txt beside each with its caption, by the same name.',
    },
    answer: z.object({
      images: z.array(z.object({ id: z.string(), name: z.string() })),
      refused: z.array(z.object({ name: z.string(), message: z.string() })),
    }),
    run: async (ask, { params, files }) => {
      const { training } = ask.deps;
      const dataset = await loadOwnDataset(ask, params.id);
      const allowed = await training.settings.read(ask.em, trainingSettings);
      const { pictures, captions } = await sortFiles(files);
      const { taken, refused } = await takeFiles(ask, { ...training, ...allowed }, dataset, pictures, captions);
      return {
        images: taken.map(({ itemId, name }) => ({ id: itemId, name })),
        refused: refused.map(({ name, message }) => ({ name, message })),
      };
    },
  }),
  defineOwn({
    ...{ method: 'patch', path: '/datasets/:id/captions', name: 'captionDataset', group, scope },
    summary: 'Writes captions; pictures that are not named keep theirs.',
    params: ByUuid,
    body: z.strictObject({
      captions: z
        .array(z.strictObject({ image: z.uuid().toLowerCase(), caption: z.string().max(MOST_CAPTION_CHARS) }))
        .max(MOST_CAPTIONS),
    }),
    maxBodyBytes: 3_000_000,
    answer: Dataset,
    run: async (ask, { params, body }) => {
      const fields = body.captions.map(({ image, caption }) => [`caption-${image}`, caption]);
      await saveCaptions(ask, params.id, checkForm(Object.fromEntries(fields), CaptionsForm));
      return loadDataset(ask, params.id);
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/dataset-images/:id', name: 'deleteDatasetImage', group, scope },
    summary: 'Takes a picture out of its set.',
    ...{ params: ByUuid, answer: Dataset },
    run: async (ask, { params }) => loadDataset(ask, (await deleteItem(ask, params.id)).id),
  }),
];
