import { z } from 'zod';
import { type AuditState, auditState } from '../../kit/audit/state.ts';
import { eraseAudit, keepAuditRoot, verifyAudit } from '../../kit/audit/verify.ts';
import type { Log } from '../../kit/log.ts';
import { defineJob, type JobDefinition } from '../../kit/queue/define.ts';
import { Job } from '../../kit/queue/job.ts';
import type { Settings } from '../../kit/settings.ts';
import type { Work } from '../../kit/work.ts';

const DAY_MS = 86_400_000;
/** Who acted and why is forgotten then; the chain stays (spec/takedowns.md 2.11). */
const KEPT_MS = 730 * DAY_MS;

export interface AuditWatchDeps {
  readonly settings: Settings;
  readonly log: Log;
}

const Payload = z.object({});

const definition = {
  name: 'moderation.watch-audit',
  lane: 'clock',
  payload: Payload,
  attempts: 3,
} as const;

/** Once a day: keeps the root of yesterday and says it in the log, forgets old names, and walks along the chain. */
export const watchAuditJobOf = (deps: AuditWatchDeps): JobDefinition<typeof Payload> =>
  defineJob({
    ...definition,
    async run(work) {
      await watchAudit(work, deps);
      await scheduleAuditWatch(work);
    },
  });

async function watchAudit(
  { em, now }: Pick<Work, 'em' | 'now'>,
  { settings, log }: AuditWatchDeps,
): Promise<AuditState> {
  const root = await keepAuditRoot(em, now());
  if (root) log.info({ day: root.day, seq: root.seq, hash: root.hash }, 'audit root');
  await eraseAudit(em, new Date(now().getTime() - KEPT_MS));
  const { isWhole, entryCount, erasedCount, faults } = await verifyAudit(em);
  if (!isWhole) log.error({ faults }, 'the audit log was changed');
  const state = { checkedAt: now().toISOString(), isWhole, entryCount, erasedCount, faults: [...faults] };
  await settings.write(em, auditState, state, now());
  await em.flush();
  return state;
}

/** Called at each start too, so it looks whether one waits already. */
export async function scheduleAuditWatch({ em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>): Promise<void> {
  if ((await em.count(Job, { name: definition.name, state: 'queued' })) > 0) return;
  // shortly after midnight (UTC), when the day whose root is kept is over
  const delayMs = DAY_MS - (now().getTime() % DAY_MS) + 5 * 60_000;
  jobs.enqueue(em, definition, {}, { delayMs, dedupeKey: definition.name });
  await em.flush();
}

/** The clock's own run keeps its time: this one has a key of its own. */
export async function checkAuditSoon({ em, jobs }: Pick<Work, 'em' | 'jobs'>): Promise<void> {
  jobs.enqueue(em, definition, {}, { dedupeKey: `${definition.name} now` });
  await em.flush();
}
