import { AppError } from '../kit/errors.ts';
import { record } from '../kit/events/events.ts';
import { newId } from '../kit/ids.ts';
import type { Work } from '../kit/work.ts';
import { isBlockedEither } from './block.ts';
import { followAccepted, followRejected, followRequested, followUndone } from './events.ts';
import { Account, Follow, isLocal } from './model.ts';

/** Follows as the viewer. Again is the same. Throws `not_found` also when one of the two blocks the other. */
export async function followAccount(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  targetId: number,
): Promise<Follow> {
  if (!viewer) throw new AppError('unauthenticated', 'Sign in to follow people.');
  const target = await em.findOne(Account, { id: targetId, state: 'active' });
  if (!target) throw new AppError('not_found', 'There is no such account.');
  if (target.id === viewer.id) throw new AppError('invalid', 'You cannot follow yourself.');
  const follower = await em.findOneOrFail(Account, viewer.id);
  return openFollow({ em, now }, follower, target, null);
}

/**
 * Writes a follow down: `followAccount` for people here, federation for a peer's. It is accepted at once when the
 * target is ours and open; a remote target answers for itself. Throws `not_found` across a block. Flushes.
 */
export async function openFollow(
  { em, now }: Pick<Work, 'em' | 'now'>,
  follower: Account,
  target: Account,
  uri: string | null,
): Promise<Follow> {
  if (await isBlockedEither({ em }, follower.id, target.id))
    throw new AppError('not_found', 'There is no such account.');
  const known = await em.findOne(Follow, { follower, target });
  const isOpen = isLocal(target) && !target.isLocked;
  if (known) {
    // a peer that forgot asks again under a new id
    known.uri = uri ?? known.uri ?? null;
    if (known.state !== 'accepted') known.state = isOpen ? 'accepted' : 'pending';
  }
  const follow =
    known ??
    em.create(Follow, { id: newId(), follower, target, state: isOpen ? 'accepted' : 'pending', uri, createdAt: now() });
  em.persist(follow);
  // a peer's repeated request must be answered again, so the events are recorded also for a known row
  if (!known || uri !== null) record(em, followRequested, facts(follow));
  if (follow.state === 'accepted' && (!known || uri !== null)) record(em, followAccepted, facts(follow));
  await em.flush();
  return follow;
}

/** As the viewer; a follow that is not there is fine. */
export async function unfollowAccount({ em, viewer }: Pick<Work, 'em' | 'viewer'>, targetId: number): Promise<void> {
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  const follow = await em.findOne(Follow, { follower: viewer.id, target: targetId });
  if (follow) await undoFollow({ em }, follow);
}

/** Takes a follow away because its follower wants so. Flushes. */
export async function undoFollow({ em }: Pick<Work, 'em'>, follow: Follow): Promise<void> {
  record(em, followUndone, { ...facts(follow), uri: follow.uri ?? null });
  await em.remove(follow).flush();
}

/** The viewer lets a follower in. Throws `not_found` for a request to somebody else. */
export async function acceptFollow({ em, viewer }: Pick<Work, 'em' | 'viewer'>, followId: string): Promise<void> {
  const follow = await loadOwnRequest({ em, viewer }, followId);
  if (follow.state === 'accepted') return;
  follow.state = 'accepted';
  record(em, followAccepted, facts(follow));
  await em.flush();
}

/** The viewer turns a request down, or sends a follower away. */
export async function rejectFollow({ em, viewer }: Pick<Work, 'em' | 'viewer'>, followId: string): Promise<void> {
  await dropFollower({ em }, await loadOwnRequest({ em, viewer }, followId));
}

/** Takes a follow away because its target wants so. Flushes. */
export async function dropFollower({ em }: Pick<Work, 'em'>, follow: Follow): Promise<void> {
  record(em, followRejected, { ...facts(follow), uri: follow.uri ?? null });
  await em.remove(follow).flush();
}

async function loadOwnRequest({ em, viewer }: Pick<Work, 'em' | 'viewer'>, followId: string): Promise<Follow> {
  const follow = viewer ? await em.findOne(Follow, { id: followId, target: viewer.id }) : null;
  if (!follow) throw new AppError('not_found', 'There is no such request.');
  return follow;
}

const MOST_SHOWN = 100;

/** Whom somebody's follows are with, newest first. */
async function listFollows(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  own: 'target' | 'follower',
  state: 'pending' | 'accepted',
) {
  if (!viewer) return [];
  const other = own === 'target' ? 'follower' : 'target';
  const options = { populate: [other], orderBy: { createdAt: 'desc', id: 'desc' }, limit: MOST_SHOWN } as const;
  const follows = await em.find(Follow, { [own]: viewer.id, state }, options);
  return follows.map((follow) => ({
    id: follow.id,
    askedAt: follow.createdAt.toISOString(),
    account: follow[other].$ as Account,
  }));
}

/** Who waits for the viewer's consent. */
export const listFollowRequests = (work: Pick<Work, 'em' | 'viewer'>) => listFollows(work, 'target', 'pending');
/** Whose consent the viewer waits for. */
export const listOwnRequests = (work: Pick<Work, 'em' | 'viewer'>) => listFollows(work, 'follower', 'pending');
export const listFollowers = (work: Pick<Work, 'em' | 'viewer'>) => listFollows(work, 'target', 'accepted');

export const countFollowRequests = (em: Work['em'], accountId: number): Promise<number> =>
  em.count(Follow, { target: accountId, state: 'pending' });

const facts = (follow: Follow) => ({
  followId: follow.id,
  followerId: follow.follower.id,
  targetId: follow.target.id,
});
