import { z } from 'zod';
import { nodeSettings } from '../../../accounts/node-settings.ts';
import { GenerateForm } from '../../../compute/form.ts';
import { mayGenerate } from '../../../compute/generator.ts';
import { cancelGeneration, deleteGeneration, loadResultFile, restoreGeneration } from '../../../compute/keep.ts';
import { GENERATION_STATES } from '../../../compute/model.ts';
import { listFolderOffers } from '../../../compute/models/folder-offers.ts';
import { listOffers, OFFERED_TYPES } from '../../../compute/models/offers.ts';
import { noteOf } from '../../../compute/phase.ts';
import { postResults } from '../../../compute/post.ts';
import { followJob, loadLive } from '../../../compute/tool/live.ts';
import { loadGenerationView } from '../../../compute/tool/queries.ts';
import { REQUESTS } from '../../../compute/tool/result-routes.ts';
import { checkForm } from '../../../kit/web/forms.ts';
import { RATINGS } from '../../../safety/ratings.ts';
import { defineBytes, defineOwn, defineStream, type Operation, type OwnAsk } from '../../operation/define.ts';
import { ByUuid, text } from '../query.ts';
import { GenerationBody, generationFields } from './generation-body.ts';
import { JobEvent, Progress } from './progress.ts';
import { Done, done, Published, published } from './said.ts';

const group = 'Generation';
const scope = 'generate';

export const Generation = z.object({
  id: z.string(),
  state: z.enum(GENERATION_STATES),
  createdAt: z.iso.datetime(),
  ...{ prompt: z.string(), summary: z.string(), width: z.int(), height: z.int(), count: z.int() },
  error: z.string().nullable(),
  /** Why it waits for a person, or stays here for good. */
  held: z.string().nullable(),
  warnings: z.array(z.string()),
  resources: z.array(z.object({ name: z.string(), type: z.string(), weight: z.number().nullable() })),
  images: z.array(
    z.object({
      ...{ id: z.string(), width: z.int(), height: z.int(), seed: z.number(), infotext: z.string() },
      /** Its bytes, for the same token. */
      url: z.url(),
      postedAs: z.url().nullable(),
    }),
  ),
  /** Null once it ended. */
  progress: Progress.nullable(),
  /** Server-sent events. */
  eventsUrl: z.url(),
});

const urlOf = ({ origin }: OwnAsk, id: string): string => `${origin}/api/v1/generations/${id}`;

export async function loadGeneration(ask: OwnAsk, id: string): Promise<z.output<typeof Generation>> {
  const work = { ...ask, em: ask.em.fork() };
  const { view, jobId } = await loadGenerationView(work, id);
  const live = view.isOpen && jobId ? await loadLive(work, id, jobId) : null;
  return {
    ...{ id, state: view.state, createdAt: view.createdAt.toISOString(), prompt: view.prompt, summary: view.summary },
    ...{ width: view.width, height: view.height, count: view.count, error: view.error, held: view.heldText },
    warnings: [...view.warnings],
    resources: view.resources.map(({ name, type, weight }) => ({ name, type, weight })),
    images: view.images.map((image) => ({
      ...{ id: image.id, width: image.width, height: image.height, seed: image.seed, infotext: image.infotext },
      url: `${urlOf(ask, id)}/images/${image.id}`,
      postedAs: image.postedUrl === null ? null : ask.origin + image.postedUrl,
    })),
    progress: live && { value: live.value, max: live.max, note: live.note },
    eventsUrl: `${urlOf(ask, id)}/events`,
  };
}

const Offered = z.object({
  /** How a request names it. */
  key: z.string(),
  ...{ title: z.string(), version: z.string(), baseModel: z.string() },
  versionId: z.int().nullable(),
  trainedWords: z.array(z.string()),
  recommendedWeight: z.number().nullable(),
});

