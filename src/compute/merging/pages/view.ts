import { findStatus } from '../../../kit/queue/status.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Work } from '../../../kit/work.ts';
import { noteOf } from '../../phase.ts';
import type { LiveView } from '../../tool/live.ts';
import { OPEN_STATES, type RunState } from '../../training/model.ts';
import { runState } from '../../training/queries.ts';
import type { MergeRun } from '../model.ts';
import { recipeFacts } from '../publish.ts';

export interface MergeView {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly state: RunState;
  readonly stateText: string;
  readonly isOpen: boolean;
  readonly error: string | null;
  readonly warnings: readonly string[];
  readonly facts: readonly { readonly label: string; readonly value: string; readonly href?: string }[];
  readonly parts: readonly { readonly title: string; readonly href: string }[];
  /** Null until it is done. */
  readonly made: { readonly totalBytes: number; readonly rank: number | null; readonly downloadUrl: string } | null;
  readonly publishedUrl: string | null;
  readonly generateUrl: string | null;
  readonly live: LiveView | null;
}

export async function loadMergeView({ em, jobs }: Pick<Work, 'em' | 'jobs'>, run: MergeRun): Promise<MergeView> {
  const status = run.jobId ? await findStatus(em, run.jobId, { of: jobs.forecast }) : null;
  const state = runState(run.state, status?.state ?? null);
  const isOpen = OPEN_STATES.includes(state);
  const url = `/merge/${run.id}`;
  const version = run.publishedVersion?.id ?? null;
  return {
    ...{ id: run.id, name: run.name, url, state, stateText: t(`train.state.${state}`), isOpen },
    error:
      state === 'failed' ? (run.error ?? t('merge.failed-text')) : state === 'cancelled' ? (run.error ?? null) : null,
    warnings: run.warnings ?? [],
    facts: recipeFacts(run).map(([label, value]) => ({ label, value })),
    parts: run.parts.map(({ title, versionId }) => ({
      title,
      href: versionId === null ? '' : `/versions/${versionId}`,
    })),
    made: run.sha256
      ? { totalBytes: run.totalBytes, rank: run.rank ?? null, downloadUrl: `${url}/file.safetensors` }
      : null,
    publishedUrl: version === null ? null : `/versions/${version}`,
    generateUrl: version === null ? null : `/generate?version=${version}`,
    live:
      isOpen && status
        ? {
            ...{ url: `${url}/events`, value: status.progressDone, max: status.progressTotal || 100 },
            ...{ note: noteOf(status), preview: '' },
          }
        : null,
  };
}
