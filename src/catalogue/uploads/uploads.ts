import { ref } from '@mikro-orm/core';
import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { defineJob, type JobDefinition } from '../../kit/queue/define.ts';
import { safeFileName } from '../../kit/web/download/file-names.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { addFile } from '../attach.ts';
import { stripFile } from '../editing/files.ts';
import { type Hashing, storedHashes } from '../files/hash.ts';
import type { ModelFile } from '../model.ts';
import { isOwner, ModelVersion } from '../model.ts';
import { listLockedNames } from '../names/lock.ts';
import { scrubberOf } from '../names/scrub.ts';
import { judgeArchive } from './archive.ts';
import { assertTakes, findDuplicate, type IntakePolicy, scanForViruses } from './judge.ts';
import { Upload } from './model.ts';
import { assertRoom } from './quota.ts';
import { Receiving } from './receiving.ts';
import { scheduleUploadSweep, sweepUploads } from './sweep.ts';

export interface UploadLimits extends IntakePolicy {
  readonly maxUploadBytes: number;
  readonly minFreeBytes: number;
  readonly defaultQuotaBytes: number;
}

export interface NewUpload {
  readonly fileName: string;
  readonly totalBytes: number;
  readonly versionId?: number | null;
  readonly kind?: ModelFile['kind'];
}

type Task = Pick<Work, 'em' | 'jobs' | 'files' | 'now'>;

const DAY_MS = 86_400_000;
/** What nobody went on with goes; what was refused is told for a day. */
const KEEP_MS = 3 * DAY_MS;
const KEEP_REFUSED_MS = DAY_MS;

/** Files on their way in, from their first byte to the row that keeps them. One for the process. */
export class Uploads {
  readonly receiving: Receiving;
  readonly limits: UploadLimits;
  readonly #hashing: Hashing;
  readonly finishJob: JobDefinition<z.ZodObject<{ uploadId: z.ZodString }>>;
  readonly stripJob: JobDefinition<z.ZodObject<{ fileId: z.ZodInt }>>;
  readonly sweepJob: JobDefinition<z.ZodObject>;

  constructor(folder: string, hashing: Hashing, limits: UploadLimits) {
    this.#hashing = hashing;
    this.receiving = new Receiving(folder, hashing);
    this.limits = limits;
    this.finishJob = defineJob({
      name: 'catalogue.finish-upload',
      lane: 'media',
      payload: z.object({ uploadId: z.string() }),
      attempts: 12,
      run: (work, { uploadId }, { signal }) => this.finish(work, uploadId, signal),
    });
    this.stripJob = defineJob({
      name: 'catalogue.strip-file',
      lane: 'media',
      payload: z.object({ fileId: z.int() }),
      attempts: 5,
      run: (work, { fileId }, { signal }) => stripFile(work, this, fileId, signal),
    });
    this.sweepJob = defineJob({
      name: 'catalogue.sweep-uploads',
      lane: 'clock',
      payload: z.object({}),
      attempts: 3,
      run: async (work) => {
        await sweepUploads(work, this);
        await scheduleUploadSweep(work, this);
      },
    });
  }

  /** Throws before any byte is taken: `invalid`, `too_large`, `unavailable`, or `not_found` for somebody else's version. */
  async begin(
    { em, viewer, files, now }: Pick<Work, 'em' | 'viewer' | 'files' | 'now'>,
    { fileName, totalBytes, versionId = null, kind = 'Model' }: NewUpload,
  ): Promise<Upload> {
    if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
    if (fileName.includes('\uFFFD')) throw new AppError('invalid', 'The name of the file is not valid UTF-8.');
    if (totalBytes === 0) throw new AppError('invalid', 'The file is empty.');
    if (totalBytes > this.limits.maxUploadBytes) {
      const mostMegabytes = Math.floor(this.limits.maxUploadBytes / 1_000_000);
      throw new AppError('too_large', `A file may have at most ${mostMegabytes} MB here.`);
    }
    const version = versionId === null ? null : await em.findOne(ModelVersion, versionId, { populate: ['model'] });
    if (versionId !== null && (!version || !isOwner(version.model.$, viewer) || version.state === 'deleted')) {
      throw new AppError('not_found', 'There is no such version.');
    }
    await assertRoom(em, files, viewer.id, totalBytes, { ...this.limits, folder: this.receiving.folder });
    const upload = em.create(
      Upload,
      {
        id: newId(),
        owner: viewer.id,
        version: version ? ref(version) : null,
        kind,
        fileName: safeFileName(fileName),
        totalBytes,
        createdAt: now(),
        updatedAt: now(),
        expiresAt: new Date(now().getTime() + KEEP_MS),
      },
      { persist: true },
    );
    await em.flush();
    return upload;
  }

  /** After some bytes came. With the last one the row moves on and a job looks at the file. */
  async received({ em, jobs, now }: Omit<Task, 'files'>, uploadId: string, receivedBytes: number): Promise<void> {
    const upload = await em.findOne(Upload, { id: uploadId, state: 'receiving' });
    if (!upload) return;
    upload.receivedBytes = receivedBytes;
    upload.updatedAt = now();
    upload.expiresAt = new Date(now().getTime() + KEEP_MS);
    if (receivedBytes === upload.totalBytes) {
      upload.state = 'hashing';
      jobs.enqueue(em, this.finishJob, { uploadId }, { dedupeKey: `upload ${uploadId}` });
    }
    await em.flush();
  }

