import { z } from 'zod';
import { viewerOf } from '../accounts/access/identify.ts';
import { sign, unsign } from '../accounts/access/secrets.ts';
import { Login } from '../accounts/login.ts';
import { letter } from '../accounts/mail/letters.ts';
import type { Mailer } from '../accounts/mail/mailer.ts';
import { nodeSettings } from '../accounts/node-settings.ts';
import { rows } from '../kit/database/sql.ts';
import { defineJob, type JobDefinition } from '../kit/queue/define.ts';
import { Job } from '../kit/queue/job.ts';
import type { Settings } from '../kit/settings.ts';
import { t, tCount } from '../kit/web/messages.ts';
import type { Work } from '../kit/work.ts';
import { CHANNEL } from './kinds.ts';
import { listLines } from './list.ts';
import { Notification, NotificationSetting } from './model.ts';

export interface DigestDeps {
  readonly mailer: Mailer;
  readonly settings: Settings;
  readonly publicUrl: URL;
  readonly secretKey: string;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A little less than a day and a week, so that the hour does not wander. */
const EVERY_MS = { daily: DAY_MS - HOUR_MS / 2, weekly: 7 * DAY_MS - HOUR_MS / 2 } as const;
const AT_ONCE = 200;
/** Lines of one mail. */
const MOST_LINES = 20;
/** What is older is told by nobody any more. */
const KEPT_MS = 90 * DAY_MS;

const NAME = 'notifications.digest';
const SHAPE = { name: NAME, lane: 'clock', payload: z.object({}), attempts: 3 } as const;

/** Each hour: mails to those whose day or week is over, and forgets what is old. */
export const digestJobOf = (deps: DigestDeps): JobDefinition =>
  defineJob({
    ...SHAPE,
    async run(work, _payload, { signal }) {
      await sendDigests(work, deps, signal);
      await work.em.nativeDelete(Notification, { createdAt: { $lt: new Date(work.now().getTime() - KEPT_MS) } });
      await scheduleDigests(work);
    },
  });

/** Called at each start too, so it looks whether one waits already. */
export async function scheduleDigests({ em, jobs }: Pick<Work, 'em' | 'jobs'>): Promise<void> {
  if ((await em.count(Job, { name: NAME, state: 'queued' })) > 0) return;
  jobs.enqueue(em, SHAPE, {}, { delayMs: HOUR_MS, dedupeKey: NAME });
  await em.flush();
}

async function sendDigests(work: Work, deps: DigestDeps, signal: AbortSignal): Promise<void> {
  // without a mail server nobody is written to, and the owner does not pass all this on by hand
  if (!deps.mailer.isConnected) return;
  const now = work.now();
  for (const [digest, everyMs] of Object.entries(EVERY_MS)) {
    const before = new Date(now.getTime() - everyMs);
    for (;;) {
      signal.throwIfAborted();
      const due = await rows<{ account_id: number }>(
        work.em,
        `select s.account_id from notification_setting s where s.digest = ? and s.digest_at <= ?
         order by s.digest_at limit ${AT_ONCE}`,
        [digest, before],
      );
      for (const { account_id: accountId } of due) await sendDigest(work, deps, accountId, before);
      if (due.length < AT_ONCE) break;
    }
  }
}

/** In one transaction with the mark, so that nobody gets a mail twice. */
async function sendDigest(work: Work, deps: DigestDeps, accountId: number, before: Date): Promise<void> {
  const { mailer, settings, publicUrl, secretKey } = deps;
  await work.em.fork().transactional(async (em) => {
    const known = await em.findOne(NotificationSetting, { account: accountId, digestAt: { $lte: before } });
    if (!known) return;
    const since = known.digestAt ?? before;
    known.digestAt = work.now();
    const mailed = { account: { id: accountId, state: 'active' as const }, emailVerifiedAt: { $ne: null } };
    const login = await em.findOne(Login, mailed, { populate: ['account'] });
    if (!login) return;
    const account = login.account.$;
    const wanted = { isUnread: true, channel: CHANNEL.mail, since };
    const { lines, next } = await listLines({ em, viewer: viewerOf(account) }, wanted);
    if (lines.length === 0) return;
    const node = await settings.read(em, nodeSettings);
    const unsubscribeUrl = unsubscribeUrlOf(publicUrl, secretKey, accountId);
    const count = tCount('mail.digest.count', lines.length, next === null ? lines.length : `${lines.length}+`);
    const begun = letter(node, 'digest', account.name, { count }, new URL('/notifications', publicUrl), false);
    const hasMore = next !== null || lines.length > MOST_LINES;
    mailer.post(
      { ...work, em },
      login.email,
      {
        ...begun,
        paragraphs: [
          ...begun.paragraphs,
          ...lines.slice(0, MOST_LINES).map(({ text }) => `• ${text}`),
          ...(hasMore ? [t('mail.digest.more')] : []),
          t('mail.digest.end', { url: unsubscribeUrl }),
        ],
      },
      { unsubscribeUrl },
    );
  });
}

const PURPOSE = 'unsubscribe from mail';

/** The same for ever, because old mails must work: it does no more than stop mail. */
function unsubscribeUrlOf(publicUrl: URL, secretKey: string, accountId: number): string {
  const url = new URL('/notifications/unsubscribe', publicUrl);
  url.searchParams.set('who', sign(secretKey, PURPOSE, String(accountId)));
  return url.href;
}

/** Whose mail a link stops; null for a link that is not ours. */
export function readUnsubscribe(secretKey: string, who: string): number | null {
  const text = unsign(secretKey, PURPOSE, who);
  return text === null ? null : Number(text);
}

export async function stopDigest({ em }: Pick<Work, 'em'>, accountId: number): Promise<void> {
  await em.nativeUpdate(NotificationSetting, { account: accountId }, { digest: 'off' });
}
