import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { type Bytes, fileBytes } from '../../catalogue/files/bytes.ts';
import { listZipEntries, readZipEntry } from '../../catalogue/files/zip.ts';
import { judgeArchive } from '../../catalogue/uploads/archive.ts';
import type { ImageLimits } from '../../gallery/deps.ts';
import { AppError } from '../../kit/errors.ts';
import { defineJob, type JobDefinition, type JobHandle } from '../../kit/queue/define.ts';
import type { Settings } from '../../kit/settings.ts';
import { failureOf } from '../../kit/web/errors.ts';
import type { Work } from '../../kit/work.ts';
import { addItem, type DatasetLimits } from './add-item.ts';
import { type PlannedPicture, planFolder } from './kohya-folder.ts';
import { trainingSettings } from './limits.ts';
import { Dataset, type ImportReport } from './model.ts';

const Payload = z.object({ datasetId: z.string() });
/** More is not read by anybody. */
const MOST_REFUSALS = 40;

export interface ImportsOptions extends ImageLimits {
  readonly settings: Settings;
  /** For archives of a store that is no folder of this machine. */
  readonly folder: string;
}

/** Reads archives into sets, in the background: two hundred pictures take longer than anybody waits for a page. */
export class Imports {
  readonly #options: ImportsOptions;
  readonly job: JobDefinition<typeof Payload>;

  constructor(options: ImportsOptions) {
    this.#options = options;
    this.job = defineJob({
      name: 'compute.import-dataset',
      lane: 'media',
      payload: Payload,
      attempts: 5,
      run: (work, { datasetId }, handle) => this.#run(work, datasetId, handle),
    });
  }

  /** Within the caller's flush. Throws `conflict` while another archive is being read. */
  begin({ em, jobs }: Pick<Work, 'em' | 'jobs'>, dataset: Dataset, sha256: string): void {
    if (dataset.importSha256 != null) throw new AppError('conflict', 'Another archive is being read into this set.');
    dataset.importSha256 = sha256;
    dataset.importReport = null;
    const options = { accountId: dataset.owner.id, partition: `account:${dataset.owner.id}` };
    dataset.importJobId = jobs.enqueue(em, this.job, { datasetId: dataset.id }, options);
  }

  async #run(work: Work, datasetId: string, handle: JobHandle): Promise<void> {
    const { em, now } = work;
    const dataset = await em.findOne(Dataset, { id: datasetId, importSha256: { $ne: null } });
    if (!dataset?.importSha256) return;
    const report = await this.#read(work, dataset, dataset.importSha256, handle).catch((error: unknown) => {
      const { isFault, message } = failureOf(error);
      if (isFault || (error instanceof AppError && error.kind === 'unavailable')) throw error;
      return { takenCount: 0, refused: [message] };
    });
    handle.signal.throwIfAborted();
    Object.assign(dataset, { importSha256: null, importReport: report, updatedAt: now() });
    await em.flush();
  }

  async #read(work: Work, dataset: Dataset, sha256: string, handle: JobHandle): Promise<ImportReport> {
    const { files } = work;
    const local = files.localPath(sha256);
    const path = local ?? join(this.#options.folder, randomUUID());
    try {
      if (!local) await pipeline(files.open(sha256), createWriteStream(path), { signal: handle.signal });
      // all of it before any of it is taken: with one blocked picture the whole is refused
      const rules = { gate: this.#options.hashGate, accountId: dataset.owner.id, isHoldRefused: false };
      await judgeArchive(work.em, path, { ...rules, signal: handle.signal });
      const file = await open(path, 'r');
      try {
        return await this.#take(work, dataset, await fileBytes(file), handle);
      } finally {
        await file.close();
      }
    } finally {
      if (!local) await rm(path, { force: true });
    }
  }

  async #take(work: Work, dataset: Dataset, bytes: Bytes, handle: JobHandle): Promise<ImportReport> {
    const { settings, maxImageBytes, minFreeBytes, defaultQuotaBytes, hashGate } = this.#options;
    const { maxImages, maxMegabytes } = await settings.read(work.em, trainingSettings);
    const limits = { maxImages, maxMegabytes, maxImageBytes, minFreeBytes, defaultQuotaBytes, hashGate };
    const { pictures, others } = planFolder(await listZipEntries(bytes), limits);
    const refused = others.map((name) => `${name}: neither a picture nor a caption.`);
    let takenCount = 0;
    for (const [n, picture] of pictures.entries()) {
      handle.signal.throwIfAborted();
      handle.progress(n, pictures.length, picture.fileName);
      try {
        await takePicture(work, limits, dataset, bytes, picture);
        takenCount += 1;
      } catch (error) {
        const { isFault, message } = failureOf(error);
        if (isFault || (error instanceof AppError && error.kind === 'unavailable')) throw error;
        // the pictures that a run before this one had taken when it died are there already
        if (error instanceof AppError && error.kind === 'conflict' && handle.attempt > 1) takenCount += 1;
        else refused.push(`${picture.fileName}: ${message}`);
      }
    }
    return { takenCount, refused: refused.slice(0, MOST_REFUSALS) };
  }
}

async function takePicture(
  work: Work,
  limits: DatasetLimits,
  dataset: Dataset,
  bytes: Bytes,
  { entry, captionEntry, folderCaption, fileName, repeats }: PlannedPicture,
): Promise<void> {
  if (entry.unpackedBytes > limits.maxImageBytes) throw new AppError('too_large', 'It is too large.');
  const source = await readZipEntry(bytes, entry, limits.maxImageBytes);
  const text = captionEntry ? await readZipEntry(bytes, captionEntry, captionEntry.unpackedBytes + 1_000) : null;
  const caption = text
    ? text
        .toString('utf8')
        .replace(/^\uFEFF/, '')
        .replaceAll('\u0000', '')
    : folderCaption;
  await addItem({ ...work, em: work.em.fork() }, limits, dataset, { fileName, source, caption, repeats });
}
