import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { viewerOf } from '../../accounts/access/identify.ts';
import { nodeSettings } from '../../accounts/node-settings.ts';
import { AppError } from '../../kit/errors.ts';
import type { Net } from '../../kit/net/net.ts';
import { defineJob, type JobDefinition } from '../../kit/queue/define.ts';
import type { Settings } from '../../kit/settings.ts';
import type { Work } from '../../kit/work.ts';
import { findLine } from '../list.ts';
import { PushSubscription } from '../model.ts';
import { encryptPush, MOST_PUSH_BYTES } from './encrypt.ts';
import { SEND_PUSH, type Send } from './spread.ts';
import type { Vapid } from './vapid.ts';

export interface PushDeps {
  readonly net: Net;
  readonly vapid: Vapid;
  readonly settings: Settings;
}

export const sendPushJobOf = (deps: PushDeps): JobDefinition<typeof Send> =>
  defineJob({ ...SEND_PUSH, run: (work, payload) => sendPush(work, deps, payload) });

/** For this long a push service keeps it for a browser that is away. */
const KEPT_SECONDS = 86_400;
const LONGEST_TEXT = 300;

/**
 * Tells one browser of one thing (RFC 8030, 5). What was read or hidden meanwhile is left out; a browser that is gone is
 * forgotten. Throws `unavailable` to be tried again.
 */
async function sendPush(
  { em, now }: Pick<Work, 'em' | 'now'>,
  { net, vapid, settings }: PushDeps,
  { key, subscriptionId }: z.output<typeof Send>,
): Promise<void> {
  const subscription = await em.findOne(PushSubscription, subscriptionId, { populate: ['account'] });
  const account = subscription?.account.$;
  if (!subscription || account?.state !== 'active') return;
  const line = await findLine({ em, viewer: viewerOf(account) }, key);
  if (!line?.isUnread) return;
  const { name: title } = await settings.read(em, nodeSettings);
  const tag = createHash('sha256').update(line.groupKey).digest('base64url').slice(0, 32);
  const text = { title, body: line.text.slice(0, LONGEST_TEXT), url: line.openUrl, tag };
  const plain = Buffer.from(JSON.stringify(text));
  if (plain.length > MOST_PUSH_BYTES) return;
  const endpoint = new URL(subscription.endpoint);
  const { status } = await net.peerFetch(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/octet-stream',
      'content-encoding': 'aes128gcm',
      authorization: vapid.authorization(endpoint, now()),
      ttl: String(KEPT_SECONDS),
      // RFC 8030, 5.4: one that waits there is replaced by the next of its group
      topic: tag,
      urgency: 'normal',
    },
    body: encryptPush(plain, subscription),
    maxBytes: 10_000,
  });
  if (status === 404 || status === 410) {
    await em.nativeDelete(PushSubscription, { id: subscriptionId });
    return;
  }
  if (status === 429 || status >= 500) throw new AppError('unavailable', `The push service answered ${status}.`);
  // any other refusal stays one: it is not tried again, and the browser is kept
  if (status >= 200 && status < 300) {
    subscription.lastUsedAt = now();
    await em.flush();
  }
}
