import { failureOf } from '../../../kit/web/errors.ts';
import type { UploadedFile } from '../../../kit/web/multipart.ts';
import type { Work } from '../../../kit/work.ts';
import { addItem, type DatasetLimits } from '../add-item.ts';
import { stemOf } from '../kohya-folder.ts';
import type { Dataset } from '../model.ts';

export interface TakenItem {
  readonly itemId: string;
  readonly name: string;
}

export interface RefusedFile {
  readonly name: string;
  readonly message: string;
  readonly status: number;
}

/**
 * Takes files one by one: a bad one does not keep the others out. A text file beside a picture of the same name is its
 * caption, as trainers have it. Faults of ours pass through.
 */
export async function takeFiles(
  work: Pick<Work, 'em' | 'files' | 'now'>,
  limits: DatasetLimits,
  dataset: Dataset,
  files: readonly UploadedFile[],
  captions: ReadonlyMap<string, string>,
): Promise<{ readonly taken: readonly TakenItem[]; readonly refused: readonly RefusedFile[] }> {
  const taken: TakenItem[] = [];
  const refused: RefusedFile[] = [];
  for (const { path, fileName: name } of files) {
    try {
      const item = await addItem(work, limits, dataset, {
        ...{ fileName: name, source: path },
        caption: captions.get(stemOf(name)) ?? '',
      });
      taken.push({ itemId: item.id, name });
    } catch (error) {
      const { isFault, message, status } = failureOf(error);
      if (isFault) throw error;
      refused.push({ name, message: `${name}: ${message}`, status });
    }
  }
  return { taken, refused };
}
