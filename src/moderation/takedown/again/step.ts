import type { LineLog } from '../../../kit/storage/vault/line-log.ts';
import { defineTakedownStep, done, type TakedownStepDefinition } from '../step.ts';
import { digestsOf, thingsOf } from '../things.ts';
import { keepMark, keepUndone, madeAtOf, remoteNameOf } from './marks.ts';

export const MARK_STEP = 'restore-mark';
const NONE = { files: [], tensors: [], pictures: [] };

/** Written down outside of every backup before the bytes go, so that no restore brings it back. */
export const markStep = (marks: LineLog): TakedownStepDefinition =>
  defineTakedownStep({
    name: MARK_STEP,
    outcomes: ['remove', 'hash_only', 'account_action', 'undo'],
    async run({ em, now }, { takedownId, target, outcome, category, parameters }) {
      if (outcome === 'undo') {
        await keepUndone(marks, parameters.undoes ?? '');
        return done();
      }
      if (outcome === 'account_action' && parameters.action !== 'suspend' && parameters.action !== 'terminate')
        return done('nothing that would come back');
      const madeAt = await madeAtOf(em, target);
      if (madeAt === null || (outcome !== 'remove' && outcome !== 'hash_only' && outcome !== 'account_action'))
        return done('not here');
      const isBlocked = outcome === 'hash_only' || parameters.block === true;
      const digests = isBlocked ? await digestsOf(em, takedownId, await thingsOf(em, target)) : NONE;
      await keepMark(marks, {
        ...{ takedown: takedownId, target, madeAt, outcome, category, parameters: { ...parameters } },
        digests: { files: [...digests.files], tensors: [...digests.tensors], pictures: [...digests.pictures] },
        ...{ remote: await remoteNameOf(em, target), at: now().toISOString() },
      });
      return done();
    },
  });
