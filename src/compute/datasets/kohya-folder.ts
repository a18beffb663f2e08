import type { ZipEntry } from '../../catalogue/files/zip.ts';
import { AppError } from '../../kit/errors.ts';
import type { TrainingLimits } from './limits.ts';

// Trainers read a folder of folders: `10_ink wash/boat.png` is shown ten times an epoch, `boat.txt` beside it is its
// caption, and without one it is the folder's words.

const PICTURES = /\.(?:png|jpe?g|webp|avif|gif)$/i;
const CAPTIONS = /\.(?:txt|caption)$/i;
/** What systems leave in archives and nobody means. */
const LITTER = /(?:^|\/)(?:__MACOSX\/|\.|Thumbs\.db$|desktop\.ini$)/i;
const MOST_CAPTION_BYTES = 100_000;
/** Pictures are packed already, and text packs about four to one. */
const MOST_RATIO = 100;
const RATIO_FROM_BYTES = 1_000_000;

export interface PlannedPicture {
  readonly entry: ZipEntry;
  readonly fileName: string;
  /** 0 where the folder says nothing. */
  readonly repeats: number;
  readonly captionEntry: ZipEntry | null;
  /** Of the folder, where there is no text. */
  readonly folderCaption: string;
}

export interface FolderPlan {
  readonly pictures: readonly PlannedPicture[];
  /** Names of what is neither picture nor caption. */
  readonly others: readonly string[];
}

/** Judges an archive by its directory, before anything is unpacked. Throws `invalid` or `too_large`. */
export function planFolder(
  entries: readonly ZipEntry[],
  { maxImages, maxMegabytes }: Pick<TrainingLimits, 'maxImages' | 'maxMegabytes'>,
): FolderPlan {
  if (entries.length > 4 * maxImages + 100)
    throw new AppError('too_large', `The archive has ${entries.length} entries; a set holds ${maxImages} pictures.`);
  for (const entry of entries) assertSound(entry);
  const files = entries.filter(({ name }) => !name.endsWith('/') && !LITTER.test(name));
  const totalBytes = files.reduce((sum, { unpackedBytes }) => sum + unpackedBytes, 0);
  if (totalBytes > maxMegabytes * 1_000_000 + maxImages * MOST_CAPTION_BYTES) {
    throw new AppError('too_large', `The archive unpacks to more than the ${maxMegabytes} MB that a set holds.`);
  }
  const captions = new Map(files.filter(({ name }) => CAPTIONS.test(name)).map((entry) => [stemOf(entry.name), entry]));
  const pictures = files
    .filter(({ name }) => PICTURES.test(name))
    .map((entry): PlannedPicture => {
      const [fileName = '', folder = ''] = entry.name.split('/').reverse();
      const [, repeats = '0', words = ''] = /^(\d{1,4})_(.*)$/.exec(folder) ?? [];
      return {
        ...{ entry, fileName, repeats: Math.min(1_000, Number(repeats)) },
        captionEntry: captions.get(stemOf(entry.name)) ?? null,
        folderCaption: words.replaceAll('_', ' ').trim(),
      };
    });
  if (pictures.length === 0) throw new AppError('invalid', 'There is no picture in this archive.');
  if (pictures.length > maxImages) {
    throw new AppError('too_large', `The archive has ${pictures.length} pictures; a set holds ${maxImages}.`);
  }
  const others = files.filter(({ name }) => !PICTURES.test(name) && !CAPTIONS.test(name)).map(({ name }) => name);
  return { pictures, others };
}

/** No name of an archive becomes a path here; one that tries to is no honest archive. */
function assertSound({ name, packedBytes, unpackedBytes }: ZipEntry): void {
  const isAstray = /^\/|\\|\p{Cc}|^[A-Za-z]:/u.test(name) || name.split('/').includes('..') || name.length > 500;
  if (isAstray) throw new AppError('invalid', 'The archive has an entry whose path leads out of it.');
  if (unpackedBytes > RATIO_FROM_BYTES && unpackedBytes > packedBytes * MOST_RATIO) {
    throw new AppError('invalid', 'The archive unpacks to far more than it is; such archives are not taken.');
  }
  if (CAPTIONS.test(name) && unpackedBytes > MOST_CAPTION_BYTES) {
    throw new AppError('invalid', 'The archive has a text that is too long for a caption.');
  }
}

/** A name without its last ending, in lower case. */
export const stemOf = (name: string): string => name.replace(/\.[^.]*$/, '').toLowerCase();
