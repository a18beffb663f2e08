import { z } from 'zod';
import { can } from '../../accounts/permissions.ts';
import { Image, ImageSize } from '../../gallery/model.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { JobDefinition } from '../../kit/queue/define.ts';
import { Job } from '../../kit/queue/job.ts';
import { defineSettings } from '../../kit/settings.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';

const DAY_MS = 86_400_000;
const GIB = 2 ** 30;

/** How much of peers' pictures is kept here. The owner edits it. */
export const mediaSettings = defineSettings(
  'remote-media',
  z.object({
    /** Pictures that nobody asked for again go after this many days; 0 keeps them. */
    keepDays: z.int().min(0).max(3_650).default(90),
    /** Beyond this, the oldest go first; 0 is no bound. */
    mostGib: z.number().min(0).max(1_000_000).default(20),
  }),
);

export interface MediaKept {
  readonly pictureCount: number;
  readonly totalBytes: number;
}

/** Throws `forbidden` without the permission to manage settings. */
export async function editMediaSettings(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  { settings }: Pick<Federation, 'settings'>,
  form: z.output<(typeof mediaSettings)['schema']>,
): Promise<void> {
  if (!can(viewer, 'manageSettings')) throw new AppError('forbidden', 'You may not change the node.');
  await settings.write(em, mediaSettings, form, now());
  await em.flush();
}

/** What lies here of peers' pictures: originals, clean copies and sizes; what two posts share is counted twice. */
export async function loadMediaKept(em: Work['em']): Promise<MediaKept> {
  const [sum] = await rows<{ n: unknown; originals: unknown; sizes: unknown }>(
    em,
    `select count(*) as n, coalesce(sum(i.total_bytes + i.clean_bytes), 0) as originals,
       (select coalesce(sum(z.total_bytes), 0) from image_size z join image o on o.id = z.image_id
         where o.is_local = ?) as sizes
     from image i where i.is_local = ? and i.sha256 is not null`,
    [false, false],
  );
  return { pictureCount: toNumber(sum?.n), totalBytes: toNumber(sum?.originals) + toNumber(sum?.sizes) };
}

const BATCH = 200;

/**
 * Lets go of the bytes of peers' pictures that are old or too many; their rows, sizes and blurs stay, and who looks at
 * one has it fetched again. The blobs themselves go with the sweep of unreferenced ones.
 */
export async function evictMedia(
  { em, now }: Pick<Work, 'em' | 'now'>,
  { settings }: Pick<Federation, 'settings'>,
  signal: AbortSignal,
): Promise<{ evictedImages: number }> {
  const { keepDays, mostGib } = await settings.read(em, mediaSettings);
  let evictedImages = 0;
  if (keepDays > 0) {
    const before = new Date(now().getTime() - keepDays * DAY_MS);
    for (let ids = await oldest(em, before); ids.length > 0; ids = await oldest(em, before)) {
      signal.throwIfAborted();
      evictedImages += await evict({ em, now }, ids);
    }
  }
  for (let over = await bytesOver(em, mostGib); over > 0; over = await bytesOver(em, mostGib)) {
    signal.throwIfAborted();
    const ids = await oldest(em, now());
    if (ids.length === 0) break;
    evictedImages += await evict({ em, now }, ids);
  }
  return { evictedImages };
}

/** What lies here, by when it last came. */
async function oldest(em: Work['em'], before: Date): Promise<number[]> {
  const found = await rows<{ id: number }>(
    em,
    `select i.id from image i where i.is_local = ? and i.fetched_at <= ? and i.sha256 is not null
     order by i.fetched_at, i.id limit ?`,
    [false, before, BATCH],
  );
  return found.map(({ id }) => id);
}

/** Counting twice what two posts share errs on the side of room. */
async function bytesOver(em: Work['em'], mostGib: number): Promise<number> {
  return mostGib <= 0 ? 0 : (await loadMediaKept(em)).totalBytes - mostGib * GIB;
}

async function evict({ em, now }: Pick<Work, 'em' | 'now'>, ids: readonly number[]): Promise<number> {
  return em.transactional(async (inner) => {
    await inner.nativeDelete(ImageSize, { image: { $in: [...ids] } });
    return inner.nativeUpdate(
      Image,
      { id: { $in: [...ids] } },
      { sha256: null, cleanSha256: null, cleanBytes: 0, renderedAt: null, evictedAt: now() },
    );
  });
}

/** Once a day from now on. Called at each start too, so it looks whether one waits already. */
export async function scheduleEviction({ em, jobs }: Pick<Work, 'em' | 'jobs'>, job: JobDefinition): Promise<void> {
  if ((await em.count(Job, { name: job.name, state: 'queued' })) > 0) return;
  jobs.enqueue(em, job, {}, { delayMs: DAY_MS, dedupeKey: job.name });
  await em.flush();
}
