import { createHmac } from 'node:crypto';

/** `webhook-id`: the same for every attempt, so that a receiver knows what it has. */
export const messageIdOf = (deliveryId: string): string => `msg_${deliveryId}`;

/**
 * The headers of a message (Standard Webhooks 1.0, "Signature scheme"): HMAC-SHA256 over id, time and body under each
 * secret that holds, the newest first. A secret is `whsec_` and base64.
 */
export function webhookHeaders(
  deliveryId: string,
  now: Date,
  body: string,
  secrets: readonly string[],
): Readonly<Record<string, string>> {
  const id = messageIdOf(deliveryId);
  const timestamp = String(Math.floor(now.getTime() / 1_000));
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}
