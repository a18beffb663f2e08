import type { EntityManager } from '@mikro-orm/core';
import { rows, toDateOrNull } from '../../kit/database/sql.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import type { Scheme } from '../knock.ts';
import { Delivery, PeerHost, type PeerTurn } from '../model.ts';
import { planDelivery } from '../outbox/plan.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
const PROBE = { baseMs: MINUTE_MS, capMs: 12 * HOUR_MS };
/** Whoever was away for a week reads the outbox. */
export const GIVE_UP_AFTER_MS = 7 * DAY_MS;
/** A host that talks while its inbox is dead does not make us knock at each of its words. */
const SIGN_COUNTS_AFTER_MS = 10 * MINUTE_MS;
const MOST_WAITING = 500;
const MOST_TURNS = 20;

/** Half fixed, half by chance: thousands of hosts behind one broken proxy do not come back in one second. */
export function waitAfter(failureCount: number, chance: number): number {
  const ceilingMs = Math.min(PROBE.capMs, PROBE.baseMs * 2 ** Math.min(20, failureCount - 1));
  return Math.round((ceilingMs * (1 + chance)) / 2);
}

/** The row of a host, made when it is first needed. */
export async function loadPeer(em: EntityManager, host: string): Promise<PeerHost> {
  const known = await em.findOne(PeerHost, host);
  if (known) return known;
  await em.fork().upsert(PeerHost, { host, turns: [] }, { onConflictFields: ['host'], onConflictAction: 'ignore' });
  return em.findOneOrFail(PeerHost, host);
}

function addTurn(peer: PeerHost, kind: PeerTurn['kind'], text: string, at: Date): void {
  peer.turns = [{ at: at.toISOString(), kind, text: text.slice(0, 200) }, ...peer.turns].slice(0, MOST_TURNS);
}

/** It took something, or said in so many words that it does not want it. Persisted with the caller's flush. */
export function noteAnswer(peer: PeerHost, now: Date, answer: { scheme: Scheme; ms: number; isOk: boolean }): void {
  if (peer.failingSince) addTurn(peer, 'back', '', now);
  const { scheme, ms, isOk } = answer;
  const health = {
    failureCount: 0,
    failingSince: null,
    silentSince: null,
    nextAttemptAt: null,
    givenUpAt: null,
    lastError: '',
  };
  Object.assign(peer, health, { triedAt: now, answerMs: ms, ...(isOk ? { lastOkAt: now, scheme } : {}) });
}

/**
 * Nothing got through: from now on one probe at growing intervals knocks for all that waits. After a week what waits is
 * dropped; the followers stay, and the host comes back to life at the first sign. Flushes.
 */
export async function noteFailure(
  em: EntityManager,
  peer: PeerHost,
  now: Date,
  { error, leastMs, chance }: { error: string; leastMs: number; chance: number },
): Promise<void> {
  const failureCount = peer.failureCount + 1;
  const failingSince = peer.failingSince ?? now;
  if (!peer.failingSince) addTurn(peer, 'failing', error, now);
  const nextAttemptAt = new Date(now.getTime() + Math.max(leastMs, waitAfter(failureCount, chance)));
  const silentSince = peer.silentSince ?? now;
  const lastError = error.slice(0, 300);
  Object.assign(peer, { failureCount, failingSince, silentSince, nextAttemptAt, triedAt: now, lastError });
  await em.flush();
  if (!(await giveUpIfDue(em, peer, now))) await dropOldest(em, peer.host);
}

/** A week is over, whether the last of what waited was tried again or grew too old meanwhile. Flushes when it is. */
export async function giveUpIfDue(em: EntityManager, peer: PeerHost, now: Date): Promise<boolean> {
  if (!peer.failingSince || now.getTime() - peer.failingSince.getTime() < GIVE_UP_AFTER_MS) return false;
  Object.assign(peer, { givenUpAt: now, nextAttemptAt: null });
  addTurn(peer, 'given-up', peer.lastError, now);
  await em.flush();
  await em.nativeDelete(Delivery, { host: peer.host });
  return true;
}

/** What is waiting for one dead host has a bound; the newest is worth most. */
async function dropOldest(em: EntityManager, host: string): Promise<void> {
  await rows(
    em,
    `delete from delivery where host = ? and id < (select id from delivery where host = ? order by id desc limit 1 offset ?)
     returning id`,
    [host, host, MOST_WAITING - 1],
  );
}

/**
 * A sign of life of a host that was failing or given up: it sent something signed, or answered a fetch. The next probe
 * goes out now. Costs one indexed read for all others.
 */
export async function noteSign(work: Pick<Work, 'em' | 'jobs' | 'now'>, federation: Federation, host: string) {
  const { em, now } = work;
  const [peer] = await rows<{ failing_since: unknown; given_up_at: unknown; tried_at: unknown; silent_since: unknown }>(
    em,
    `select failing_since, given_up_at, tried_at, silent_since from peer_host where host = ?
       and (failing_since is not null or given_up_at is not null or silent_since is not null)`,
    [host],
  );
  if (!peer) return;
  if (peer.silent_since != null) await em.nativeUpdate(PeerHost, { host }, { silentSince: null });
  if (peer.failing_since == null && peer.given_up_at == null) return;
  const triedAt = toDateOrNull(peer.tried_at)?.getTime() ?? 0;
  if (now().getTime() - triedAt < SIGN_COUNTS_AFTER_MS) return;
  await revive(work, federation, host);
}

/** Knocks again now, whatever the plan was; a host that was given up is on probation for another week. Flushes. */
export async function revive(
  { em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>,
  federation: Pick<Federation, 'jobs'>,
  host: string,
): Promise<void> {
  const peer = await loadPeer(em, host);
  if (peer.givenUpAt) Object.assign(peer, { givenUpAt: null, failingSince: now(), failureCount: 0 });
  Object.assign(peer, { nextAttemptAt: null, triedAt: now() });
  if ((await em.count(Delivery, { host })) > 0) planDelivery(em, jobs, federation, peer);
  await em.flush();
}
