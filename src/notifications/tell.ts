import type { EntityManager } from '@mikro-orm/core';
import { inList, type Parameter, rows } from '../kit/database/sql.ts';
import type { Work } from '../kit/work.ts';
import { bitOf, CHANNEL, type Channel, type Kind, OFF_AT_FIRST } from './kinds.ts';
import { NOBODY_YET, spreadPushJob } from './push/spread.ts';

/** What happened, as everybody is told it. */
export interface Notice {
  readonly kind: Kind;
  /** Null for the node itself. */
  readonly actorId: number | null;
  readonly subject: { readonly kind: string; readonly id: string | number };
  readonly commentId?: string;
  readonly note?: string;
  readonly key: string;
  readonly groupKey: string;
}

/** Whom it is for: a query with the column `account_id`. */
export interface Recipients {
  readonly sql: string;
  readonly values: readonly Parameter[];
}

const isOn = (channel: Channel, bit: number): string =>
  `(coalesce(s.${channel}_off, ${OFF_AT_FIRST[channel]}) & ${bit}) = 0`;

/** Which channels somebody wants this by, as bits; `s` is their row of settings, where there is one, `r` the recipient. */
const channelsSql = (bit: number): string =>
  `(case when ${isOn('page', bit)} then ${CHANNEL.page} else 0 end
    + case when coalesce(s.digest, 'off') <> 'off' and ${isOn('mail', bit)} then ${CHANNEL.mail} else 0 end
    + case when ${isOn('push', bit)} and exists (select 1 from push_subscription u where u.account_id = r.account_id)
      then ${CHANNEL.push} else 0 end)`;

/** Local people, without who did it, whoever blocks or mutes them or is blocked by them, and who hides their server. */
const REACHED = `a.host = '' and a.state = 'active' and a.id <> ?
  and a.id not in (select b.account_id from block b where b.target_id = ?)
  and a.id not in (select b.target_id from block b where b.account_id = ? and b.kind = 'block')
  and a.id not in (select h.account_id from hidden h where h.host = (select ha.host from account ha where ha.id = ?))`;

const MANY = 50;

/**
 * Tells everybody whom the query names, by one statement however many they are; whoever was told under this key is not
 * told again. Returns whom.
 */
export async function tellThose(
  { em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>,
  { kind, actorId, subject, commentId, note = '', key, groupKey }: Notice,
  recipients: Recipients,
): Promise<number[]> {
  const actor = actorId ?? 0;
  const told = await em.fork().transactional(async (tx) => {
    const found = await rows<{ account_id: number; channels: number }>(
      tx,
      `insert into notification (account_id, actor_id, kind, subject_kind, subject_id, comment_id, note, key, group_key,
         channels, created_at)
       select w.account_id, cast(? as integer), cast(? as varchar), cast(? as varchar), cast(? as varchar),
         cast(? as varchar), cast(? as varchar), cast(? as varchar), cast(? as varchar), w.channels, cast(? as timestamptz)
       from (select r.account_id, ${channelsSql(bitOf(kind))} as channels from (${recipients.sql}) r
         join account a on a.id = r.account_id left join notification_setting s on s.account_id = r.account_id
         where ${REACHED}) w
       where w.channels > 0
       on conflict (key, account_id) do nothing returning account_id, channels`,
      [
        ...[actorId, kind, subject.kind, String(subject.id), commentId ?? null, note, key, groupKey, now()],
        ...recipients.values,
        ...[actor, actor, actor, actor],
      ],
    );
    if (found.some(({ channels }) => (channels & CHANNEL.push) !== 0)) {
      jobs.enqueue(tx, spreadPushJob, { key, after: NOBODY_YET });
      await tx.flush();
    }
    return found;
  });
  const ids = told.map((row) => row.account_id);
  // pages that are open look for themselves, and one word is enough for a crowd
  if (ids.length > MANY) jobs.signal(TO_ALL);
  else for (const id of ids) jobs.signal(topicOf(id));
  return ids;
}

/** What an open page of this person listens for. */
export const topicOf = (accountId: number): string => `notifications:${accountId}`;
export const TO_ALL = 'notifications:*';

/** The same for a few whom the caller knows by their ids. */
export async function tellPeople(
  work: Pick<Work, 'em' | 'jobs' | 'now'>,
  notice: Notice,
  accountIds: readonly number[],
): Promise<number[]> {
  if (accountIds.length === 0) return [];
  const sql = `select k.id as account_id from account k where k.id in (${inList(accountIds)})`;
  return tellThose(work, notice, { sql, values: accountIds });
}

/** What was taken back is not shown any more. */
export async function forget(em: EntityManager, key: string): Promise<void> {
  await rows(em, 'delete from notification where key = ? returning id', [key]);
}
