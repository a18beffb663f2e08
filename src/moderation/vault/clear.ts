import { inList } from '../../kit/database/sql.ts';
import { listReferenced, type Uncounted } from '../../kit/storage/references.ts';
import type { Work } from '../../kit/work.ts';
import type { TakedownOrder } from '../takedown/step.ts';
import { batches, type Things, unique } from '../takedown/things.ts';
import { TakedownTrace } from '../takedown/trace.ts';
import type { ImageFacts } from './take.ts';

/** Removes models from where the engine finds them. */
export type DropModels = (sha256s: readonly string[]) => Promise<void>;

/**
 * Removes from the store what was taken and all that was made from it, unless a row of somebody else names the same
 * bytes (spec/takedowns.md 2.10, last sentence but one). Blocked bytes go whoever names them. Returns how many blobs went.
 */
export async function clearBytes(
  { em, files, now }: Pick<Work, 'em' | 'files' | 'now'>,
  { takedownId, parameters }: TakedownOrder,
  things: Things,
  dropModels: DropModels,
): Promise<number> {
  const open = await em
    .fork()
    .find(TakedownTrace, { takedownId, kind: { $in: ['model_file', 'image'] }, clearedAt: null, restoredAt: null });
  let removed = 0;
  for (const some of batches(open, 100)) {
    const digests = unique(some.flatMap(({ digest, facts }) => [digest ?? '', ...looseOf(facts)]).filter(Boolean));
    const wanted = parameters.block ? new Set<string>() : await listReferenced(em, digests, uncountedOf(things));
    const gone = digests.filter((digest) => !wanted.has(digest));
    await dropModels(gone);
    for (const digest of gone) {
      if (await files.has(digest)) removed += 1;
      await files.remove(digest);
    }
    const ids = some.map(({ id }) => id);
    await em.nativeUpdate(TakedownTrace, { id: { $in: ids } }, { clearedAt: now() });
  }
  return removed;
}

const looseOf = (facts: unknown): readonly string[] => (facts as Partial<ImageFacts>).loose ?? [];

/** A row without bytes, and what is the item itself under another name. */
function uncountedOf({ versionIds, imageIds }: Things): Uncounted {
  const images = imageIds.slice(0, MOST_NAMED);
  const versions = versionIds.slice(0, MOST_NAMED);
  return {
    model_file: { sql: 'is_stored = ?', values: [false] },
    generation_image: { sql: `coalesce(posted_image_id, 0) in (${inList(images)})`, values: images },
    training_epoch: { sql: `coalesce(published_version_id, 0) in (${inList(versions)})`, values: versions },
    merge_run: { sql: `coalesce(published_version_id, 0) in (${inList(versions)})`, values: versions },
  };
}

/** Of parameters of one query. */
const MOST_NAMED = 20_000;
