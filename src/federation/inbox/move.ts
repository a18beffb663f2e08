import { z } from 'zod';
import { openFollow, undoFollow } from '../../accounts/follow.ts';
import { Account, Follow } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import { findActor, readDocument, refreshActor } from '../actors/load.ts';
import { readOwnUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { accountDocument } from '../documents/account.ts';
import { RemoteActor } from '../model.ts';
import { normalise } from '../normalise.ts';
import { singleIdOf } from '../origin.ts';
import { parseAccount } from '../vocabulary/account.ts';
import type { Handler, InboxWork } from './act.ts';

/** An account moves once in this time, from here and to here: no ping-pong of followers (O22). */
const COOL_DOWN_MS = 7 * 86_400_000;
/** Follows that are carried at once, and how long the next ones wait: the new home is not flooded. */
const BATCH = 25;
const BATCH_EVERY_MS = 10_000;

export const CarryFollowers = z.object({ fromId: z.int(), toId: z.int() });

/**
 * Somebody moved to another account. It counts when they say so themselves, their actor names the new one, and the new
 * one, read at its own address, names the old. Who follows them here then follows the new one.
 */
export const move: Handler = async (work, federation, { activity, actor, actorId }) => {
  const { em, now, jobs } = work;
  const targetUri = singleIdOf(activity, 'target');
  if (singleIdOf(activity, 'object') !== actorId) return 'of somebody else';
  if (targetUri === null || targetUri === actorId) return 'names no new account';
  const from = await em.findOne(RemoteActor, { account: actor });
  if (!from) return 'not known here';
  const since = new Date(now().getTime() - COOL_DOWN_MS);
  if (from.movedAt != null && from.movedAt > since) return 'moved a while ago';
  if ((await em.count(Follow, { target: actor, follower: { host: '' } })) === 0) return 'nobody here follows them';
  if (!(await saysMovedTo(work, federation, actorId, targetUri))) return 'their account does not say so';
  const target = await findBackLinked(work, federation, targetUri, actorId, since);
  if (!target) return 'the new account does not say so';
  await em.transactional(async (inner) => {
    await inner.nativeUpdate(RemoteActor, { account: actor.id }, { movedAt: now() });
    jobs.enqueue(inner, federation.jobs.carryFollowers, { fromId: actor.id, toId: target.id }, carryAs(actor.id));
    await inner.flush();
  });
  return 'done';
};

const carryAs = (fromId: number) => ({ partition: 'move', dedupeKey: `move:${fromId}` });

async function saysMovedTo(work: InboxWork, federation: Federation, uri: string, targetUri: string): Promise<boolean> {
  if (!(await refreshActor(work, federation, uri))) return false;
  const remote = await work.em.findOne(RemoteActor, { account: { uri } }, { refresh: true });
  return remote !== null && parsedOf(federation, remote).movedTo === targetUri;
}

const parsedOf = ({ origin }: Federation, { document, fetchedAt }: Pick<RemoteActor, 'document' | 'fetchedAt'>) =>
  parseAccount(normalise(document), origin, fetchedAt);

/** The new account, when it says that it was the old one. One that moved on itself, or just did, is none. */
async function findBackLinked(
  work: InboxWork,
  federation: Federation,
  targetUri: string,
  formerUri: string,
  since: Date,
): Promise<Account | null> {
  const { em } = work;
  const own = readOwnUri(federation.origin, targetUri);
  if (own?.kind === 'account') {
    const account = await em.findOne(Account, { host: '', name: own.name, state: 'active' });
    const document = account && (await accountDocument(federation, em, account));
    const names = document?.alsoKnownAs;
    return Array.isArray(names) && names.includes(formerUri) ? account : null;
  }
  const document = await readDocument(work, federation, targetUri);
  if (document?.object.id !== targetUri) return null;
  const told = parseAccount(document.object, federation.origin, work.now());
  if (!told.alsoKnownAs.includes(formerUri) || told.movedTo !== null) return null;
  const account = await findActor(work, federation, targetUri);
  const remote = account && (await em.findOne(RemoteActor, { account }));
  const movedLately = remote?.movedAt != null && remote.movedAt > since;
  return account?.state === 'active' && !movedLately ? account : null;
}

/** Carries some of the followers here and comes back for the others. Running it twice is harmless. */
export async function carryFollowers(
  work: Pick<Work, 'em' | 'jobs' | 'now'>,
  federation: Federation,
  { fromId, toId }: z.output<typeof CarryFollowers>,
): Promise<void> {
  const { em, jobs } = work;
  const target = await em.findOne(Account, { id: toId, state: 'active' });
  if (!target) return;
  const follows = await em.find(
    Follow,
    { target: fromId, follower: { host: '' } },
    { populate: ['follower'], orderBy: { id: 'asc' }, limit: BATCH },
  );
  for (const follow of follows) {
    const follower = follow.follower.$;
    if (follow.state === 'accepted' && follower.id !== toId) {
      try {
        await openFollow(work, follower, target, null);
      } catch (error) {
        // one blocks the other: then there is nothing to carry
        if (!(error instanceof AppError) || error.kind !== 'not_found') throw error;
      }
    }
    await undoFollow(work, follow);
  }
  if (follows.length < BATCH) return;
  jobs.enqueue(em, federation.jobs.carryFollowers, { fromId, toId }, { ...carryAs(fromId), delayMs: BATCH_EVERY_MS });
  await em.flush();
}
