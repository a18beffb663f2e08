import { fromJson, inList, type Parameter, rows, toDate, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { findPreview, findStatus } from '../../kit/queue/status.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import type { GENERATION_STATES, GenerationRequest } from '../model.ts';
import { phaseText } from '../phase.ts';

type GenerationState = (typeof GENERATION_STATES)[number];

interface ResultView {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  readonly seed: number;
  readonly src: string;
  readonly fullUrl: string;
  readonly alt: string;
  readonly infotext: string;
  /** Where it was posted; null until then. */
  readonly postedUrl: string | null;
}

export interface GenerationView {
  readonly id: string;
  readonly url: string;
  readonly state: GenerationState;
  readonly stateText: string;
  readonly isOpen: boolean;
  readonly error: string | null;
  readonly createdAt: Date;
  readonly prompt: string;
  readonly summary: string;
  readonly width: number;
  readonly height: number;
  readonly count: number;
  readonly images: readonly ResultView[];
  readonly canPost: boolean;
  readonly resources: readonly {
    readonly name: string;
    readonly type: string;
    readonly url: string | null;
    readonly weight: number | null;
  }[];
}

interface Row {
  id: string;
  request: unknown;
  state: GenerationState;
  job_state: GenerationState | null;
  job_id: string | null;
  error: string | null;
  created_at: unknown;
}

const COLUMNS = `g.id, cast(g.request as text) as request, g.state, j.state as job_state, g.job_id, g.error, g.created_at
  from generation g left join job j on j.id = g.job_id`;

/** The job knows best whether it waits, runs or was given up; `done` of a job whose generation is open is a moment. */
function stateOf({ state, job_state: jobState }: Row): GenerationState {
  if (state !== 'queued') return state;
  if (jobState === null || jobState === 'failed') return 'failed';
  return jobState === 'done' ? 'running' : jobState;
}

/** The person's own. Throws `not_found`. */
export async function loadGenerationView(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  id: string,
): Promise<{ view: GenerationView; request: GenerationRequest; jobId: string | null }> {
  const [row] = await rows<Row>(em, `select ${COLUMNS} where g.id = ? and g.account_id = ?`, [id, viewer?.id ?? 0]);
  if (!row) throw new AppError('not_found', 'There is no such generation.');
  const images = await listResults(em, [row.id]);
  const request = requestOf(row);
  return { view: viewOf(row, request, images.get(row.id) ?? []), request, jobId: row.job_id };
}

const PAGE_SIZE = 24;

/** Of these, which are the person's own; in no order. */
export async function listGenerationsById({ em }: Pick<Work, 'em'>, ids: readonly string[]): Promise<GenerationView[]> {
  const found = await rows<Row>(em, `select ${COLUMNS} where g.id in (${inList(ids)})`, ids);
  const images = await listResults(em, ids);
  return found.map((row) => viewOf(row, requestOf(row), images.get(row.id) ?? []));
}

/** The newest first; `before` is the id of the last one seen, and ids grow with time. */
export async function listGenerations(
  { em }: Pick<Work, 'em'>,
  viewer: Viewer,
  { before, limit = PAGE_SIZE }: { readonly before?: string | undefined; readonly limit?: number },
): Promise<{ readonly items: readonly GenerationView[]; readonly next: string | null }> {
  const values: Parameter[] = before ? [viewer.id, before, limit + 1] : [viewer.id, limit + 1];
  const found = await rows<Row>(
    em,
    `select ${COLUMNS} where g.account_id = ? ${before ? 'and g.id < ?' : ''} order by g.id desc limit ?`,
    values,
  );
  const shown = found.slice(0, limit);
  const images = await listResults(
    em,
    shown.map(({ id }) => id),
  );
  return {
    items: shown.map((row) => viewOf(row, requestOf(row), images.get(row.id) ?? [])),
    next: found.length > limit ? (shown.at(-1)?.id ?? null) : null,
  };
}

export async function findNewestRequest({ em }: Pick<Work, 'em'>, viewer: Viewer): Promise<GenerationRequest | null> {
  const [row] = await rows<{ request: unknown }>(
    em,
    'select cast(request as text) as request from generation where account_id = ? order by id desc limit 1',
    [viewer.id],
  );
  return row ? fromJson<GenerationRequest>(row.request) : null;
}

function requestOf(row: Row): GenerationRequest {
  const request = fromJson<GenerationRequest>(row.request);
  if (!request) throw new Error(`generation ${row.id} has no request`);
  return request;
}

interface ImageRow {
  id: string;
  generation_id: string;
  width: number;
  height: number;
  seed: unknown;
  infotext: string;
  thumb_sha256: string | null;
  posted_image_id: number | null;
}

async function listResults(em: Work['em'], generationIds: readonly string[]): Promise<Map<string, ResultView[]>> {
  const found = await rows<ImageRow & { prompt?: string }>(
    em,
    `select id, generation_id, width, height, seed, infotext, thumb_sha256, posted_image_id
     from generation_image where generation_id in (${inList(generationIds)}) order by generation_id, position`,
    generationIds,
  );
  const byGeneration = new Map<string, ResultView[]>();
  for (const row of found) {
    const list = byGeneration.get(row.generation_id) ?? [];
    byGeneration.set(row.generation_id, list);
    const fullUrl = `/generate/images/${row.id}.png`;
    list.push({
      ...{ id: row.id, width: row.width, height: row.height, seed: toNumber(row.seed), infotext: row.infotext },
      ...{ fullUrl, src: row.thumb_sha256 ? `/generate/images/${row.id}.webp` : fullUrl },
      alt: t('generate.result-alt', { n: list.length + 1 }),
      postedUrl: row.posted_image_id === null ? null : `/images/${row.posted_image_id}`,
    });
  }
  return byGeneration;
}

function viewOf(row: Row, request: GenerationRequest, images: readonly ResultView[]): GenerationView {
  const state = stateOf(row);
  const { model, loras, width, height, count } = request;
  const urlOf = (versionId: number | null) => (versionId === null ? null : `/versions/${versionId}`);
  return {
    ...{ id: row.id, url: `/generate/${row.id}`, state, width, height, count, images },
    stateText: t(`generate.state.${state}`),
    isOpen: state === 'queued' || state === 'running',
    error: state === 'failed' ? (row.error ?? t('generate.failed-text')) : null,
    createdAt: toDate(row.created_at),
    prompt: request.prompt,
    summary: t('generate.summary', {
      ...{ width, height, steps: request.steps, sampler: request.sampler, cfg: request.cfgScale },
    }),
    canPost: images.some(({ postedUrl }) => postedUrl === null),
    resources: [
      { name: model.title, type: t('generate.checkpoint'), url: urlOf(model.versionId), weight: null },
      ...loras.map((lora) => ({
        name: lora.title,
        type: t('generate.lora'),
        url: urlOf(lora.versionId),
        weight: lora.weight,
      })),
    ],
  };
}

export interface LiveView {
  readonly url: string;
  readonly value: number;
  readonly max: number;
  readonly note: string;
  readonly preview: string;
}

/** How far it is now, for the page before its event stream speaks, and for those without scripts. */
export async function loadLive(
  { em, jobs }: Pick<Work, 'em' | 'jobs'>,
  generationId: string,
  jobId: string,
): Promise<LiveView> {
  const status = await findStatus(em, jobId, { of: jobs.forecast });
  const preview = status?.hasPreview ? await findPreview(em, jobId) : null;
  return {
    url: `/generate/${generationId}/events`,
    value: status?.progressDone ?? 0,
    max: status?.progressTotal || 100,
    note: status ? noteOf(status) : '',
    preview: preview ? previewUri(preview) : '',
  };
}

export const previewUri = (webp: Uint8Array): string =>
  `data:image/webp;base64,${Buffer.from(webp).toString('base64')}`;

/** Rounded up, for it is a promise. */
function durationText(seconds: number): string {
  if (seconds < 60) return t('jobs.seconds', { n: Math.ceil(seconds) });
  if (seconds < 7_200) return t('jobs.minutes', { n: Math.ceil(seconds / 60) });
  return t('jobs.hours', { n: Math.ceil(seconds / 3_600) });
}

/** Place in the queue, phase, step and time left, in words. */
export function noteOf(status: {
  readonly state: string;
  readonly placeInQueue: number;
  readonly startsInSeconds: number | null;
  readonly progressNote: string;
  readonly attempt: number;
}): string {
  if (status.state === 'queued') {
    const place = status.placeInQueue === 0 ? t('generate.next') : t('generate.place', { n: status.placeInQueue + 1 });
    const { startsInSeconds: seconds } = status;
    return seconds === null || seconds < 1 ? place : `${place} · ${t('jobs.starts', { time: durationText(seconds) })}`;
  }
  return phaseText(status.progressNote);
}
