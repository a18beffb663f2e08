import { cancelRuns } from '../../../compute/withhold.ts';
import { RESTRICTION } from '../../../safety/policy.ts';
import { SHUT } from '../../../safety/standing.ts';
import { defineTakedownStep, done } from '../step.ts';
import { concernedBy, digestsOf, thingsOf } from '../things.ts';

const NOT_TO_BE_USED = SHUT | RESTRICTION.generate | RESTRICTION.train;

/** What waits for the GPU is ended, what runs stops within a step; both cost nothing (scenario 42). */
export const cancelJobsStep = defineTakedownStep({
  name: 'cancel-jobs',
  outcomes: ['remove', 'limit', 'quarantine', 'hash_only', 'de_attribute', 'account_action'],
  async run(work, order) {
    const { outcome, parameters, target } = order;
    const isShut = outcome === 'remove' || outcome === 'quarantine' || outcome === 'hash_only';
    const endsAccount = parameters.action === 'suspend' || parameters.action === 'terminate';
    if (!isShut && !endsAccount && ((parameters.bits ?? 0) & NOT_TO_BE_USED) === 0) return done('nothing to end');
    const things = await thingsOf(work.em, target);
    const concerned = concernedBy(target, things, await digestsOf(work.em, order.takedownId, things));
    return done(`${await cancelRuns(work, concerned)} ended`);
  },
});
