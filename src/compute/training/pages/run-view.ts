import { findStatus, type JobStatus } from '../../../kit/queue/status.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Work } from '../../../kit/work.ts';
import { holdReason } from '../../../safety/holds/hold.ts';
import { placeText, type Waited } from '../../phase.ts';
import type { LiveView } from '../../tool/live.ts';
import { OPEN_STATES, type RunState, TrainingEpoch, type TrainingRun, TrainingSample } from '../model.ts';
import { runState } from '../queries.ts';
import { type Chart, lossChart, lossText } from './chart.ts';

interface SampleView {
  readonly id: string;
  readonly src: string;
  readonly fullUrl: string;
  readonly width: number;
  readonly height: number;
  readonly prompt: string;
  readonly seed: number;
}

export interface EpochView {
  readonly id: string;
  readonly number: number;
  readonly step: number;
  readonly loss: string;
  readonly totalBytes: number;
  readonly downloadUrl: string;
  readonly publishUrl: string;
  readonly continueUrl: string | null;
  readonly publishedUrl: string | null;
  readonly generateUrl: string | null;
  /** One for each prompt; null where there is none. */
  readonly samples: readonly (SampleView | null)[];
}

export interface RunView {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly state: RunState;
  readonly stateText: string;
  readonly isOpen: boolean;
  readonly canStop: boolean;
  readonly canResume: boolean;
  readonly hasState: boolean;
  /** Why it waits for somebody to look at it. */
  readonly heldText: string | null;
  readonly error: string | null;
  readonly startTitle: string | null;
  readonly facts: readonly { readonly label: string; readonly value: string; readonly href?: string }[];
  readonly prompts: readonly string[];
  /** The newest first. */
  readonly epochs: readonly EpochView[];
  readonly chart: Chart | null;
  readonly live: LiveView | null;
  readonly datasetUrl: string | null;
}

/** All that the page of a run shows. `canContinue`: the engine can begin from given weights. */
export async function loadRunView({ em }: Pick<Work, 'em'>, run: TrainingRun, canContinue: boolean): Promise<RunView> {
  const status = run.jobId ? await findStatus(em, run.jobId) : null;
  const state = runState(run.state, status?.state ?? null);
  const url = `/train/${run.id}`;
  const epochs = await em.find(TrainingEpoch, { run }, { orderBy: { number: 1 }, populate: ['publishedVersion'] });
  const samples = await em.find(TrainingSample, { run }, { orderBy: { epoch: 1, promptIndex: 1 } });
  const { prompts } = run.params.samples;
  const samplesOf = (number: number) =>
    prompts.map((prompt, n): SampleView | null => {
      const sample = samples.find(({ epoch, promptIndex }) => epoch === number && promptIndex === n);
      return sample ? sampleView(sample, prompt) : null;
    });
  const isOpen = OPEN_STATES.includes(state);
  return {
    ...{ id: run.id, name: run.name, url, state, stateText: t(`train.state.${state}`), isOpen, prompts },
    canStop: isOpen && epochs.length > 0,
    canResume: state === 'failed' || state === 'stopped',
    hasState: run.stateSha256 != null,
    heldText: state === 'held' ? t('train.held-text', { reason: holdReason(run.screening?.hold ?? 'sample') }) : null,
    error:
      state === 'failed' ? (run.error ?? t('train.failed-text')) : state === 'cancelled' ? (run.error ?? null) : null,
    startTitle: run.startTitle ?? null,
    facts: factsOf(run),
    epochs: epochs.map((epoch) => epochView(run, epoch, samplesOf(epoch.number), canContinue)).reverse(),
    chart: lossChart(run.lossSeries, run.totalSteps, epochs),
    live: isOpen && status ? liveView(url, status, run.totalSteps) : null,
    datasetUrl: run.dataset ? `/datasets/${run.dataset.id}` : null,
  };
}

const sampleView = (sample: TrainingSample, prompt: string): SampleView => ({
  ...{ id: sample.id, prompt, seed: sample.seed, width: sample.width, height: sample.height },
  src: `/train/samples/${sample.id}.${sample.thumbSha256 ? 'webp' : 'png'}`,
  fullUrl: `/train/samples/${sample.id}.png`,
});

function epochView(
  run: TrainingRun,
  { id, number, step, lossEma, totalBytes, publishedVersion }: TrainingEpoch,
  samples: EpochView['samples'],
  canContinue: boolean,
): EpochView {
  const version = publishedVersion ? publishedVersion.id : null;
  return {
    ...{ id, number, step, totalBytes, samples, loss: lossEma == null ? '' : lossText(lossEma) },
    downloadUrl: `/train/epochs/${id}.safetensors`,
    publishUrl: `/train/epochs/${id}/publish`,
    continueUrl: canContinue && run.dataset ? `/datasets/${run.dataset.id}/train?start=${id}` : null,
    publishedUrl: version === null ? null : `/versions/${version}`,
    generateUrl: version === null ? null : `/generate?version=${version}`,
  };
}

function factsOf({
  base,
  params,
  manifest,
  preset,
  totalSteps,
  rightsAgreedAt,
  deviceName,
}: TrainingRun): RunView['facts'] {
  return [
    {
      label: t('train.fact.base'),
      value: base.title,
      ...(base.versionId === null ? {} : { href: `/versions/${base.versionId}` }),
    },
    { label: t('train.fact.preset'), value: t(`train.preset.${preset}`) },
    { label: t('train.fact.pictures'), value: String(manifest.items.length) },
    ...(params.trigger === '' ? [] : [{ label: t('train.field.trigger'), value: params.trigger }]),
    { label: t('train.fact.steps'), value: `${totalSteps} · ${params.epochs} × ${params.repeats}` },
    { label: t('train.field.resolution'), value: `${params.resolution} px` },
    { label: t('train.fact.rank'), value: `${params.rank} / ${params.alpha}` },
    { label: t('train.fact.rates'), value: `${params.unet_lr} / ${params.te_lr}` },
    { label: t('train.field.optimizer'), value: t(`train.choice.${params.optimizer}`) },
    ...(deviceName ? [{ label: t('train.fact.device'), value: deviceName }] : []),
    { label: t('train.fact.rights'), value: rightsAgreedAt.toISOString().slice(0, 10) },
  ];
}

const liveView = (url: string, status: JobStatus, totalSteps: number): LiveView => ({
  url: `${url}/events`,
  value: status.progressDone,
  max: status.progressTotal || totalSteps || 100,
  note: trainNote(status),
  preview: '',
});

/** Place in the queue, phase, step and time left, in words. */
export function trainNote(status: Waited): string {
  if (status.state === 'queued') return placeText(status);
  const [phase = '', step = '', total = '', eta = ''] = status.progressNote.split(' ');
  const known = ['load', 'encode', 'cache_latents', 'train', 'sample', 'save'].includes(phase) ? phase : 'starting';
  const text = t(`train.phase.${known}`, { step, total });
  return eta === '' ? text : `${text} · ${durationText(Number(eta))}`;
}

export function durationText(seconds: number): string {
  if (seconds < 90) return t('train.time.seconds', { n: Math.max(1, Math.round(seconds)) });
  if (seconds < 5_400) return t('train.time.minutes', { n: Math.round(seconds / 60) });
  return t('train.time.hours', { n: (seconds / 3600).toFixed(1) });
}
