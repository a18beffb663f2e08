import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Work } from '../../kit/work.ts';
import { Upload } from './model.ts';
import type { Uploads } from './uploads.ts';

const EVERY_MS = 3_600_000;
const NAME = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;

/** Once an hour from now on; a second one in the queue takes the place of the first. */
export async function scheduleUploadSweep({ em, jobs }: Pick<Work, 'em' | 'jobs'>, uploads: Uploads): Promise<void> {
  jobs.enqueue(em, uploads.sweepJob, {}, { delayMs: EVERY_MS, dedupeKey: uploads.sweepJob.name });
  await em.flush();
}

/** Forgets uploads that nobody went on with, and files in the folder that no row knows. */
export async function sweepUploads(
  { em, now }: Pick<Work, 'em' | 'now'>,
  uploads: Pick<Uploads, 'receiving' | 'discard'>,
): Promise<void> {
  const expired = await em.find(Upload, { expiresAt: { $lte: now() }, state: { $ne: 'hashing' } }, { limit: 1_000 });
  for (const { id } of expired) await uploads.discard({ em }, id);
  for (const name of await readdir(uploads.receiving.folder)) {
    if (!NAME.test(name) || (await em.count(Upload, { id: name })) > 0) continue;
    const path = join(uploads.receiving.folder, name);
    // a row is committed before its file is made, so an hour is generous
    const found = await stat(path).catch(() => null);
    if (found && Date.now() - found.mtimeMs > EVERY_MS) await rm(path, { force: true });
  }
}
