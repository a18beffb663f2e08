import { fromJson, inList, rows, toDate, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { holdReason } from '../../safety/holds/hold.ts';
import type { GENERATION_STATES, GenerationFile, GenerationRequest } from '../model.ts';

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
  /** The picture that it began from. */
  readonly startUrl: string | null;
  readonly warnings: readonly string[];
  /** It waits for somebody to look at it, or stays here for good; null when neither. */
  readonly heldText: string | null;
  readonly resources: readonly {
    readonly name: string;
    readonly type: string;
    readonly url: string | null;
    readonly weight: number | null;
  }[];
}

interface GenerationRow {
  id: string;
  request: unknown;
  state: GenerationState;
  job_state: GenerationState | null;
  job_id: string | null;
  error: string | null;
  warnings: unknown;
  start_sha256: string | null;
  held_state: 'held' | 'refused' | null;
  held_reason: string | null;
  created_at: unknown;
}

/** Of the newest hold that nobody released. */
const held = (column: 'state' | 'reason'): string =>
  `(select h.${column} from safety_hold h where h.kind = 'generation' and h.target_id = cast(g.id as text)
    and h.state <> 'released' order by h.id desc limit 1)`;
const GENERATION_COLUMNS = `g.id, cast(g.request as text) as request, g.state, j.state as job_state, g.job_id, g.error,
  cast(g.warnings as text) as warnings, g.start_sha256, g.created_at,
  ${held('state')} as held_state, ${held('reason')} as held_reason
  from generation g left join job j on j.id = g.job_id`;

/** The job knows best whether it waits, runs or was given up; `done` of a job whose generation is open is a moment. */
function stateOf({ state, job_state: jobState }: GenerationRow): GenerationState {
  if (state !== 'queued') return state;
  if (jobState === null || jobState === 'failed') return 'failed';
  return jobState === 'done' ? 'running' : jobState;
}

/** The person's own. Throws `not_found`. */
export async function loadGenerationView(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  id: string,
): Promise<{ view: GenerationView; request: GenerationRequest; jobId: string | null }> {
  const [row] = await rows<GenerationRow>(
    em,
    `select ${GENERATION_COLUMNS} where g.id = ? and g.account_id = ? and g.deleted_at is null`,
    [id, viewer?.id ?? 0],
  );
  if (!row) throw new AppError('not_found', 'There is no such generation.');
  const [view] = await viewsOf(em, [row]);
  if (!view) throw new AppError('not_found', 'There is no such generation.');
  return { view, request: requestOf(row), jobId: row.job_id };
}

/** Of these, which are the person's own; in no order. */
export async function listGenerationsById({ em }: Pick<Work, 'em'>, ids: readonly string[]): Promise<GenerationView[]> {
  return viewsOf(em, await rows<GenerationRow>(em, `select ${GENERATION_COLUMNS} where g.id in (${inList(ids)})`, ids));
}

/** The newest first. */
export async function listRecent({ em }: Pick<Work, 'em'>, viewer: Viewer, limit: number): Promise<GenerationView[]> {
  const found = await rows<GenerationRow>(
    em,
    `select ${GENERATION_COLUMNS} where g.account_id = ? and g.deleted_at is null order by g.id desc limit ?`,
    [viewer.id, limit],
  );
  return viewsOf(em, found);
}

/** The rows with their pictures, in their order. */
async function viewsOf(em: Work['em'], found: readonly GenerationRow[]): Promise<GenerationView[]> {
  const images = await listResults(
    em,
    found.map(({ id }) => id),
  );
  return found.map((row) => viewOf(row, requestOf(row), images.get(row.id) ?? []));
}

function requestOf(row: GenerationRow): GenerationRequest {
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
  format: string;
  posted_image_id: number | null;
}

async function listResults(em: Work['em'], generationIds: readonly string[]): Promise<Map<string, ResultView[]>> {
  const found = await rows<ImageRow & { prompt?: string }>(
    em,
    `select id, generation_id, width, height, seed, infotext, thumb_sha256, format, posted_image_id
     from generation_image where generation_id in (${inList(generationIds)}) and deleted_at is null order by generation_id, position`,
    generationIds,
  );
  const byGeneration = new Map<string, ResultView[]>();
  for (const row of found) {
    const list = byGeneration.get(row.generation_id) ?? [];
    byGeneration.set(row.generation_id, list);
    const fullUrl = `/generate/images/${row.id}`;
    list.push({
      ...{ id: row.id, width: row.width, height: row.height, seed: toNumber(row.seed), infotext: row.infotext },
      ...{ fullUrl, src: row.thumb_sha256 ? `/generate/images/${row.id}.webp` : fullUrl },
      alt: t('generate.result-alt', { n: list.length + 1 }),
      postedUrl: row.posted_image_id === null ? null : `/images/${row.posted_image_id}`,
    });
  }
  return byGeneration;
}

const heldText = ({ held_state: state, held_reason: reason }: GenerationRow): string | null => {
  if (state === null) return null;
  return state === 'refused' ? t('safety.refused') : t('safety.held', { reason: holdReason(reason ?? '') });
};

function viewOf(row: GenerationRow, request: GenerationRequest, images: readonly ResultView[]): GenerationView {
  const state = stateOf(row);
  const { model, loras, width, height, count } = request;
  const resource = (kind: string, { title, versionId }: GenerationFile, weight: number | null = null) => ({
    ...{ name: title, type: t(`generate.${kind}`), weight },
    url: versionId === null ? null : `/versions/${versionId}`,
  });
  return {
    ...{ id: row.id, url: `/generate/${row.id}`, state, width, height, count, images },
    stateText: t(`generate.state.${state}`),
    isOpen: state === 'queued' || state === 'running',
    error: state === 'failed' ? (row.error ?? t('generate.failed-text')) : state === 'cancelled' ? row.error : null,
    createdAt: toDate(row.created_at),
    prompt: request.prompt,
    summary: t('generate.summary', {
      ...{ width, height, steps: request.steps, sampler: request.sampler, cfg: request.cfgScale },
    }),
    startUrl: row.start_sha256 ? `/generate/inputs/${row.start_sha256}.png` : null,
    warnings: fromJson<string[]>(row.warnings) ?? [],
    heldText: heldText(row),
    canPost: row.held_state === null && images.some(({ postedUrl }) => postedUrl === null),
    resources: [
      resource('checkpoint', model),
      ...(request.vae ? [resource('vae', request.vae)] : []),
      ...loras.map((lora) => resource('lora', lora, lora.weight)),
      ...(request.embeddings ?? []).map((one) => resource('embedding', one)),
    ],
  };
}
