import { Account, Follow } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import { readOwnUri } from '../addresses.ts';
import type { ProvenActivity } from '../gate.ts';
import { idOf, isOwnId, singleIdOf, valuesOf } from '../origin.ts';
import { findNamedTopic, readTopicUri } from '../topics/addresses.ts';

/**
 * What the rows show to be hopeless is said within the request and never queued: a Follow of nobody here (O17), and the
 * answer to a Follow that was never sent (O15). Throws `not_found`, `gone`, `forbidden`.
 */
export async function refuseHopeless(
  { em }: Pick<Work, 'em'>,
  { origin }: { readonly origin: string },
  { type, activity, actorId }: ProvenActivity,
): Promise<void> {
  if (type === 'Follow') await requireFollowable(em, origin, singleIdOf(activity, 'object'));
  if (type !== 'Accept' && type !== 'Reject') return;
  const [object] = valuesOf(activity, 'object');
  const uri = idOf(object);
  if (uri !== null && (await em.count(Follow, { uri })) > 0) return;
  if (typeof object === 'object' && object.type === 'Follow') {
    const followerUri = singleIdOf(object, 'actor');
    const named = followerUri === null ? null : readOwnUri(origin, followerUri);
    const ends = {
      follower: { host: '', name: named?.kind === 'account' ? named.name : '' },
      target: { uri: actorId },
    };
    if (singleIdOf(object, 'object') === actorId && (await em.count(Follow, ends)) > 0) return;
    throw neverSent();
  }
  if (uri !== null && isOwnId(uri, origin) && new URL(uri).hash.startsWith('#follow-')) throw neverSent();
}

async function requireFollowable(em: Work['em'], origin: string, uri: string | null): Promise<void> {
  if (uri === null || !isOwnId(uri, origin)) throw new AppError('not_found', 'Nobody here has this id.');
  const topic = readTopicUri(origin, uri);
  if (topic && !(await findNamedTopic(em, topic))) throw new AppError('not_found', 'This cannot be followed.');
  const named = readOwnUri(origin, uri);
  if (named?.kind === 'account') {
    const account = await em.findOne(Account, { host: '', name: named.name });
    if (account?.state === 'deleted') throw new AppError('gone', 'This account was deleted.');
    if (account?.state !== 'active') throw new AppError('not_found', 'There is no such account.');
  } else if (named && UNFOLLOWABLE.has(named.kind)) throw new AppError('not_found', 'This cannot be followed.');
}

const UNFOLLOWABLE: ReadonlySet<string> = new Set(['post', 'image', 'version', 'comment', 'review']);

const neverSent = () => new AppError('forbidden', 'Nobody here asked for that.');
