import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hkdfSync,
  randomBytes,
  randomUUID,
} from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError } from '../errors.ts';
import { isSha256 } from './files.ts';

/** Initialisation vector before, tag after: AES-256-GCM takes up to 64 GiB under one pair of key and vector. */
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Bytes that were taken out of reach: sealed under a key of the node, in a folder of their own, under a name that says
 * nothing to who reads the disk. No list of blobs knows of them, no backup of blobs has them, and nothing serves them.
 */
export class Vault {
  readonly #folder: string;
  readonly #key: Buffer;

  private constructor(folder: string, secretKey: string) {
    this.#folder = folder;
    this.#key = Buffer.from(hkdfSync('sha256', secretKey, '', 'vault', 32));
  }

  static async at(folder: string, secretKey: string): Promise<Vault> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return new Vault(folder, secretKey);
  }

  /** Returns when the bytes would survive a power cut. Throws `invalid` when they are not what their hash says. */
  async put(source: Readable, sha256: string): Promise<void> {
    if (await this.has(sha256)) {
      source.destroy();
      return;
    }
    const part = join(this.#folder, `${randomUUID()}.part`);
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key, iv);
    const hash = createHash('sha256');
    const hashing = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        done(null, chunk);
      },
    });
    try {
      const out = createWriteStream(part, { flags: 'wx', mode: 0o600 });
      out.write(iv);
      await pipeline(source, hashing, cipher, out);
      if (hash.digest('hex') !== sha256) throw new AppError('invalid', 'The file is not what its SHA-256 says.');
      const handle = await open(part, 'a');
      await handle.write(cipher.getAuthTag());
      await handle.sync();
      await handle.close();
      await rename(part, this.#pathOf(sha256));
    } finally {
      await rm(part, { force: true });
    }
  }

  /** The bytes as they were. What was changed on the disk is an error at the end of the stream. */
  async open(sha256: string): Promise<Readable> {
    const path = this.#pathOf(sha256);
    const size = (await stat(path).catch(() => null))?.size;
    if (size === undefined) throw new AppError('not_found', 'This is not in the vault any more.');
    const handle = await open(path, 'r');
    const iv = Buffer.alloc(IV_BYTES);
    const tag = Buffer.alloc(TAG_BYTES);
    await handle.read(iv, 0, IV_BYTES, 0);
    await handle.read(tag, 0, TAG_BYTES, size - TAG_BYTES);
    await handle.close();
    const decipher = createDecipheriv('aes-256-gcm', this.#key, iv).setAuthTag(tag);
    if (size === IV_BYTES + TAG_BYTES) {
      decipher.end();
      return decipher;
    }
    const sealed = createReadStream(path, { start: IV_BYTES, end: size - TAG_BYTES - 1 });
    pipeline(sealed, decipher).catch(() => {}); // its reader is told by the stream itself
    return decipher;
  }

  async has(sha256: string): Promise<boolean> {
    return (await stat(this.#pathOf(sha256)).catch(() => null)) !== null;
  }

  async remove(sha256: string): Promise<void> {
    await rm(this.#pathOf(sha256), { force: true });
  }

  #pathOf(sha256: string): string {
    if (!isSha256(sha256)) throw new AppError('malformed', 'This is not a SHA-256.');
    return join(this.#folder, createHmac('sha256', this.#key).update(sha256).digest('hex'));
  }
}
