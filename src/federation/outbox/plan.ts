import type { EntityManager } from '@mikro-orm/core';
import { Job } from '../../kit/queue/job.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import type { PeerHost } from '../model.ts';

type KnownPeer = Pick<PeerHost, 'host'> & Partial<Pick<PeerHost, 'lastOkAt' | 'failingSince'>>;

/** One run at a time for each host, whatever it is called for. */
const keyOf = (host: string): string => `deliver ${host}`.slice(0, 255);

/**
 * Plans a run for all that waits for a host. Those that took something before go first, then those never tried. Those
 * that fail share a partition of a few places: however many of them hang, the rest of the lane is free.
 */
export function planDelivery(
  em: EntityManager,
  jobs: Work['jobs'],
  federation: Pick<Federation, 'jobs'>,
  { host, lastOkAt, failingSince }: KnownPeer,
  delayMs = 0,
): void {
  const options = { dedupeKey: keyOf(host), delayMs: Math.max(0, delayMs) };
  if (failingSince) {
    jobs.enqueue(em, federation.jobs.probe, { host }, { ...options, partition: 'failing peers', priority: 2 });
  } else {
    const priority = lastOkAt ? 0 : 1;
    jobs.enqueue(em, federation.jobs.deliver, { host }, { ...options, partition: host.slice(0, 255), priority });
  }
}

export const isPlanned = async (em: EntityManager, host: string): Promise<boolean> =>
  (await em.count(Job, { dedupeKey: keyOf(host), state: 'queued' })) > 0;
