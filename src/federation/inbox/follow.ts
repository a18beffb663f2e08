import { openFollow } from '../../accounts/follow.ts';
import { Account } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
import { readOwnUri } from '../addresses.ts';
import { isSameOrigin, singleIdOf } from '../origin.ts';
import type { Handler } from './act.ts';

/** Somebody elsewhere follows one of ours: at once where the account is open, else when its owner says so. */
export const follow: Handler = async ({ em, now }, { origin }, { id, activity, actor, actorId }) => {
  const uri = singleIdOf(activity, 'object');
  const named = uri === null ? null : readOwnUri(origin, uri);
  if (named?.kind !== 'account' || !isSameOrigin(id, actorId, origin)) return 'names nobody here';
  const target = await em.findOne(Account, { host: '', name: named.name, state: 'active' });
  if (!target) return 'names nobody here';
  try {
    await openFollow({ em, now }, actor, target, id);
    return 'done';
  } catch (error) {
    // a block is not told to whom it is meant for (P08)
    if (error instanceof AppError && error.kind === 'not_found') return 'blocked';
    throw error;
  }
};
