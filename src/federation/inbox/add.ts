import { singleIdOf } from '../origin.ts';
import { readCollectionUri } from '../topics/addresses.ts';
import type { Handler } from './act.ts';
import { addCollected, findCollected, leaveCollected, removeCollected } from './collected.ts';
import { pinTheirs, unpinTheirs } from './featured.ts';
import { addAnswer, namesAnswers, removeAnswer } from './told-answer.ts';

/** Something goes onto a list of the actor's: the answers under a page of theirs, a collection, or what they pinned (O21). */
export const add: Handler = async (work, federation, act) => {
  if (namesAnswers(act)) return addAnswer(work, federation, act);
  const isCollected = (await findCollected(work, act)) !== null;
  return isCollected ? addCollected(work, federation, act) : pinTheirs(work, federation, act);
};

/** And off it again. */
export const remove: Handler = async (work, federation, act) => {
  if (namesAnswers(act)) return removeAnswer(work, federation, act);
  if (readCollectionUri(federation.origin, singleIdOf(act.activity, 'target') ?? '') !== null)
    return leaveCollected(work, federation, act);
  const isCollected = (await findCollected(work, act)) !== null;
  return isCollected ? removeCollected(work, federation, act) : unpinTheirs(work, federation, act);
};
