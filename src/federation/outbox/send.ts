import { inList, rows } from '../../kit/database/sql.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { OutboxItem } from '../model.ts';
import { listGivenUp } from '../peers/health.ts';
import { loadHostRules } from '../policy.ts';
import type { Document } from '../vocabulary/context.ts';

export interface Recipients {
  /** Accounts whose followers get it. */
  readonly followersOf?: readonly number[];
  readonly accountIds?: readonly number[];
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
  const inboxes = await listInboxes({ em, now }, federation, recipients);
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

/** Each inbox once; many followers on one server share one. Whoever is named is tried even where all is given up. */
async function listInboxes(
  task: Pick<Work, 'em' | 'now'>,
  federation: Federation,
  { followersOf = [], accountIds = [] }: Recipients,
): Promise<string[]> {
  const found = await rows<{ inbox: string }>(
    task.em,
    `select distinct coalesce(r.shared_inbox_uri, r.inbox_uri) as inbox from remote_actor r join account a on a.id = r.account_id
     where a.state = 'active' and (a.id in (${inList(accountIds)})
       or a.id in (select f.follower_id from follow f where f.state = 'accepted' and f.target_id in (${inList(followersOf)})))`,
    [...accountIds, ...followersOf],
  );
  const inboxes = found.map(({ inbox }) => ({ inbox, host: new URL(inbox).host }));
  const isWanted = await loadHostRules(federation, task.em, [...new Set(inboxes.map(({ host }) => host))]);
  const givenUp = accountIds.length > 0 ? new Set<string>() : await listGivenUp(task);
  return inboxes.filter(({ host }) => isWanted(host) && !givenUp.has(host)).map(({ inbox }) => inbox);
}
