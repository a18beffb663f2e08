import { findPreview } from '../../kit/queue/status.ts';
import type { ServerEvent } from '../../kit/web/event-stream.ts';
import type { Work } from '../../kit/work.ts';
import { noteOf, previewUri } from './queries.ts';

/** What `t-live` in the page understands; goes on after `lastEventId`, the revision of the job that was seen. */
export async function* followGeneration(
  { em, jobs }: Pick<Work, 'em' | 'jobs'>,
  { generationId, jobId }: { readonly generationId: string; readonly jobId: string },
  signal: AbortSignal,
  lastEventId: string | null,
): AsyncGenerator<ServerEvent> {
  const url = `/generate/${generationId}`;
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
        note: noteOf(status),
        ...(preview ? { preview: previewUri(preview) } : {}),
      },
    };
  }
  if (!signal.aborted) yield { event: last === 'done' ? 'done' : 'failed', data: { url } };
}
