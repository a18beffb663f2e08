import { z } from 'zod';
import { rows } from '../../kit/database/sql.ts';
import { defineJob, type JobShape } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { CHANNEL } from '../kinds.ts';

/** Before the first id. */
export const NOBODY_YET = '00000000-0000-0000-0000-000000000000';
const AT_ONCE = 200;
/** Messages to one push service at once: they bear many, and serve most browsers of a node. */
const AT_ONE_SERVICE = 6;

const Spread = z.object({ key: z.string(), after: z.uuid() });
export const Send = z.object({ key: z.string(), subscriptionId: z.uuid() });

export const SEND_PUSH: JobShape<typeof Send> = {
  name: 'notifications.send-push',
  lane: 'delivery',
  payload: Send,
  attempts: 6,
  backOff: { baseMs: 30_000, capMs: 3_600_000 },
  partitionLimit: AT_ONE_SERVICE,
};

/** One message for each browser of those who were told under a key, some hundred at a time. */
export const spreadPushJob = defineJob({
  name: 'notifications.spread-push',
  lane: 'clock',
  payload: Spread,
  attempts: 5,
  run: spread,
});

async function spread({ em, jobs }: Pick<Work, 'em' | 'jobs'>, { key, after }: z.output<typeof Spread>): Promise<void> {
  const found = await rows<{ id: string; endpoint: string }>(
    em,
    `select u.id, u.endpoint from notification n join push_subscription u on u.account_id = n.account_id
     where n.key = ? and (n.channels & ${CHANNEL.push}) <> 0 and n.read_at is null and u.id > ?
     order by u.id limit ${AT_ONCE}`,
    [key, after],
  );
  for (const { id: subscriptionId, endpoint } of found) {
    jobs.enqueue(em, SEND_PUSH, { key, subscriptionId }, { partition: `push:${new URL(endpoint).host}`.slice(0, 255) });
  }
  const last = found.at(-1);
  if (last && found.length === AT_ONCE) jobs.enqueue(em, spreadPushJob, { key, after: last.id });
  await em.flush();
}
