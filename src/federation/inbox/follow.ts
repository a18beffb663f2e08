import { openFollow } from '../../accounts/follow.ts';
import { Account } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
import { readOwnUri } from '../addresses.ts';
import { isSameOrigin, singleIdOf } from '../origin.ts';
import { readTopicUri } from '../topics/addresses.ts';
import { followTopicHere } from '../topics/follow.ts';
import type { Handler } from './act.ts';

/** Somebody elsewhere follows one of ours: at once where the account is open, else when its owner says so. */
export const follow: Handler = async (work, federation, act) => {
  const { em, now } = work;
  const { origin } = federation;
  const { id, activity, actor, actorId } = act;
  const uri = singleIdOf(activity, 'object');
  if (uri === null || !isSameOrigin(id, actorId, origin)) return 'names nobody here';
  try {
    const topic = readTopicUri(origin, uri);
    if (topic) return await followTopicHere(work, federation, act, topic);
    const named = readOwnUri(origin, uri);
    const where = { host: '', name: named?.kind === 'account' ? named.name : '', state: 'active' } as const;
    const target = named?.kind === 'account' ? await em.findOne(Account, where) : null;
    if (!target) return 'names nobody here';
    await openFollow({ em, now }, actor, target, id);
    return 'done';
  } catch (error) {
    // a block is not told to whom it is meant for (P08)
    if (error instanceof AppError && error.kind === 'not_found') return 'blocked';
    throw error;
  }
};
