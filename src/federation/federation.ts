import type { Wiring } from '../kit/events/wiring.ts';
import type { JobDefinition } from '../kit/queue/define.ts';
import type { Line } from '../kit/storage/vault/line-log.ts';
import type { Work } from '../kit/work.ts';
import type { TakedownStepDefinition } from '../moderation/takedown/step.ts';
import { KeyBudget } from './actors/key-budget.ts';
import { readDocument } from './actors/load.ts';
import { type Apex, openApex } from './apex.ts';
import { apexStore } from './apex-store.ts';
import type { Federation, FederationSettings } from './deps.ts';
import { bury, restoreMarks, unburyStep } from './heeding/marks-file.ts';
import { purgeBytesJob } from './heeding/purge.ts';
import { Intake } from './inbox/intake.ts';
import { scheduleEviction } from './ingest/evict-media.ts';
import { localJobs } from './jobs/local-jobs.ts';
import { peerJobs } from './jobs/peer-jobs.ts';
import { tellPeersStep } from './notices/step.ts';
import { schedulePeerSweep } from './peers/sweep.ts';
import { wiringOf } from './wiring.ts';

export interface OpenFederation extends Federation {
  readonly jobList: readonly JobDefinition[];
  readonly wiring: Wiring;
  /** Its lines of the checklist of a takedown, for the worker that carries takedowns out. */
  readonly takedownSteps: readonly TakedownStepDefinition[];
  /** Keeps what this node removed of another server's from coming back by its name. */
  readonly bury: typeof bury;
  /** After a restore: what notices took down since the backup. Returns how many there were. */
  readonly takeDownAgain: (work: Work, lines: readonly Line[]) => Promise<number>;
  /** What the clock of this room does from now on. */
  readonly schedule: (work: Pick<Work, 'em' | 'jobs' | 'words' | 'now'>) => Promise<void>;
}

/** Federation of this process: its jobs, what follows from which event, and what its routes lean on. */
export function openFederation(settings: FederationSettings): OpenFederation {
  const { origin, host } = settings.publicUrl;
  let apex: Apex | null = null;
  const jobs = peerJobs(() => federation);
  const federation: Federation = {
    ...settings,
    origin,
    host,
    jobs,
    apex: () => (apex ??= openParts()),
    keysUnderWay: new Map(),
    keyBudget: new KeyBudget(settings.limits),
    lookUpsUnderWay: new Map(),
    intake: new Intake(settings.openWork, jobs.process),
  };
  const local = localJobs(federation);
  const jobList = [
    ...Object.values(federation.jobs),
    ...Object.values(local),
    purgeBytesJob,
  ] as readonly JobDefinition[];
  return {
    ...federation,
    jobList,
    takedownSteps: [tellPeersStep(federation), unburyStep],
    bury,
    takeDownAgain: (work, lines) => restoreMarks({ ...work, viewer: null }, federation, lines),
    wiring: settings.mode === 'off' ? [] : wiringOf(local),
    async schedule(work) {
      await scheduleEviction(work, local.evict);
      await schedulePeerSweep(work, federation);
    },
  };

  function openParts(): Apex {
    const requestObject = async (uri: string) =>
      (await readDocument(settings.openWork(), federation, uri))?.object ?? null;
    return openApex({ ownOrigin: origin, store: apexStore(() => settings.openWork().em), requestObject });
  }
}
