import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { EntityManager } from '@mikro-orm/core';
import type { Files } from '../../kit/storage/files.ts';
import { findFolderOffer } from './folder-offers.ts';

type Source = Pick<Files, 'open' | 'has'>;

/** Where the bytes of a model lie: among the blobs, or in the operator's folder. */
export class ModelFiles {
  readonly #files: Files;
  readonly #modelsDir: string | null;

  constructor(files: Files, modelsDir: string | null) {
    this.#files = files;
    this.#modelsDir = modelsDir;
  }

  async sourceOf(em: EntityManager, sha256: string): Promise<Source> {
    if (this.#modelsDir === null || (await this.#files.has(sha256))) return this.#files;
    const offer = await findFolderOffer(em, sha256);
    if (!offer) return this.#files;
    const path = join(this.#modelsDir, offer.subtitle);
    return {
      open: (_sha256, range = {}) => createReadStream(path, range),
      has: async () => (await stat(path).catch(() => null)) !== null,
    };
  }
}
