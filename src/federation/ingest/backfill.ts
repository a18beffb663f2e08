import { Account } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
import { Job } from '../../kit/queue/job.ts';
import type { Work } from '../../kit/work.ts';
import { readDocument, refreshActor } from '../actors/load.ts';
import { boundFetches } from '../bound-fetches.ts';
import type { Federation } from '../deps.ts';
import { RemoteActor, ApObject as StoredObject } from '../model.ts';
import { type ApObject, type ApValue, normalise } from '../normalise.ts';
import { idOf, isSameOrigin, singleIdOf, valuesOf } from '../origin.ts';
import { parseAccount } from '../vocabulary/account.ts';
import { objectsOf } from '../vocabulary/read.ts';
import { ingestCollection } from './ingest-collection.ts';
import { fetchNote } from './ingest-note.ts';
import { setPin } from './pin.ts';
import { findTarget } from './target.ts';

type Task = Pick<Work, 'em' | 'viewer' | 'jobs' | 'words' | 'now'>;

/** Requests that one profile costs in all (F14), and how long it is then left alone. */
const MOST_FETCHES = 20;
const COOL_DOWN_MS = 24 * 3_600_000;
const MOST_PINS = 5;
const MOST_REPLIES = 10;

/** The things of this account are being read, or are about to be. */
export async function isBackfilling({ em, now }: Pick<Work, 'em' | 'now'>, accountId: number): Promise<boolean> {
  // not while it waits for another attempt
  const open = { $or: [{ state: 'running' as const }, { state: 'queued' as const, runAt: { $lte: now() } }] };
  return (await em.count(Job, { dedupeKey: keyOf(accountId), ...open })) > 0;
}

export const wantsBackfill = async ({ em, now }: Pick<Work, 'em' | 'now'>, accountId: number): Promise<boolean> => {
  const actor = await em.findOne(RemoteActor, { account: accountId });
  return actor !== null && !isCool(actor, now());
};

const keyOf = (accountId: number): string => `backfill:${accountId}`;

/** Asks for the things of an account of elsewhere, unless it was read lately: somebody follows it or looks at it. */
export async function askBackfill(
  { em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>,
  { jobs: { backfill } }: Pick<Federation, 'jobs'>,
  accountId: number,
): Promise<void> {
  if (!(await wantsBackfill({ em, now }, accountId))) return;
  jobs.enqueue(em, backfill, { accountId }, { dedupeKey: keyOf(accountId) });
  await em.flush();
}

const isCool = ({ backfilledAt }: RemoteActor, now: Date): boolean =>
  backfilledAt != null && backfilledAt.getTime() > now.getTime() - COOL_DOWN_MS;

/**
 * Reads what somebody of elsewhere pinned and their newest things, so that their page is not empty; with what is left of
 * the budget, the answers to them. Each is read at its own address: what a list says inside is only where to look.
 */
export async function backfill(
  work: Task,
  unbounded: Federation,
  { accountId }: { accountId: number },
  signal: AbortSignal,
): Promise<void> {
  const { em, now } = work;
  const actor = await em.findOne(RemoteActor, { account: accountId });
  const account = await em.findOne(Account, { id: accountId, state: 'active' });
  if (!actor || !account?.uri || isCool(actor, now())) return;
  // before the first request: what fails halfway is not asked for again and again
  await em.nativeUpdate(RemoteActor, { account: accountId }, { backfilledAt: now() });
  const federation = boundFetches(unbounded, MOST_FETCHES);
  // who moved away has no followers here who would be told that they came back
  if (account.movedToUri != null) await refreshActor(work, federation, account.uri);
  const { featuredUri, topic } = parseAccount(normalise(actor.document), federation.origin, now());
  if (topic) return readTopic(work, federation, topic);
  const pinned = (await listUris(work, federation, featuredUri, account.uri)).slice(0, MOST_PINS);
  const newest = await listUris(work, federation, actor.outboxUri, account.uri);
  // oldest first, as if they had come one by one
  const uris = [...new Set([...pinned, ...newest])].slice(0, MOST_FETCHES).reverse();
  for (const uri of uris) {
    signal.throwIfAborted();
    if (!(await findTarget(em, federation.origin, uri))) await quietly(() => fetchNote(work, federation, uri));
  }
  for (const [n, uri] of pinned.entries()) {
    // the first of the list is the first on the page
    const at = new Date(now().getTime() - n * 1_000);
    await setPin(work, accountId, await findTarget(em, federation.origin, uri), at);
  }
  for (const uri of newest.slice(0, 5)) {
    signal.throwIfAborted();
    await quietly(() => readReplies(work, federation, uri));
  }
}

/** What an actor tells of: a model or a collection is read; what has a tag comes as it is told of. */
async function readTopic(
  work: Task,
  federation: Federation,
  { kind, uri }: { readonly kind: 'model' | 'collection' | 'tag'; readonly uri: string },
): Promise<void> {
  if (kind === 'collection') await quietly(() => ingestCollection(work, federation, uri));
  if (kind === 'model') await quietly(() => fetchNote(work, federation, uri));
}

/** What a peer does not give is left out. */
async function quietly(act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
  }
}

