import { fromJson, rows, toDate, toNumber } from '../../kit/database/sql.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { OPEN_STATES, type RunState, type TrainingBase } from './model.ts';

export interface RunCard {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly state: RunState;
  readonly stateText: string;
  readonly isOpen: boolean;
  readonly base: string;
  readonly step: number;
  readonly totalSteps: number;
  readonly epochCount: number;
  readonly createdAt: Date;
  readonly coverSrc: string | null;
}

interface RunRow {
  id: string;
  name: string;
  state: RunState;
  job_state: RunState | null;
  base: unknown;
  step: number;
  total_steps: number;
  epochs: unknown;
  cover: string | null;
  created_at: unknown;
}

/** The job knows best whether it waits or runs; `done` of a job whose run is open is a moment. */
export function runState(state: RunState, jobState: RunState | null): RunState {
  if (state === 'held' || !OPEN_STATES.includes(state)) return state;
  if (jobState === null || jobState === 'failed' || jobState === 'cancelled') return 'failed';
  return jobState === 'done' ? 'running' : jobState;
}

/** The newest first. */
export async function listRuns({ em }: Pick<Work, 'em'>, viewer: Viewer, limit = 50): Promise<RunCard[]> {
  const found = await rows<RunRow>(
    em,
    `select r.id, r.name, r.state, j.state as job_state, cast(r.base as text) as base, r.step, r.total_steps, r.created_at,
       (select count(*) from training_epoch e where e.run_id = r.id) as epochs,
       (select s.id from training_sample s where s.run_id = r.id order by s.epoch desc, s.prompt_index limit 1) as cover
     from training_run r left join job j on j.id = r.job_id where r.owner_id = ? order by r.id desc limit ?`,
    [viewer.id, limit],
  );
  return found.map((row) => {
    const state = runState(row.state, row.job_state);
    return {
      ...{ id: row.id, name: row.name, url: `/train/${row.id}`, state, stateText: t(`train.state.${state}`) },
      isOpen: OPEN_STATES.includes(state),
      base: fromJson<TrainingBase>(row.base)?.title ?? '',
      ...{ step: row.step, totalSteps: row.total_steps, epochCount: toNumber(row.epochs) },
      createdAt: toDate(row.created_at),
      coverSrc: row.cover ? `/train/samples/${row.cover}.webp` : null,
    };
  });
}
