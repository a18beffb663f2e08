import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { rows } from '../../../kit/database/sql.ts';
import { defineJob, type JobDefinition, type JobHandle } from '../../../kit/queue/define.ts';
import { greyPixels } from '../../../kit/storage/images-turn.ts';
import type { Work } from '../../../kit/work.ts';
import { countFaces } from '../../engine/faces.ts';
import type { Engines } from '../../engines/engines.ts';
import { ENGINE_DIR } from '../../engines/find.ts';
import { DatasetItem } from '../model.ts';

const Payload = z.object({ datasetId: z.string() });
/** Pictures that one process looks at; some ten megabytes of pixels. */
const BATCH = 50;
/** A detector that is not installed is looked for again after this. */
const MISSING_MS = 600_000;

/**
 * Counts the faces in pictures that nobody has looked at, beside whatever the engine does: in the lane of pictures, by a
 * worker whose machine has the engine's Python. Without it they stay 'not looked at', and nothing waits for it.
 */
export class Looker {
  readonly #engines: Pick<Engines, 'pythonPath'>;
  readonly job: JobDefinition<typeof Payload>;
  #missingUntilMs = 0;

  constructor(engines: Pick<Engines, 'pythonPath'>) {
    this.#engines = engines;
    this.job = defineJob({
      name: 'compute.look-at-pictures',
      lane: 'media',
      payload: Payload,
      attempts: 2,
      run: (work, { datasetId }, handle) => this.#run(work, datasetId, handle),
    });
  }

  async #run(
    { em, files }: Pick<Work, 'em' | 'files'>,
    datasetId: string,
    { signal }: JobHandle,
  ): Promise<{ readonly looked: number } | { readonly state: 'missing' }> {
    let looked = 0;
    for (;;) {
      const { pythonPath } = this.#engines;
      if (pythonPath === null || performance.now() < this.#missingUntilMs) return { state: 'missing' };
      const items = await em
        .fork()
        .find(
          DatasetItem,
          { dataset: datasetId, deletedAt: null, faceCount: null, thumbSha256: { $ne: null } },
          { orderBy: { position: 1, id: 1 }, limit: BATCH },
        );
      if (items.length === 0) return { looked };
      const pictures = [];
      for (const { thumbSha256 } of items) {
        signal.throwIfAborted();
        pictures.push(await greyPixels(await buffer(files.open(thumbSha256 ?? ''))));
      }
      const counts = await countFaces(pythonPath, ENGINE_DIR, pictures, signal);
      if (counts === null) {
        this.#missingUntilMs = performance.now() + MISSING_MS;
        return { state: 'missing' };
      }
      for (const [n, { id, thumbSha256 }] of items.entries()) {
        // only of the part that was looked at: it may have been cut meanwhile
        await rows(em, 'update dataset_item set face_count = ? where id = ? and thumb_sha256 = ? returning id', [
          ...[counts[n] ?? 0, id, thumbSha256 ?? ''],
        ]);
      }
      looked += items.length;
      if (items.length < BATCH) return { looked };
    }
  }
}