/** The answers that the home of a post lists, as far as it lists them there. */
async function readReplies(work: Task, federation: Federation, uri: string): Promise<void> {
  const stored = await work.em.findOne(StoredObject, { uri });
  const object = stored && normalise(stored.document);
  const [replies] = object ? valuesOf(object, 'replies') : [];
  if (!object || replies === undefined) return;
  for (const item of (await listItems(work, federation, replies, uri)).slice(0, MOST_REPLIES)) {
    const replyUri = idOf(item);
    if (replyUri === null || (await findTarget(work.em, federation.origin, replyUri))) continue;
    await quietly(() => fetchNote(work, federation, replyUri));
  }
}

/** Ids of what is the owner's own in a list of theirs: posts, or Creates of posts. */
async function listUris(
  work: Task,
  federation: Federation,
  listUri: string | null,
  ownerUri: string,
): Promise<string[]> {
  if (listUri === null || listUri === '') return [];
  let items: readonly ApValue[] = [];
  await quietly(async () => {
    items = await listItems(work, federation, listUri, ownerUri);
  });
  const uris = items.flatMap((item) => {
    const uri = ownUriOf(item, ownerUri);
    return uri !== null && isSameOrigin(uri, ownerUri, federation.origin) ? [uri] : [];
  });
  return [...new Set(uris)];
}

function ownUriOf(item: ApValue, ownerUri: string): string | null {
  if (typeof item !== 'object') return typeof item === 'string' ? item : null;
  if (item.type !== 'Create') return item.type === 'Announce' || item.type === 'Update' ? null : (item.id ?? null);
  if (singleIdOf(item, 'actor') !== ownerUri) return null;
  const [object] = objectsOf(item, 'object', 1);
  return object?.id ?? singleIdOf(item, 'object');
}

/** The items of a collection, or of its first page; both only of the origin that it belongs to. */
async function listItems(
  work: Pick<Work, 'em'>,
  federation: Federation,
  collection: ApValue,
  ofUri: string,
): Promise<readonly ApValue[]> {
  const read = async (value: ApValue): Promise<ApObject | null> => {
    if (typeof value === 'object' && (itemsOf(value).length > 0 || valuesOf(value, 'first').length > 0)) return value;
    const uri = idOf(value);
    if (uri === null || !isSameOrigin(uri, ofUri, federation.origin)) return null;
    return (await readDocument(work, federation, uri))?.object ?? null;
  };
  const whole = await read(collection);
  if (!whole) return [];
  const items = itemsOf(whole);
  const [first] = valuesOf(whole, 'first');
  if (items.length > 0 || first === undefined) return items;
  const page = await read(first);
  return page ? itemsOf(page) : [];
}

const itemsOf = (collection: ApObject): readonly ApValue[] => [
  ...valuesOf(collection, 'orderedItems'),
  ...valuesOf(collection, 'items'),
];
