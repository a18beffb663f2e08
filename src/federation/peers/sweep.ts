import { rows } from '../../kit/database/sql.ts';
import { Job } from '../../kit/queue/job.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { Delivery, PeerHost } from '../model.ts';
import { scheduleChecks } from '../notices/check.ts';
import { pruneExposure } from '../notices/exposure.ts';
import { isPlanned, planDelivery } from '../outbox/plan.ts';
import { endPolicy } from './decide.ts';
import { DAY_MS, GIVE_UP_AFTER_MS } from './health.ts';
import { BlockList, DomainPolicy } from './model.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'now'>;

const EVERY_MS = 3_600_000;
const FORGET_AFTER_MS = 30 * DAY_MS;
const ASK_AGAIN_AFTER_MS = 14 * DAY_MS;
const ASKED_AT_ONCE = 20;
const MOST_HOSTS = 50_000;

/** Every hour from now on. Called at each start too, so it looks whether one waits already. */
export async function schedulePeerSweep({ em, jobs }: Task, federation: Federation): Promise<void> {
  const { sweepPeers: job } = federation.jobs;
  if (federation.mode === 'off' || (await em.count(Job, { name: job.name, state: 'queued' })) > 0) return;
  jobs.enqueue(em, job, {}, { delayMs: EVERY_MS, dedupeKey: job.name });
  await em.flush();
}

/** Keeps what delivery remembers bounded, and finds what waits without a plan. */
export async function sweepPeers(work: Task, federation: Federation): Promise<void> {
  const { em, jobs, now } = work;
  const at = now().getTime();
  await em.nativeDelete(Delivery, { createdAt: { $lt: new Date(at - GIVE_UP_AFTER_MS) } });
  await forgetHosts(work);
  await pruneExposure(em, now());
  await scheduleChecks(work, federation);
  // their jobs ended them; one that was lost is found here
  const over = await em.find(DomainPolicy, { expiresAt: { $lte: now() } }, { limit: 500 });
  for (const { host } of over) await endPolicy({ ...work, em: em.fork() }, federation, host);
  const waiting = await rows<{ host: string }>(em, 'select distinct host from delivery limit 5000');
  for (const { host } of waiting) {
    if (await isPlanned(em, host)) continue;
    const peer = await em.findOne(PeerHost, host);
    planDelivery(em, jobs, federation, peer ?? { host }, (peer?.nextAttemptAt?.getTime() ?? at) - at);
  }
  const unasked = await em.find(
    PeerHost,
    {
      failingSince: null,
      lastOkAt: { $ne: null },
      $or: [{ softwareAskedAt: null }, { softwareAskedAt: { $lt: new Date(at - ASK_AGAIN_AFTER_MS) } }],
    },
    { limit: ASKED_AT_ONCE, orderBy: { host: 'asc' } },
  );
  const due = await em.find(BlockList, { nextReadAt: { $lte: now() } }, { limit: 50 });
  for (const { id } of due) jobs.enqueue(em, federation.jobs.readList, { listId: id }, { dedupeKey: `list ${id}` });
  for (const { host } of unasked) jobs.enqueue(em, federation.jobs.askPeer, { host }, { partition: 'ask peers' });
  await em.flush();
  await schedulePeerSweep(work, federation);
}

/** A host that nothing was sent to for a month is forgotten; of a flood of dead hosts, those that failed longest first. */
async function forgetHosts({ em, now }: Task): Promise<void> {
  const before = new Date(now().getTime() - FORGET_AFTER_MS);
  const isIdle = `not exists (select 1 from delivery d where d.host = peer_host.host)
    and not exists (select 1 from domain_policy p where p.host = peer_host.host)`;
  await rows(em, `delete from peer_host where tried_at < ? and ${isIdle} returning host`, [before]);
  await rows(
    em,
    `delete from peer_host where host in (select host from peer_host where failing_since is not null
        order by failing_since desc limit 1000000 offset ?) and ${isIdle} returning host`,
    [MOST_HOSTS],
  );
}
