import { rows, toDate, toDateOrNull, toNumber } from '../../kit/database/sql.ts';
import type { JobClass } from '../../kit/queue/fair/decide.ts';
import { readLane } from '../../kit/queue/fair/state.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { type Chart, type Column, stackedBars } from './chart.ts';
import { GONE_AFTER_MS } from './registry.ts';

interface EngineView {
  readonly id: string;
  /** The name of the runner that it is on; null is a process of the node. */
  readonly runner: string | null;
  readonly name: string;
  readonly device: string;
  readonly kind: string;
  readonly state: string;
  readonly health: 'good' | 'warn' | 'bad';
  readonly crashes: number;
  readonly lastCrash: string | null;
  readonly vramMb: number;
  readonly vramTotalMb: number;
  readonly isBusy: boolean;
  readonly isDrained: boolean;
  readonly seenAt: Date;
}

export interface GpuNow {
  readonly engines: readonly EngineView[];
  readonly isPaused: boolean;
  readonly classes: readonly { jobClass: JobClass; waiting: number; waitingMinutes: number; running: number }[];
  readonly hours: Chart;
  readonly days: Chart;
  readonly people: readonly { name: string; generation: number; training: number; refunded: number }[];
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MOST_PEOPLE = 20;

/** Engines, queue and use, as the owner sees them. */
export async function loadGpu({ em, now }: Pick<Work, 'em' | 'now'>): Promise<GpuNow> {
  const at = now();
  const engines = await listEngines(em, at);
  const { isPaused } = await readLane(em, 'gpu');
  return {
    ...{ engines, isPaused },
    classes: await listClasses(em),
    ...(await loadCharts(em, at, Math.max(1, engines.length))),
    people: await listPeople(em, new Date(at.getTime() - 7 * DAY_MS)),
  };
}

async function listEngines(em: Work['em'], at: Date): Promise<EngineView[]> {
  const found = await rows<{
    id: string;
    device: string;
    kind: string;
    device_name: string;
    vram_total_mb: number;
    vram_mb: number;
    state: string;
    crashes: number;
    last_crash: string | null;
    job_id: string | null;
    drained_at: unknown;
    seen_at: unknown;
  }>(em, 'select * from gpu_engine where seen_at > ? order by id', [new Date(at.getTime() - DAY_MS)]);
  return found.map((row) => {
    const seenAt = toDate(row.seen_at);
    const isGone = at.getTime() - seenAt.getTime() > GONE_AFTER_MS;
    const state = isGone ? 'gone' : row.state;
    const isBroken = state === 'broken' || state === 'probing';
    return {
      ...{ id: row.id, device: row.device, kind: row.kind, state, seenAt, crashes: row.crashes },
      name: row.device_name || row.id,
      runner: /^runner (.+)\//.exec(row.id)?.[1] ?? null,
      health: isBroken ? 'bad' : isGone || row.crashes > 0 ? 'warn' : 'good',
      ...{ lastCrash: row.last_crash, vramMb: row.vram_mb, vramTotalMb: row.vram_total_mb },
      ...{ isBusy: row.job_id !== null && !isGone, isDrained: toDateOrNull(row.drained_at) !== null },
    };
  });
}

async function listClasses(em: Work['em']): Promise<GpuNow['classes']> {
  const found = await rows<{ job_class: JobClass; waiting: unknown; seconds: unknown; running: unknown }>(
    em,
    `select job_class, count(case when state = 'queued' then 1 end) as waiting,
       coalesce(sum(case when state = 'queued' then cost_seconds end), 0) as seconds,
       count(case when state = 'running' then 1 end) as running
     from job where lane = 'gpu' and state in ('queued', 'running') group by job_class`,
  );
  return (['interactive', 'batch'] as const).map((jobClass) => {
    const row = found.find((one) => one.job_class === jobClass);
    const waitingMinutes = Math.ceil(toNumber(row?.seconds) / 60);
    return { jobClass, waitingMinutes, waiting: toNumber(row?.waiting), running: toNumber(row?.running) };
  });
}

interface UseRow {
  job_class: JobClass;
  seconds: number;
  ended_at: unknown;
}

/** A run counts where it ended, and the part of it that lies before in the columns before. */
async function loadCharts(em: Work['em'], at: Date, engines: number): Promise<{ hours: Chart; days: Chart }> {
  const found = await rows<UseRow>(em, 'select job_class, seconds, ended_at from gpu_use where ended_at > ?', [
    new Date(at.getTime() - 14 * DAY_MS),
  ]);
  const hours = columnsOf(found, at, HOUR_MS, 24, (date) => `${date.toISOString().slice(11, 13)}:00`);
  const days = columnsOf(found, at, DAY_MS, 14, (date) => date.toISOString().slice(0, 10));
  const busy = (columns: readonly Column[]) =>
    columns.reduce((sum, { values }) => sum + (values.interactive ?? 0) + (values.batch ?? 0), 0);
  const percent = (columns: readonly Column[], ms: number) =>
    Math.round((100 * busy(columns) * 1000) / (ms * columns.length * engines));
  return {
    hours: stackedBars(hours, (HOUR_MS / 1000) * engines, t('gpu.hours', { percent: percent(hours, HOUR_MS) })),
    days: stackedBars(days, (DAY_MS / 1000) * engines, t('gpu.days', { percent: percent(days, DAY_MS) })),
  };
}

function columnsOf(
  uses: readonly UseRow[],
  at: Date,
  stepMs: number,
  count: number,
  labelOf: (date: Date) => string,
): Column[] {
  const lastMs = Math.floor(at.getTime() / stepMs) * stepMs;
  const columns = Array.from({ length: count }, (_, n) => ({
    startMs: lastMs - (count - 1 - n) * stepMs,
    interactive: 0,
    batch: 0,
  }));
  for (const { job_class: jobClass, seconds, ended_at: ended } of uses) {
    const endMs = toDate(ended).getTime();
    const startMs = endMs - seconds * 1000;
    for (const column of columns) {
      const overlapMs = Math.min(endMs, column.startMs + stepMs) - Math.max(startMs, column.startMs);
      if (overlapMs > 0) column[jobClass] += overlapMs / 1000;
    }
  }
  return columns.map(({ startMs, interactive, batch }) => ({
    label: labelOf(new Date(startMs)),
    values: { interactive, batch },
  }));
}

async function listPeople(em: Work['em'], since: Date): Promise<GpuNow['people']> {
  const found = await rows<{ name: string; generation: unknown; training: unknown; refunded: unknown }>(
    em,
    `select a.name, coalesce(sum(case when u.kind = 'generation' and not u.is_refunded then u.seconds end), 0) as generation,
       coalesce(sum(case when u.kind <> 'generation' and not u.is_refunded then u.seconds end), 0) as training,
       coalesce(sum(case when u.is_refunded then u.seconds end), 0) as refunded
     from gpu_use u join account a on a.id = u.account_id where u.ended_at > ?
     group by a.id, a.name order by sum(u.seconds) desc limit ${MOST_PEOPLE}`,
    [since],
  );
  const minutes = (seconds: unknown) => Math.round(toNumber(seconds) / 6) / 10;
  return found.map(({ name, generation, training, refunded }) => ({
    ...{ name, generation: minutes(generation), training: minutes(training), refunded: minutes(refunded) },
  }));
}
