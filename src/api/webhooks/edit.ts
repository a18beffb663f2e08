import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { seal } from '../../accounts/access/secrets.ts';
import { Account } from '../../accounts/model.ts';
import { can } from '../../accounts/permissions.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { OF_THE_NODE, WEBHOOK_EVENTS, webhookBit } from './kinds.ts';
import { Webhook } from './model.ts';

const MOST_WEBHOOKS = 10;
/** So long the secret before signs too, for receivers that learn the new one a little later. */
const BOTH_SIGN_MS = 24 * 3_600_000;

const list = z.union([z.string().transform((one) => [one]), z.array(z.string())]).default([]);

export const WebhookForm = z.object({
  url: z
    .string()
    .trim()
    .max(2_048, 'At most 2,048 characters.')
    .refine(
      (text) => URL.canParse(text) && new URL(text).protocol === 'https:',
      'A whole address, with https:// before it.',
    )
    .refine((text) => !URL.canParse(text) || new URL(text).username === '', 'Without a name and password in it.'),
  events: list.pipe(z.array(z.enum(WEBHOOK_EVENTS, 'There is no such event.')).min(1, 'Choose what it is told of.')),
  isNodeWide: z.string().optional().transform(Boolean),
});

/** Who may have a webhook of all that happens here. */
export const runsTheNode = (viewer: Viewer): boolean => can(viewer, 'manageSettings');

function eventBits(viewer: Viewer, { events, isNodeWide }: z.output<typeof WebhookForm>): number {
  if (isNodeWide && !runsTheNode(viewer)) throw new AppError('forbidden', t('webhooks.only-owner'));
  const wrong = events.find((event) => OF_THE_NODE.has(event));
  if (wrong && !isNodeWide)
    throw new AppError('invalid', t('webhooks.node-only'), { fields: { events: t('webhooks.node-only') } });
  return events.reduce((bits, event) => bits | webhookBit(event), 0);
}

const makeSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;

/** Returns its secret, which is shown once. Throws `conflict` beyond ten. */
export async function createWebhook(
  { em, now }: Pick<Work, 'em' | 'now'>,
  viewer: Viewer,
  form: z.output<typeof WebhookForm>,
  secretKey: string,
): Promise<{ readonly id: string; readonly secret: string }> {
  const events = eventBits(viewer, form);
  if ((await em.count(Webhook, { account: viewer.id })) >= MOST_WEBHOOKS) {
    throw new AppError('conflict', t('webhooks.too-many', { most: MOST_WEBHOOKS }));
  }
  const secret = makeSecret();
  const { url, isNodeWide } = form;
  const facts = { url, isNodeWide, events, secret: seal(secretKey, secret), createdAt: now() };
  const webhook = em.create(Webhook, { id: newId(), account: em.getReference(Account, viewer.id), ...facts });
  await em.persist(webhook).flush();
  return { id: webhook.id, secret };
}

/** Throws `not_found` for somebody else's. */
export async function loadOwnWebhook(em: Work['em'], viewer: Viewer, id: string): Promise<Webhook> {
  const webhook = await em.findOne(Webhook, { id, account: viewer.id });
  if (!webhook) throw new AppError('not_found', 'There is no such webhook.');
  return webhook;
}

/** Also switches it on again. */
export async function editWebhook(
  { em }: Pick<Work, 'em'>,
  viewer: Viewer,
  id: string,
  form: z.output<typeof WebhookForm>,
): Promise<void> {
  const webhook = await loadOwnWebhook(em, viewer, id);
  const { url, isNodeWide } = form;
  Object.assign(webhook, { url, isNodeWide, events: eventBits(viewer, form), disabledAt: null, failureCount: 0 });
  await em.flush();
}

/** Returns the new secret, which is shown once. */
export async function rotateSecret(
  { em, now }: Pick<Work, 'em' | 'now'>,
  viewer: Viewer,
  id: string,
  secretKey: string,
): Promise<string> {
  const webhook = await loadOwnWebhook(em, viewer, id);
  const secret = makeSecret();
  const previous = { previousSecret: webhook.secret, previousUntil: new Date(now().getTime() + BOTH_SIGN_MS) };
  Object.assign(webhook, { ...previous, secret: seal(secretKey, secret) });
  await em.flush();
  return secret;
}

export async function deleteWebhook({ em }: Pick<Work, 'em'>, viewer: Viewer, id: string): Promise<void> {
  await loadOwnWebhook(em, viewer, id);
  await em.nativeDelete(Webhook, { id });
}
