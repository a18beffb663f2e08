import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { EntityManager } from '@mikro-orm/core';
import type { ImageLimits } from '../../gallery/deps.ts';
import { originOf } from '../../gallery/images/origin.ts';
import { assertQuota } from '../../gallery/images/quota.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { newId } from '../../kit/ids.ts';
import { assertFreeSpace } from '../../kit/storage/files.ts';
import { inspectImage } from '../../kit/storage/images.ts';
import { cleanCopy } from '../../kit/storage/images-clean.ts';
import { likenessOf, turnImage } from '../../kit/storage/images-turn.ts';
import { safeFileName } from '../../kit/web/download/file-names.ts';
import type { Work } from '../../kit/work.ts';
import { recordHit } from '../../safety/hashes/hits.ts';
import { picturesChanged } from './events.ts';
import { MOST_CAPTION_CHARS, MOST_PIXELS, type TrainingLimits } from './limits.ts';
import { Dataset, DatasetItem } from './model.ts';

export const THUMB_PX = 480;

export type DatasetLimits = ImageLimits & Pick<TrainingLimits, 'maxImages' | 'maxMegabytes'>;

export interface NewItem {
  readonly fileName: string;
  /** Bytes of the file, or its path. */
  readonly source: Uint8Array | string;
  readonly caption?: string;
  readonly repeats?: number;
}

/**
 * Takes a picture into a set: sniffed, freed of all metadata, measured. Throws `invalid` (no picture, damaged, moving),
 * `too_large` (bytes, pixels, the set's or the person's room), `conflict` (in the set already), `withheld` (blocked) or
 * `unavailable`; then nothing is left of it.
 */
export async function addItem(
  { em, files, now }: Pick<Work, 'em' | 'files' | 'now'>,
  limits: DatasetLimits,
  dataset: Pick<Dataset, 'id' | 'owner'>,
  { fileName, source, caption = '', repeats = 0 }: NewItem,
): Promise<DatasetItem> {
  const original = typeof source === 'string' ? await readFile(source) : source;
  if (original.length > limits.maxImageBytes) {
    throw new AppError(
      'too_large',
      `A picture may have at most ${Math.floor(limits.maxImageBytes / 1_000_000)} MB here.`,
    );
  }
  const { format, width, height, frames } = await inspectImage(original, MOST_PIXELS);
  if (frames > 1) throw new AppError('invalid', 'This picture moves; only still ones can be trained on.');
  const arrival = { door: 'dataset-item', accountId: dataset.owner.id } as const;
  const judged = await limits.hashGate.judgePicture(em, arrival, original);
  // what the file says of itself is noted now: the copy that is kept says nothing any more
  const origin = await originOf(original);
  const bytes = await cleanCopy(original, () => false);
  await assertRoom(em, dataset, limits, bytes.length);
  await assertFreeSpace(files, bytes.length, limits.minFreeBytes);
  // decoded before it is stored: a picture that was cut off is told now, not an hour into the training
  const thumb = await turnImage(bytes, { rotation: 0, crop: null }, { format: 'webp', longestSide: THUMB_PX });
  const likeness = await likenessOf(bytes);
  const { sha256, totalBytes } = await files.put(bytes);
  const small = await files.put(thumb.bytes);

  return em.transactional(async (tx) => {
    // two requests at once may both have found room
    await assertRoom(tx, dataset, limits, totalBytes, 'locked');
    const known = await tx.findOne(DatasetItem, { dataset: dataset.id, sha256 });
    if (known && known.deletedAt == null) throw new AppError('conflict', 'This picture is in the set already.');
    if (known) {
      known.deletedAt = null;
      return known;
    }
    const [last] = await rows<{ position: unknown }>(
      tx,
      'select max(position) as position from dataset_item where dataset_id = ?',
      [dataset.id],
    );
    const { pdq } = judged;
    const heldAt = judged.verdict === 'hold' ? now() : null;
    const originalSha256 = createHash('sha256').update(original).digest('hex');
    const facts = {
      ...{ originalSha256, width, height, likeness, pdq, heldAt, origin },
      mediaType: `image/${format}`,
      repeats,
    };
    const item = tx.create(
      DatasetItem,
      {
        id: newId(),
        dataset: tx.getReference(Dataset, dataset.id),
        position: toNumber(last?.position) + 1,
        fileName: safeFileName(fileName),
        ...{ sha256, totalBytes, thumbSha256: small.sha256, thumbBytes: small.totalBytes, ...facts },
        caption: caption.trim().slice(0, MOST_CAPTION_CHARS),
        createdAt: now(),
      },
      { persist: true },
    );
    if (judged.hit) recordHit(tx, judged, judged.hit, { kind: 'dataset-item', id: item.id }, now());
    record(tx, picturesChanged, { datasetId: dataset.id });
    await tx.flush();
    return item;
  });
}

async function assertRoom(
  em: EntityManager,
  { id, owner }: Pick<Dataset, 'id' | 'owner'>,
  { maxImages, maxMegabytes, defaultQuotaBytes }: DatasetLimits,
  incomingBytes: number,
  mode: 'look' | 'locked' = 'look',
): Promise<void> {
  if (mode === 'locked') {
    const held = await rows(
      em,
      'update dataset set updated_at = updated_at where id = ? and deleted_at is null returning id',
      [id],
    );
    if (held.length === 0) throw new AppError('not_found', 'There is no such set of pictures.');
  }
  const [room] = await rows<{ n: unknown; bytes: unknown }>(
    em,
    'select count(*) as n, sum(total_bytes) as bytes from dataset_item where dataset_id = ? and deleted_at is null',
    [id],
  );
  if (toNumber(room?.n) >= maxImages) throw new AppError('too_large', `A set holds at most ${maxImages} pictures.`);
  if (toNumber(room?.bytes) + incomingBytes > maxMegabytes * 1_000_000) {
    throw new AppError('too_large', `A set holds at most ${maxMegabytes} MB of pictures.`);
  }
  await assertQuota(em, owner.id, (await usedBytesOf(em, owner.id)) + incomingBytes, defaultQuotaBytes);
}

/** What the sets, the runs and the merges of a person take; of what was published the catalogue counts. */
export async function usedBytesOf(em: EntityManager, accountId: number): Promise<number> {
  const [row] = await rows<{ items: unknown; epochs: unknown; merges: unknown }>(
    em,
    `select (select sum(i.total_bytes) from dataset_item i join dataset d on d.id = i.dataset_id where d.owner_id = ?) as items,
       (select sum(e.total_bytes) from training_epoch e join training_run r on r.id = e.run_id where r.owner_id = ?) as epochs,
       (select sum(u.total_bytes) from merge_run u where u.owner_id = ? and u.published_version_id is null) as merges`,
    [accountId, accountId, accountId],
  );
  return toNumber(row?.items) + toNumber(row?.epochs) + toNumber(row?.merges);
}
