import { z } from 'zod';
import { defineJob } from '../kit/queue/define.ts';
import type { Work } from '../kit/work.ts';
import { sweepOneTime } from './access/one-time.ts';
import { sweepSessions } from './access/sessions.ts';
import { OutboxMail } from './mail/model.ts';

const MAIL_KEPT_MS = 30 * 86_400_000;

/** Once a day. */
export const sweepAccountsJob = defineJob({
  name: 'accounts.sweep',
  lane: 'clock',
  payload: z.object({}),
  attempts: 3,
  run: (work) => sweepAccounts(work),
});

/** Forgets what has run out: sessions, links, and mail, sent or not. */
async function sweepAccounts({ em, now }: Pick<Work, 'em' | 'now'>): Promise<void> {
  await sweepSessions({ em, now });
  await sweepOneTime({ em, now });
  await em.nativeDelete(OutboxMail, { createdAt: { $lt: new Date(now().getTime() - MAIL_KEPT_MS) } });
}
