import { z } from 'zod';
import type { Mailer } from '../../accounts/mail/mailer.ts';
import { rows } from '../../kit/database/sql.ts';
import type { Net } from '../../kit/net/net.ts';
import { defineJob, type JobDefinition } from '../../kit/queue/define.ts';
import { Job } from '../../kit/queue/job.ts';
import type { Settings } from '../../kit/settings.ts';
import type { Work } from '../../kit/work.ts';
import type { HashGate } from '../../safety/hashes/gate.ts';
import { fireClock } from './clocks/fire.ts';
import { finishCase } from './decide/finish.ts';
import { CasePayload, type Desk } from './desk.ts';
import { takeIn } from './intake/take-in.ts';
import { CLOCKS } from './model/clock.ts';
import { checkArtist } from './proof/artist.ts';

const EVERY_MS = 60_000;
const MOST_AT_ONCE = 200;

const ClockPayload = CasePayload.extend({ kind: z.enum(CLOCKS) });
const FinishPayload = CasePayload.extend({ takedownId: z.string() });

/** The claims desk of a node: what its services lean on, and its jobs. */
export class Claims implements Desk {
  readonly settings: Settings;
  readonly mailer: Mailer;
  readonly publicUrl: URL;
  readonly secretKey: string;
  readonly hashGate: HashGate;
  readonly clamdSocket: string | null;
  readonly net: Net;
  readonly artistJob: JobDefinition<typeof CasePayload>;
  readonly takeInJob: JobDefinition<typeof CasePayload>;
  readonly finishJob: JobDefinition<typeof FinishPayload>;
  readonly clockJob: JobDefinition<typeof ClockPayload>;
  readonly watchJob: JobDefinition<z.ZodObject>;

  constructor(desk: Omit<Desk, 'takeInJob' | 'artistJob'>) {
    const { settings, mailer, publicUrl, secretKey } = desk;
    this.settings = settings;
    this.mailer = mailer;
    this.publicUrl = publicUrl;
    this.secretKey = secretKey;
    this.hashGate = desk.hashGate;
    this.clamdSocket = desk.clamdSocket;
    this.net = desk.net;
    this.artistJob = defineJob({
      ...{ name: 'moderation.check-artist', lane: 'delivery', payload: CasePayload, attempts: 3 },
      run: (work, { caseId }) => checkArtist(work, this, caseId),
    });
    this.takeInJob = defineJob({
      ...{ name: 'moderation.take-in-case', lane: 'clock', payload: CasePayload, attempts: 10 },
      run: (work, { caseId }) => takeIn(work, this, caseId),
    });
    this.finishJob = defineJob({
      ...{ name: 'moderation.finish-case', lane: 'clock', payload: FinishPayload, attempts: 10 },
      run: (work, payload) => finishCase(work, this, payload),
    });
    this.clockJob = defineJob({
      ...{ name: 'moderation.ring-clock', lane: 'clock', payload: ClockPayload, attempts: 10 },
      run: (work, { caseId, kind }) => fireClock(work, this, caseId, kind),
    });
    this.watchJob = defineJob({
      ...{ name: 'moderation.watch-clocks', lane: 'clock', payload: z.object({}), attempts: 3 },
      run: async (work) => {
        await this.#ringDue(work);
        await this.schedule(work);
      },
    });
  }

  get jobs(): readonly JobDefinition[] {
    return [this.takeInJob, this.artistJob, this.finishJob, this.clockJob, this.watchJob];
  }

  /** Every minute from now on. Called at each start too, so it looks whether one waits already. */
  async schedule({ em, jobs }: Pick<Work, 'em' | 'jobs'>): Promise<void> {
    if ((await em.count(Job, { name: this.watchJob.name, state: 'queued' })) > 0) return;
    jobs.enqueue(em, this.watchJob, {}, { delayMs: EVERY_MS, dedupeKey: this.watchJob.name });
    await em.flush();
  }

  /** A job for each clock that is due, the oldest first: one case that fails does not keep the others waiting. */
  async #ringDue({ em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>): Promise<void> {
    const due = await rows<{ case_id: string; kind: (typeof CLOCKS)[number] }>(
      em,
      `select case_id, kind from case_clock where fired_at is null and due_at <= ? order by due_at limit ${MOST_AT_ONCE}`,
      [now()],
    );
    for (const { case_id: caseId, kind } of due) {
      jobs.enqueue(em, this.clockJob, { caseId, kind }, { dedupeKey: `clock:${caseId}:${kind}`, partition: caseId });
    }
    await em.flush();
  }
}
