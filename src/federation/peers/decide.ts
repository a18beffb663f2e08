import { z } from 'zod';
import { can } from '../../accounts/permissions.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { DomainPolicy, PeerDecision } from '../model.ts';
import { DAY_MS, loadPeer, revive } from './health.ts';
import { readHost } from './host-name.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'now'>;

const ACT = { blocked: 'blocked', allowed: 'allowed', none: 'cleared' } as const;

export const PolicyForm = z.object({
  host: z
    .string()
    .max(500, 'That name is too long.')
    .transform(readHost)
    .refine((host) => host !== '', 'Write the name of a host, such as peer.example.'),
  note: z.string().trim().max(2000, 'At most 2000 characters.').default(''),
  stance: z.enum(['blocked', 'allowed', 'none'], 'Choose what holds for it.'),
  /** Empty is for good. */
  days: z
    .string()
    .trim()
    .default('')
    .refine((text) => /^(\d{1,4})?$/.test(text), 'A number of days, or nothing.')
    .transform((text) => (Number(text) > 0 ? Number(text) : null)),
});

/** Throws `forbidden` for who does not run the federation of this node. */
export function requireManager(viewer: Work['viewer']): asserts viewer {
  if (!can(viewer, 'manageFederation')) throw new AppError('forbidden', 'You may not decide about peers.');
}

const isWithin = (host: string, above: string): boolean => host === above || host.endsWith(`.${above}`);

/**
 * Blocks a host, allows it, or takes either back. What follows from it (follows, content, what waits for it) is done by
 * a job, for a large host has many rows. Throws `forbidden`, and `invalid` for this node itself.
 */
export async function decidePeer(
  { em, jobs, now, viewer }: Task & Pick<Work, 'viewer'>,
  federation: Federation,
  { host, stance, days, note }: z.output<typeof PolicyForm>,
): Promise<void> {
  requireManager(viewer);
  const { host: own, hostname } = federation.publicUrl;
  if (isWithin(own, host) || isWithin(hostname, host)) {
    throw new AppError('invalid', 'That is this node.', { fields: { host: 'That is this node.' } });
  }
  const expiresAt = stance === 'none' || days === null ? null : new Date(now().getTime() + days * DAY_MS);
  const policy =
    (await em.findOne(DomainPolicy, host)) ?? em.create(DomainPolicy, { host, since: now() }, { persist: true });
  Object.assign(policy, { stance: stance === 'none' ? null : stance, since: now(), expiresAt, note });
  // the list of peers is that table's
  await loadPeer(em, host);
  decided({ em, now }, { host, act: ACT[stance], note, days: stance === 'none' ? null : days, by: viewer.id });
  jobs.enqueue(em, federation.jobs.applyPolicy, { host }, { dedupeKey: `policy ${host}`.slice(0, 255) });
  if (expiresAt) {
    jobs.enqueue(em, federation.jobs.endPolicy, { host }, { delayMs: expiresAt.getTime() - now().getTime() });
  }
  await em.flush();
}

function decided(
  { em, now }: Pick<Task, 'em' | 'now'>,
  {
    note = '',
    days = null,
    ...one
  }: Pick<PeerDecision, 'host' | 'act'> & Partial<Pick<PeerDecision, 'note' | 'days'>> & { by: number | null },
): void {
  em.create(PeerDecision, { id: newId(), note, days, ...one, at: now() }, { persist: true });
}

/** Knocks at once, whatever the plan was, and asks what it runs. */
export async function retryPeer(
  { em, jobs, now, viewer }: Task & Pick<Work, 'viewer'>,
  federation: Federation,
  host: string,
): Promise<void> {
  requireManager(viewer);
  decided({ em, now }, { host, act: 'retried', by: viewer.id });
  jobs.enqueue(em, federation.jobs.askPeer, { host }, { partition: 'ask peers' });
  await revive({ em, jobs, now }, federation, host);
}

/** A stance with an end has reached it. */
export async function endPolicy({ em, jobs, now }: Task, federation: Federation, host: string): Promise<void> {
  const policy = await em.findOne(DomainPolicy, host);
  if (!policy?.expiresAt || policy.expiresAt > now()) return;
  Object.assign(policy, { stance: null, expiresAt: null, since: now() });
  decided({ em, now }, { host, act: 'ended', by: null });
  jobs.enqueue(em, federation.jobs.applyPolicy, { host }, { dedupeKey: `policy ${host}`.slice(0, 255) });
  await em.flush();
}