export const GENERATION_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'get', path: '/generation-models', name: 'listGenerationModels', group, scope },
    summary: 'Models that this node generates with for whoever asks, the newest first.',
    query: z.object({ type: z.enum(OFFERED_TYPES as [string, ...string[]]).default('Checkpoint'), query: text(100) }),
    answer: z.object({ items: z.array(Offered) }),
    run: async ({ em, viewer }, { query: { type, query = '' } }) => {
      mayGenerate(viewer);
      const offers = [
        ...(await listOffers(em, viewer, { types: [type], fitting: [], search: query })),
        ...(type === 'Checkpoint' ? await listFolderOffers(em, query) : []),
      ];
      return {
        items: offers.map(({ key, title, subtitle, baseModel, versionId, trainedWords, recommendedWeight }) => ({
          ...{
            key,
            title,
            version: subtitle,
            baseModel,
            versionId,
            trainedWords: [...trainedWords],
            recommendedWeight,
          },
        })),
      };
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/generations', name: 'generate', group, scope, status: 202, once: true },
    summary: 'Asks for pictures. They are made when the engine comes to it: follow its events, or ask again.',
    ...{ body: GenerationBody, answer: Generation },
    run: async (ask, { body }) => {
      ask.take(REQUESTS);
      mayGenerate(ask.viewer);
      const form = checkForm(generationFields(body), GenerateForm);
      return loadGeneration(ask, (await ask.deps.training.generator.request(ask, form)).id);
    },
  }),
  defineOwn({
    ...{ method: 'get', path: '/generations/:id', name: 'getGeneration', group, scope },
    summary: 'A generation of one’s own with its pictures.',
    ...{ params: ByUuid, answer: Generation },
    run: (ask, { params }) => loadGeneration(ask, params.id),
  }),
  defineStream({
    ...{ method: 'get', path: '/generations/:id/events', name: 'watchGeneration', group, scope },
    summary: 'Its progress as server-sent events, until it ends. Goes on after `Last-Event-ID`.',
    ...{ params: ByUuid, event: JobEvent },
    open: async (ask, { params: { id } }) => {
      const { jobId } = await loadGenerationView(ask, id);
      const followed = { jobId: jobId ?? '', url: urlOf(ask, id), noteOf };
      return (signal, lastEventId) => followJob(ask, followed, signal, lastEventId);
    },
  }),
  defineBytes({
    ...{ method: 'get', path: '/generations/:id/images/:image', name: 'getGeneratedImage', group, scope },
    summary: 'The bytes of one picture.',
    ...{ params: ByUuid.extend({ image: z.uuid().toLowerCase() }), mediaType: 'image/*' },
    find: (ask, { params }) => loadResultFile(ask, params.image, 'full'),
  }),
  defineOwn({
    ...{ method: 'post', path: '/generations/:id/again', name: 'generateAgain', group, scope, status: 202, once: true },
    summary: 'The same again with other seeds.',
    ...{ params: ByUuid, answer: Generation },
    run: async (ask, { params }) => {
      ask.take(REQUESTS);
      return loadGeneration(ask, (await ask.deps.training.generator.again(ask, params.id)).id);
    },
  }),
  defineOwn({
    ...{
      method: 'post',
      path: '/generations/:id/post',
      name: 'postGeneration',
      group,
      scope: 'write:images',
      once: true,
    },
    summary: 'Publishes pictures of a generation, with what they were made with; none named is all.',
    params: ByUuid,
    body: z.strictObject({
      images: z.array(z.uuid().toLowerCase()).max(20).default([]),
      nsfwLevel: z.literal([...RATINGS]).default(1),
    }),
    answer: Published.extend({ id: z.int() }),
    run: async (ask, { params, body }) => {
      const { training } = ask.deps;
      const { allowedLevels } = await training.settings.read(ask.em, nodeSettings);
      const form = { image: body.images, rating: body.nsfwLevel };
      const id = await postResults(ask, { ...training, allowedLevels }, params.id, form);
      return { id, ...(await published(ask.em, `${ask.origin}/posts/${id}`, { kind: 'post', id })) };
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/generations/:id/cancellation', name: 'cancelGeneration', group, scope },
    summary: 'Ends what waits or runs.',
    ...{ params: ByUuid, answer: Generation },
    run: async (ask, { params }) => {
      await cancelGeneration(ask, params.id);
      return loadGeneration(ask, params.id);
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/generations/:id', name: 'deleteGeneration', group, scope },
    summary: 'Deletes a generation with its pictures; those that were posted stay. It can be brought back for an hour.',
    ...{ params: ByUuid, answer: Done },
    run: async (ask, { params }) => {
      await deleteGeneration(ask, params.id);
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/generations/:id/restoration', name: 'restoreGeneration', group, scope },
    summary: 'Brings back what was deleted within the hour.',
    ...{ params: ByUuid, answer: Generation },
    run: async (ask, { params }) => {
      await restoreGeneration(ask, params.id);
      return loadGeneration(ask, params.id);
    },
  }),
];
