import type { JobStatus } from '../kit/queue/status.ts';
import { t } from '../kit/web/messages.ts';

/** What the engine does at the moment, as the job's note carries it from one process to another. */
interface Phase {
  readonly phase: string;
  readonly step: number;
  readonly total: number;
  readonly etaSeconds: number | null;
}

export const encodePhase = ({
  phase,
  step,
  total,
  eta_s,
}: {
  readonly phase: string;
  readonly step: number;
  readonly total: number;
  readonly eta_s?: number | undefined;
}): string => `${phase} ${step} ${total} ${eta_s ?? ''}`.trim();

function decodePhase(note: string): Phase | null {
  const [phase = '', step = '', total = '', eta] = note.split(' ');
  if (!/^[a-z_]+$/.test(phase) || !/^\d+$/.test(step) || !/^\d+$/.test(total)) return null;
  return { phase, step: Number(step), total: Number(total), etaSeconds: eta ? Number(eta) : null };
}

/** In words, for the person who waits. */
function phaseText(note: string): string {
  const phase = decodePhase(note);
  if (!phase) return t('generate.phase.starting');
  if (phase.phase === 'denoise') {
    const text = t('generate.phase.denoise', { step: phase.step, total: phase.total });
    return phase.etaSeconds === null ? text : `${text} · ${etaText(phase.etaSeconds)}`;
  }
  if (phase.phase === 'merge') return t('generate.phase.merge', { step: phase.step, total: phase.total });
  if (phase.phase === 'caption') return t('generate.phase.caption', { step: phase.step, total: phase.total });
  const known = ['load', 'encode', 'decode', 'save', 'queued_local'].includes(phase.phase) ? phase.phase : 'starting';
  return t(`generate.phase.${known}`);
}

function etaText(seconds: number): string {
  if (seconds < 60) return t('generate.eta.seconds', { n: Math.max(1, Math.round(seconds)) });
  return t('generate.eta.minutes', { n: Math.ceil(seconds / 60) });
}

/** Rounded up, for it is a promise. */
function durationText(seconds: number): string {
  if (seconds < 60) return t('jobs.seconds', { n: Math.ceil(seconds) });
  if (seconds < 7_200) return t('jobs.minutes', { n: Math.ceil(seconds / 60) });
  return t('jobs.hours', { n: Math.ceil(seconds / 3_600) });
}

/** What is shown of a job that somebody waits for. */
export type Waited = Pick<JobStatus, 'state' | 'placeInQueue' | 'startsInSeconds' | 'progressNote'>;

/** How many are before it, and when it begins as far as that is known. */
export function placeText({ placeInQueue, startsInSeconds: seconds }: Waited): string {
  const place = placeInQueue === 0 ? t('generate.next') : t('generate.place', { n: placeInQueue + 1 });
  return seconds === null || seconds < 1 ? place : `${place} · ${t('jobs.starts', { time: durationText(seconds) })}`;
}

/** Place in the queue, phase, step and time left, in words. */
export const noteOf = (status: Waited): string =>
  status.state === 'queued' ? placeText(status) : phaseText(status.progressNote);

/** Images that the engine makes together, at most. */
export const BATCH = 4;

/** Steps done and to do over all pictures of a request. */
export function overallProgress(
  event: {
    readonly phase: string;
    readonly step: number;
    readonly total: number;
    readonly batch?: number | undefined;
  },
  { firstIndex, count, steps }: { readonly firstIndex: number; readonly count: number; readonly steps: number },
): { readonly done: number; readonly total: number } {
  const total = count * steps;
  if (event.phase === 'load') return { done: 0, total };
  const before = Math.min(firstIndex, count) * steps;
  const batch = Math.min(event.batch ?? BATCH, count - firstIndex);
  if (event.phase === 'denoise') {
    const share = event.total > 0 ? event.step / event.total : 0;
    return { done: Math.min(total, before + share * batch * steps), total };
  }
  if (event.phase === 'encode') return { done: before, total };
  return { done: Math.min(total, before + batch * steps), total };
}
