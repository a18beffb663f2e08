import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { inList, rows } from '../kit/database/sql.ts';
import { defineJob } from '../kit/queue/define.ts';
import { Job } from '../kit/queue/job.ts';
import { removeUnreferenced } from '../kit/storage/sweep.ts';
import type { Work } from '../kit/work.ts';

const DAY_MS = 86_400_000;

export const collectBlobsJob = defineJob({
  name: 'operator.collect-blobs',
  lane: 'clock',
  payload: z.object({}),
  attempts: 3,
  run: async (work) => {
    await collectBlobs(work);
    await scheduleCollection(work);
  },
});

/** Once a day from now on. Called at each start too, so it looks whether one waits already. */
export async function scheduleCollection({ em, jobs }: Pick<Work, 'em' | 'jobs'>): Promise<void> {
  if ((await em.count(Job, { name: collectBlobsJob.name, state: 'queued' })) > 0) return;
  jobs.enqueue(em, collectBlobsJob, {}, { delayMs: DAY_MS, dedupeKey: collectBlobsJob.name });
  await em.flush();
}

/** Removes the bytes that no row names any more and that are a day old; a slow upload puts bytes before its row. */
export function collectBlobs({ em, files, now }: Pick<Work, 'em' | 'files' | 'now'>) {
  const columns = blobColumns(em);
  const referencedAmong = async (sha256s: readonly string[]): Promise<ReadonlySet<string>> => {
    const found = new Set<string>();
    for (const { table, column } of columns) {
      const named = await rows<{ sha256: string }>(
        em,
        `select ${column} as sha256 from ${table} where ${column} in (${inList(sha256s)})`,
        sha256s,
      );
      for (const { sha256 } of named) found.add(sha256);
    }
    return found;
  };
  return removeUnreferenced(files, referencedAmong, new Date(now().getTime() - DAY_MS));
}

/**
 * Every column that names a blob. The rule is the name of the property, `sha256` or `…Sha256`, so that a table of a
 * later feature keeps its bytes without anybody thinking of this file.
 */
export function blobColumns(em: EntityManager): { table: string; column: string }[] {
  return Object.values(em.getMetadata().getAll()).flatMap(({ tableName, props }) =>
    props
      .filter(({ name }) => /^sha256$|Sha256$/.test(name))
      .map(({ fieldNames }) => ({ table: tableName, column: fieldNames[0] ?? '' })),
  );
}
