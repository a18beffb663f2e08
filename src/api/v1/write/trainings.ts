import { z } from 'zod';
import { nodeSettings } from '../../../accounts/node-settings.ts';
import { trainingSettings } from '../../../compute/datasets/limits.ts';
import { loadOwnDataset, mayTrain } from '../../../compute/datasets/own.ts';
import { followJob } from '../../../compute/tool/live.ts';
import { canTrain, listBases } from '../../../compute/training/bases.ts';
import { loraName } from '../../../compute/training/command.ts';
import {
  cancelTraining,
  deleteTraining,
  loadOwnEpoch,
  loadOwnRun,
  resumeTraining,
  stopTraining,
} from '../../../compute/training/keep.ts';
import { LOOKS } from '../../../compute/training/model.ts';
import { loadRunView, trainNote } from '../../../compute/training/pages/run-view.ts';
import { attestationOf } from '../../../compute/training/pages/start-form.ts';
import { TRAIN } from '../../../compute/training/pages/start-routes.ts';
import { PublishForm, publishEpoch } from '../../../compute/training/publish.ts';
import { listRuns } from '../../../compute/training/queries.ts';
import { startTraining } from '../../../compute/training/start.ts';
import { checkForm } from '../../../kit/web/forms.ts';
import { RATINGS } from '../../../safety/ratings.ts';
import { defineBytes, defineOwn, defineStream, type Operation, type OwnAsk } from '../../operation/define.ts';
import { ByUuid } from '../query.ts';
import { JobEvent, Progress } from './progress.ts';
import { Done, done, Published, published } from './said.ts';
import { requestOf, TrainingBody } from './training-body.ts';

const group = 'Training';
const scope = 'train';

const Training = z.object({
  ...{ id: z.string(), name: z.string(), state: z.string(), open: z.boolean() },
  error: z.string().nullable(),
  held: z.string().nullable(),
  datasetId: z.string().nullable(),
  /** The newest first. */
  epochs: z.array(
    z.object({
      ...{ id: z.string(), number: z.int(), step: z.int(), loss: z.string(), sizeKB: z.number() },
      /** Its weights, for the same token. */
      url: z.url(),
      publishedAs: z.url().nullable(),
    }),
  ),
  progress: Progress.nullable(),
  eventsUrl: z.url(),
});

const urlOf = ({ origin }: OwnAsk, id: string): string => `${origin}/api/v1/trainings/${id}`;

async function loadTraining(ask: OwnAsk, id: string): Promise<z.output<typeof Training>> {
  const work = { ...ask, em: ask.em.fork() };
  const run = await loadOwnRun(work, id);
  const view = await loadRunView(work, run, false);
  return {
    ...{ id, name: view.name, state: view.state, open: view.isOpen, error: view.error, held: view.heldText },
    datasetId: run.dataset?.id ?? null,
    epochs: view.epochs.map(({ id: epochId, number, step, loss, totalBytes, publishedUrl }) => ({
      ...{ id: epochId, number, step, loss, sizeKB: totalBytes / 1_024 },
      url: `${ask.origin}/api/v1/training-epochs/${epochId}/file`,
      publishedAs: publishedUrl === null ? null : ask.origin + publishedUrl,
    })),
    progress: view.live && { value: view.live.value, max: view.live.max, note: view.live.note },
    eventsUrl: `${urlOf(ask, id)}/events`,
  };
}

const acts = (
  [
    ['stop', 'stopTraining', 'Ends it and keeps the epochs that are done; it can go on later.', stopTraining],
    ['cancellation', 'cancelTraining', 'Ends it and throws away what it made.', cancelTraining],
    [
      'resumption',
      'resumeTraining',
      'Goes on from the last state of what failed or was stopped.',
      (ask: OwnAsk, id: string) => resumeTraining(ask, ask.deps.training.trainer, id),
    ],
  ] as const
).map(([end, name, summary, act]) =>
  defineOwn({
    ...{ method: 'post', path: `/trainings/:id/${end}`, name, summary, group, scope },
    ...{ params: ByUuid, answer: Training },
    run: async (ask, { params }) => {
      await act(ask, params.id);
      return loadTraining(ask, params.id);
    },
  }),
);

