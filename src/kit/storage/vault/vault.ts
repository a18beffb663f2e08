import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { AppError } from '../../errors.ts';
import { isSha256 } from '../files.ts';
import type { Shelf } from './shelf.ts';

/** Initialisation vector before, tag after: AES-256-GCM takes up to 64 GiB under one pair of key and vector. */
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Bytes that were taken out of reach: sealed under a key of the node, on a shelf of their own, under a name that says
 * nothing to who reads the disk or the store. No list of blobs knows of them, and nothing public serves them.
 */
export class Vault {
  readonly #shelf: Shelf;
  readonly #key: Buffer;

  constructor(shelf: Shelf, secretKey: string) {
    this.#shelf = shelf;
    this.#key = Buffer.from(hkdfSync('sha256', secretKey, '', 'vault', 32));
  }

  /** Returns when the bytes would survive a power cut. Throws `invalid` when they are not what their hash says. */
  async put(source: Readable, sha256: string): Promise<void> {
    if (await this.has(sha256)) {
      source.destroy();
      return;
    }
    await this.#shelf.put(this.nameOf(sha256), Readable.from(this.#seal(source, sha256), { objectMode: false }));
  }

  async *#seal(source: Readable, sha256: string): AsyncGenerator<Uint8Array> {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key, iv);
    const hash = createHash('sha256');
    yield iv;
    for await (const chunk of source as AsyncIterable<Uint8Array>) {
      hash.update(chunk);
      if (chunk.length > 0) yield cipher.update(chunk);
    }
    cipher.final();
    if (hash.digest('hex') !== sha256) throw new AppError('invalid', 'The file is not what its SHA-256 says.');
    yield cipher.getAuthTag();
  }

  /** The bytes as they were. What was changed where it lies is an error at the end of the stream. */
  async open(sha256: string): Promise<Readable> {
    const name = this.nameOf(sha256);
    const size = await this.#shelf.size(name);
    if (size === null) throw new AppError('not_found', 'This is not in the vault any more.');
    const [iv, tag] = await Promise.all([
      buffer(this.#shelf.open(name, { start: 0, end: IV_BYTES - 1 })),
      buffer(this.#shelf.open(name, { start: size - TAG_BYTES, end: size - 1 })),
    ]);
    const decipher = createDecipheriv('aes-256-gcm', this.#key, iv).setAuthTag(tag);
    if (size === IV_BYTES + TAG_BYTES) {
      decipher.end();
      return decipher;
    }
    const sealed = this.#shelf.open(name, { start: IV_BYTES, end: size - TAG_BYTES - 1 });
    pipeline(sealed, decipher).catch(() => {}); // its reader is told by the stream itself
    return decipher;
  }

  async has(sha256: string): Promise<boolean> {
    return (await this.#shelf.size(this.nameOf(sha256))) !== null;
  }

  /** Of the bytes as they were; null for what is not there. */
  async totalBytes(sha256: string): Promise<number | null> {
    const size = await this.#shelf.size(this.nameOf(sha256));
    return size === null ? null : size - IV_BYTES - TAG_BYTES;
  }

  async remove(sha256: string): Promise<void> {
    await this.#shelf.remove(this.nameOf(sha256));
  }

  /** Under which the sealed bytes lie on the shelf. */
  nameOf(sha256: string): string {
    if (!isSha256(sha256)) throw new AppError('malformed', 'This is not a SHA-256.');
    return createHmac('sha256', this.#key).update(sha256).digest('hex');
  }
}
