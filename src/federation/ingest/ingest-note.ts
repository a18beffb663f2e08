import { type Account, Follow } from '../../accounts/model.ts';
import { ModelVersion } from '../../catalogue/model.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import { findActor, readDocument } from '../actors/load.ts';
import type { Federation } from '../deps.ts';
import { RemoteActor } from '../model.ts';
import { isOwnId, isSameOrigin, singleIdOf } from '../origin.ts';
import { isModel, parseModel } from '../vocabulary/model.ts';
import { parseNote, type RemoteNote } from '../vocabulary/note.ts';
import { ingestComment } from './ingest-comment.ts';
import { ingestModel } from './ingest-model.ts';
import { ingestPost } from './ingest-post.ts';
import type { ProvenObject } from './store.ts';
import { findTarget } from './target.ts';

type Task = Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>;

/** Why a thing is taken in: answers to what is here are always, posts only of people whom somebody here follows. */
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
  if (told.inReplyToUri !== null) {
    const target = await findTarget(em, federation.origin, told.inReplyToUri);
    return target ? ingestComment(work, owner, target, told, proven) : 'answers nothing here';
  }
  if (interest === 'if followed' && !(await isFollowed(em, owner))) return 'nobody here follows its author';
  if (isModel(proven.object)) {
    await ingestModel(work, federation, owner, proven);
    return 'done';
  }
  // a new version is told by the model's own Update; this note is for servers that know no models
  if (told.kind === 'ModelVersion') return 'told elsewhere';
  if (told.pictures.length === 0) return 'no pictures';
  await fetchContext(work, federation, owner, told);
  await ingestPost(work, federation, owner, proven, authorFollowersUri);
  return 'done';
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
    await ingestModel(work, federation, owner, { ...document, provenance: 'fetch' });
  } catch (error) {
    // the post stands without its model
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
  const document = await readDocument(work, federation, uri);
  const ownerUri = document ? singleIdOf(document.object, 'attributedTo') : null;
  if (!document?.object.id || ownerUri === null) return 'not there';
  if (!isSameOrigin(document.object.id, ownerUri, federation.origin)) return 'of somebody else';
  const owner = await findActor(work, federation, ownerUri);
  if (owner?.state !== 'active') return 'its author is not there';
  return ingestNote(work, federation, owner, { ...document, provenance: 'fetch' }, interest);
}
