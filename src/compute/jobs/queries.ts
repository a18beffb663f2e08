import { fromJson, inList, type Parameter, rows, toDate } from '../../kit/database/sql.ts';
import { findStatus } from '../../kit/queue/status.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { noteOf } from '../phase.ts';
import { listGenerationsById } from '../tool/queries.ts';
import { OPEN_STATES, type RunState } from '../training/model.ts';
import { trainNote } from '../training/pages/run-view.ts';
import type { TrainSettings } from '../training/params.ts';
import { runState } from '../training/queries.ts';
import { CAPTIONINGS, captioningsOf } from './captionings.ts';
import { mergesOf } from './merges.ts';

/** One row of the page: a generation, a training, a merge, or captions for a set of pictures. */
export interface JobView {
  readonly id: string;
  /** Where it is looked at; '' when there is nothing to look at. */
  readonly url: string;
  readonly kind: 'generation' | 'training' | 'captioning' | 'merge';
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
  /** '' when it is not deleted from here. */
  readonly deleteUrl: string;
}

/** Which of them; '' and null are any. */
export interface JobFilter {
  /** The id of the last one seen: ids grow with time. */
  readonly before?: string | undefined;
  /** Words of the prompt, or of the name of the training or the set, each of which must stand in it. */
  readonly search: string;
  /** Title of a checkpoint. */
  readonly model: string;
  /** Days, both inclusive. */
  readonly from: Date | null;
  readonly to: Date | null;
}

const PAGE_SIZE = 24;
const MOST_WORDS = 8;
const DAY_MS = 86_400_000;

interface Columns {
  readonly where: string;
  readonly text: string;
  readonly model: string;
}
const GENERATIONS: Columns = {
  where: 'account_id = ? and deleted_at is null',
  text: `request ->> 'prompt'`,
  model: `request -> 'model' ->> 'title'`,
};
const TRAININGS: Columns = { where: 'owner_id = ?', text: 'name', model: `base ->> 'title'` };
const MERGES: Columns = { where: 'owner_id = ?', text: 'name', model: `''` };
const OF_CAPTIONS: Columns = { where: 'owner_id = ?', text: 'name', model: `''` };

function conditions(columns: Columns, viewer: Viewer, filter: JobFilter): { sql: string; values: Parameter[] } {
  const { before, search, model, from, to } = filter;
  const words = search.toLowerCase().split(/\s+/).filter(Boolean).slice(0, MOST_WORDS);
  const parts: [string, Parameter][] = [
    [columns.where, viewer.id],
    ...words.map((word): [string, Parameter] => [`lower(${columns.text}) like ?`, `%${word.replaceAll(/[%_]/g, '')}%`]),
  ];
  if (before) parts.push(['id < ?', before]);
  if (model !== '') parts.push([`${columns.model} = ?`, model]);
  if (from) parts.push(['created_at >= ?', from]);
  if (to) parts.push(['created_at < ?', new Date(to.getTime() + DAY_MS)]);
  return { sql: parts.map(([sql]) => sql).join(' and '), values: parts.map(([, value]) => value) };
}

