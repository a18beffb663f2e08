import { z } from 'zod';
import { modelUpdated } from '../catalogue/events.ts';
import { Model, ModelVersion } from '../catalogue/model.ts';
import { refresh } from '../catalogue/publish.ts';
import { record } from '../kit/events/events.ts';
import { defineJob } from '../kit/queue/define.ts';
import type { Work } from '../kit/work.ts';
import { POLICY_TARGETS, type PolicyTarget } from '../safety/policy.ts';
import { tellCollectionAfterPolicy } from './collections/access.ts';
import { Collection } from './collections/model.ts';
import { commentEdited, postUpdated, reviewEdited } from './events.ts';
import { refreshModelsJob } from './figures.ts';
import { Image, Post } from './model.ts';
import { relistPost } from './posts/relist.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'now'>;

/** After `policy.changed`: what lists read agrees with the decision, and who keeps copies of these facts hears of it. */
export const applyPolicyJob = defineJob({
  name: 'gallery.apply-policy',
  lane: 'media',
  payload: z.object({ kind: z.enum(POLICY_TARGETS), id: z.int() }),
  attempts: 10,
  async run(work, target) {
    await relistAfterPolicy(work, target, 'tell');
  },
});

/**
 * Writes the columns that lists read of a thing that moderation decided about, and of all that belongs to it. With
 * `tell`, events say that it changed, so that the index, feeds and peers follow. A thing that is not there is nothing.
 */
export async function relistAfterPolicy(work: Task, { kind, id }: PolicyTarget, how: 'tell' | 'quietly') {
  if (kind === 'collection') {
    if (how === 'tell') await tellCollectionAfterPolicy({ ...work, em: work.em.fork() }, id);
    return;
  }
  for (const modelId of await listModels(work, { kind, id })) await relistModel(work, modelId, how);
  for (const postId of await listPosts(work, { kind, id })) await relistOne(work, postId, how);
  if (kind !== 'account' || how === 'quietly') return;
  for (const own of await work.em.fork().find(Collection, { owner: id, uri: null, deletedAt: null }))
    await tellCollectionAfterPolicy({ ...work, em: work.em.fork() }, own.id);
}

async function listModels({ em }: Task, { kind, id }: PolicyTarget): Promise<number[]> {
  if (kind === 'model') return [id];
  if (kind === 'version') return (await em.fork().find(ModelVersion, id)).map(({ model }) => model.id);
  if (kind !== 'account') return [];
  const found = await em.fork().find(Model, { owner: id, state: { $ne: 'deleted' } }, { fields: ['id'] });
  return found.map((model) => model.id);
}

async function listPosts({ em }: Task, { kind, id }: PolicyTarget): Promise<number[]> {
  if (kind === 'post') return [id];
  if (kind === 'image') return (await em.fork().find(Image, id)).map(({ post }) => post.id);
  if (kind !== 'account') return [];
  const found = await em.fork().find(Post, { owner: id, state: { $ne: 'deleted' } }, { fields: ['id'] });
  return found.map((post) => post.id);
}

async function relistModel({ em, jobs, now }: Task, modelId: number, how: 'tell' | 'quietly'): Promise<void> {
  await em.fork().transactional(async (tx) => {
    const model = await tx.findOne(Model, modelId);
    if (!model || model.state === 'deleted') return;
    await refresh(tx, model);
    jobs.enqueue(tx, refreshModelsJob, { modelIds: [modelId] }, { dedupeKey: `models:${modelId}` });
    if (how === 'tell' && model.state === 'published') {
      // what is said of it is told apart by when it changed
      if (model.isLocal) model.updatedAt = now();
      record(tx, modelUpdated, { modelId });
    }
    await tx.flush();
  });
}

async function relistOne({ em, jobs, now }: Task, postId: number, how: 'tell' | 'quietly'): Promise<void> {
  await em.fork().transactional(async (tx) => {
    const post = await tx.findOne(Post, postId);
    if (!post || post.state === 'deleted') return;
    await relistPost({ em: tx, jobs }, post);
    if (how === 'tell' && post.state === 'published') {
      if (post.isLocal) post.updatedAt = now();
      recordChange(tx, post);
    }
    await tx.flush();
  });
}

/** What holds the pictures of words is a part of them. Nobody keeps a copy of a bounty. */
function recordChange(em: Work['em'], { id, talkKind, talkId }: Post): void {
  if (talkKind == null) record(em, postUpdated, { postId: id });
  else if (talkId != null && talkKind === 'comment') record(em, commentEdited, { commentId: talkId });
  else if (talkId != null && talkKind === 'review') record(em, reviewEdited, { reviewId: talkId });
}
