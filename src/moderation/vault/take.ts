import { ModelFile } from '../../catalogue/model.ts';
import { listPostedAs } from '../../compute/withhold.ts';
import { Image, ImageSize } from '../../gallery/model.ts';
import { rows } from '../../kit/database/sql.ts';
import type { Vault } from '../../kit/storage/vault/vault.ts';
import type { Work } from '../../kit/work.ts';
import type { TakedownOrder } from '../takedown/step.ts';
import type { Things } from '../takedown/things.ts';
import { batches } from '../takedown/things.ts';
import { keepTrace } from '../takedown/trace.ts';

type Task = Pick<Work, 'em' | 'files' | 'now'>;

/** What an image loses. `loose`: blobs that were made from it, or that it shares with the generation it came from. */
export interface ImageFacts {
  readonly blurHash: string;
  readonly placeholder: string;
  readonly wasRendered: boolean;
  readonly loose: readonly string[];
}

interface FileFacts {
  readonly totalBytes: number;
}

/** Ends the rows' hold on their bytes; without `vault` nothing is kept of them. Returns how many originals there were. */
export async function takeBytes(task: Task, order: TakedownOrder, things: Things, vault: Vault | null) {
  const { em } = task;
  let taken = 0;
  for (const ids of batches(things.versionIds)) {
    for (const file of await em.fork().find(ModelFile, { version: { $in: ids }, isStored: true })) {
      taken += await takeFile(task, order, file, vault);
    }
  }
  for (const ids of batches(things.imageIds, 50)) {
    const images = await em.fork().find(Image, { id: { $in: ids }, sha256: { $ne: null } }, { orderBy: { id: 1 } });
    for (const image of images) taken += await takeImage(task, order, image, vault);
  }
  return taken;
}

async function seal({ files }: Task, vault: Vault | null, sha256: string): Promise<void> {
  if (vault && !(await vault.has(sha256)) && (await files.has(sha256))) await vault.put(files.open(sha256), sha256);
}

async function takeFile(task: Task, order: TakedownOrder, file: ModelFile, vault: Vault | null): Promise<number> {
  await seal(task, vault, file.sha256);
  await task.em.fork().transactional(async (tx) => {
    const facts: FileFacts = { totalBytes: file.totalBytes };
    const trace = { kind: 'model_file', subjectId: file.id, digest: file.sha256, facts } as const;
    await keepTrace(tx, order.takedownId, trace, task.now());
    await tx.nativeUpdate(ModelFile, { id: file.id }, { isStored: false });
  });
  return 1;
}

async function takeImage(task: Task, order: TakedownOrder, image: Image, vault: Vault | null): Promise<number> {
  const { id, sha256, cleanSha256, blurHash, placeholder, renderedAt } = image;
  if (!sha256) return 0;
  await seal(task, vault, sha256);
  await task.em.fork().transactional(async (tx) => {
    const sizes = await rows<{ sha256: string }>(tx, 'select sha256 from image_size where image_id = ?', [id]);
    const made = [...sizes.map((size) => size.sha256), ...(cleanSha256 ? [cleanSha256] : [])];
    const facts: ImageFacts = {
      ...{ blurHash, placeholder, wasRendered: renderedAt != null },
      loose: [...new Set([...made, ...(await listPostedAs(tx, [id]))])],
    };
    await keepTrace(tx, order.takedownId, { kind: 'image', subjectId: id, digest: sha256, facts }, task.now());
    await tx.nativeDelete(ImageSize, { image: id });
    const nothing = { sha256: null, cleanSha256: null, cleanBytes: 0, blurHash: '', placeholder: '' };
    await tx.nativeUpdate(Image, { id }, { ...nothing, renderedAt: null });
  });
  return 1;
}
