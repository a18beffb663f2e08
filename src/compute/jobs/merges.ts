import { fromJson, inList, rows, toDate } from '../../kit/database/sql.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import type { MergePart, MergeState } from '../merging/model.ts';
import { OPEN_STATES } from '../training/model.ts';
import { runState } from '../training/queries.ts';
import type { JobView } from './queries.ts';

interface MergeRow {
  id: string;
  name: string;
  state: MergeState;
  job_state: MergeState | null;
  parts: unknown;
  error: string | null;
  published_version_id: number | null;
  created_at: unknown;
}

export async function mergesOf({ em }: Pick<Work, 'em'>, ids: readonly string[]): Promise<JobView[]> {
  const found = await rows<MergeRow>(
    em,
    `select r.id, r.name, r.state, j.state as job_state, cast(r.parts as text) as parts, r.error, r.published_version_id,
       r.created_at
     from merge_run r left join job j on j.id = r.job_id where r.id in (${inList(ids)})`,
    ids,
  );
  return found.map((row) => {
    const state = runState(row.state, row.job_state);
    const url = `/merge/${row.id}`;
    const titles = (fromJson<MergePart[]>(row.parts) ?? []).map(({ title }) => title);
    return {
      ...{ id: row.id, url, kind: 'merge', title: row.name, state, error: row.error, images: [] },
      summary: `${t('jobs.merge')} · ${titles.join(' + ')}`,
      stateText: t(`train.state.${state}`),
      isOpen: OPEN_STATES.includes(state),
      createdAt: toDate(row.created_at),
      live: null,
      cancelUrl: `${url}/cancellation`,
      retryUrl: state === 'failed' || state === 'cancelled' ? `${url}/again` : '',
      deleteUrl: '',
    };
  });
}
