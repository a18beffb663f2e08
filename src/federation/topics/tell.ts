import { isBlockedEither } from '../../accounts/block.ts';
import { Account } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import { lookAt } from '../../gallery/access.ts';
import { Collection, CollectionItem } from '../../gallery/collections/model.ts';
import { Image, Post } from '../../gallery/model.ts';
import { TopicFollow, type TopicKind } from '../../gallery/topics/model.ts';
import { findTopic } from '../../gallery/topics/topic.ts';
import type { Work } from '../../kit/work.ts';
import { actorUri, followersUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { isRendered } from '../documents/objects.ts';
import { NODE_ACTOR, OutboxItem } from '../model.ts';
import { send } from '../outbox/send.ts';
import { buildActorDelete, buildAdd, buildDelete, buildRemove, buildUpdate } from '../vocabulary/activity.ts';
import { topicDocument } from './actor.ts';
import { collectionUri, topicActorUri } from './addresses.ts';
import { renewNotes } from './announce-collection.ts';
import { collectionDocument } from './collection-documents.ts';
import { type Told, tagsOf, tellingUri, toldUri } from './documents.ts';
import { takeBack, tell } from './tellings.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'now'>;

/** A post or model of ours is new, or changed: each of its tags tells of it once. When it is hidden, that is taken back. */
export async function tellOfThing(work: Task, federation: Federation, thing: Pick<Told, 'kind' | 'id'>): Promise<void> {
  const { em } = work;
  const at = await publicSince(em, thing);
  if (thing.kind === 'post') await takeBackPictures(work, federation, thing.id);
  if (at === null) {
    await takeBack(work, federation, thing, () => true);
    await renewNotes(work, federation, thing);
    return;
  }
  const tagIds = (await tagsOf(em, thing)).map(({ id }) => id);
  await takeBack(work, federation, thing, ({ kind, id }) => kind === 'tag' && !tagIds.includes(id));
  for (const id of tagIds) {
    const topic = await findTopic(em, 'tag', id);
    if (topic) await tell(work, federation, topic, { ...thing, at });
  }
}

/** Of a post's pictures that lie in collections by themselves, each may be hidden alone. */
async function takeBackPictures(work: Task, federation: Federation, postId: number): Promise<void> {
  const items = await work.em.find(CollectionItem, { image: { post: postId } }, { populate: ['image'] });
  for (const id of new Set(items.flatMap(({ image }) => image?.id ?? []))) {
    const thing = { kind: 'image', id } as const;
    if (await isPublic(work.em, thing)) continue;
    await takeBack(work, federation, thing, () => true);
    await renewNotes(work, federation, thing);
  }
}

/** A post waits for its pictures; each that is ready asks again. */
export async function tellOfImage(work: Task, federation: Federation, imageId: number): Promise<void> {
  const image = await work.em.findOne(Image, { id: imageId, isLocal: true });
  if (image) await tellOfThing(work, federation, { kind: 'post', id: image.post.id });
}

/** A model of ours has a new version. What was told before is taken back, or servers that know the boost leave it where it was. */
export async function tellOfVersion(
  work: Task,
  federation: Federation,
  { modelId, versionId }: { modelId: number; versionId: number },
): Promise<void> {
  const { em, now } = work;
  const topic = await findTopic(em, 'model', modelId);
  if (!topic || (await publicSince(em, { kind: 'model', id: modelId })) === null) return;
  const thing = { kind: 'model', id: modelId } as const;
  const mark = `.version-${versionId}`;
  if ((await em.count(OutboxItem, { uri: `${tellingUri(federation.origin, topic, thing)}${mark}` })) > 0) return;
  await takeBack(work, federation, thing, ({ kind, id }) => kind === 'model' && id === modelId);
  await tell(work, federation, topic, { ...thing, at: now() }, mark);
}

/** Something was put into a collection of ours or taken out: its owner says Add or Remove, and its actor tells of it. */
export async function tellOfItem(
  work: Task,
  federation: Federation,
  {
    collectionId,
    kind,
    targetId,
    isIn,
    at,
  }: { collectionId: number; kind: Told['kind']; targetId: number; isIn: boolean; at: number },
): Promise<void> {
  const { em } = work;
  const { origin } = federation;
  const topic = await findTopic(em, 'collection', collectionId);
  const owner = topic && (await em.findOne(Account, topic.ownerId ?? 0));
  const thing = { kind, id: targetId };
  const found = await toldUri(origin, em, thing);
  if (!topic || !owner || !found) return;
  const isShown = await isPublic(em, thing);
  if (isIn && (!isShown || (await isBlockedEither({ em }, owner.id, found.owner.id)))) return;
  const target = collectionUri(origin, { id: collectionId });
  const act = {
    uri: `${target}#${isIn ? 'add' : 'remove'}-${kind}-${targetId}-${at}`,
    actorUri: actorUri(origin, owner),
  };
  const build = isIn ? buildAdd : buildRemove;
  await send(work, federation, owner.id, build(act, found.uri, target, followersUri(origin, owner.name)), {
    topic: { ...topic, apartFrom: [owner.id, found.owner.id] },
  });
  if (isIn) await tell(work, federation, topic, { ...thing, at: new Date(at) });
  else await takeBack(work, federation, thing, ({ kind, id }) => kind === 'collection' && id === collectionId);
}

/** The words of a model or collection changed, or it is not public any more: then its actor is gone, and so are its followers. */
export async function tellOfTopic(
  work: Task,
  federation: Federation,
  { kind, id }: { kind: Exclude<TopicKind, 'tag'>; id: number },
): Promise<void> {
  const { em } = work;
  const { origin } = federation;
  if ((await em.count(TopicFollow, { [kind]: id, follower: { host: { $ne: '' } } })) === 0) return;
  const row =
    kind === 'model'
      ? await em.findOne(Model, id, { refresh: true })
      : await em.findOne(Collection, id, { refresh: true });
  if (!row) return;
  const topic = await findTopic(em, kind, id);
  const actor = topicActorUri(origin, { url: `/${kind}s/${id}` });
  const stamp = row.updatedAt.getTime();
  const owner = await em.findOneOrFail(Account, row.owner.id);
  const everybody = { topic: { kind, id, apartFrom: [owner.id] } };
  if (topic) {
    const act = { uri: `${actor}#update-${stamp}`, actorUri: actor };
    await send(
      work,
      federation,
      NODE_ACTOR,
      buildUpdate(act, await topicDocument(federation, em, topic), row.updatedAt),
      everybody,
    );
    if (kind === 'collection') {
      const uri = collectionUri(origin, { id });
      const document = await collectionDocument(federation, em, row as Collection);
      const said = { uri: `${uri}#update-${stamp}`, actorUri: actorUri(origin, owner) };
      await send(work, federation, owner.id, buildUpdate(said, document, row.updatedAt), everybody);
    }
    return;
  }
  if (kind === 'collection') {
    const uri = collectionUri(origin, { id });
    const tombstone = { uri, formerType: 'OrderedCollection', deletedAt: row.updatedAt, takedown: null };
    const act = { uri: `${uri}#delete-${stamp}`, actorUri: actorUri(origin, owner) };
    await send(work, federation, owner.id, buildDelete(act, tombstone), everybody);
  }
  const end = buildActorDelete({ uri: `${actor}#delete-${stamp}`, actorUri: actor });
  await send(work, federation, NODE_ACTOR, end, everybody);
  await em.nativeDelete(TopicFollow, { [kind]: id, follower: { host: { $ne: '' } } });
}

async function isPublic(em: Work['em'], thing: Pick<Told, 'kind' | 'id'>): Promise<boolean> {
  const look = await lookAt(em, null, thing, 'federate');
  return look?.verdict.allowed === true && (await listedAt(em, thing)) !== null;
}

async function listedAt(em: Work['em'], { kind, id }: Pick<Told, 'kind' | 'id'>, isLocal = {}): Promise<Date | null> {
  const [where, anew] = [{ id, ...isLocal }, { refresh: true }];
  if (kind === 'model') return (await em.findOne(Model, where, anew))?.listedAt ?? null;
  if (kind === 'post') return (await em.findOne(Post, where, anew))?.listedAt ?? null;
  return (await em.findOne(Image, where, anew))?.listedAt ?? null;
}

/** Since when a thing of ours is before everybody; null while it is not, or its pictures are not ready. */
async function publicSince(em: Work['em'], thing: Pick<Told, 'kind' | 'id'>): Promise<Date | null> {
  if (!(await isPublic(em, thing))) return null;
  if (thing.kind === 'post' && !(await isRendered(em, thing.id))) return null;
  return listedAt(em, thing, { isLocal: true });
}
