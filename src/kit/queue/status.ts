import type { EntityManager } from '@mikro-orm/core';
import { fromJson, rows, toDateOrNull, toNumber } from '../database/sql.ts';
import type { Lane } from './define.ts';
import type { Forecasts } from './fair/plan.ts';
import { isFair } from './fair/state.ts';
import type { JobState } from './job.ts';

/** What a page shows of a job. */
export interface JobStatus {
  readonly id: string;
  readonly name: string;
  readonly state: JobState;
  /** Grows with each change, so that a stream can resume after one. */
  readonly revision: number;
  readonly attempt: number;
  readonly progressDone: number;
  readonly progressTotal: number;
  readonly progressNote: string;
  readonly hasPreview: boolean;
  /** Jobs that run before it; 0 when it runs or ended. */
  readonly placeInQueue: number;
  /** In a lane that is shared out fairly, as far as it can be told. */
  readonly startsInSeconds: number | null;
  readonly accountId: number | null;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly lastError: string | null;
  readonly result: unknown;
}

interface StatusRow {
  id: string;
  lane: Lane;
  name: string;
  state: JobState;
  revision: number;
  attempt: number;
  progress_done: number;
  progress_total: number;
  progress_note: string;
  has_preview: number;
  place: unknown;
  account_id: number | null;
  started_at: unknown;
  finished_at: unknown;
  last_error: string | null;
  result: unknown;
}

// tuples compare in the order in which claim.ts takes them
const STATUS = `select id, name, lane, state, revision, attempt, progress_done, progress_total, progress_note, account_id,
  started_at, finished_at, last_error, cast(result as text) as result, case when preview is null then 0 else 1 end as has_preview,
  case when state = 'queued' then (select count(*) from job a where a.lane = job.lane and a.state = 'queued'
    and (a.priority, a.run_at, a.id) < (job.priority, job.run_at, job.id)) else 0 end as place
  from job where id = ?`;

export async function findStatus(
  em: EntityManager,
  jobId: string,
  forecasts?: Pick<Forecasts, 'of'>,
): Promise<JobStatus | null> {
  const [row] = await rows<StatusRow>(em, STATUS, [jobId]);
  if (!row) return null;
  const isForeseen = row.state === 'queued' && forecasts !== undefined && isFair(row.lane);
  const foreseen = isForeseen ? await forecasts.of(row.lane, jobId) : null;
  return {
    id: row.id,
    name: row.name,
    state: row.state,
    revision: row.revision,
    attempt: row.attempt,
    progressDone: row.progress_done,
    progressTotal: row.progress_total,
    progressNote: row.progress_note,
    hasPreview: row.has_preview === 1,
    placeInQueue: foreseen?.place ?? toNumber(row.place),
    startsInSeconds: foreseen?.startsInSeconds ?? null,
    accountId: row.account_id,
    startedAt: toDateOrNull(row.started_at),
    finishedAt: toDateOrNull(row.finished_at),
    lastError: row.last_error,
    result: fromJson<unknown>(row.result),
  };
}

/** The newest preview of a running job. */
export async function findPreview(em: EntityManager, jobId: string): Promise<Uint8Array | null> {
  const [row] = await rows<{ preview: Uint8Array | null }>(em, 'select preview from job where id = ?', [jobId]);
  return row?.preview ?? null;
}