  /** After a restart: an upload whose last byte came, but whose row does not know. */
  async resume(work: Omit<Task, 'files'>): Promise<void> {
    for (const { id, totalBytes } of await work.em.find(Upload, { state: 'receiving' })) {
      const bytes = await this.receiving.bytesOf(id);
      if (bytes === totalBytes) await this.received(work, id, bytes);
    }
  }

  /** Hashes, judges and keeps a file that has all its bytes. Each step is on record, so it may die anywhere and go on. */
  async finish(work: Task, uploadId: string, signal: AbortSignal): Promise<void> {
    const { em, files, now } = work;
    const upload = await em.findOne(Upload, { id: uploadId, state: 'hashing' });
    if (!upload) return;
    const path = this.receiving.pathOf(uploadId);
    try {
      if (upload.hashes == null) await this.#examine(em, upload, signal);
      const sha256 = upload.hashes?.sha256 ?? '';
      if ((await this.receiving.bytesOf(uploadId)) !== null) {
        await files.put({ path, sha256, trustSha256: true, move: true }).catch(async (error: unknown) => {
          // a second run of the same job was first
          if (!(await files.has(sha256))) throw error;
        });
      } else if (!(await files.has(sha256))) {
        throw new AppError('invalid', 'The uploaded file was lost. Please upload it again.');
      }
      upload.sha256 = sha256;
      upload.state = 'ready';
      upload.expiresAt = new Date(now().getTime() + KEEP_MS);
      upload.updatedAt = now();
      await em.flush();
    } catch (error) {
      if (!(error instanceof AppError) || !['invalid', 'conflict', 'withheld'].includes(error.kind)) throw error;
      await this.#refuse(work, upload, error);
      return;
    }
    await attachUpload(work, uploadId);
  }

  async #examine(em: Work['em'], upload: Upload, signal: AbortSignal): Promise<void> {
    const { id, fileName, totalBytes } = upload;
    if ((await this.receiving.bytesOf(id)) === null) {
      throw new AppError('invalid', 'The uploaded file was lost. Please upload it again.');
    }
    const inspection = await this.receiving.inspect(id, fileName);
    assertTakes(fileName, inspection, this.limits);
    const hashes = storedHashes(await this.receiving.fingerprint(id, totalBytes, signal));
    const { sha256, tensorSha256 } = hashes;
    const arrival = { door: 'model-file', accountId: upload.owner.id } as const;
    await this.limits.hashGate.judge(em, arrival, { sha256s: [sha256], tensorSha256 });
    if (inspection.format === 'Other') {
      const rules = { gate: this.limits.hashGate, accountId: arrival.accountId, isHoldRefused: true, signal };
      await judgeArchive(em, this.receiving.pathOf(id), rules);
    }
    const duplicate = inspection.format === 'Other' ? null : await findDuplicate(em, upload.owner.id, sha256);
    if (duplicate) {
      upload.duplicateUrl = duplicate.url;
      throw new AppError('conflict', duplicate.message);
    }
    Object.assign(upload, await scanForViruses(this.receiving.pathOf(id), this.limits, signal));
    upload.inspection = inspection;
    upload.hashes = hashes;
    await em.flush();
  }

  async #refuse({ em, now }: Pick<Work, 'em' | 'now'>, upload: Upload, { kind, message }: AppError): Promise<void> {
    upload.state = 'refused';
    upload.isWithheld = kind === 'withheld';
    upload.message = message.slice(0, 600);
    upload.updatedAt = now();
    upload.expiresAt = new Date(now().getTime() + KEEP_REFUSED_MS);
    await this.receiving.discard(upload.id);
    await em.flush();
  }

  /** Forgets an upload and its bytes; a blob that it made is collected when nothing else names it. */
  async discard({ em }: Pick<Work, 'em'>, uploadId: string): Promise<void> {
    await this.receiving.discard(uploadId);
    await em.nativeDelete(Upload, { id: uploadId });
  }

  close(): Promise<void> {
    return this.#hashing.close();
  }
}

/**
 * A ready upload that has a version becomes its file; the row of the upload goes in the same transaction. The job that
 * read the file and the form that chose the version both call this last, so the later of them finds both facts.
 */
export async function attachUpload(work: Pick<Work, 'em' | 'now'>, uploadId: string): Promise<void> {
  await work.em.fork().transactional(async (em) => {
    const upload = await em.findOne(Upload, { id: uploadId, state: 'ready', version: { $ne: null } });
    if (!upload?.version) return;
    const version = await em.findOne(ModelVersion, upload.version.id, { populate: ['model'] });
    if (!version || version.state === 'deleted' || version.model.$.owner.id !== upload.owner.id) {
      upload.version = null;
      return;
    }
    const { fileName, kind, totalBytes, hashes, inspection, virusScanResult, virusScanMessage = null } = upload;
    if (!hashes || !inspection) return;
    // a name that was removed from the model after a claim does not come back in a file
    const scrubber = scrubberOf(await listLockedNames(em, version.model.id));
    if (scrubber?.has(JSON.stringify([fileName, inspection.detection]))) {
      Object.assign(upload, { state: 'refused', message: t('takedown.name-in-file'), updatedAt: work.now() });
      return;
    }
    // of two that come here at once, one deletes the row
    if ((await em.nativeDelete(Upload, { id: uploadId })) === 0) return;
    const known = { fileName, kind, totalBytes, hashes, inspection, virusScanResult, virusScanMessage };
    await addFile({ em, now: work.now }, version, known);
  });
}
