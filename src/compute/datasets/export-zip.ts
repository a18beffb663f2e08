import { buffer } from 'node:stream/consumers';
import { turnImage } from '../../kit/storage/images-turn.ts';
import type { ZipFile } from '../../kit/web/download/zip.ts';
import type { Work } from '../../kit/work.ts';
import type { Dataset, DatasetItem } from './model.ts';

/** As large as a trainer ever wants one. */
export const LONGEST_TRAINED_PX = 4_096;

/** A part of a path that every system takes. */
export const folderName = (words: string): string =>
  words
    .replaceAll(/[^\p{L}\p{N} .-]+/gu, ' ')
    .replaceAll(/\s+/g, ' ')
    .replace(/^[ .]+|[ .]+$/g, '')
    .slice(0, 60) || 'pictures';

/** A set as the folder that trainers read: what is cut and turned comes so, the rest as it is. */
export async function* folderFiles(
  { files }: Pick<Work, 'files'>,
  { name }: Pick<Dataset, 'name'>,
  items: readonly DatasetItem[],
): AsyncGenerator<ZipFile> {
  for (const [n, item] of items.entries()) {
    const { bytes, ending } = await trainedBytes(files, item);
    const stem = `${item.repeats || 1}_${folderName(name)}/${String(n + 1).padStart(4, '0')}`;
    yield { name: `${stem}.${ending}`, bytes };
    yield { name: `${stem}.txt`, bytes: Buffer.from(item.caption) };
  }
}

async function trainedBytes(
  files: Work['files'],
  item: DatasetItem,
): Promise<{ readonly bytes: Uint8Array; readonly ending: string }> {
  const original = await buffer(files.open(item.sha256));
  if (item.crop == null && item.rotation === 0) return { bytes: original, ending: endingOf(item.mediaType) };
  const turn = { rotation: item.rotation, crop: item.crop ?? null };
  const { bytes } = await turnImage(original, turn, { format: 'png', longestSide: LONGEST_TRAINED_PX });
  return { bytes, ending: 'png' };
}

const endingOf = (mediaType: string): string => mediaType.replace('image/', '').replace('jpeg', 'jpg');
