import { findPreview, findStatus } from '../../kit/queue/status.ts';
import type { ServerEvent } from '../../kit/web/event-stream.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { phaseText } from '../phase.ts';

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

export interface LiveView {
  readonly url: string;
  readonly value: number;
  readonly max: number;
  readonly note: string;
  readonly preview: string;
}

/** How far it is now, for the page before its event stream speaks, and for those without scripts. */
export async function loadLive({ em }: Pick<Work, 'em'>, generationId: string, jobId: string): Promise<LiveView> {
  const status = await findStatus(em, jobId);
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

/** Place in the queue, phase, step and time left, in words. */
function noteOf(status: {
  readonly state: string;
  readonly placeInQueue: number;
  readonly progressNote: string;
  readonly attempt: number;
}): string {
  if (status.state === 'queued') {
    return status.placeInQueue === 0 ? t('generate.next') : t('generate.place', { n: status.placeInQueue + 1 });
  }
  return phaseText(status.progressNote);
}
