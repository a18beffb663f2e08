import { relistAfterPolicy } from '../../../gallery/after-policy.ts';
import { defineTakedownStep, done } from '../step.ts';

/** Lists, feeds, galleries, covers and counts, at once; the events that follow the decision say it to the rest. */
export const unlistStep = defineTakedownStep({
  name: 'unlist',
  outcomes: [
    ...(['remove', 'hash_only', 'quarantine', 'limit', 'age_lock', 're_rate', 'dismiss', 'undo'] as const),
    'account_action',
  ],
  async run(work, { target }) {
    await relistAfterPolicy(work, target, 'quietly');
    return done();
  },
});
