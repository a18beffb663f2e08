import { z } from 'zod';
import { nodeSettings } from '../../../accounts/node-settings.ts';
import { mayTrain } from '../../../compute/datasets/own.ts';
import { cancelMerge, deleteMerge, loadOwnMerge, loadOwnMerged, mergeAgain } from '../../../compute/merging/keep.ts';
import { MERGE_KINDS } from '../../../compute/merging/model.ts';
import { canMerge, listMergeable } from '../../../compute/merging/offers.ts';
import { MERGE } from '../../../compute/merging/pages/start-routes.ts';
import { loadMergeView } from '../../../compute/merging/pages/view.ts';
import { MergeSettings } from '../../../compute/merging/params.ts';
import { proposedDescription, publishMerge } from '../../../compute/merging/publish.ts';
import { startMerge } from '../../../compute/merging/start.ts';
import { noteOf } from '../../../compute/phase.ts';
import { followJob } from '../../../compute/tool/live.ts';
import { loraName } from '../../../compute/training/command.ts';
import { PublishForm } from '../../../compute/training/publish.ts';
import { checkForm } from '../../../kit/web/forms.ts';
import { RATINGS } from '../../../safety/ratings.ts';
import { defineBytes, defineOwn, defineStream, type Operation, type OwnAsk } from '../../operation/define.ts';
import { ByUuid, text } from '../query.ts';
import { JobEvent, Progress } from './progress.ts';
import { Done, done, Published, published } from './said.ts';

const group = 'Merging';
const scope = 'train';

const Merge = z.object({
  ...{ id: z.string(), name: z.string(), state: z.string(), open: z.boolean(), error: z.string().nullable() },
  warnings: z.array(z.string()),
  parts: z.array(z.string()),
  /** Its weights, for the same token; null until it is done. */
  fileUrl: z.url().nullable(),
  publishedAs: z.url().nullable(),
  progress: Progress.nullable(),
  eventsUrl: z.url(),
});

async function loadMerge(asked: OwnAsk, id: string): Promise<z.output<typeof Merge>> {
  const ask = { ...asked, em: asked.em.fork() };
  const view = await loadMergeView(ask, await loadOwnMerge(ask, id));
  const url = `${ask.origin}/api/v1/merges/${id}`;
  return {
    ...{ id, name: view.name, state: view.state, open: view.isOpen, error: view.error },
    ...{ warnings: [...view.warnings], parts: view.parts.map(({ title }) => title) },
    fileUrl: view.made && `${url}/file`,
    publishedAs: view.publishedUrl && new URL(view.publishedUrl, ask.origin).href,
    progress: view.live && { value: view.live.value, max: view.live.max, note: view.live.note },
    eventsUrl: `${url}/events`,
  };
}

const acts = (
  [
    ['cancellation', 'cancelMerge', 'Cancels a merge.'],
    ['again', 'mergeAgain', 'Merges the same again.'],
  ] as const
).map(([act, name, summary]) =>
  defineOwn({
    ...{ method: 'post', path: `/merges/:id/${act}`, name, summary, group, scope, params: ByUuid, answer: Merge },
    run: async (ask, { params: { id } }) => {
      await (act === 'again' ? mergeAgain(ask, ask.deps.merging.merger, id) : cancelMerge(ask, id));
      return loadMerge(ask, id);
    },
  }),
);

const key = z.string().max(64);

