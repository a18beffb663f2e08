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
  readonly lastError: string | null;
  readonly result: unknown;
}