export const TRAINING_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'get', path: '/training-bases', name: 'listTrainingBases', group, scope },
    summary: 'Checkpoints that can be trained on here, what the node recommends first.',
    answer: z.object({
      items: z.array(
        z.object({
          ...{ key: z.string(), title: z.string(), version: z.string(), baseModel: z.string(), family: z.string() },
          look: z.enum(LOOKS).nullable(),
        }),
      ),
    }),
    run: async (ask) => {
      const viewer = mayTrain(ask.viewer);
      const { trainer, settings } = ask.deps.training;
      const hello = await trainer.hello(ask);
      const bases =
        hello && canTrain(hello)
          ? await listBases(ask, viewer, hello, await settings.read(ask.em, trainingSettings))
          : [];
      return {
        items: bases.map(({ key, title, subtitle, baseModel, family, look }) => ({
          ...{ key, title, baseModel, family, look, version: subtitle },
        })),
      };
    },
  }),
  defineOwn({
    ...{ method: 'get', path: '/trainings', name: 'listTrainings', group, scope },
    summary: 'Trainings of one’s own, the newest first.',
    answer: z.object({
      items: z.array(
        z.object({
          ...{ id: z.string(), name: z.string(), state: z.string(), base: z.string(), createdAt: z.iso.datetime() },
          ...{ step: z.int(), totalSteps: z.int(), epochCount: z.int() },
        }),
      ),
    }),
    run: async (ask) => ({
      items: (await listRuns(ask, mayTrain(ask.viewer))).map(
        ({ id, name, state, base, createdAt, step, totalSteps, epochCount }) => ({
          ...{ id, name, state, base, step, totalSteps, epochCount, createdAt: createdAt.toISOString() },
        }),
      ),
    }),
  }),
  defineOwn({
    ...{ method: 'post', path: '/trainings', name: 'train', group, scope, status: 202, once: true },
    summary: 'Trains a LoRA on a set. What the settings leave out is as the preset has it.',
    ...{ body: TrainingBody, answer: Training },
    run: async (ask, { body }) => {
      ask.take(TRAIN);
      mayTrain(ask.viewer);
      await loadOwnDataset(ask, body.datasetId);
      const attested = attestationOf({
        ...{ people: body.people, rightsKind: body.rights.kind, rights: body.rights.confirmed ? '1' : '' },
      });
      const { trainer, defaultQuotaBytes } = ask.deps.training;
      const request = await requestOf(ask, body);
      return loadTraining(ask, (await startTraining(ask, trainer, request, { ...attested, defaultQuotaBytes })).id);
    },
  }),
  defineOwn({
    ...{ method: 'get', path: '/trainings/:id', name: 'getTraining', group, scope },
    summary: 'A training of one’s own with its epochs.',
    ...{ params: ByUuid, answer: Training },
    run: (ask, { params }) => loadTraining(ask, params.id),
  }),
  defineStream({
    ...{ method: 'get', path: '/trainings/:id/events', name: 'watchTraining', group, scope },
    summary: 'Its progress as server-sent events, until it ends. Goes on after `Last-Event-ID`.',
    ...{ params: ByUuid, event: JobEvent },
    open: async (ask, { params }) => {
      const { id, jobId } = await loadOwnRun(ask, params.id);
      const followed = { jobId: jobId ?? '', url: urlOf(ask, id), noteOf: trainNote };
      return (signal, lastEventId) => followJob(ask, followed, signal, lastEventId);
    },
  }),
  ...acts,
  defineOwn({
    ...{ method: 'delete', path: '/trainings/:id', name: 'deleteTraining', group, scope },
    summary: 'Forgets a training with its epochs. What was published stays.',
    ...{ params: ByUuid, answer: Done },
    run: async (ask, { params }) => {
      await loadOwnRun(ask, params.id);
      await deleteTraining(ask, params.id);
      return done;
    },
  }),
  defineBytes({
    ...{ method: 'get', path: '/training-epochs/:id/file', name: 'getEpochFile', group, scope },
    summary: 'The weights of an epoch.',
    ...{ params: ByUuid, mediaType: 'application/octet-stream' },
    find: async (ask, { params }) => {
      const { sha256, totalBytes, number, run } = await loadOwnEpoch(ask, params.id);
      const fileName = `${loraName(run.$.name)}-e${String(number).padStart(2, '0')}.safetensors`;
      return { sha256, totalBytes, fileName, contentType: 'application/octet-stream' };
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/training-epochs/:id/publication', name: 'publishEpoch', group, once: true },
    ...{ scope, alsoScope: 'write:models' },
    summary: 'Makes an epoch a model with everything filled in: public, or a draft.',
    params: ByUuid,
    body: z.strictObject({
      name: z.string().min(1).max(120),
      versionName: z.string().min(1).max(80).default('v1.0'),
      description: z.string().max(20_000).default(''),
      nsfwLevel: z.literal([...RATINGS]).default(1),
      draft: z.boolean().default(false),
    }),
    answer: Published.extend({ modelId: z.int(), versionId: z.int() }),
    run: async (ask, { params, body: { draft, nsfwLevel, ...words } }) => {
      const { training } = ask.deps;
      const { allowedLevels } = await training.settings.read(ask.em, nodeSettings);
      const form = checkForm({ ...words, rating: nsfwLevel, act: draft ? 'draft' : 'publish' }, PublishForm);
      const { modelId, versionId } = await publishEpoch(ask, { ...training, allowedLevels }, params.id, form);
      const url = `${ask.origin}/models/${modelId}?version=${versionId}`;
      return { modelId, versionId, ...(await published(ask.em, url, { kind: 'model', id: modelId })) };
    },
  }),
];
