import { z } from 'zod';
import {
  beginCaptioning,
  CAPTION_MODES,
  CaptioningForm,
  cancelCaptioning,
  undoCaptioning,
} from '../../../compute/datasets/captioning/act.ts';
import { restoreItem } from '../../../compute/datasets/delete.ts';
import { cropItem, repeatItem, rotateItem } from '../../../compute/datasets/edit-item.ts';
import { loadOwnItem } from '../../../compute/datasets/own.ts';
import { BEGIN } from '../../../compute/datasets/pages/captioning-routes.ts';
import { checkForm } from '../../../kit/web/forms.ts';
import { defineOwn, type Operation } from '../../operation/define.ts';
import { ByUuid } from '../query.ts';
import { Dataset, loadDataset } from './datasets.ts';
import { Done, done } from './said.ts';

const group = 'Datasets';
const scope = 'train';
const pixels = z.int().min(0).max(100_000);

/** Single pictures of a set, and captions that a machine writes. */
export const DATASET_IMAGE_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'patch', path: '/dataset-images/:id', name: 'editDatasetImage', group, scope },
    summary:
      'Says which part of a picture is trained on, in pixels of the turned picture, and how often; 0 is as the others.',
    params: ByUuid,
    body: z.strictObject({
      crop: z.strictObject({ left: pixels, top: pixels, width: pixels, height: pixels }).optional(),
      repeats: z.int().min(0).max(1_000).optional(),
    }),
    answer: Dataset,
    run: async (ask, { params: { id }, body: { crop, repeats } }) => {
      const { dataset } = await loadOwnItem(ask, id);
      if (crop) await cropItem(ask, id, crop);
      if (repeats !== undefined) await repeatItem(ask, id, repeats);
      return loadDataset(ask, dataset.id);
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/dataset-images/:id/rotation', name: 'turnDatasetImage', group, scope },
    summary: 'Turns a picture clockwise by a quarter.',
    ...{ params: ByUuid, answer: Dataset },
    run: async (ask, { params }) => loadDataset(ask, (await rotateItem(ask, params.id)).dataset.id),
  }),
  defineOwn({
    ...{ method: 'post', path: '/dataset-images/:id/restoration', name: 'restoreDatasetImage', group, scope },
    summary: 'Brings back a picture that was taken out within ten minutes.',
    ...{ params: ByUuid, answer: Dataset },
    run: async (ask, { params }) => loadDataset(ask, (await restoreItem(ask, params.id)).id),
  }),
  defineOwn({
    ...{ method: 'post', path: '/datasets/:id/captioning', name: 'captionByMachine', group, scope, status: 202 },
    summary: 'Has the captioner of this node look at a set; it stands among the jobs.',
    params: ByUuid,
    body: z.strictObject({
      threshold: z.number().min(0.05).max(0.99).default(0.35),
      /** What becomes of the captions that are there. */
      mode: z.enum(CAPTION_MODES).default('empty'),
      prefix: z.string().max(500).default(''),
      exclude: z.array(z.string().max(100)).max(200).default([]),
      underscores: z.boolean().default(true),
      parentheses: z.boolean().default(false),
    }),
    answer: Done,
    run: async (ask, { params, body: { exclude, underscores, parentheses, ...rest } }) => {
      ask.take(BEGIN);
      const flags = { ...(underscores ? { underscores: '1' } : {}), ...(parentheses ? { parentheses: '1' } : {}) };
      const form = checkForm({ ...rest, ...flags, exclude: exclude.join(', ') }, CaptioningForm);
      await beginCaptioning(ask, ask.deps.training.captioner, params.id, form);
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/datasets/:id/captioning', name: 'cancelCaptioning', group, scope },
    summary: 'Stops the captioner; what it wrote so far stays.',
    ...{ params: ByUuid, answer: Dataset },
    run: async (ask, { params }) => {
      await cancelCaptioning(ask, params.id);
      return loadDataset(ask, params.id);
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/datasets/:id/captioning/reversal', name: 'undoCaptioning', group, scope },
    summary: 'Puts back what stood there before the captioner, except where somebody wrote since.',
    ...{ params: ByUuid, answer: Dataset },
    run: async (ask, { params }) => {
      await undoCaptioning(ask, params.id);
      return loadDataset(ask, params.id);
    },
  }),
];
