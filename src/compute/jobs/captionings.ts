import { fromJson, inList, rows, toDate, toNumber } from '../../kit/database/sql.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import type { Captioning } from '../datasets/model.ts';
import { OPEN_STATES, type RunState } from '../training/model.ts';
import type { JobView } from './queries.ts';

/**
 * What a captioner did last for each set of pictures, with the columns that a generation has: of the acts before it
 * nothing is kept, and its job is forgotten some days after its end.
 */
export const CAPTIONINGS = `(select d.caption_job_id as id, d.caption_job_id as job_id, d.owner_id, d.name,
    coalesce(j.created_at, d.updated_at) as created_at
  from dataset d left join job j on j.id = d.caption_job_id
  where d.caption_job_id is not null and d.deleted_at is null) captionings`;

interface CaptioningRow {
  id: string;
  dataset_id: string;
  name: string;
  captioning: unknown;
  job_state: RunState | null;
  cover: string | null;
  pictures: unknown;
  created_at: unknown;
}

/** By the ids of their jobs. */
export async function captioningsOf({ em }: Pick<Work, 'em'>, jobIds: readonly string[]): Promise<JobView[]> {
  const found = await rows<CaptioningRow>(
    em,
    `select d.caption_job_id as id, d.id as dataset_id, d.name, cast(d.captioning as text) as captioning,
       j.state as job_state, coalesce(j.created_at, d.updated_at) as created_at,
       (select count(*) from dataset_item n where n.dataset_id = d.id and n.deleted_at is null) as pictures,
       (select f.id from dataset_item f where f.dataset_id = d.id and f.deleted_at is null and f.thumb_sha256 is not null
         order by f.position, f.id limit 1) as cover
     from dataset d left join job j on j.id = d.caption_job_id where d.caption_job_id in (${inList(jobIds)})`,
    jobIds,
  );
  return found.map((row) => {
    const url = `/datasets/${row.dataset_id}`;
    const error = fromJson<Captioning>(row.captioning)?.error ?? null;
    const ended = row.job_state ?? 'done';
    const state = ended === 'done' && error !== null ? 'failed' : ended;
    return {
      ...{ id: row.id, url: `${url}/captions`, kind: 'captioning', title: row.name, state, error },
      images: row.cover ? [{ src: `/dataset-images/${row.cover}/thumb.webp`, width: 128, height: 128 }] : [],
      summary: `${t('jobs.captioning')} · ${t('jobs.captioning-summary', { n: toNumber(row.pictures) })}`,
      stateText: t(`generate.state.${state}`),
      isOpen: OPEN_STATES.includes(state),
      createdAt: toDate(row.created_at),
      live: null,
      cancelUrl: `${url}/captioning/cancellation`,
      retryUrl: '',
      deleteUrl: '',
    };
  });
}
