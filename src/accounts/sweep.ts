import { z } from 'zod';
import { defineJob } from '../kit/queue/define.ts';
import { Job } from '../kit/queue/job.ts';
import type { Work } from '../kit/work.ts';
import { sweepOneTime } from './access/one-time.ts';
import { sweepSessions } from './access/sessions.ts';
import { OutboxMail } from './mail/model.ts';

const EVERY_MS = 86_400_000;
const MAIL_KEPT_MS = 30 * 86_400_000;

export const sweepAccountsJob = defineJob({
  name: 'accounts.sweep',
  lane: 'clock',
  payload: z.object({}),
  attempts: 3,
  run: async (work) => {
    await sweepAccounts(work);
    await scheduleAccountSweep(work);
  },
});

/** Once a day from now on. Called at each start too, so it looks whether one waits already. */
export async function scheduleAccountSweep({ em, jobs }: Pick<Work, 'em' | 'jobs'>): Promise<void> {
  if ((await em.count(Job, { name: sweepAccountsJob.name, state: 'queued' })) > 0) return;
  jobs.enqueue(em, sweepAccountsJob, {}, { delayMs: EVERY_MS, dedupeKey: sweepAccountsJob.name });
  await em.flush();
}

/** Forgets what has run out: sessions, links, and mail, sent or not. */
async function sweepAccounts({ em, now }: Pick<Work, 'em' | 'now'>): Promise<void> {
  await sweepSessions({ em, now });
  await sweepOneTime({ em, now });
  await em.nativeDelete(OutboxMail, { createdAt: { $lt: new Date(now().getTime() - MAIL_KEPT_MS) } });
}
