import { AppError } from '../../kit/errors.ts';
import type { JobHandle } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { loadSigningKey } from '../actors/keys.ts';
import type { Federation } from '../deps.ts';
import { ACTIVITY_JSON } from '../fetch-document.ts';
import { knock } from '../knock.ts';
import { OutboxItem, PeerHost } from '../model.ts';
import { isHostAllowed } from '../policy.ts';

const HOUR_MS = 3_600_000;
/** From one minute, doubling, in full jitter, to twelve hours: the last attempts come after about a week. */
export const DELIVERY_ATTEMPTS = 24;
export const DELIVERY_BACK_OFF = { baseMs: 60_000, capMs: 16 * HOUR_MS };
const GIVE_UP_AFTER_MS = 7 * 24 * HOUR_MS;

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
  try {
    const { reply, scheme } = await knock(federation.net, {
      url: inboxUri,
      method: 'POST',
      body: Buffer.from(JSON.stringify(item.document)),
      headers: { 'content-type': ACTIVITY_JSON, accept: `${ACTIVITY_JSON}, application/json` },
      key,
      first: peer?.scheme ?? 'cavage',
      now,
    });
    signal.throwIfAborted();
    return await judge({ em, now }, host, reply.status, reply.headers['retry-after'], scheme);
  } catch (error) {
    if (error instanceof AppError && error.kind === 'unavailable') await noteFailure({ em, now }, host);
    // an address that must not be asked will not become another
    if (error instanceof AppError && error.kind === 'invalid') return 'refused address';
    throw error;
  }
}

async function judge(
  { em, now }: Pick<Work, 'em' | 'now'>,
  host: string,
  status: number,
  retryAfter: string | undefined,
  scheme: 'cavage' | 'rfc9421',
): Promise<string> {
  if (status >= 200 && status < 300) {
    const fine = { scheme, failureCount: 0, lastOkAt: now(), failingSince: null };
    await em.upsert(PeerHost, { host, ...fine }, { onConflictFields: ['host'] });
    return 'delivered';
  }
  // 410 is for good, and so is every other word of a server that is up and does not want this
  const isPassing = status === 408 || status === 425 || status === 429 || status >= 500;
  if (!isPassing) return `refused: ${status}`;
  throw new AppError('unavailable', `The peer answered ${status}.`, secondsOf(retryAfter, now()));
}

/** `Retry-After` in seconds or as a date, at most a day. */
function secondsOf(value: string | undefined, now: Date): { retryAfterSeconds?: number } {
  if (value === undefined) return {};
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - now.getTime()) / 1_000;
  return Number.isFinite(seconds) && seconds > 0 ? { retryAfterSeconds: Math.min(86_400, Math.ceil(seconds)) } : {};
}

async function noteFailure({ em, now }: Pick<Work, 'em' | 'now'>, host: string): Promise<void> {
  const peer = await em.findOne(PeerHost, host, { refresh: true });
  await em.upsert(
    PeerHost,
    { host, failureCount: (peer?.failureCount ?? 0) + 1, failingSince: peer?.failingSince ?? now() },
    { onConflictFields: ['host'] },
  );
}
