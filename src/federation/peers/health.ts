import type { EntityManager } from '@mikro-orm/core';
import { rows, toDateOrNull, toNumber } from '../../kit/database/sql.ts';
import type { Work } from '../../kit/work.ts';
import type { Scheme } from '../knock.ts';
import { PeerHost } from '../model.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** A host that failed this often in a row is only probed: one delivery at a time, at growing intervals. */
const PROBE_AFTER_FAILURES = 3;
const LONGEST_PROBE_MS = 6 * HOUR_MS;
/** After this long without an answer nothing more is sent, until the host is heard from. */
export const GIVE_UP_AFTER_MS = 7 * 24 * HOUR_MS;

type Task = Pick<Work, 'em' | 'now'>;

/** 1, 2, 4 … minutes, at most six hours; a fifth more or less, so that hosts do not come back all at once. */
function probeDelayMs(failureCount: number, chance = Math.random()): number {
  const whole = Math.min(LONGEST_PROBE_MS, MINUTE_MS * 2 ** Math.min(20, failureCount - PROBE_AFTER_FAILURES));
  return Math.round(whole * (0.8 + 0.4 * chance));
}

/** Nothing got through: no connection, no answer in time, or a fault of the server. */
export async function noteFailure({ em, now }: Task, host: string, error: string): Promise<void> {
  const peer = await em.findOne(PeerHost, host, { refresh: true });
  const failureCount = (peer?.failureCount ?? 0) + 1;
  const isProbed = failureCount >= PROBE_AFTER_FAILURES;
  await em.upsert(
    PeerHost,
    {
      host,
      failureCount,
      lastError: error.slice(0, 300),
      failingSince: peer?.failingSince ?? now(),
      nextProbeAt: isProbed ? new Date(now().getTime() + probeDelayMs(failureCount)) : null,
    },
    { onConflictFields: ['host'] },
  );
}

/** The host is up and asks for patience: nothing is sent before. */
export async function notePatience({ em, now }: Task, host: string, seconds: number, error: string): Promise<void> {
  const nextProbeAt = new Date(now().getTime() + seconds * 1000);
  await em.upsert(PeerHost, { host, lastError: error, nextProbeAt }, { onConflictFields: ['host'] });
}

/** It answered a delivery; what waited for it goes out now. */
export async function noteDelivered(task: Task, host: string, scheme: Scheme): Promise<void> {
  const fine = { scheme, failureCount: 0, lastOkAt: task.now(), failingSince: null, nextProbeAt: null, lastError: '' };
  const wasFailing = await isHeldBack(task.em, host);
  await task.em.upsert(PeerHost, { host, ...fine }, { onConflictFields: ['host'] });
  if (wasFailing) await wakeDeliveries(task, host);
}

/** It spoke to us, so it lives: the next delivery is tried at once. */
export async function noteSignOfLife(task: Task, host: string): Promise<void> {
  if (!(await isHeldBack(task.em, host))) return;
  await tryAgainNow(task, host);
}

/** As after a sign of life; also by the owner's hand. */
export async function tryAgainNow(task: Task, host: string): Promise<void> {
  const anew = { failureCount: 0, failingSince: null, nextProbeAt: null };
  await task.em.nativeUpdate(PeerHost, { host }, anew);
  await wakeDeliveries(task, host);
}

async function isHeldBack(em: EntityManager, host: string): Promise<boolean> {
  const found = await rows(
    em,
    'select host from peer_host where host = ? and (failing_since is not null or next_probe_at is not null)',
    [host],
  );
  return found.length > 0;
}

async function wakeDeliveries({ em, now }: Task, host: string): Promise<void> {
  await rows(
    em,
    `update job set run_at = ?, revision = revision + 1
     where lane = 'delivery' and partition = ? and state = 'queued' and run_at > ? returning id`,
    [now(), host, now()],
  );
}

/** Seconds until this host may be tried; 0 for now. */
export async function secondsToProbe({ em, now }: Task, host: string): Promise<number> {
  const [row] = await rows<{ at: unknown }>(em, 'select next_probe_at as at from peer_host where host = ?', [host]);
  const at = toDateOrNull(row?.at ?? null);
  return at === null ? 0 : Math.max(0, Math.ceil((at.getTime() - now().getTime()) / 1000));
}

/** Hosts that gave no answer for so long that nothing is sent to them. */
export async function listGivenUp({ em, now }: Task): Promise<ReadonlySet<string>> {
  const found = await rows<{ host: string }>(em, 'select host from peer_host where failing_since < ?', [
    new Date(now().getTime() - GIVE_UP_AFTER_MS),
  ]);
  return new Set(found.map(({ host }) => host));
}

/** How many deliveries wait for a host. */
export async function countWaiting(em: EntityManager, host: string): Promise<number> {
  const [row] = await rows<{ n: unknown }>(
    em,
    `select count(*) as n from job where lane = 'delivery' and partition = ? and state = 'queued'`,
    [host],
  );
  return toNumber(row?.n);
}
