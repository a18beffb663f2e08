import { Account } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
import type { JobHandle } from '../../kit/queue/define.ts';
import { findActor } from '../actors/load.ts';
import { boundFetches } from '../bound-fetches.ts';
import type { Federation } from '../deps.ts';
import { InboxItem, Tombstone } from '../model.ts';
import { normalise } from '../normalise.ts';
import { isActorBlocked } from '../policy.ts';
import type { Handler, InboxWork } from './act.ts';
import { add, remove } from './add.ts';
import { announce } from './announce.ts';
import { accept, reject } from './answer.ts';
import { block } from './block.ts';
import { create } from './create.ts';
import { deleteObject } from './delete.ts';
import { flag } from './flag.ts';
import { follow } from './follow.ts';
import { like } from './like.ts';
import { move } from './move.ts';
import { quoteRequest } from './quote-request.ts';
import { undo } from './undo.ts';
import { update } from './update.ts';

const HANDLERS: ReadonlyMap<string, Handler> = new Map([
  ['Create', create],
  ['Update', update],
  ['Delete', deleteObject],
  ['Undo', undo],
  ['Follow', follow],
  ['Accept', accept],
  ['Reject', reject],
  ['Like', like],
  ['EmojiReact', like],
  ['Announce', announce],
  ['Add', add],
  ['Remove', remove],
  ['Block', block],
  ['Flag', flag],
  ['Move', move],
  ['QuoteRequest', quoteRequest],
]);

export const PROCESS_ATTEMPTS = 8;
/** One activity costs at most this many requests, whatever it names (F14). */
const MOST_FETCHES = 20;

/**
 * Carries out an admitted activity once: a second run finds it processed, and one that was cut off begins again. What
 * the same actor said before it comes first, also when that is waiting for another attempt: an Undo must not overtake
 * what it undoes. An activity that cannot be carried out is given up with its own last attempt, so nobody waits forever.
 */
export async function processItem(
  work: InboxWork,
  federation: Federation,
  itemId: string,
  { attempt, signal }: Pick<JobHandle, 'attempt' | 'signal'>,
): Promise<void> {
  const { em } = work;
  const item = await em.findOne(InboxItem, itemId);
  if (!item || item.processedAt != null) return;
  const isLast = attempt >= PROCESS_ATTEMPTS;
  for (const before of await listBefore(work, item)) {
    signal.throwIfAborted();
    try {
      await settle(work, federation, before);
    } catch (error) {
      // it has attempts of its own; ours are at their end
      if (!isLast) throw error;
      em.clear();
    }
  }
  try {
    await settle(work, federation, item);
  } catch (error) {
    if (isLast) await conclude(work, item.id, 'given up');
    throw error;
  }
}

/** At most a thousand at once; the rest comes with the next attempt. */
const MOST_BEFORE = 1_000;

/** What its actor said earlier and nobody carried out yet, oldest first. Ids are ordered by time. */
async function listBefore({ em }: Pick<InboxWork, 'em'>, item: InboxItem): Promise<InboxItem[]> {
  return em.find(
    InboxItem,
    { actorUri: item.actorUri, processedAt: null, id: { $lt: item.id } },
    { orderBy: { id: 'asc' }, limit: MOST_BEFORE },
  );
}

async function settle(work: InboxWork, federation: Federation, item: InboxItem): Promise<void> {
  const outcome = await carryOut(work, boundFetches(federation, MOST_FETCHES), item);
  await conclude(work, item.id, outcome);
}

async function conclude({ em, now }: Pick<InboxWork, 'em' | 'now'>, itemId: string, outcome: string): Promise<void> {
  const end = { processedAt: now(), outcome: outcome.slice(0, 300) };
  await em.nativeUpdate(InboxItem, { id: itemId, processedAt: null }, end);
}

/** What can be taken back, also before it came. */
const UNDOABLE: ReadonlySet<string> = new Set(['Follow', 'Like', 'EmojiReact', 'Announce', 'Block', 'Remove']);

async function carryOut(work: InboxWork, federation: Federation, item: InboxItem): Promise<string> {
  const { em } = work;
  const handler = HANDLERS.get(item.type);
  if (!handler) return 'not understood here';
  // a decision may have come between the door and this
  if (await isActorBlocked(federation, em, item.actorUri)) return 'blocked';
  if (UNDOABLE.has(item.type) && (await em.count(Tombstone, { uri: item.uri })) > 0) return 'taken back before';
  try {
    const actor =
      (await em.findOne(Account, { uri: item.actorUri, state: 'active' })) ??
      (await findActor(work, federation, item.actorUri));
    if (!actor) return 'its actor is gone';
    const activity = normalise(item.document);
    return await handler(work, federation, {
      ...{ id: item.uri, actorId: item.actorUri, actor, activity, raw: item.document },
    });
  } catch (error) {
    // what is wrong with the activity will not mend itself; what did not answer may
    if (error instanceof AppError && LASTING.has(error.kind)) return `refused: ${error.message}`;
    throw error;
  }
}

const LASTING: ReadonlySet<string> = new Set(['malformed', 'forbidden', 'invalid', 'not_found', 'gone', 'too_large']);
