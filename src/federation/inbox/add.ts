import type { Handler } from './act.ts';
import { pinTheirs, unpinTheirs } from './featured.ts';
import { addAnswer, namesAnswers, removeAnswer } from './told-answer.ts';

/** Something goes onto a list of the actor's: the answers under a page of theirs, or what they pinned (O21). */
export const add: Handler = (work, federation, act) =>
  namesAnswers(act) ? addAnswer(work, federation, act) : pinTheirs(work, federation, act);

/** And off it again. */
export const remove: Handler = (work, federation, act) =>
  namesAnswers(act) ? removeAnswer(work, federation, act) : unpinTheirs(work, federation, act);
