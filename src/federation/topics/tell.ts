import { isBlockedEither } from '../../accounts/block.ts';
import { Account } from '../../accounts/model.ts';
import { Model, Tag } from '../../catalogue/model.ts';
import { lookAt } from '../../gallery/access.ts';
import { Collection } from '../../gallery/collections/model.ts';
import { Image, Post } from '../../gallery/model.ts';
import { TopicFollow, type TopicKind } from '../../gallery/topics/model.ts';
import { findTopic, type Topic } from '../../gallery/topics/topic.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import type { Work } from '../../kit/work.ts';
import { actorUri, followersUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { isRendered } from '../documents/objects.ts';
import { NODE_ACTOR, OutboxItem } from '../model.ts';
import { saidUnder } from '../outbox/said.ts';
import { send } from '../outbox/send.ts';
import {
  buildActorDelete,
  buildAdd,
  buildDelete,
  buildRemove,
  buildUndo,
  buildUpdate,
} from '../vocabulary/activity.ts';
import type { Document } from '../vocabulary/context.ts';
import { topicDocument } from './actor.ts';
import { collectionUri, readTopicUri, topicActorUri } from './addresses.ts';
import {
  collectionDocument,
  type Told,
  tagsOf,
  tellingDocument,
  tellingStart,
  tellingUri,
  toldUri,
} from './documents.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'now'>;

const HOUR_MS = 3_600_000;
/** What a topic tells of within an hour; the rest stands in its outbox and on its page, so that no busy tag floods anybody. */
const MOST_AN_HOUR = 30;
/** What is older is no news: a change of an old post is told to nobody who began to follow since. */
const NEWS_MS = 48 * HOUR_MS;

/** A post or model of ours is new, or changed: each of its tags tells of it once. When it is hidden, that is taken back. */
export async function tellOfThing(work: Task, federation: Federation, thing: Pick<Told, 'kind' | 'id'>): Promise<void> {
  const { em } = work;
  const at = await publicSince(em, thing);
  if (at === null) return takeBack(work, federation, thing, () => true);
  const tagIds = (await tagsOf(em, thing)).map(({ id }) => id);
  await takeBack(work, federation, thing, ({ kind, id }) => kind === 'tag' && !tagIds.includes(id));
  for (const id of tagIds) {
    const topic = await findTopic(em, 'tag', id);
    if (topic) await tell(work, federation, topic, { ...thing, at });
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

/** Says once that there is something, to those who follow the topic and whose work it is, when that is news. */
async function tell(work: Task, federation: Federation, topic: Topic, told: Told, version = ''): Promise<void> {
  const { em, now } = work;
  if (told.at.getTime() < now().getTime() - NEWS_MS) return;
  const before = (await listTellings(work, federation, told)).filter(
    ({ topic: { kind, id } }) => kind === topic.kind && id === topic.id,
  );
  if (before.some(({ isTakenBack }) => !isTakenBack)) return;
  // an id that was taken back is spent: who knows it takes it for what it was
  const mark = version || (before.length === 0 ? '' : `.${before.length + 1}`);
  const telling = await tellingDocument(federation, em, topic, told, mark);
  if (!telling || (await isBusy(em, topic, now()))) return;
  const apartFrom = [telling.owner.id, ...(topic.ownerId === null ? [] : [topic.ownerId])];
  await send(work, federation, NODE_ACTOR, telling.document, { topic: { ...topic, apartFrom } });
}

async function isBusy(em: Work['em'], { name }: Topic, now: Date): Promise<boolean> {
  const end = `#told.${name}`;
  const [found] = await rows<{ n: unknown }>(
    em,
    `select count(*) as n from outbox_item where created_at > ? and actor_id = ? and uri not like '%-undo'
       and (uri = about || ? or substr(uri, 1, length(about) + ${end.length + 1}) = about || ?)`,
    [new Date(now.getTime() - HOUR_MS), NODE_ACTOR, end, `${end}.`],
  );
  return toNumber(found?.n) >= MOST_AN_HOUR;
}

interface Telling {
  readonly uri: string;
  readonly document: Document;
  readonly topic: { readonly kind: TopicKind; readonly id: number };
  readonly isTakenBack: boolean;
}

/** All that was told of a thing, by whom too that has no public page any more. */
async function listTellings(
  { em }: Task,
  { origin }: Federation,
  thing: Pick<Told, 'kind' | 'id'>,
): Promise<Telling[]> {
  const items = await em.find(
    OutboxItem,
    { actorId: NODE_ACTOR, ...saidUnder(tellingStart(origin, thing)) },
    { orderBy: { createdAt: 'asc', id: 'asc' } },
  );
  const uris = new Set(items.map(({ uri }) => uri));
  const found: Telling[] = [];
  for (const { uri, document } of items) {
    const { type, actor } = document as Document;
    const named = type === 'Announce' ? readTopicUri(origin, String(actor)) : null;
    const id = named && ('id' in named ? named.id : (await em.findOne(Tag, { name: named.tag }))?.id);
    if (!named || id == null) continue;
    const topic = { kind: named.kind, id };
    found.push({ uri, document: document as Document, topic, isTakenBack: uris.has(`${uri}-undo`) });
  }
  return found;
}

/** Only what was said can be taken back, and from the topics that are meant. */
async function takeBack(
  work: Task,
  federation: Federation,
  thing: Pick<Told, 'kind' | 'id'>,
  isMeant: (topic: Telling['topic']) => boolean,
): Promise<void> {
  for (const { uri, document, topic, isTakenBack } of await listTellings(work, federation, thing)) {
    if (isTakenBack || !isMeant(topic)) continue;
    const undo = buildUndo({ uri: `${uri}-undo`, actorUri: String(document.actor) }, document);
    await send(work, federation, NODE_ACTOR, undo, { topic: { ...topic, apartFrom: [] } });
  }
}

async function isPublic(em: Work['em'], thing: Pick<Told, 'kind' | 'id'>): Promise<boolean> {
  const look = await lookAt(em, null, thing, 'federate');
  const row =
    thing.kind === 'model'
      ? await em.findOne(Model, thing.id, { refresh: true })
      : await em.findOne(Post, thing.id, { refresh: true });
  return look?.verdict.allowed === true && row?.listedAt != null;
}

/** Since when a thing of ours is before everybody; null while it is not, or its pictures are not ready. */
async function publicSince(em: Work['em'], thing: Pick<Told, 'kind' | 'id'>): Promise<Date | null> {
  const where = { id: thing.id, isLocal: true };
  if (!(await isPublic(em, thing))) return null;
  if (thing.kind === 'post' && !(await isRendered(em, thing.id))) return null;
  const row = thing.kind === 'model' ? await em.findOne(Model, where) : await em.findOne(Post, where);
  return row?.listedAt ?? null;
}
