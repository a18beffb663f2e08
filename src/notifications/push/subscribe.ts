import { z } from 'zod';
import { Account } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { PushSubscription } from '../model.ts';
import { isRecipient } from './encrypt.ts';

const MOST_BROWSERS = 10;
const base64url = z
  .string()
  .max(100)
  .regex(/^[\w-]+=*$/);

/** As `PushSubscription.toJSON()` gives it (Push API, 8). */
export const SubscriptionForm = z
  .object({
    endpoint: z.url().max(2_048).startsWith('https://'),
    keys: z.object({ p256dh: base64url, auth: base64url.max(40) }),
    label: z.string().max(120).catch(''),
  })
  .refine(({ keys }) => isRecipient(keys), 'These are no keys of a browser.');

/**
 * The same browser again is the same row, and is the newest person's who uses it. Returns its id. Throws `conflict` beyond
 * ten.
 */
export async function subscribe(
  { em, now }: Pick<Work, 'em' | 'now'>,
  viewer: Viewer,
  { endpoint, keys, label }: z.output<typeof SubscriptionForm>,
): Promise<string> {
  const known = await em.findOne(PushSubscription, { endpoint });
  if (!known && (await em.count(PushSubscription, { account: viewer.id })) >= MOST_BROWSERS) {
    throw new AppError('conflict', 'These are as many browsers as anybody needs. Take one away first.');
  }
  const facts = { account: em.getReference(Account, viewer.id), ...keys, label };
  const id = known?.id ?? newId();
  if (known) Object.assign(known, facts);
  else em.create(PushSubscription, { id, endpoint, createdAt: now(), ...facts }, { persist: true });
  await em.flush();
  return id;
}

/** By its address, as the browser itself knows it; one that is not there is fine. */
export async function unsubscribe({ em }: Pick<Work, 'em'>, viewer: Viewer, endpoint: string): Promise<void> {
  await em.nativeDelete(PushSubscription, { account: viewer.id, endpoint });
}

/** From the list of the settings. */
export async function dropSubscription({ em }: Pick<Work, 'em'>, viewer: Viewer, id: string): Promise<void> {
  const gone = await em.nativeDelete(PushSubscription, { account: viewer.id, id });
  if (gone === 0) throw new AppError('not_found', 'There is no such browser.');
}
