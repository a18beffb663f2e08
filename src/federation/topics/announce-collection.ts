import { Account, isLocal } from '../../accounts/model.ts';
import { Collection, CollectionItem } from '../../gallery/collections/model.ts';
import type { Collected } from '../../gallery/collections/thing.ts';
import { findTopic } from '../../gallery/topics/topic.ts';
import type { Work } from '../../kit/work.ts';
import { actorUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { OutboxItem } from '../model.ts';
import { takenBackAt } from '../outbox/last-word.ts';
import { type Recipients, send } from '../outbox/send.ts';
import { buildAnew, buildCreate, buildDelete, buildUpdate } from '../vocabulary/activity.ts';
import { collectionNoteUri, collectionUri } from './addresses.ts';
import { collectionNote, hasMembers } from './collection-documents.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'now'>;

/**
 * Tells its owner's followers of a collection by a note: when it is public and something is in it, when it changed, and
 * when it is gone or shut. `mayBegin` is false where only what was said is put right at once.
 */
export async function announceCollection(
  work: Task,
  federation: Federation,
  { collectionId, mayBegin }: { readonly collectionId: number; readonly mayBegin: boolean },
): Promise<void> {
  const { em, now } = work;
  const { origin } = federation;
  const collection = await em.findOne(Collection, { id: collectionId, uri: null }, { refresh: true });
  const owner = collection && (await em.findOne(Account, collection.owner.id));
  if (!collection || !owner || !isLocal(owner)) return;
  const uri = collectionNoteUri(origin, collection);
  const wasSaid = (await em.count(OutboxItem, { uri: `${uri}#create` })) > 0;
  const takenBack = wasSaid ? await takenBackAt(em, uri) : null;
  const act = { actorUri: actorUri(origin, owner) };
  const to = {
    followersOf: [owner.id],
    topic: { kind: 'collection', id: collectionId, apartFrom: [owner.id] },
  } as const;
  if (!(await findTopic(em, 'collection', collectionId))) {
    if (wasSaid && !takenBack) await announceEnd(work, federation, collection, owner, to);
    return;
  }
  if (!wasSaid || takenBack) {
    if (!mayBegin || !(await hasMembers(em, collectionId))) return;
    const document = await collectionNote(federation, em, collection);
    const begun = { ...document, published: now().toISOString() };
    await send(
      work,
      federation,
      owner.id,
      takenBack
        ? buildAnew(act.actorUri, document, takenBack, now())
        : buildCreate({ ...act, uri: `${uri}#create` }, begun),
      to,
    );
    return;
  }
  const document = await collectionNote(federation, em, collection);
  const updated = { ...act, uri: `${uri}#update-${collection.updatedAt.getTime()}` };
  await send(work, federation, owner.id, buildUpdate(updated, document, collection.updatedAt), to);
}

/** Those who know the note, and those of our kind who made a collection of it. */
async function announceEnd(
  work: Task,
  federation: Federation,
  collection: Collection,
  owner: Account,
  to: Recipients,
): Promise<void> {
  const at = collection.updatedAt;
  const actor = actorUri(federation.origin, owner);
  for (const [uri, formerType] of [
    [collectionUri(federation.origin, collection), 'OrderedCollection'],
    [collectionNoteUri(federation.origin, collection), 'Note'],
  ] as const) {
    const tombstone = { uri, formerType, deletedAt: at, takedown: null };
    await send(
      work,
      federation,
      owner.id,
      buildDelete({ uri: `${uri}#delete-${at.getTime()}`, actorUri: actor }, tombstone),
      to,
    );
  }
}

/** As many as one thing that is hidden is taken out of the notes of at once. */
const MOST_COLLECTIONS = 200;

/** A thing is hidden: collections of ours that hold it, or pictures of it, may show it no more. */
export async function renewNotes(work: Task, federation: Federation, { kind, id }: Collected): Promise<void> {
  const holds = kind === 'post' ? { $or: [{ post: id }, { image: { post: id } }] } : { [kind]: id };
  const items = await work.em.find(
    CollectionItem,
    { ...holds, collection: { uri: null, visibility: 'public', deletedAt: null } },
    { limit: MOST_COLLECTIONS, orderBy: { id: 'desc' } },
  );
  for (const collectionId of new Set(items.map(({ collection }) => collection.id))) {
    const collection = await work.em.findOneOrFail(Collection, collectionId);
    if (!(await showsMore(work.em, federation, collection))) continue;
    collection.updatedAt = work.now();
    await work.em.flush();
    await announceCollection(work, federation, { collectionId, mayBegin: false });
  }
}

/** Did we say more pictures, or others, than we would now? */
async function showsMore(em: Work['em'], federation: Federation, collection: Collection): Promise<boolean> {
  const uri = collectionNoteUri(federation.origin, collection);
  const last = await em.findOne(OutboxItem, { about: uri }, { orderBy: { createdAt: 'desc', id: 'desc' } });
  const said = (last?.document as { object?: { attachment?: unknown } } | undefined)?.object?.attachment;
  if (said === undefined) return false;
  const { attachment } = await collectionNote(federation, em, collection);
  return JSON.stringify(said) !== JSON.stringify(attachment);
}
