import { buffer } from 'node:stream/consumers';
import type { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { turnImage } from '../../kit/storage/images-turn.ts';
import type { Work } from '../../kit/work.ts';
import { THUMB_PX } from './add-item.ts';
import { type CropForm, fitCrop, turnCrop, turnedShape } from './crop.ts';
import { picturesChanged } from './events.ts';
import type { DatasetItem } from './model.ts';
import { loadOwnItem } from './own.ts';

type Editing = Pick<Work, 'em' | 'viewer' | 'files' | 'now'>;

/** Turns a picture clockwise by a quarter, and its part with it. The bytes stay as they are. */
export async function rotateItem(work: Editing, itemId: string): Promise<DatasetItem> {
  const { item, dataset } = await loadOwnItem(work, itemId);
  if (item.crop) item.crop = turnCrop(item.crop, turnedShape(item, item.rotation));
  item.rotation = (item.rotation + 90) % 360;
  dataset.updatedAt = work.now();
  return keep(work, item);
}

/** Throws `invalid` for a part that is too small. The whole picture is no part. */
export async function cropItem(work: Editing, itemId: string, form: z.output<typeof CropForm>): Promise<DatasetItem> {
  const { item, dataset } = await loadOwnItem(work, itemId);
  const crop = fitCrop(form, turnedShape(item, item.rotation));
  if (typeof crop === 'string') throw new AppError('invalid', crop, { fields: { width: crop } });
  item.crop = crop;
  dataset.updatedAt = work.now();
  return keep(work, item);
}

/** How often an epoch shows it; 0 is as often as the others. */
export async function repeatItem(work: Editing, itemId: string, repeats: number): Promise<DatasetItem> {
  const { item } = await loadOwnItem(work, itemId);
  item.repeats = repeats;
  await work.em.flush();
  return item;
}

async function keep({ em, files }: Editing, item: DatasetItem): Promise<DatasetItem> {
  const source = files.localPath(item.sha256) ?? (await buffer(files.open(item.sha256)));
  const turn = { rotation: item.rotation, crop: item.crop ?? null };
  const thumb = await turnImage(source, turn, { format: 'webp', longestSide: THUMB_PX });
  const { sha256, totalBytes } = await files.put(thumb.bytes);
  // another part, perhaps with other faces
  Object.assign(item, { thumbSha256: sha256, thumbBytes: totalBytes, faceCount: null });
  record(em, picturesChanged, { datasetId: item.dataset.id });
  await em.flush();
  return item;
}
