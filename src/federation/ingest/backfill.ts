import { Account, Follow } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import { readDocument } from '../actors/load.ts';
import type { Federation } from '../deps.ts';
import { RemoteActor } from '../model.ts';
import type { ApObject, ApValue } from '../normalise.ts';
import { idOf, isSameOrigin, singleIdOf, valuesOf } from '../origin.ts';
import { objectsOf } from '../vocabulary/read.ts';
import { fetchNote } from './ingest-note.ts';

const MOST_ITEMS = 20;

/**
 * Reads the newest things of somebody whom one of ours began to follow, so that their page is not empty. Each is read at
 * its own address: what an outbox says inside is only where to look. At most twenty.
 */
export async function backfill(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  federation: Federation,
  { followerId, targetId }: { followerId: number; targetId: number },
  signal: AbortSignal,
): Promise<void> {
  const { em } = work;
  const actor = await em.findOne(RemoteActor, { account: targetId });
  const account = await em.findOne(Account, { id: targetId, state: 'active' });
  const isFollowed = (await em.count(Follow, { follower: followerId, target: targetId, state: 'accepted' })) > 0;
  if (!actor || !account?.uri || actor.outboxUri === '' || !isFollowed) return;
  const uris = await listOutbox(work, federation, actor.outboxUri, account.uri);
  // oldest first, as if they had come one by one
  for (const uri of uris.reverse()) {
    signal.throwIfAborted();
    await fetchNote(work, federation, uri).catch((error: unknown) => {
      if (!(error instanceof AppError)) throw error;
    });
  }
}

async function listOutbox(
  work: Pick<Work, 'em'>,
  federation: Federation,
  outboxUri: string,
  ownerUri: string,
): Promise<string[]> {
  const outbox = (await readDocument(work, federation, outboxUri))?.object;
  if (!outbox) return [];
  let items = itemsOf(outbox);
  const first = valuesOf(outbox, 'first')[0];
  if (items.length === 0 && typeof first === 'object') items = itemsOf(first);
  const pageUri = idOf(first);
  if (items.length === 0 && pageUri !== null && isSameOrigin(pageUri, ownerUri, federation.origin)) {
    const page = (await readDocument(work, federation, pageUri))?.object;
    items = page ? itemsOf(page) : [];
  }
  const uris = items.flatMap((item) => {
    if (typeof item !== 'object' || item.type !== 'Create' || singleIdOf(item, 'actor') !== ownerUri) return [];
    const [object] = objectsOf(item, 'object', 1);
    const uri = object?.id ?? singleIdOf(item, 'object');
    return uri !== null && isSameOrigin(uri, ownerUri, federation.origin) ? [uri] : [];
  });
  return [...new Set(uris)].slice(0, MOST_ITEMS);
}

const itemsOf = (collection: ApObject): readonly ApValue[] => [
  ...valuesOf(collection, 'orderedItems'),
  ...valuesOf(collection, 'items'),
];
