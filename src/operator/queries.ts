import { rows, toNumber } from '../kit/database/sql.ts';
import { listFailed } from '../kit/queue/failed.ts';
import type { Settings } from '../kit/settings.ts';
import type { Work } from '../kit/work.ts';
import { lastBackup } from './backup/back-up.ts';

const SHOWN_FAILED = 50;

export interface JobsNow {
  readonly lanes: readonly { lane: string; queued: number; running: number; failed: number }[];
  readonly failed: readonly { id: string; name: string; error: string; payload: string; attempt: number; at: string }[];
}

/** How much waits in each lane, and the newest jobs that failed for good. */
export async function loadJobs({ em }: Pick<Work, 'em'>): Promise<JobsNow> {
  const counts = await rows<Record<'lane' | 'queued' | 'running' | 'failed', unknown>>(
    em,
    `select lane, count(case when state = 'queued' then 1 end) as queued,
       count(case when state = 'running' then 1 end) as running,
       count(case when state = 'failed' then 1 end) as failed
     from job where state in ('queued', 'running', 'failed') group by lane order by lane`,
  );
  const failed = await listFailed(em, SHOWN_FAILED);
  return {
    lanes: counts.map(({ lane, queued, running, failed }) => ({
      lane: String(lane),
      queued: toNumber(queued),
      running: toNumber(running),
      failed: toNumber(failed),
    })),
    failed: failed.map((job) => ({
      id: job.id,
      name: job.name,
      error: (job.lastError ?? '').slice(0, 2_000),
      payload: JSON.stringify(job.payload).slice(0, 500),
      attempt: job.attempt,
      at: (job.finishedAt ?? job.createdAt).toISOString(),
    })),
  };
}

export interface StorageNow {
  /** Null where the store does not say. */
  readonly freeBytes: number | null;
  readonly floorBytes: number;
  readonly kinds: readonly { kind: 'files' | 'images' | 'sizes'; count: number; totalBytes: number }[];
  /** Null where there was none yet. */
  readonly backup: { readonly madeAt: string; readonly isOld: boolean; readonly damagedCount: number } | null;
}

/** After this the owner is reminded. */
const OLD_BACKUP_MS = 7 * 86_400_000;

/** What the rows say is stored; asking the store for each blob would take minutes on a large node. */
export async function loadStorage(
  { em, files, now }: Pick<Work, 'em' | 'files' | 'now'>,
  settings: Settings,
  floorBytes: number,
): Promise<StorageNow> {
  const found = await rows<{ kind: 'files' | 'images' | 'sizes'; n: unknown; bytes: unknown }>(
    em,
    `select 'files' as kind, count(*) as n, coalesce(sum(total_bytes), 0) as bytes from model_file where is_stored = ?
     union all select 'images', count(*), coalesce(sum(total_bytes), 0) from image where sha256 is not null
     union all select 'sizes', count(*), coalesce(sum(total_bytes), 0) from image_size`,
    [true],
  );
  const free = await files.freeBytes();
  const { madeAt, damagedCount } = await settings.read(em, lastBackup);
  const isOld = madeAt !== null && now().getTime() - new Date(madeAt).getTime() > OLD_BACKUP_MS;
  return {
    backup: madeAt === null ? null : { madeAt, isOld, damagedCount },
    freeBytes: Number.isFinite(free) ? free : null,
    floorBytes,
    kinds: found.map(({ kind, n, bytes }) => ({ kind, count: toNumber(n), totalBytes: toNumber(bytes) })),
  };
}
