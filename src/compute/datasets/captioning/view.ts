import { findStatus } from '../../../kit/queue/status.ts';
import type { ServerEvent } from '../../../kit/web/event-stream.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Work } from '../../../kit/work.ts';
import { noteOf } from '../../phase.ts';
import { followJob } from '../../tool/live.ts';
import { type Dataset, DatasetItem } from '../model.ts';
import { CAPTION_MODES } from './act.ts';
import type { Captioner } from './captioner.ts';

export interface CaptioningView {
  readonly isAble: boolean;
  readonly modes: readonly { readonly value: string; readonly label: string }[];
  /** Null unless it is at work. */
  readonly live: { readonly url: string; readonly value: number; readonly max: number; readonly note: string } | null;
  /** What the last act came to; null when there was none, or it goes on. */
  readonly done: { readonly count: number; readonly refused: readonly string[]; readonly error: string } | null;
  /** What the form shows before somebody fills it in: what was chosen last. */
  readonly values: Readonly<Record<string, string>>;
}

const DEFAULTS = { threshold: '0.35', mode: 'empty', prefix: '', exclude: '', underscores: '1', parentheses: '' };

export async function captioningView(
  work: Pick<Work, 'em' | 'jobs'>,
  captioner: Captioner,
  dataset: Dataset,
  items: readonly DatasetItem[],
): Promise<CaptioningView> {
  const { captioning, captionJobId } = dataset;
  const status = captionJobId ? await findStatus(work.em, captionJobId, { of: work.jobs.forecast }) : null;
  const isOpen = status?.state === 'queued' || status?.state === 'running';
  const failed = status?.state === 'failed' ? t('caption.failed') : '';
  return {
    isAble: await captioner.isAble(work),
    modes: CAPTION_MODES.map((value) => ({ value, label: t(`caption.mode.${value}`) })),
    live:
      isOpen && status
        ? {
            url: `/datasets/${dataset.id}/captioning/events`,
            ...{ value: status.progressDone, max: status.progressTotal || 100, note: noteOf(status) },
          }
        : null,
    done:
      captioning && !isOpen
        ? {
            count: items.filter(({ autoCaption }) => autoCaption?.act === captioning.id).length,
            ...{ refused: captioning.refused, error: captioning.error ?? failed },
          }
        : null,
    values: captioning
      ? {
          ...{ threshold: String(captioning.threshold), mode: captioning.mode, prefix: captioning.prefix },
          exclude: captioning.exclude.join(', '),
          underscores: captioning.replaceUnderscores ? '1' : '',
          parentheses: captioning.escapeParentheses ? '1' : '',
        }
      : DEFAULTS,
  };
}

/** How far it is, and with it the captions that came since the last word; all of them to one who just arrived. */
export async function* followCaptioning(
  work: Pick<Work, 'em' | 'jobs'>,
  { id, captionJobId, captioning }: Dataset,
  signal: AbortSignal,
  lastEventId: string | null,
): AsyncGenerator<ServerEvent> {
  const sent = new Map<string, string>();
  const fresh = async (): Promise<{ id: string; caption: string }[]> => {
    const items = await work.em.fork().find(DatasetItem, { dataset: id, deletedAt: null });
    const found = items.filter(
      (item) => item.autoCaption?.act === captioning?.id && sent.get(item.id) !== item.caption,
    );
    for (const item of found) sent.set(item.id, item.caption);
    return found.map((item) => ({ id: item.id, caption: item.caption }));
  };
  const followed = { jobId: captionJobId ?? '', url: `/datasets/${id}/captions`, noteOf };
  for await (const event of followJob(work, followed, signal, lastEventId)) {
    const captions = await fresh();
    if (event.event === 'progress') {
      yield { ...event, data: { ...(event.data as object), captions } };
      continue;
    }
    if (captions.length > 0) yield { event: 'progress', data: { captions } };
    yield event;
  }
}
