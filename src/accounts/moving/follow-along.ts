import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { defineJob } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { openFollow, undoFollow } from '../follow.ts';
import { Account, Follow } from '../model.ts';

export const followAlongJob = defineJob({
  name: 'accounts.follow-along',
  lane: 'clock',
  payload: z.object({ accountId: z.int(), targetId: z.int() }),
  attempts: 10,
  run: (work, { accountId, targetId }) => followAlong(work, accountId, targetId),
});

/**
 * People of this node who follow an account that moved follow the new one, and no longer the old. The caller has proven
 * the move: both accounts name each other. One after the other, so that a run that was cut off goes on.
 */
async function followAlong({ em, now }: Pick<Work, 'em' | 'now'>, accountId: number, targetId: number): Promise<void> {
  const target = await em.findOne(Account, { id: targetId, state: 'active' });
  if (!target || accountId === targetId) return;
  const old = { target: accountId, follower: { host: '', state: 'active' as const } };
  for (const follow of await em.find(Follow, old, { populate: ['follower'] })) {
    const follower = follow.follower.$;
    try {
      if (follower.id !== targetId) await openFollow({ em, now }, follower, target, null);
    } catch (error) {
      // who blocked the new account, or is blocked there, does not follow it
      if (!(error instanceof AppError)) throw error;
    }
    await undoFollow({ em }, follow);
  }
}
