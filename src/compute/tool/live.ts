import { findPreview, findStatus, type JobStatus } from '../../kit/queue/status.ts';
import type { ServerEvent } from '../../kit/web/event-stream.ts';
import type { Work } from '../../kit/work.ts';
import { noteOf } from '../phase.ts';

/** What a page follows. */
export interface Followed {
  readonly jobId: string;
  /** The page of the result. */
  readonly url: string;
  readonly noteOf: (status: JobStatus) => string;
}

/** What `t-live` in the page understands; goes on after `lastEventId`, the revision of the job that was seen. */
export async function* followJob(
  { em, jobs }: Pick<Work, 'em' | 'jobs'>,
  followed: Followed,
  signal: AbortSignal,
  lastEventId: string | null,
): AsyncGenerator<ServerEvent> {
  const { jobId, url } = followed;
  const seen = lastEventId === null ? -1 : Number(lastEventId);
  let last = 'failed';
  for await (const status of jobs.watch(jobId, signal)) {
    last = status.state;
    if (status.state !== 'queued' && status.state !== 'running') break;
    if (status.revision <= seen && status.state === 'running') continue;
    const preview = status.hasPreview ? await findPreview(em, jobId) : null;
    yield {
      id: String(status.revision),
      event: 'progress',
      data: {
        value: status.progressDone,
        max: status.progressTotal || 100,
        note: followed.noteOf(status),
        ...(preview ? { preview: previewUri(preview) } : {}),
      },
    };
  }
  if (!signal.aborted) yield { event: last === 'done' ? 'done' : 'failed', data: { url } };
}

export const followGeneration = (
  work: Pick<Work, 'em' | 'jobs'>,
  { generationId, jobId }: { readonly generationId: string; readonly jobId: string },
  signal: AbortSignal,
  lastEventId: string | null,
): AsyncGenerator<ServerEvent> =>
  followJob(work, { jobId, url: `/generate/${generationId}`, noteOf }, signal, lastEventId);

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

const previewUri = (webp: Uint8Array): string => `data:image/webp;base64,${Buffer.from(webp).toString('base64')}`;
