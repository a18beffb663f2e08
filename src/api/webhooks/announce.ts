import { z } from 'zod';
import { viewerOf } from '../../accounts/access/identify.ts';
import { Account } from '../../accounts/model.ts';
import { rows } from '../../kit/database/sql.ts';
import { newId } from '../../kit/ids.ts';
import { defineJob, type JobDefinition } from '../../kit/queue/define.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { DELIVER, partitionOf } from './deliver.ts';
import { runsTheNode } from './edit.ts';
import { OF_THE_NODE, WEBHOOK_EVENTS, webhookBit } from './kinds.ts';
import { type Webhook, WebhookDelivery } from './model.ts';
import { findTold } from './told.ts';

const KEPT_MS = 30 * 86_400_000;
const Payload = z.object({ event: z.enum(WEBHOOK_EVENTS), id: z.string(), isDone: z.boolean().optional() });

/** After what webhooks are told of: a message for each that wants it. */
export const announceToWebhooksJobOf = (publicUrl: URL): JobDefinition<typeof Payload> =>
  defineJob({
    name: 'api.announce-to-webhooks',
    lane: 'clock',
    payload: Payload,
    attempts: 5,
    run: (work, payload) => announce(work, publicUrl, payload),
  });

interface WebhookRow {
  id: string;
  url: string;
  account_id: number;
  is_node_wide: unknown;
}

async function announce(
  { em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>,
  publicUrl: URL,
  { event, id, isDone }: z.output<typeof Payload>,
): Promise<void> {
  // most nodes have none, and then nothing is looked up
  const wanting = await rows<WebhookRow>(
    em,
    `select w.id, w.url, w.account_id, w.is_node_wide from webhook w join account a on a.id = w.account_id
     where w.disabled_at is null and (w.events & ${webhookBit(event)}) <> 0 and a.state = 'active'`,
  );
  if (wanting.length === 0) return;
  const told = await findTold(em, publicUrl, event, id, isDone ?? true);
  if (!told) return;
  const hearing: WebhookRow[] = [];
  for (const webhook of wanting) {
    const isOwn = !OF_THE_NODE.has(event) && told.ownerId === webhook.account_id;
    if (isOwn || (told.isPublic && (await isOfTheNode(em, webhook)))) hearing.push(webhook);
  }
  const at = now();
  const body = JSON.stringify({ type: event, timestamp: at.toISOString(), data: told.data });
  await em.fork().transactional(async (tx) => {
    for (const { id: webhookId, url } of hearing) {
      const [made] = await rows<{ id: string }>(
        tx,
        `insert into webhook_delivery (id, webhook_id, event, key, body, state, created_at)
         values (?, ?, ?, ?, ?, 'pending', ?) on conflict (webhook_id, key) do nothing returning id`,
        [newId(), webhookId, event, `${event}:${id}`.slice(0, 120), body, at],
      );
      if (made) jobs.enqueue(tx, DELIVER, { deliveryId: made.id }, { partition: partitionOf(url) });
    }
    await tx.nativeDelete(WebhookDelivery, { createdAt: { $lt: new Date(at.getTime() - KEPT_MS) } });
    await tx.flush();
  });
}

/** Whoever runs the node no more hears no more of what is not theirs. */
async function isOfTheNode(em: Work['em'], webhook: WebhookRow): Promise<boolean> {
  if (!Number(webhook.is_node_wide)) return false;
  const account = await em.findOne(Account, webhook.account_id);
  return account !== null && runsTheNode(viewerOf(account));
}

/** The same message once more, also one that was delivered: it keeps its id, and the receiver knows it by that. */
export async function sendAgain(
  { em, jobs }: Pick<Work, 'em' | 'jobs'>,
  { id: webhookId, url }: Pick<Webhook, 'id' | 'url'>,
  deliveryId: string,
): Promise<boolean> {
  const again = await em.nativeUpdate(
    WebhookDelivery,
    { id: deliveryId, webhook: webhookId, state: { $ne: 'pending' } },
    { state: 'pending', attempts: 0, error: '' },
  );
  if (again > 0) jobs.enqueue(em, DELIVER, { deliveryId }, { partition: partitionOf(url) });
  await em.flush();
  return again > 0;
}

/** Says hello, so that its owner sees whether it arrives. */
export async function sendTest(
  { em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>,
  viewer: Viewer,
  webhook: Webhook,
): Promise<void> {
  const body = JSON.stringify({ type: 'webhook.test', timestamp: now().toISOString(), data: { account: viewer.name } });
  const id = newId();
  const facts = { event: 'webhook.test', key: `test:${id}`, body, createdAt: now() };
  em.create(WebhookDelivery, { id, webhook, ...facts }, { persist: true });
  jobs.enqueue(em, DELIVER, { deliveryId: id }, { partition: partitionOf(webhook.url) });
  await em.flush();
}
