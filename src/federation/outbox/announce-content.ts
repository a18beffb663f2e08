import { Account, isLocal } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import { loadRestrictions } from '../../catalogue/publish.ts';
import { Image, Post } from '../../gallery/model.ts';
import type { Work } from '../../kit/work.ts';
import { RESTRICTION } from '../../safety/policy.ts';
import { actorUri, objectUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { isRendered, modelDocument, postDocument } from '../documents/objects.ts';
import { OutboxItem } from '../model.ts';
import { buildCreate, buildDelete, buildUpdate } from '../vocabulary/activity.ts';
import type { Document } from '../vocabulary/context.ts';
import { send } from './send.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'now'>;

const FORBIDDEN = RESTRICTION.view | RESTRICTION.federate | RESTRICTION.removed;

/** Tells followers what a model is now: new, changed, or gone. The model's row decides, not the event that came. */
export async function announceModel(work: Task, federation: Federation, modelId: number): Promise<void> {
  const { em } = work;
  const model = await em.findOne(Model, { id: modelId, isLocal: true }, { refresh: true });
  const owner = model && (await findLocal(em, model.owner.id));
  if (!model || !owner) return;
  const uri = objectUri(federation.origin, 'model', model);
  const isWithheld = ((await loadRestrictions(em, owner.id, model.id)) & FORBIDDEN) !== 0;
  if (model.state !== 'published' || isWithheld) {
    await announceEnd(work, federation, owner, uri, 'Note');
    return;
  }
  const document = await modelDocument(federation, em, model);
  await announceObject(work, federation, owner, document, model.updatedAt);
}

/** As `announceModel`. A post whose pictures are not rendered yet waits: each rendering ends with another call. */
export async function announcePost(work: Task, federation: Federation, postId: number): Promise<void> {
  const { em } = work;
  const post = await em.findOne(Post, { id: postId, isLocal: true }, { refresh: true });
  const owner = post && (await findLocal(em, post.owner.id));
  if (!post || !owner) return;
  const uri = objectUri(federation.origin, 'post', post);
  const isWithheld = post.visibility === 'public' && post.listedAt == null;
  if (post.state !== 'published' || isWithheld) {
    await announceEnd(work, federation, owner, uri, 'Note');
    return;
  }
  if (post.visibility === 'direct' || !(await isRendered(em, postId))) return;
  await announceObject(work, federation, owner, await postDocument(federation, em, post), post.updatedAt);
}

export async function announceImage(work: Task, federation: Federation, imageId: number): Promise<void> {
  const image = await work.em.findOne(Image, { id: imageId, isLocal: true }, { populate: ['post'] });
  if (image?.post.$.state === 'published') await announcePost(work, federation, image.post.id);
}

async function findLocal(em: Work['em'], accountId: number): Promise<Account | null> {
  const account = await em.findOne(Account, accountId);
  return account && isLocal(account) && account.state !== 'suspended' ? account : null;
}

/** The Create has the object's name, so that it is said once; each Update has the time of its change. */
async function announceObject(
  work: Task,
  federation: Federation,
  owner: Account,
  document: Document,
  changedAt: Date,
): Promise<void> {
  const { em } = work;
  const uri = String(document.id);
  const act = { actorUri: actorUri(federation.origin, owner) };
  const to = { followersOf: [owner.id] };
  const created = await em.findOne(OutboxItem, { uri: `${uri}#create` });
  const ended =
    created &&
    (await em.count(OutboxItem, { uri: { $like: `${uri}#delete-%` }, createdAt: { $gte: created.createdAt } }));
  if (!created) {
    await send(work, federation, owner.id, buildCreate({ ...act, uri: `${uri}#create` }, document), to);
    return;
  }
  const { object } = created.document as { object: Document };
  if (!ended && object.updated === changedAt.toISOString()) return;
  // who deleted it at our word takes only a new Create
  if (ended) {
    const again = buildCreate({ ...act, uri: `${uri}#create-${changedAt.getTime()}` }, document);
    await send(work, federation, owner.id, again, to);
  } else {
    const updated = buildUpdate({ ...act, uri: `${uri}#update-${changedAt.getTime()}` }, document, changedAt);
    await send(work, federation, owner.id, updated, to);
  }
}

/** Only what was said can be taken back. */
async function announceEnd(
  work: Task,
  federation: Federation,
  owner: Account,
  uri: string,
  formerType: string,
): Promise<void> {
  const { em, now } = work;
  const last = await em.findOne(
    OutboxItem,
    { $or: [{ uri: `${uri}#create` }, { uri: { $like: `${uri}#create-%` } }] },
    { orderBy: { createdAt: 'desc' } },
  );
  if (!last) return;
  const act = { uri: `${uri}#delete-${last.createdAt.getTime()}`, actorUri: actorUri(federation.origin, owner) };
  const tombstone = { uri, formerType, deletedAt: now(), takedown: null };
  await send(work, federation, owner.id, buildDelete(act, tombstone), { followersOf: [owner.id] });
}
