import { PERMISSION } from '../../accounts/permissions.ts';
import { audited } from '../../kit/audit/append.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import { closeRow, openRow } from '../../moderation/queue/open.ts';
import { OVERDUE } from '../blocklists/queries.ts';
import type { Federation } from '../deps.ts';
import { Delivery, OutboxItem } from '../model.ts';
import { sendToInbox } from '../outbox/send.ts';
import { policyKey } from '../peers/decide.ts';
import { PolicyDraft } from '../peers/model.ts';
import { HostRule } from '../peers/rule.ts';
import type { Document } from '../vocabulary/context.ts';
import { NoticePeer, SentNotice } from './model.ts';
import { probe, type Seen } from './probe.ts';
import { findInbox } from './tell-host.ts';

type Task = Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WEEK_MS = 7 * DAY_MS;
/** After a week of tries by delivery itself. */
const MOST_RESENDS = 4;
const MOST_WEEKLY_LOOKS = 4;
/** So many severe notices passed within this time make a host one to be limited, if a person agrees. */
const MOST_OVERDUE = 3;
const OVERDUE_WITHIN_MS = 90 * DAY_MS;

/** Enqueues what is to be looked at again by now; by the clock of the peers. */
export async function scheduleChecks({ em, jobs, now }: Pick<Task, 'em' | 'jobs' | 'now'>, federation: Federation) {
  const due = await em.find(
    NoticePeer,
    { nextCheckAt: { $lte: now() } },
    { limit: 1_000, orderBy: { nextCheckAt: 1 } },
  );
  for (const { id, host } of due) {
    const options = { partition: host.slice(0, 255), dedupeKey: `check notice ${id}` };
    jobs.enqueue(em, federation.jobs.checkNotice, { peerId: id }, options);
  }
}

/** Looks how far one instance is with a notice, and moves its row on (spec/takedowns.md 2.9, tracking). */
export async function checkNotice(work: Task, federation: Federation, peerId: string): Promise<string> {
  const { em, now } = work;
  const peer = await em.findOne(NoticePeer, peerId, { refresh: true });
  const notice = peer && (await em.findOne(SentNotice, peer.noticeId));
  if (!peer || !notice || peer.nextCheckAt == null) return 'settled';
  if (notice.endedAt != null) return rest(null, peer.state);
  if (peer.state === 'queued') return knockAgain(work, federation, peer);
  const at = now().getTime();
  peer.checkCount += 1;
  const isLate = at >= notice.respondBy.getTime();
  // what is taken back, or only changed, is shown by right
  const isGoneWanted = notice.kind === 'removal' || notice.kind === 'provisional';
  const seen: Seen = isGoneWanted ? await probe(federation, peer.knownUrls) : 'unknown';
  if (seen === 'gone') {
    peer.verifiedAt = now();
    await closeRow(em, 'peer', `notice:${peer.id}`, 'verified', now());
    return rest(null, 'verified');
  }
  const hasReceipt = peer.acknowledgedAt != null;
  if (seen === 'served' && hasReceipt) return await miss('refused', 'it said that it was done, and still shows it');
  if (seen === 'served' && isLate) return await miss('overdue', 'it still shows it');
  if (!hasReceipt && peer.isOfOurKind && isLate) return await miss('overdue', 'it did not answer');
  if (isLate || (hasReceipt && seen === 'unknown')) return rest(null, peer.state);
  // plain software answers nothing, and no address of it is known to look at
  if (!hasReceipt && !peer.isOfOurKind && seen === 'unknown') return rest(null, peer.state);
  const next = Math.min(notice.respondBy.getTime(), at + HOUR_MS * 2 ** Math.min(5, peer.checkCount));
  return rest(new Date(next), peer.state);

  async function rest(next: Date | null, state: NoticePeer['state']): Promise<string> {
    if (!peer) return 'settled';
    Object.assign(peer, { state, nextCheckAt: next });
    await em.flush();
    return state;
  }

  async function miss(state: 'overdue' | 'refused', note: string): Promise<string> {
    if (!peer || !notice) return 'settled';
    const isFresh = peer.overdueAt == null;
    const weeks = (peer.overdueAt ? at - peer.overdueAt.getTime() : 0) / WEEK_MS;
    Object.assign(peer, { state, note, overdueAt: peer.overdueAt ?? now() });
    peer.nextCheckAt = weeks >= MOST_WEEKLY_LOOKS ? null : new Date(at + WEEK_MS);
    await em.flush();
    if (isFresh) await raise(work, federation, notice, peer);
    return state;
  }
}

/** Staff hear of it; nothing blocks a host without a person. */
async function raise(work: Task, federation: Federation, notice: SentNotice, peer: NoticePeer): Promise<void> {
  const { now } = work;
  await audited({ ...work, viewer: null }, async (em) => {
    await openRow(
      em,
      {
        ...{ kind: 'peer', subjectId: `notice:${peer.id}`, title: `${peer.host}: ${peer.note}` },
        about: { kind: notice.targetKind, id: notice.targetId },
        priority: notice.isSevere ? 1 : 2,
        permission: PERMISSION.manageFederation | PERMISSION.moderateContent,
      },
      now(),
    );
    if (notice.isSevere) {
      await draftLimit(em, peer.host, now());
      // its files are not kept here any more, nor are those that are here already
      work.jobs.enqueue(em, federation.jobs.applyPolicy, { host: peer.host }, { dedupeKey: policyKey(peer.host) });
    }
    const after = { host: peer.host, state: peer.state, note: peer.note };
    return {
      result: undefined,
      entries: [{ action: 'notice.overdue', subject: { kind: 'notice', id: notice.id }, after }],
    };
  });
}

async function draftLimit(em: Work['em'], host: string, now: Date): Promise<void> {
  const since = new Date(now.getTime() - OVERDUE_WITHIN_MS);
  const count = await em.count(NoticePeer, { host, isSevere: true, overdueAt: { $gte: since } });
  if (count < MOST_OVERDUE || (await em.count(PolicyDraft, { source: OVERDUE, host })) > 0) return;
  const rule = HostRule.parse({ isLimited: true, forbidsMirror: true });
  const facts = { id: newId(now.getTime()), source: OVERDUE, host, act: 'set' as const, rule, createdAt: now };
  em.create(PolicyDraft, facts, { persist: true });
}

/** It did not arrive: delivery tries for a week by itself, then once a week, four times. */
async function knockAgain(work: Task, federation: Federation, peer: NoticePeer): Promise<string> {
  const { em, now } = work;
  const at = now().getTime();
  const isUnderWay = peer.itemId === null || (await em.count(Delivery, { itemId: peer.itemId ?? '' })) > 0;
  if (isUnderWay) {
    peer.nextCheckAt = new Date(at + 6 * HOUR_MS);
  } else if (peer.resendCount >= MOST_RESENDS) {
    Object.assign(peer, { state: 'unreachable', nextCheckAt: null, note: peer.note || 'its inbox took nothing' });
  } else {
    const item = await em.findOne(OutboxItem, peer.itemId ?? '');
    const inbox = await findInbox(em, peer.host);
    peer.resendCount += 1;
    peer.nextCheckAt = new Date(at + WEEK_MS);
    if (item && inbox !== null) {
      await sendToInbox(work, federation, item.actorId, item.document as Document, inbox);
    }
  }
  await em.flush();
  return peer.state;
}
