import type { EntityManager } from '@mikro-orm/core';
import { unblockedSql } from '../../accounts/block.ts';
import type { TopicKind } from '../../gallery/topics/model.ts';
import { inList, rows } from '../../kit/database/sql.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { Delivery, OutboxItem, PeerHost } from '../model.ts';
import { noteExposure, subjectOfActivity } from '../notices/exposure.ts';
import { loadHostFilter } from '../policy.ts';
import type { Document } from '../vocabulary/context.ts';
import { planDelivery } from './plan.ts';
import { aboutOf } from './said.ts';

export interface Recipients {
  /** Accounts whose followers get it. */
  readonly followersOf?: readonly number[];
  readonly accountIds?: readonly number[];
  /** Those who follow a model, collection or tag, but for those across a block from one of `apartFrom`. */
  readonly topic?: { readonly kind: TopicKind; readonly id: number; readonly apartFrom: readonly number[] };
  /** Servers of these are left out. */
  readonly except?: {
    readonly followersOf: readonly number[];
    readonly accountIds: readonly number[];
    readonly topic?: NonNullable<Recipients['topic']>;
    /** Only those that speak our vocabulary are left out. */
    readonly ofOurKind: boolean;
  };
}

/**
 * Says an activity once: the row, a delivery for each inbox and a run for each host, in one transaction. Its id makes a second call nothing,
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
    const said = { uri, about: aboutOf(uri), actorId, document, createdAt: now() };
    const item = inner.create(OutboxItem, { id: newId(), ...said }, { persist: true });
    await inner.flush();
    const subject = subjectOfActivity(federation.origin, document);
    if (subject !== null) await noteExposure(inner, subject, [...new Set(inboxes.map(hostOf))], 'delivered', now());
    await addDeliveries({ em: inner, jobs, now }, federation, item.id, inboxes);
    return true;
  });
}

/** The same for one inbox, whatever was said to others under this id before. Returns the row of what is said. */
export async function sendToInbox(
  { em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>,
  federation: Federation,
  actorId: number,
  document: Document,
  inboxUri: string,
): Promise<string> {
  return em.transactional(async (inner) => {
    const uri = String(document.id);
    const said = { uri, about: aboutOf(uri), actorId, document, createdAt: now() };
    // two hosts are often told of one thing in the same moment
    await inner.upsert(OutboxItem, { id: newId(), ...said }, { onConflictFields: ['uri'], onConflictAction: 'ignore' });
    const item = await inner.findOneOrFail(OutboxItem, { uri });
    if ((await inner.count(Delivery, { itemId: item.id, inboxUri })) === 0) {
      await addDeliveries({ em: inner, jobs, now }, federation, item.id, [inboxUri]);
    }
    return item.id;
  });
}

/** A delivery for each inbox and a run for each host. Flushes. */
async function addDeliveries(
  { em: inner, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>,
  federation: Federation,
  itemId: string,
  inboxes: readonly string[],
): Promise<void> {
  const peers = await loadPeers(inner, [...new Set(inboxes.map(hostOf))]);
  await makePeers(
    inner,
    [...new Set(inboxes.map(hostOf))].filter((host) => !peers.has(host)),
  );
  const wanted = inboxes.filter((inboxUri) => !peers.get(hostOf(inboxUri))?.givenUpAt);
  const at = now();
  for (let from = 0; from < wanted.length; from += CHUNK) {
    await inner.insertMany(
      Delivery,
      wanted.slice(from, from + CHUNK).map((inboxUri) => ({
        ...{ id: newId(), itemId, inboxUri, host: hostOf(inboxUri) },
        ...{ failureCount: 0, dueAt: at, createdAt: at },
      })),
    );
  }
  for (const host of new Set(wanted.map(hostOf))) {
    const peer = peers.get(host) ?? { host };
    // where nobody may knock now, a run for all that waits is planned already
    if ('nextAttemptAt' in peer && peer.nextAttemptAt && peer.nextAttemptAt > at) continue;
    planDelivery(inner, jobs, federation, peer);
  }
  await inner.flush();
}

/** Our namespace stands in the context of every document of our kind, actors too. */
const SPEAKS_OURS = `and cast(r.document as text) like '%urn:tessera:ns:%'`;

/** Takes the topic's id, then twice those apart. */
const topicFollowers = ({ kind, apartFrom }: NonNullable<Recipients['topic']>): string =>
  `select t.follower_id from topic_follow t where t.${kind}_id = ? and ${unblockedSql('t.follower_id', inList(apartFrom))}`;

const CHUNK = 500;
const hostOf = (uri: string): string => new URL(uri).host;

/** Here at once, and not by each host's run in a commit of its own. */
async function makePeers(em: EntityManager, hosts: readonly string[]): Promise<void> {
  for (let from = 0; from < hosts.length; from += CHUNK) {
    const chunk = hosts.slice(from, from + CHUNK);
    const values = chunk.map(() => `(?, '[]')`).join(', ');
    await rows(
      em,
      `insert into peer_host (host, turns) values ${values} on conflict (host) do nothing returning host`,
      chunk,
    );
  }
}

async function loadPeers(em: EntityManager, hosts: readonly string[]): Promise<Map<string, PeerHost>> {
  const peers = new Map<string, PeerHost>();
  for (let from = 0; from < hosts.length; from += CHUNK) {
    const found = await em.find(
      PeerHost,
      { host: { $in: hosts.slice(from, from + CHUNK) } },
      { disableIdentityMap: true },
    );
    for (const peer of found) peers.set(peer.host, peer);
  }
  return peers;
}

/** Each inbox once; many followers on one server share one. */
async function listInboxes(
  em: EntityManager,
  federation: Federation,
  { followersOf = [], accountIds = [], topic, except }: Recipients,
): Promise<string[]> {
  const find = (one: Omit<NonNullable<Recipients['except']>, 'ofOurKind'>, condition = '') =>
    rows<{ inbox: string }>(
      em,
      `select distinct coalesce(r.shared_inbox_uri, r.inbox_uri) as inbox from remote_actor r join account a on a.id = r.account_id
       where a.state = 'active' and (a.id in (${inList(one.accountIds)})
         or a.id in (select f.follower_id from follow f where f.state = 'accepted'
           and f.target_id in (${inList(one.followersOf)}))
         ${one.topic ? `or a.id in (${topicFollowers(one.topic)})` : ''}) ${condition}`,
      [
        ...[...one.accountIds, ...one.followersOf],
        ...(one.topic ? [one.topic.id, ...one.topic.apartFrom, ...one.topic.apartFrom] : []),
      ],
    );
  const kept = except ? await find(except, except.ofOurKind ? SPEAKS_OURS : '') : [];
  const found = (await find({ followersOf, accountIds, ...(topic ? { topic } : {}) })).filter(
    ({ inbox }) => !kept.some((one) => one.inbox === inbox),
  );
  const isAllowed = await loadHostFilter(federation, em);
  return found.map(({ inbox }) => inbox).filter((inbox) => isAllowed(hostOf(inbox)));
}