export const MERGE_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'get', path: '/merge-models', name: 'listMergeModels', group, scope: 'read' },
    summary: 'What can be merged here.',
    query: z.object({ kind: z.enum(MERGE_KINDS).default('checkpoint'), query: text() }),
    answer: z.object({ items: z.array(z.object({ key: z.string(), title: z.string(), family: z.string() })) }),
    run: async (ask, { query: { kind, query: search = '' } }) => {
      const hello = await ask.deps.merging.merger.hello(ask);
      if (!hello || !canMerge(hello)) return { items: [] };
      const offers = await listMergeable(ask, mayTrain(ask.viewer), hello, { kind, search, family: null });
      return { items: offers.map(({ key: its, title, family }) => ({ key: its, title, family })) };
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/merges', name: 'merge', group, scope, status: 202, once: true },
    summary: 'Merges two or three checkpoints or LoRAs, by the keys of `listMergeModels`.',
    body: z.strictObject({
      kind: z.enum(MERGE_KINDS),
      name: z.string().min(1).max(120),
      models: z.array(key.min(1)).min(2).max(3),
      settings: MergeSettings.strict().prefault({}),
    }),
    answer: Merge,
    run: async (ask, { body: { kind, name, models, settings } }) => {
      ask.take(MERGE);
      const { merger, defaultQuotaBytes } = ask.deps.merging;
      const [a = '', b = '', c = ''] = models;
      const run = await startMerge(ask, merger, { kind, name, keys: [a, b, c], settings }, defaultQuotaBytes);
      return loadMerge(ask, run.id);
    },
  }),
  defineOwn({
    ...{ method: 'get', path: '/merges/:id', name: 'getMerge', group, scope: 'read' },
    summary: 'A merge of one’s own. `/jobs` lists them.',
    ...{ params: ByUuid, answer: Merge },
    run: (ask, { params }) => loadMerge(ask, params.id),
  }),
  defineStream({
    ...{ method: 'get', path: '/merges/:id/events', name: 'watchMerge', group, scope: 'read' },
    summary: 'Its progress as server-sent events, until it ends. Goes on after `Last-Event-ID`.',
    ...{ params: ByUuid, event: JobEvent },
    open: async (ask, { params }) => {
      const { id, jobId } = await loadOwnMerge(ask, params.id);
      const followed = { jobId: jobId ?? '', url: `${ask.origin}/api/v1/merges/${id}`, noteOf };
      return (signal, lastEventId) => followJob(ask, followed, signal, lastEventId);
    },
  }),
  ...acts,
  defineBytes({
    ...{ method: 'get', path: '/merges/:id/file', name: 'getMergedFile', group, scope },
    summary: 'What came of it.',
    ...{ params: ByUuid, mediaType: 'application/octet-stream' },
    find: async (ask, { params }) => {
      const { run, sha256 } = await loadOwnMerged(ask, params.id);
      const fileName = `${loraName(run.name)}.safetensors`;
      return { sha256, totalBytes: run.totalBytes, fileName, contentType: 'application/octet-stream' };
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/merges/:id/publication', name: 'publishMerge', group, once: true },
    ...{ scope, alsoScope: 'write:models', params: ByUuid },
    summary: 'Makes it a model with everything filled in: public, or a draft.',
    body: z.strictObject({
      name: z.string().min(1).max(120),
      versionName: z.string().min(1).max(80).default('v1.0'),
      /** None is one that tells how it was made. */
      description: z.string().max(20_000).optional(),
      nsfwLevel: z.literal([...RATINGS]).default(1),
      draft: z.boolean().default(false),
    }),
    answer: Published.extend({ modelId: z.int(), versionId: z.int() }),
    run: async (ask, { params: { id }, body: { draft, nsfwLevel, description, ...words } }) => {
      const { merging } = ask.deps;
      const { allowedLevels } = await merging.settings.read(ask.em, nodeSettings);
      const { run } = await loadOwnMerged(ask, id);
      const said = { ...words, description: description ?? proposedDescription(run) };
      const form = checkForm({ ...said, rating: nsfwLevel, act: draft ? 'draft' : 'publish' }, PublishForm);
      const { modelId, versionId } = await publishMerge(ask, { ...merging, allowedLevels }, id, form);
      const url = `${ask.origin}/models/${modelId}?version=${versionId}`;
      return { modelId, versionId, ...(await published(ask.em, url, { kind: 'model', id: modelId })) };
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/merges/:id', name: 'deleteMerge', group, scope },
    summary: 'Forgets a merge. What was published stays.',
    ...{ params: ByUuid, answer: Done },
    run: async (ask, { params }) => {
      await loadOwnMerge(ask, params.id);
      await deleteMerge(ask, params.id);
      return done;
    },
  }),
];
