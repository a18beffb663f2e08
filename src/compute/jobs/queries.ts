import { fromJson, inList, type Parameter, rows, toDate } from '../../kit/database/sql.ts';
import { findStatus } from '../../kit/queue/status.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { listGenerationsById, noteOf } from '../tool/queries.ts';
import { OPEN_STATES, type RunState } from '../training/model.ts';
import type { TrainSettings } from '../training/params.ts';
import { runState } from '../training/queries.ts';

/** One row of the page: a generation or a training. */
export interface JobView {
  readonly id: string;
  /** Where it is looked at; '' when there is nothing to look at. */
  readonly url: string;
  readonly kind: 'generation' | 'training';
  readonly title: string;
  readonly summary: string;
  readonly state: RunState;
  readonly stateText: string;
  readonly isOpen: boolean;
  readonly error: string | null;
  readonly createdAt: Date;
  readonly images: readonly { readonly src: string; readonly width: number; readonly height: number }[];
  /** How far it is and when it begins; null once it ended. */
  readonly live: { readonly value: number; readonly max: number; readonly note: string } | null;
  readonly cancelUrl: string;
  /** '' when it cannot be had again. */
  readonly retryUrl: string;
}

const PAGE_SIZE = 24;

/** Generations and trainings of a person, the newest first; ids grow with time, so they are the cursor of both. */
export async function listJobs(
  work: Pick<Work, 'em' | 'jobs'>,
  viewer: Viewer,
  before: string | undefined,
): Promise<{ readonly items: readonly JobView[]; readonly next: string | null }> {
  const older = before ? 'and id < ?' : '';
  const of = (table: string, owner: string) =>
    `select id, '${table}' as kind, job_id from ${table} where ${owner} = ? ${older}`;
  const one: Parameter[] = before ? [viewer.id, before] : [viewer.id];
  const found = await rows<{ id: string; kind: string; job_id: string | null }>(
    work.em,
    `select * from (${of('generation', 'account_id')} union all ${of('training_run', 'owner_id')}) x order by id desc limit ?`,
    [...one, ...one, PAGE_SIZE + 1],
  );
  const shown = found.slice(0, PAGE_SIZE);
  const idsOf = (table: string) => shown.filter(({ kind }) => kind === table).map(({ id }) => id);
  const views = new Map<string, JobView>();
  for (const view of await generationsOf(work, idsOf('generation'))) views.set(view.id, view);
  for (const view of await trainingsOf(work, idsOf('training_run'))) views.set(view.id, view);
  const items: JobView[] = [];
  for (const { id, job_id: jobId } of shown) {
    const view = views.get(id);
    if (view) items.push(view.isOpen && jobId ? { ...view, live: await liveOf(work, jobId) } : view);
  }
  return { items, next: found.length > PAGE_SIZE ? (shown.at(-1)?.id ?? null) : null };
}

async function liveOf({ em, jobs }: Pick<Work, 'em' | 'jobs'>, jobId: string): Promise<JobView['live']> {
  const status = await findStatus(em, jobId, { of: jobs.forecast });
  return status && { value: status.progressDone, max: status.progressTotal || 100, note: noteOf(status) };
}

async function generationsOf(work: Pick<Work, 'em'>, ids: readonly string[]): Promise<JobView[]> {
  return (await listGenerationsById(work, ids)).map((one) => ({
    ...{ id: one.id, url: one.url, kind: 'generation', title: one.prompt, summary: one.summary, state: one.state },
    ...{ stateText: one.stateText, isOpen: one.isOpen, error: one.error, createdAt: one.createdAt, images: one.images },
    live: null,
    cancelUrl: `${one.url}/cancellation`,
    retryUrl: `${one.url}/again`,
  }));
}

interface TrainingRow {
  id: string;
  name: string;
  state: RunState;
  job_state: RunState | null;
  params: unknown;
  total_steps: number;
  error: string | null;
  created_at: unknown;
}

async function trainingsOf({ em }: Pick<Work, 'em'>, ids: readonly string[]): Promise<JobView[]> {
  const found = await rows<TrainingRow>(
    em,
    `select r.id, r.name, r.state, j.state as job_state, cast(r.params as text) as params, r.total_steps, r.error,
       r.created_at
     from training_run r left join job j on j.id = r.job_id where r.id in (${inList(ids)})`,
    ids,
  );
  return found.map((row) => {
    const state = runState(row.state, row.job_state);
    const url = `/train/${row.id}`;
    const { epochs, resolution } = fromJson<TrainSettings>(row.params) ?? { epochs: 0, resolution: 0 };
    return {
      ...{ id: row.id, url, kind: 'training', title: row.name, state, error: row.error, images: [] },
      summary: `${t('jobs.training')} · ${t('jobs.training-summary', { epochs, steps: row.total_steps, resolution })}`,
      stateText: t(`train.state.${state}`),
      isOpen: OPEN_STATES.includes(state),
      createdAt: toDate(row.created_at),
      live: null,
      cancelUrl: `${url}/stop`,
      retryUrl: state === 'failed' || state === 'stopped' ? `${url}/resumption` : '',
    };
  });
}

/** What is left of the day, in words. */
export function allowanceText(
  {
    usedSeconds,
    reservedSeconds,
    limitSeconds,
    renewsAt,
  }: {
    readonly usedSeconds: number;
    readonly reservedSeconds: number;
    readonly limitSeconds: number;
    readonly renewsAt: Date;
  },
  now: Date,
): string {
  const minutes = (seconds: number) => Math.ceil(seconds / 60);
  return t('jobs.allowance', {
    ...{ used: minutes(usedSeconds), reserved: minutes(reservedSeconds), limit: minutes(limitSeconds) },
    hours: Math.max(1, Math.round((renewsAt.getTime() - now.getTime()) / 3_600_000)),
  });
}
