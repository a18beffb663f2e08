import { Account } from '../../accounts/model.ts';
import { fromJson, rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import { findActorKey } from '../actor-key.ts';
import type { Federation } from '../deps.ts';
import { type DocumentFetcher, type FetchedDocument, fetchDocument, isGoneAtHome } from '../fetch-document.ts';
import { type KnownKey, NODE_ACTOR } from '../model.ts';
import { ACTOR_TYPES, isOwnId } from '../origin.ts';
import { noteSign } from '../peers/health.ts';
import { watchedNet } from '../peers/silence.ts';
import { isHostAllowed } from '../policy.ts';
import type { ActorKey, LoadActorKey } from '../signatures/verify.ts';
import { loadSigningKey } from './keys.ts';
import { rememberActor } from './remember.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'words' | 'now'>;

const FORGET_FAILURE_MS = 5 * 60_000;

/** Reads a peer's document at its own address, signed by the node. Null when it is not there. */
export async function readDocument(
  { em }: Pick<Work, 'em'>,
  federation: Federation,
  uri: string,
  forgetFailureAfterMs = FORGET_FAILURE_MS,
): Promise<FetchedDocument | null> {
  const found = await fetchDocument(await fetcherFor({ em }, federation, uri, forgetFailureAfterMs), uri);
  await noteSign(federation.openWork(), federation, new URL(uri).host);
  return found;
}

async function fetcherFor(
  { em }: Pick<Work, 'em'>,
  federation: Federation,
  uri: string,
  forgetFailureAfterMs: number,
): Promise<DocumentFetcher> {
  const { origin } = federation;
  if (!URL.canParse(uri) || !(await isHostAllowed(federation, em, new URL(uri).host))) {
    throw new AppError('invalid', 'This node does not speak with that host.');
  }
  const key = await loadSigningKey(federation, em, NODE_ACTOR);
  return { net: watchedNet(federation), ownOrigin: origin, key, forgetFailureAfterMs };
}

/** Whether the host of an actor whom we know says that it is gone. False when that host does not answer. */
export async function isActorGone(work: Task, federation: Federation, uri: string): Promise<boolean> {
  if ((await work.em.count(Account, { uri, state: { $ne: 'deleted' } })) === 0) return false;
  federation.keyBudget.takeForActor(uri);
  try {
    return await isGoneAtHome(await fetcherFor(work, federation, uri, 30_000), uri);
  } catch (error) {
    if (error instanceof AppError) return false;
    throw error;
  }
}

/** The account of an actor, from the table or else from its own address. Null when it is not there. */
export async function findActor(work: Task, federation: Federation, uri: string): Promise<Account | null> {
  if (isOwnId(uri, federation.origin)) return null;
  const known = await work.em.findOne(Account, { uri });
  // a person who is gone stays gone; what tells of a model is gone while the model is hidden, and may come again
  if (known && (known.state !== 'deleted' || known.topic == null)) return known.state === 'deleted' ? null : known;
  return refreshActor(work, federation, uri);
}

export async function refreshActor(work: Task, federation: Federation, uri: string): Promise<Account | null> {
  const document = await readDocument(work, federation, uri);
  if (!document || document.object.id !== uri || !ACTOR_TYPES.has(document.object.type ?? '')) return null;
  return rememberActor(work, federation, document);
}

/**
 * The gate's way to keys: the table first; then at most one guarded fetch for each request, and one for a burst of them,
 * whose failure is remembered. `sender` is the address that the request came from.
 */
export function actorKeys(work: Task, federation: Federation, sender: string): LoadActorKey {
  const fetched = new Map<string, ActorKey | null>();
  return async (keyId, how) => {
    const uri = keyId.split('#')[0] ?? keyId;
    if (how !== 'refetch') {
      const known = await findStoredKey(work.em, keyId, uri);
      if (known || how === 'stored') return known;
    }
    const before = fetched.get(keyId);
    if (before !== undefined) return before;
    let underWay = federation.keysUnderWay.get(keyId);
    if (!underWay) {
      // before others can lean on it: that this sender asks too often is not their fault
      federation.keyBudget.take(keyId, sender);
      // nobody else's: those that lean on this one are told after the next one may have begun
      const own = findKey(work, federation, keyId, how).finally(() => federation.keysUnderWay.delete(keyId));
      federation.keysUnderWay.set(keyId, own);
      underWay = own;
    }
    const found = await underWay;
    fetched.set(keyId, found);
    return found;
  };
}

/** Who looked before a fetch ended, and goes on after it, finds in the table what that fetch wrote. */
async function findKey(
  work: Task,
  federation: Federation,
  keyId: string,
  how: 'fetch' | 'refetch',
): Promise<ActorKey | null> {
  const known = how === 'fetch' ? await findStoredKey(work.em, keyId, keyId.split('#')[0] ?? keyId) : null;
  return known ?? fetchKey(work, federation, keyId, how);
}

async function fetchKey(
  work: Task,
  federation: Federation,
  keyId: string,
  how: 'fetch' | 'refetch',
): Promise<ActorKey | null> {
  const read = new Map<string, FetchedDocument>();
  // a key was rotated a moment ago: what failed before may be right now
  const memoryMs = how === 'refetch' ? 30_000 : FORGET_FAILURE_MS;
  const fetch = async (id: string) => {
    const document = await readDocument(work, federation, id, memoryMs);
    if (document?.object.id) read.set(document.object.id, document);
    return document?.object ?? null;
  };
  try {
    const found = await findActorKey(keyId, fetch, federation.origin);
    const document = found?.actor.id === undefined ? undefined : read.get(found.actor.id);
    if (!found || !document) return null;
    await rememberActor(work, federation, document);
    return found.key;
  } catch (error) {
    // whatever the peer did wrong: it did not prove who it is
    if (error instanceof AppError) return null;
    throw error;
  }
}

/** Without the actors' documents, which are as large as their hosts like. */
async function findStoredKey(em: Work['em'], keyId: string, uri: string): Promise<ActorKey | null> {
  // nearly all keys are a fragment of the actor, some a path below it; the others are looked for on the actor's host
  const [known] = await keysOf(em, 'a.uri = ?', [uri]);
  const nearest = `a.host = ? order by case when substr(?, 1, length(a.uri)) = a.uri then 0 else 1 end limit ${MOST_OF_A_HOST}`;
  const actors = known ? [known] : await keysOf(em, nearest, [new URL(uri).host, uri]);
  for (const actor of actors) {
    const key = fromJson<readonly KnownKey[]>(actor.keys)?.find((one) => one.keyId === keyId);
    if (key) return { keyId, actorId: actor.uri, publicKey: key.publicKey };
  }
  return null;
}

const MOST_OF_A_HOST = 200;

/** By a plain read: the ORM's would wait for the connection that writes, behind every commit. */
const keysOf = (em: Work['em'], where: string, values: readonly string[]) =>
  rows<{ uri: string; keys: unknown }>(
    em,
    `select a.uri, r.keys from account a join remote_actor r on r.account_id = a.id where ${where}`,
    values,
  );
