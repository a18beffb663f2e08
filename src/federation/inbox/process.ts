import { Account } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
import { findActor } from '../actors/load.ts';
import type { Federation } from '../deps.ts';
import { InboxItem } from '../model.ts';
import { normalise } from '../normalise.ts';
import { isActorBlocked } from '../policy.ts';
import type { Handler, InboxWork } from './act.ts';
import { announce } from './announce.ts';
import { accept, reject } from './answer.ts';
import { block } from './block.ts';
import { create } from './create.ts';
import { deleteObject } from './delete.ts';
import { follow } from './follow.ts';
import { like } from './like.ts';
import { addAnswer, removeAnswer } from './told-answer.ts';
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
  ['Block', block],
  ['Add', addAnswer],
  ['Remove', removeAnswer],
]);

/** Carries out an admitted activity once: a second run finds it processed, and one that was cut off begins again. */
export async function processItem(work: InboxWork, federation: Federation, itemId: string): Promise<void> {
  const { em, now } = work;
  const item = await em.findOne(InboxItem, itemId);
  if (!item || item.processedAt != null) return;
  const outcome = await carryOut(work, federation, item);
  await em.nativeUpdate(InboxItem, { id: itemId }, { processedAt: now(), outcome: outcome.slice(0, 300) });
}

async function carryOut(work: InboxWork, federation: Federation, item: InboxItem): Promise<string> {
  const { em } = work;
  const handler = HANDLERS.get(item.type);
  if (!handler) return 'not understood here';
  // a decision may have come between the door and this
  if (await isActorBlocked(federation, em, item.actorUri)) return 'blocked';
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
