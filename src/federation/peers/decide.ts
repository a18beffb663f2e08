import { z } from 'zod';
import { can } from '../../accounts/permissions.ts';
import { type AuditWrite, audited } from '../../kit/audit/append.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { isSharedEnding } from '../../kit/net/domain.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { DAY_MS, loadPeer, revive } from './health.ts';
import { readHost } from './host-name.ts';
import { DomainPolicy, PeerDecision } from './model.ts';
import { HostRule, isEmpty } from './rule.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'now'>;

/** Checkboxes are there when they are ticked. */
const tick = z
  .string()
  .optional()
  .transform((text) => text !== undefined);

export const PolicyForm = z.object({
  host: z
    .string()
    .max(500, 'That name is too long.')
    .transform(readHost)
    .refine((host) => host !== '', 'Write the name of a host, such as peer.example.')
    .refine((host) => !isSharedEnding(host), 'That is no host but an ending that many share.'),
  note: z.string().trim().max(2000, 'At most 2000 characters.').default(''),
  publicComment: z.string().trim().max(2000, 'At most 2000 characters.').default(''),
  reasonCode: z.string().trim().max(40, 'At most 40 characters.').default(''),
  stance: z.enum(['blocked', 'allowed', 'none'], 'Choose what holds for it.'),
  isLimited: tick,
  rejectsMedia: tick,
  rejectsFiles: tick,
  rejectsReports: tick,
  forbidsMirror: tick,
  trustsDigests: tick,
  isObfuscated: tick,
  forcedLevel: z
    .enum(['', '2', '4', '8', '16'], 'Choose a rating.')
    .default('')
    .transform((text) => (text === '' ? null : (Number(text) as HostRule['forcedLevel']))),
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

/** This node itself, and the names above it: a word about them would be about us. */
export function isOwnName(
  { publicUrl: { host: own, hostname } }: Pick<Federation, 'publicUrl'>,
  host: string,
): boolean {
  const isWithin = (one: string): boolean => one === host || one.endsWith(`.${host}`);
  return isWithin(own) || isWithin(hostname);
}

/**
 * Says what holds for a host. What follows from it (follows, content, what waits for it) is done by a job, for a large
 * host has many rows. Throws `forbidden`, and `invalid` for this node itself.
 */
export async function decidePeer(
  work: Task & Pick<Work, 'viewer'>,
  federation: Federation,
  { host, stance, days, ...form }: z.output<typeof PolicyForm>,
): Promise<void> {
  requireManager(work.viewer);
  if (isOwnName(federation, host)) {
    throw new AppError('invalid', 'That is this node.', { fields: { host: 'That is this node.' } });
  }
  const rule = HostRule.parse({ ...form, stance: stance === 'none' ? null : stance });
  const { note, publicComment, reasonCode, isObfuscated, trustsDigests } = form;
  await writePolicy(work, federation, host, rule, {
    ...{ note, publicComment, reasonCode, isObfuscated, trustsDigests, source: '' },
    expiresAt: days === null ? null : new Date(work.now().getTime() + days * DAY_MS),
  });
}

type PolicyWords = Pick<
  DomainPolicy,
  'note' | 'publicComment' | 'reasonCode' | 'isObfuscated' | 'trustsDigests' | 'source' | 'expiresAt'
>;

/** The row, its line in the log and in the audit chain, and the job that does what follows, in one transaction. */
async function writePolicy(
  work: Task & Pick<Work, 'viewer'>,
  federation: Federation,
  host: string,
  rule: HostRule,
  words: PolicyWords,
): Promise<void> {
  const { now, jobs } = work;
  // the list of peers is that table's
  await loadPeer(work.em, host);
  await audited(work, async (em) => {
    const policy =
      (await em.findOne(DomainPolicy, host)) ?? em.create(DomainPolicy, { host, since: now() }, { persist: true });
    const before = HostRule.safeParse(policy).data ?? null;
    const expiresAt = isEmpty(rule) ? null : (words.expiresAt ?? null);
    Object.assign(policy, rule, words, { since: now(), expiresAt });
    const days = expiresAt && Math.ceil((expiresAt.getTime() - now().getTime()) / DAY_MS);
    const by = work.viewer?.id ?? null;
    decided({ em, now }, { host, act: actOf(rule), note: words.note, days, by });
    follow({ em, jobs }, federation, host);
    if (expiresAt) {
      jobs.enqueue(em, federation.jobs.endPolicy, { host }, { delayMs: expiresAt.getTime() - now().getTime() });
    }
    const after = { ...rule, source: words.source, expiresAt: expiresAt?.toISOString() ?? null };
    return { result: undefined, entries: [entryOf(host, before, after, words.note)] };
  });
}

export const policyKey = (host: string): string => `policy ${host}`.slice(0, 255);

const follow = ({ em, jobs }: Pick<Task, 'em' | 'jobs'>, federation: Federation, host: string) =>
  jobs.enqueue(em, federation.jobs.applyPolicy, { host }, { dedupeKey: policyKey(host) });

const entryOf = (host: string, before: object | null, after: object | null, reason = ''): AuditWrite => ({
  ...{ action: 'peer.decide', subject: { kind: 'host', id: host.slice(0, 120) }, reason },
  ...{ ...(before ? { before } : {}), ...(after ? { after } : {}) },
});

function actOf(rule: HostRule): PeerDecision['act'] {
  if (rule.stance !== null) return rule.stance;
  if (rule.isLimited) return 'limited';
  return isEmpty(rule) ? 'cleared' : 'ruled';
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

/** What held for a while has reached its end. */
export async function endPolicy(work: Task, federation: Federation, host: string): Promise<void> {
  const { now, jobs } = work;
  await audited({ ...work, viewer: null }, async (em) => {
    const policy = await em.findOne(DomainPolicy, host);
    if (!policy?.expiresAt || policy.expiresAt > now()) return { result: undefined, entries: [] };
    const before = HostRule.parse(policy);
    Object.assign(policy, HostRule.parse({}), { expiresAt: null, since: now(), source: '' });
    decided({ em, now }, { host, act: 'ended', by: null });
    follow({ em, jobs }, federation, host);
    return { result: undefined, entries: [entryOf(host, before, null)] };
  });
}
