import { z } from 'zod';
import { record } from '../../kit/events/events.ts';
import { defineJob } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { contestTurned } from '../events.ts';
import { Contest } from './model.ts';

const DAY_MS = 86_400_000;

/** What people are told of at its time. */
const TURNS = ['open', 'closing', 'closed'] as const;
type Turn = (typeof TURNS)[number];

function timeOf({ opensAt, closesAt }: Contest, turn: Turn): number {
  if (turn === 'open') return opensAt.getTime();
  // a day before, or in the middle of a short one
  const soon = Math.max(closesAt.getTime() - DAY_MS, (opensAt.getTime() + closesAt.getTime()) / 2);
  return turn === 'closing' ? soon : closesAt.getTime();
}

/** Time alone opens and closes a contest; this only tells of it. The caller flushes. */
export function scheduleNotices({ em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>, contest: Contest): void {
  for (const turn of TURNS) {
    const at = timeOf(contest, turn);
    const delayMs = Math.max(0, at - now().getTime());
    const payload = { collectionId: contest.collection.id, turn, at };
    jobs.enqueue(em, tellOfTurnJob, payload, { delayMs, dedupeKey: `contest:${payload.collectionId}:${turn}:${at}` });
  }
}

export const tellOfTurnJob = defineJob({
  name: 'gallery.tell-of-contest',
  lane: 'clock',
  payload: z.object({ collectionId: z.int(), turn: z.enum(TURNS), at: z.number() }),
  attempts: 5,
  async run({ em }, { collectionId, turn, at }) {
    const contest = await em.findOne(Contest, collectionId);
    // its times were changed since: another job waits for them
    if (!contest || timeOf(contest, turn) !== at || contest.resultsAt != null) return;
    record(em, contestTurned, { collectionId, turn });
    await em.flush();
  },
});
