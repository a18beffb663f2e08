import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { JobHandle } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { loadSigningKey } from '../actors/keys.ts';
import type { Federation } from '../deps.ts';
import { ACTIVITY_JSON } from '../fetch-document.ts';
import { knock, type Scheme } from '../knock.ts';
import { OutboxItem, PeerHost } from '../model.ts';
import { GIVE_UP_AFTER_MS, noteDelivered, noteFailure, notePatience, secondsToProbe } from '../peers/health.ts';
import { isHostAllowed } from '../policy.ts';

const HOUR_MS = 3_600_000;
/** From one minute, doubling, in full jitter. A host that fails is asked by its own clock, so most of these wait only. */
export const DELIVERY_ATTEMPTS = 60;
export const DELIVERY_BACK_OFF = { baseMs: 60_000, capMs: 12 * HOUR_MS };

/**
 * Sends one activity to one inbox. Returns when it arrived or never will; throws what asks for another attempt. The key
 * is looked up now, so that no row holds one and a rotation counts at once.
 */
export async function deliver(
  { em, now }: Pick<Work, 'em' | 'now'>,
  federation: Federation,
  { itemId, inboxUri }: { itemId: string; inboxUri: string },
  { signal }: Pick<JobHandle, 'signal'>,
): Promise<string> {
  const item = await em.findOne(OutboxItem, itemId);
  const { host } = new URL(inboxUri);
  if (!item) return 'forgotten';
  if (!(await isHostAllowed(federation, em, host))) return 'not wanted any more';
  const peer = await em.findOne(PeerHost, host);
  const key = await loadSigningKey(federation, em, item.actorId);
  // outlived by its own news: whoever was away for a week reads the outbox
  if (now().getTime() - item.createdAt.getTime() > GIVE_UP_AFTER_MS) return 'given up';
  const retryAfterSeconds = await secondsToProbe({ em, now }, host);
  if (retryAfterSeconds > 0) throw new AppError('unavailable', 'The host is not asked yet.', { retryAfterSeconds });
  const answer = await knock(federation.net, {
    url: inboxUri,
    method: 'POST',
    body: Buffer.from(JSON.stringify(item.document)),
    headers: { 'content-type': ACTIVITY_JSON, accept: `${ACTIVITY_JSON}, application/json` },
    key,
    first: peer?.scheme ?? 'cavage',
    now,
  }).catch(async (error: unknown) => {
    // an address that must not be asked will not become another
    if (error instanceof AppError && error.kind === 'invalid') return null;
    if (error instanceof AppError && error.kind === 'unavailable') await noteFailure({ em, now }, host, error.message);
    throw error;
  });
  signal.throwIfAborted();
  if (!answer) return 'refused address';
  const { reply, scheme } = answer;
  return judge({ em, now }, inboxUri, reply.status, reply.headers['retry-after'], scheme);
}

async function judge(
  task: Pick<Work, 'em' | 'now'>,
  inboxUri: string,
  status: number,
  retryAfter: string | undefined,
  scheme: Scheme,
): Promise<string> {
  const { host } = new URL(inboxUri);
  if (status >= 200 && status < 300) {
    await noteDelivered(task, host, scheme);
    return 'delivered';
  }
  if (status === 410) {
    await forgetInbox(task.em, inboxUri);
    return 'gone: 410';
  }
  const said = `It answered ${status}.`;
  const patience = secondsOf(retryAfter, task.now());
  if (status >= 500) {
    await noteFailure(task, host, said);
    throw new AppError('unavailable', said, patience);
  }
  if (status === 408 || status === 425 || status === 429) {
    const seconds = patience.retryAfterSeconds ?? 60;
    await notePatience(task, host, seconds, said);
    throw new AppError('unavailable', said, { retryAfterSeconds: seconds });
  }
  // every other word of a server that is up and does not want this, 404 among them: an inbox may be back tomorrow
  return `refused: ${status}`;
}

/** An inbox that is gone for good takes its followers with it. */
async function forgetInbox(em: EntityManager, inboxUri: string): Promise<void> {
  await rows(
    em,
    `delete from follow where follower_id in
       (select r.account_id from remote_actor r where coalesce(r.shared_inbox_uri, r.inbox_uri) = ?) returning id`,
    [inboxUri],
  );
}

/** `Retry-After` in seconds or as a date, at most a day. */
function secondsOf(value: string | undefined, now: Date): { retryAfterSeconds?: number } {
  if (value === undefined) return {};
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - now.getTime()) / 1_000;
  return Number.isFinite(seconds) && seconds > 0 ? { retryAfterSeconds: Math.min(86_400, Math.ceil(seconds)) } : {};
}