/** Generations, trainings, merges and captionings of a person, the newest first. */
export async function listJobs(
  work: Pick<Work, 'em' | 'jobs'>,
  viewer: Viewer,
  filter: JobFilter,
): Promise<{ readonly items: readonly JobView[]; readonly next: string | null }> {
  const generations = conditions(GENERATIONS, viewer, filter);
  const trainings = conditions(TRAININGS, viewer, filter);
  const merges = conditions(MERGES, viewer, filter);
  const captionings = conditions(OF_CAPTIONS, viewer, filter);
  const found = await rows<{ id: string; kind: JobView['kind']; job_id: string | null }>(
    work.em,
    `select * from (
       select id, 'generation' as kind, job_id from generation where ${generations.sql}
       union all select id, 'training' as kind, job_id from training_run where ${trainings.sql}
       union all select id, 'merge' as kind, job_id from merge_run where ${merges.sql}
       union all select id, 'captioning' as kind, job_id from ${CAPTIONINGS} where ${captionings.sql}
     ) x order by id desc limit ?`,
    [...generations.values, ...trainings.values, ...merges.values, ...captionings.values, PAGE_SIZE + 1],
  );
  const shown = found.slice(0, PAGE_SIZE);
  const idsOf = (wanted: JobView['kind']) => shown.filter(({ kind }) => kind === wanted).map(({ id }) => id);
  const views = new Map<string, JobView>();
  for (const view of await generationsOf(work, idsOf('generation'))) views.set(view.id, view);
  for (const view of await trainingsOf(work, idsOf('training'))) views.set(view.id, view);
  for (const view of await mergesOf(work, idsOf('merge'))) views.set(view.id, view);
  for (const view of await captioningsOf(work, idsOf('captioning'))) views.set(view.id, view);
  const items: JobView[] = [];
  for (const { id, job_id: jobId } of shown) {
    const view = views.get(id);
    if (view) items.push(view.isOpen && jobId ? { ...view, live: await liveOf(work, view.kind, jobId) } : view);
  }
  return { items, next: found.length > PAGE_SIZE ? (shown.at(-1)?.id ?? null) : null };
}

/** Checkpoints that this person generated with or trained on, by title. */
export async function listUsedModels({ em }: Pick<Work, 'em'>, viewer: Viewer): Promise<string[]> {
  const found = await rows<{ title: string | null }>(
    em,
    `select ${GENERATIONS.model} as title from generation where ${GENERATIONS.where}
     union select ${TRAININGS.model} as title from training_run where ${TRAININGS.where} order by 1 limit 200`,
    [viewer.id, viewer.id],
  );
  return found.flatMap(({ title }) => title ?? []);
}

async function liveOf(
  { em, jobs }: Pick<Work, 'em' | 'jobs'>,
  kind: JobView['kind'],
  jobId: string,
): Promise<JobView['live']> {
  const status = await findStatus(em, jobId, { of: jobs.forecast });
  const note = kind === 'training' ? trainNote : noteOf;
  return status && { value: status.progressDone, max: status.progressTotal || 100, note: note(status) };
}

async function generationsOf(work: Pick<Work, 'em'>, ids: readonly string[]): Promise<JobView[]> {
  return (await listGenerationsById(work, ids)).map((one) => ({
    ...{ id: one.id, url: one.url, kind: 'generation', title: one.prompt, summary: one.summary, state: one.state },
    ...{ stateText: one.stateText, isOpen: one.isOpen, error: one.error, createdAt: one.createdAt, images: one.images },
    live: null,
    cancelUrl: `${one.url}/cancellation`,
    retryUrl: `${one.url}/again`,
    deleteUrl: `${one.url}/deletion`,
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
  cover: string | null;
  created_at: unknown;
}

async function trainingsOf({ em }: Pick<Work, 'em'>, ids: readonly string[]): Promise<JobView[]> {
  const found = await rows<TrainingRow>(
    em,
    `select r.id, r.name, r.state, j.state as job_state, cast(r.params as text) as params, r.total_steps, r.error,
       r.created_at,
       (select s.id from training_sample s where s.run_id = r.id order by s.epoch desc, s.prompt_index limit 1) as cover
     from training_run r left join job j on j.id = r.job_id where r.id in (${inList(ids)})`,
    ids,
  );
  return found.map((row) => {
    const state = runState(row.state, row.job_state);
    const url = `/train/${row.id}`;
    const { epochs, resolution } = fromJson<TrainSettings>(row.params) ?? { epochs: 0, resolution: 0 };
    return {
      ...{ id: row.id, url, kind: 'training', title: row.name, state, error: row.error },
      images: row.cover ? [{ src: `/train/samples/${row.cover}.webp`, width: 128, height: 128 }] : [],
      summary: `${t('jobs.training')} · ${t('jobs.training-summary', { epochs, steps: row.total_steps, resolution })}`,
      stateText: t(`train.state.${state}`),
      isOpen: OPEN_STATES.includes(state),
      createdAt: toDate(row.created_at),
      live: null,
      cancelUrl: `${url}/stop`,
      retryUrl: state === 'failed' || state === 'stopped' ? `${url}/resumption` : '',
      deleteUrl: '',
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
