import type { EntityManager } from '@mikro-orm/core';
import { inList, rows } from '../../kit/database/sql.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { OutboxItem } from '../model.ts';
import { isHostAllowed } from '../policy.ts';
import type { Document } from '../vocabulary/context.ts';

export interface Recipients {
  /** Accounts whose followers get it. */
  readonly followersOf?: readonly number[];
  readonly accountIds?: readonly number[];
  /** Servers of these are left out. */
  readonly except?: {
    readonly followersOf: readonly number[];
    readonly accountIds: readonly number[];
    /** Only those that speak our vocabulary are left out. */
    readonly ofOurKind: boolean;
  };
}

/**
 * Says an activity once: the row, and a delivery for each inbox, in one transaction. Its id makes a second call nothing,
 * so an event that is told twice is not sent twice. False when nobody hears it, or it was said before.
 */
export async function send(
  { em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>,
  federation: Federation,
  actorId: number,
  document: Document,
  recipients: Recipients,
): Promise<boolean> {
  if (federation.mode === 'off') return false;
  const inboxes = await listInboxes(em, federation, recipients);
  if (inboxes.length === 0) return false;
  return em.transactional(async (inner) => {
    const uri = String(document.id);
    if ((await inner.count(OutboxItem, { uri })) > 0) return false;
    const item = inner.create(OutboxItem, { id: newId(), uri, actorId, document, createdAt: now() }, { persist: true });
    for (const inboxUri of inboxes) {
      jobs.enqueue(
        inner,
        federation.jobs.deliver,
        { itemId: item.id, inboxUri },
        { partition: new URL(inboxUri).host.slice(0, 255) },
      );
    }
    await inner.flush();
    return true;
  });
}

/** Our namespace stands in the context of every document of our kind, actors too. */
const SPEAKS_OURS = `and cast(r.document as text) like '%urn:tessera:ns:%'`;

/** Each inbox once; many followers on one server share one. */
async function listInboxes(
  em: EntityManager,
  federation: Federation,
  { followersOf = [], accountIds = [], except }: Recipients,
): Promise<string[]> {
  const find = (one: { followersOf: readonly number[]; accountIds: readonly number[] }, condition = '') =>
    rows<{ inbox: string }>(
      em,
      `select distinct coalesce(r.shared_inbox_uri, r.inbox_uri) as inbox from remote_actor r join account a on a.id = r.account_id
       where a.state = 'active' and (a.id in (${inList(one.accountIds)})
         or a.id in (select f.follower_id from follow f where f.state = 'accepted'
           and f.target_id in (${inList(one.followersOf)}))) ${condition}`,
      [...one.accountIds, ...one.followersOf],
    );
  const kept = except ? await find(except, except.ofOurKind ? SPEAKS_OURS : '') : [];
  const found = (await find({ followersOf, accountIds })).filter(
    ({ inbox }) => !kept.some((one) => one.inbox === inbox),
  );
  const allowed: string[] = [];
  for (const { inbox } of found) {
    if (await isHostAllowed(federation, em, new URL(inbox).host)) allowed.push(inbox);
  }
  return allowed;
}
