import { z } from 'zod';
import { unseal } from '../../accounts/access/secrets.ts';
import { AppError } from '../../kit/errors.ts';
import type { Net } from '../../kit/net/net.ts';
import { defineJob, type JobDefinition, type JobShape } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { tellPeople } from '../../notifications/tell.ts';
import { type Webhook, WebhookDelivery } from './model.ts';
import { webhookHeaders } from './sign.ts';

export interface DeliveryDeps {
  readonly net: Net;
  readonly secretKey: string;
}

/** Over about a day and a half, with the times below. */
const ATTEMPTS = 9;
/** Messages in a row that nobody took: then nothing is sent there any more. */
const MOST_FAILURES = 5;
const TIMEOUT_MS = 15_000;

const Payload = z.object({ deliveryId: z.uuid() });

export const DELIVER: JobShape<typeof Payload> = {
  name: 'api.deliver-webhook',
  lane: 'delivery',
  payload: Payload,
  attempts: ATTEMPTS,
  backOff: { baseMs: 120_000, capMs: 12 * 3_600_000 },
  partitionLimit: 3,
};

export const deliverWebhookJobOf = (deps: DeliveryDeps): JobDefinition<typeof Payload> =>
  defineJob({
    ...DELIVER,
    run: (work, { deliveryId }, { attempt }) => deliver(work, deps, deliveryId, attempt >= ATTEMPTS),
  });

/** Jobs for one host wait for each other, so that a slow one keeps nobody else waiting. */
export const partitionOf = (url: string): string => `webhook:${new URL(url).host}`.slice(0, 255);

/** Sends a message once, signed at this moment. Throws `unavailable` to be tried again. */
async function deliver(
  work: Pick<Work, 'em' | 'jobs' | 'now'>,
  { net, secretKey }: DeliveryDeps,
  deliveryId: string,
  isLast: boolean,
): Promise<void> {
  const { em, now } = work;
  const delivery = await em.findOne(
    WebhookDelivery,
    { id: deliveryId, state: 'pending' },
    { populate: ['webhook.account'] },
  );
  if (!delivery) return;
  const webhook = delivery.webhook.$;
  if (webhook.disabledAt != null || webhook.account.$.state !== 'active') {
    Object.assign(delivery, { state: 'failed', error: 'This webhook is switched off.' });
    await em.flush();
    return;
  }
  const held = webhook.previousUntil != null && webhook.previousUntil > now() ? webhook.previousSecret : null;
  const secrets = [webhook.secret, ...(held ? [held] : [])].map((sealed) => unseal(secretKey, sealed));
  const headers = {
    'content-type': 'application/json',
    ...webhookHeaders(delivery.id, now(), delivery.body, secrets),
  };
  const { status, error } = await send(net, webhook.url, headers, delivery.body);
  Object.assign(delivery, { attempts: delivery.attempts + 1, status, error: error.slice(0, 200), triedAt: now() });
  if (status !== null && status >= 200 && status < 300) {
    Object.assign(delivery, { state: 'delivered' });
    webhook.failureCount = 0;
    await em.flush();
    return;
  }
  // "410 Gone" asks for no more (Standard Webhooks, "Delivery")
  const isOver = isLast || status === 410;
  if (isOver) {
    delivery.state = 'failed';
    webhook.failureCount += 1;
  }
  const isDisabled = isOver && (status === 410 || webhook.failureCount >= MOST_FAILURES);
  if (isDisabled) webhook.disabledAt = now();
  await em.flush();
  if (isDisabled) await tellOwner(work, webhook);
  if (!isOver) throw new AppError('unavailable', error);
}

async function send(
  net: Net,
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<{ readonly status: number | null; readonly error: string }> {
  try {
    const { status } = await net.peerFetch(url, {
      ...{ method: 'POST', headers, body, timeoutMs: TIMEOUT_MS },
      // what it says is not kept: its status is the answer
      maxBytes: 100_000,
    });
    return { status, error: status >= 200 && status < 300 ? '' : `It answered ${status}.` };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { status: null, error: error.message };
  }
}

async function tellOwner(
  work: Pick<Work, 'em' | 'jobs' | 'now'>,
  { id, url, account, disabledAt }: Webhook,
): Promise<void> {
  const key = `webhook:${id}:${disabledAt?.toISOString() ?? ''}`;
  const notice = {
    kind: 'webhook',
    actorId: null,
    subject: { kind: 'webhook', id },
    groupKey: `webhook:${id}`,
  } as const;
  await tellPeople(work, { ...notice, key, note: new URL(url).host.slice(0, 120) }, [account.id]);
}
