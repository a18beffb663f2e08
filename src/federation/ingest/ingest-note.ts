import { Account, Follow } from '../../accounts/model.ts';
import { Model, ModelVersion } from '../../catalogue/model.ts';
import { Post } from '../../gallery/model.ts';
import { removePost } from '../../gallery/posts/delete.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import { isOpen } from '../../safety/audience.ts';
import { findActor, readDocument } from '../actors/load.ts';
import { readOwnUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import type { FetchedDocument } from '../fetch-document.ts';
import { RemoteActor, ApObject as StoredObject } from '../model.ts';
import { isOwnId, isSameOrigin, singleIdOf } from '../origin.ts';
import { isModel, parseModel } from '../vocabulary/model.ts';
import { parseNote, type RemoteNote } from '../vocabulary/note.ts';
import { ownerUriOf, uriOf } from '../vocabulary/read.ts';
import { ingestComment } from './ingest-comment.ts';
import { ingestModel, removeModel } from './ingest-model.ts';
import { ingestPost } from './ingest-post.ts';
import { ingestReview, isReview } from './ingest-review.ts';
import { isMadeWithOurs } from './made-with.ts';
import type { ProvenObject } from './store.ts';
import { findTarget } from './target.ts';

type Task = Pick<Work, 'em' | 'viewer' | 'jobs' | 'words' | 'now'>;

/**
 * Why a thing is taken in: answers to what is here are always, posts only of people whom somebody here follows, or with
 * pictures that were made with a model of ours.
 */
export type Interest = 'asked for' | 'if followed';

/** Gives a proven object of `owner` its place among ours. Returns what came of it. Throws `malformed`. */
export async function ingestNote(
  work: Task,
  federation: Federation,
  owner: Account,
  proven: ProvenObject,
  interest: Interest,
): Promise<string> {
  const { em, now } = work;
  const actor = await em.findOne(RemoteActor, { account: owner });
  const authorFollowersUri = actor?.followersUri ?? null;
  const options = { ownOrigin: federation.origin, now: now(), authorFollowersUri };
  const told = isModel(proven.object) ? parseModel(proven.object, options) : parseNote(proven.object, options);
  if (told.ownerUri !== owner.uri || !isSameOrigin(told.uri, owner.uri, federation.origin)) return 'of somebody else';
  if (isReview(told)) return ingestReview(work, federation, owner, told, proven);
  if (told.inReplyToUri !== null) {
    const known = await findTarget(em, federation.origin, told.inReplyToUri);
    if (known) return ingestComment(work, federation, owner, known, told, proven);
    // only for somebody who is heard here are others asked what is being talked about
    if (interest === 'if followed' && !(await isFollowed(em, owner))) return 'answers nothing here';
    await climbThread(work, federation, told.inReplyToUri);
    const target = await findTarget(em, federation.origin, told.inReplyToUri);
    return target ? ingestComment(work, federation, owner, target, told, proven) : 'answers nothing here';
  }
  const named = await findNamed(em, federation.origin, told);
  if (told.visibility === 'direct' && named.length === 0) return dropObject(work, owner, told);
  // what is sent to somebody here is theirs to see; that a stranger names them puts nothing before everybody
  const isSentHere = !isOpen(told.visibility) && named.length > 0;
  const isWanted =
    interest === 'asked for' ||
    isSentHere ||
    (await isKnown(em, told)) ||
    (await isFollowed(em, owner)) ||
    (await isMadeWithOurs(work, federation.origin, owner, told));
  if (!isWanted) return 'nobody here follows its author';
  if (isModel(proven.object)) {
    await ingestModel(work, federation, owner, proven, authorFollowersUri);
    return 'done';
  }
  // a new version is told by the model's own Update; this note is for servers that know no models
  if (told.kind === 'ModelVersion') return 'told elsewhere';
  // a collection is a list and no post: whoever wants it reads that
  if (told.kind === 'Collection') return 'told elsewhere';
  // a comment needs no picture, but a post here is one: plain words of those who are followed stay at their home
  if (told.pictures.length === 0) return 'no pictures';
  await fetchContext(work, federation, owner, told);
  await ingestPost(work, federation, owner, proven, { authorFollowersUri, named });
  return 'done';
}

/** The people here whom it names; what is not for everybody is also for those whom it is addressed to. */
async function findNamed(em: Work['em'], origin: string, told: RemoteNote): Promise<number[]> {
  const uris = isOpen(told.visibility) ? told.mentionUris : [...told.addressees, ...told.mentionUris];
  const names = uris.flatMap((uri) => {
    const own = readOwnUri(origin, uri);
    return own?.kind === 'account' ? [own.name] : [];
  });
  if (names.length === 0) return [];
  const found = await em.find(Account, { host: '', name: { $in: names }, state: 'active' }, { fields: ['id'] });
  return found.map(({ id }) => id);
}

/** What lies here follows its author's word, also when nobody here follows them any more. */
const isKnown = async (em: Work['em'], { uri }: RemoteNote): Promise<boolean> =>
  (await em.count(Post, { uri, deletedAt: null })) + (await em.count(Model, { uri, deletedAt: null })) > 0;

/** What was for people here, and by its author's own word is for nobody here any more. */
async function dropObject(work: Task, owner: Account, { uri, updatedAt, publishedAt }: RemoteNote): Promise<string> {
  const stored = await work.em.findOne(StoredObject, { uri });
  if (stored && stored.changedAt > (updatedAt ?? publishedAt)) return 'older than what is known';
  const post = await work.em.findOne(Post, { uri, owner });
  if (post) await removePost({ ...work, viewer: null }, post.id);
  const model = await work.em.findOne(Model, { uri, owner });
  if (model) await removeModel(work, model.id);
  return 'for nobody here';
}

export async function isFollowed(em: Work['em'], account: Account): Promise<boolean> {
  return (await em.count(Follow, { target: account, state: 'accepted' })) > 0;
}

/** The model in whose gallery a post stands may be older than the follow: it is read once, from its own address. */
async function fetchContext(work: Task, federation: Federation, owner: Account, told: RemoteNote): Promise<void> {
  const { contextUri } = told;
  if (contextUri === null || told.kind !== 'Image' || isOwnId(contextUri, federation.origin)) return;
  if (!isSameOrigin(contextUri, told.uri, federation.origin)) return;
  if ((await work.em.count(ModelVersion, { uri: contextUri })) > 0) return;
  try {
    const document = await readDocument(work, federation, contextUri);
    if (!document || !isModel(document.object) || singleIdOf(document.object, 'attributedTo') !== owner.uri) return;
    const actor = await work.em.findOne(RemoteActor, { account: owner });
    const followers = actor?.followersUri ?? null;
    await ingestModel(work, federation, owner, { ...document, provenance: 'fetch' }, followers);
  } catch (error) {
    // the post stands without its model
    if (!(error instanceof AppError)) throw error;
  }
}

/** How far up a conversation is followed to something that is here. */
const MOST_STEPS = 10;

/**
 * Reads what is answered, and what that answers, up to something that is here; then writes them down from there, each
 * for its own author. A conversation about nothing that is here leaves nothing behind.
 */
async function climbThread(work: Task, federation: Federation, uri: string): Promise<void> {
  const above: FetchedDocument[] = [];
  const seen = new Set<string>();
  try {
    for (let next: string | null = uri; next !== null && !seen.has(next) && seen.size < MOST_STEPS; ) {
      seen.add(next);
      if (await findTarget(work.em, federation.origin, next)) break;
      if (isOwnId(next, federation.origin)) return;
      const document: FetchedDocument | null = await readDocument(work, federation, next);
      if (!document) return;
      above.push(document);
      next = uriOf(document.object, 'inReplyTo', federation.origin);
    }
    const top = above.at(-1);
    const root = top && uriOf(top.object, 'inReplyTo', federation.origin);
    if (root == null || !(await findTarget(work.em, federation.origin, root))) return;
    for (const document of above.reverse()) await takeIn(work, federation, document, 'asked for');
  } catch (error) {
    // what cannot be read is not there; the answer stands or falls without it
    if (!(error instanceof AppError)) throw error;
  }
}

/** Reads an object at its own address and takes it in, for its owner. */
export async function fetchNote(
  work: Task,
  federation: Federation,
  uri: string,
  interest: Interest = 'asked for',
): Promise<string> {
  return takeIn(work, federation, await readDocument(work, federation, uri), interest);
}

async function takeIn(
  work: Task,
  federation: Federation,
  document: FetchedDocument | null,
  interest: Interest,
): Promise<string> {
  const ownerUri = document ? ownerUriOf(document.object) : null;
  if (!document?.object.id || ownerUri === null) return 'not there';
  if (!isSameOrigin(document.object.id, ownerUri, federation.origin)) return 'of somebody else';
  const owner = await findActor(work, federation, ownerUri);
  if (owner?.state !== 'active') return 'its author is not there';
  return ingestNote(work, federation, owner, { ...document, provenance: 'fetch' }, interest);
}
