import { Account, Follow, isLocal } from '../../accounts/model.ts';
import type { Work } from '../../kit/work.ts';
import { actorUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { accountDocument } from '../documents/account.ts';
import {
  buildAccept,
  buildActorDelete,
  buildFollow,
  buildReject,
  buildUndo,
  buildUpdate,
} from '../vocabulary/activity.ts';
import { send } from './send.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'now'>;

interface Ends {
  readonly followId: string;
  readonly followerId: number;
  readonly targetId: number;
}

const followUri = (origin: string, follower: Account, followId: string): string =>
  `${actorUri(origin, follower)}#follow-${followId}`;

async function endsOf(em: Work['em'], { followerId, targetId }: Ends) {
  const follower = await em.findOne(Account, followerId);
  const target = await em.findOne(Account, targetId);
  return follower && target ? { follower, target } : null;
}

/** One of ours asks somebody elsewhere. */
export async function sendFollow(work: Task, federation: Federation, ends: Ends): Promise<void> {
  const { em } = work;
  const { origin } = federation;
  const found = await endsOf(em, ends);
  const follow = await em.findOne(Follow, ends.followId);
  if (!found || !follow || !isLocal(found.follower) || isLocal(found.target)) return;
  const { follower, target } = found;
  const uri = follow.uri ?? followUri(origin, follower, follow.id);
  if (follow.uri == null) {
    follow.uri = uri;
    await em.flush();
  }
  const activity = buildFollow({ uri, actorUri: actorUri(origin, follower) }, actorUri(origin, target));
  await send(work, federation, follower.id, activity, { accountIds: [target.id] });
}

/** Our word to a follower of elsewhere; once for each request of theirs. */
export async function sendAccept(work: Task, federation: Federation, ends: Ends): Promise<void> {
  const { em } = work;
  const { origin } = federation;
  const found = await endsOf(em, ends);
  const follow = await em.findOne(Follow, { id: ends.followId, state: 'accepted' });
  if (!found || follow?.uri == null || isLocal(found.follower) || !isLocal(found.target)) return;
  const { follower, target } = found;
  const asked = buildFollow({ uri: follow.uri, actorUri: actorUri(origin, follower) }, actorUri(origin, target));
  const act = {
    uri: `${actorUri(origin, target)}#accept-${follow.id}-${shortOf(follow.uri)}`,
    actorUri: actorUri(origin, target),
  };
  const activity = buildAccept(act, asked, actorUri(origin, follower));
  await send(work, federation, target.id, activity, { accountIds: [follower.id] });
}

/** A request that comes again under another id is answered again. */
const shortOf = (uri: string): string => Buffer.from(uri).toString('base64url').slice(-24);

/** The row is gone. */
export async function sendUndoFollow(
  work: Task,
  federation: Federation,
  ends: Ends & { uri: string | null },
): Promise<void> {
  const { origin } = federation;
  const found = await endsOf(work.em, ends);
  if (!found || !isLocal(found.follower) || isLocal(found.target)) return;
  const { follower, target } = found;
  const uri = ends.uri ?? followUri(origin, follower, ends.followId);
  const act = { actorUri: actorUri(origin, follower) };
  const asked = buildFollow({ ...act, uri }, actorUri(origin, target));
  await send(work, federation, follower.id, buildUndo({ ...act, uri: `${uri}-undo` }, asked), {
    accountIds: [target.id],
  });
}

/** The target of a follow from elsewhere does not want it, or no longer. The row is gone. */
export async function sendReject(
  work: Task,
  federation: Federation,
  ends: Ends & { uri: string | null },
): Promise<void> {
  const { origin } = federation;
  const found = await endsOf(work.em, ends);
  if (!found || ends.uri === null || isLocal(found.follower) || !isLocal(found.target)) return;
  const { follower, target } = found;
  const asked = buildFollow({ uri: ends.uri, actorUri: actorUri(origin, follower) }, actorUri(origin, target));
  const act = { uri: `${actorUri(origin, target)}#reject-${ends.followId}`, actorUri: actorUri(origin, target) };
  await send(work, federation, target.id, buildReject(act, asked, actorUri(origin, follower)), {
    accountIds: [follower.id],
  });
}

export async function announceProfile(work: Task, federation: Federation, accountId: number): Promise<void> {
  const account = await work.em.findOne(Account, { id: accountId, host: '', state: 'active' });
  if (!account) return;
  const document = await accountDocument(federation, work.em, account);
  const act = { actorUri: actorUri(federation.origin, account) };
  const at = work.now();
  const activity = buildUpdate({ ...act, uri: `${act.actorUri}#update-${at.getTime()}` }, document, at);
  await send(work, federation, accountId, activity, { followersOf: [accountId] });
}

/** Their content goes with it on every server; the follows across nodes were kept until they have been told. */
export async function announceLeaving(work: Task, federation: Federation, accountId: number): Promise<void> {
  const { em } = work;
  const account = await em.findOne(Account, { id: accountId, host: '' });
  if (!account) return;
  const uri = actorUri(federation.origin, account);
  const followed = await em.find(Follow, { follower: accountId });
  await send(work, federation, accountId, buildActorDelete({ uri: `${uri}#delete`, actorUri: uri }), {
    followersOf: [accountId],
    accountIds: followed.map(({ target }) => target.id),
  });
  await em.nativeDelete(Follow, { follower: accountId });
  await em.nativeDelete(Follow, { target: accountId });
}
