import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FileStore } from '@tus/file-store';
import { ERRORS, Upload as TusUpload } from '@tus/server';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import { Upload } from './model.ts';
import type { Uploads } from './uploads.ts';

const WRITE_BYTES = 1024 * 1024;
const ADVANCE_EVERY_MS = 100;

/** tus's own file store, with our rows for its notes, and the hashing that follows what was written. */
export class UploadStore extends FileStore {
  readonly #uploads: Uploads;
  readonly #openWork: () => Work;

  constructor(uploads: Uploads, openWork: () => Work) {
    super({ directory: uploads.receiving.folder, configstore: new RowNotes(openWork) });
    // without deferred lengths: quota and disk are asked before the first byte
    this.extensions = ['creation', 'creation-with-upload', 'termination'];
    this.#uploads = uploads;
    this.#openWork = openWork;
  }

  override async create(file: TusUpload): Promise<TusUpload> {
    try {
      await writeFile(this.#uploads.receiving.pathOf(file.id), '');
    } catch (error) {
      await this.#uploads.discard(this.#openWork(), file.id);
      throw diskError(error);
    }
    return file;
  }

  override async write(readable: Readable, id: string, offset: number): Promise<number> {
    const { receiving } = this.#uploads;
    // flush: what tus acknowledges survives a power cut
    const out = createWriteStream(receiving.pathOf(id), {
      flags: 'r+',
      start: offset,
      highWaterMark: WRITE_BYTES,
      flush: true,
    });
    const follow = setInterval(() => receiving.advance(id, offset + out.bytesWritten), ADVANCE_EVERY_MS);
    try {
      await pipeline(readable, out);
    } catch (error) {
      if (isFull(error)) await this.#uploads.discard(this.#openWork(), id);
      throw diskError(error);
    } finally {
      clearInterval(follow);
    }
    const receivedBytes = offset + out.bytesWritten;
    receiving.advance(id, receivedBytes);
    await this.#uploads.received(this.#openWork(), id, receivedBytes);
    return receivedBytes;
  }

  /** A client that comes back after the last byte, but before we noted it, moves the upload on. */
  override async getUpload(id: string): Promise<TusUpload> {
    const note = await this.configstore.get(id);
    if (!note) throw ERRORS.FILE_NOT_FOUND;
    const bytes = await this.#uploads.receiving.bytesOf(id);
    const state = note.metadata?.state;
    if (bytes === null && state === 'receiving') throw ERRORS.FILE_NO_LONGER_EXISTS;
    note.offset = state === 'receiving' ? (bytes ?? 0) : (note.size ?? 0);
    if (state === 'receiving' && note.offset === note.size) {
      await this.#uploads.received(this.#openWork(), id, note.offset);
    }
    return note;
  }

  override async remove(id: string): Promise<void> {
    await this.#uploads.discard(this.#openWork(), id);
  }
}

class RowNotes {
  readonly #openWork: () => Work;

  constructor(openWork: () => Work) {
    this.#openWork = openWork;
  }

  async get(id: string): Promise<TusUpload | undefined> {
    const row = await this.#openWork().em.findOne(Upload, id);
    if (!row || row.state === 'refused') return undefined;
    return new TusUpload({ id, size: row.totalBytes, offset: row.receivedBytes, metadata: { state: row.state } });
  }

  async set(): Promise<void> {}

  async delete(id: string): Promise<void> {
    await this.#openWork().em.nativeDelete(Upload, { id });
  }
}

const isFull = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');

/** The disk's own error, which tus's pipeline may hand on instead of what a store throws, in our words. */
export function diskError(error: unknown): Error {
  const message = isFull(error)
    ? 'The disk of this node is full; the upload was removed. Please tell its owner.'
    : 'The file could not be written. Please try again.';
  return new AppError('unavailable', message, { cause: error });
}
