import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../kit/errors.ts';
import type { Fingerprint, Hashing, HashSession } from '../files/hash.ts';

/** Files that are hashed while they arrive; the one that was quiet for longest makes room, and is read again at its end. */
const MAX_SESSIONS = 32;

/** Bytes on their way in: where they lie, and the hashing that follows them. */
export class Receiving {
  readonly folder: string;
  readonly #hashing: Hashing;
  readonly #sessions = new Map<string, HashSession>();

  constructor(folder: string, hashing: Hashing) {
    this.folder = folder;
    this.#hashing = hashing;
  }

  pathOf(uploadId: string): string {
    return join(this.folder, uploadId);
  }

  /** Null when nothing of it is on this machine. */
  async bytesOf(uploadId: string): Promise<number | null> {
    try {
      return (await stat(this.pathOf(uploadId))).size;
    } catch {
      return null;
    }
  }

  /** The first `readyBytes` bytes are written; the threads may read up to there. */
  advance(uploadId: string, readyBytes: number): void {
    const session = this.#sessions.get(uploadId) ?? this.#hashing.open(this.pathOf(uploadId));
    // insertion order is age
    this.#sessions.delete(uploadId);
    this.#sessions.set(uploadId, session);
    session.advance(readyBytes);
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > MAX_SESSIONS && oldest !== undefined) this.forget(oldest);
  }

  /** Goes on where the upload left the hashing, or reads the file from its start when this process did not see it come. */
  async fingerprint(uploadId: string, totalBytes: number, signal: AbortSignal): Promise<Fingerprint> {
    const session = this.#sessions.get(uploadId);
    this.#sessions.delete(uploadId);
    if (session) {
      try {
        return await session.finish(totalBytes);
      } catch (error) {
        if (!(error instanceof AppError) || signal.aborted) throw error;
      }
    }
    return await this.#hashing.hash(this.pathOf(uploadId), { signal });
  }

  inspect(uploadId: string, fileName: string) {
    return this.#hashing.inspect(this.pathOf(uploadId), fileName);
  }

  forget(uploadId: string): void {
    this.#sessions.get(uploadId)?.abort();
    this.#sessions.delete(uploadId);
  }

  async discard(uploadId: string): Promise<void> {
    this.forget(uploadId);
    await rm(this.pathOf(uploadId), { force: true });
  }
}
