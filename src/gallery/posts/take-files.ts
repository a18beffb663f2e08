import { failureOf } from '../../kit/web/errors.ts';
import type { UploadedFile } from '../../kit/web/multipart.ts';
import type { Work } from '../../kit/work.ts';
import type { ImageLimits } from '../deps.ts';
import { addImage } from '../images/add.ts';

export interface TakenFile {
  readonly imageId: number;
  readonly name: string;
  readonly duplicateUrl: string | null;
}

export interface RefusedFile {
  readonly name: string;
  readonly message: string;
  readonly status: number;
}

/** Takes files one by one into a post: a bad one does not keep the others out. Faults of ours pass through. */
export async function takeFiles(
  work: Pick<Work, 'em' | 'viewer' | 'files' | 'jobs' | 'now'>,
  limits: ImageLimits,
  postId: number,
  files: readonly UploadedFile[],
): Promise<{ taken: TakenFile[]; refused: RefusedFile[] }> {
  const taken: TakenFile[] = [];
  const refused: RefusedFile[] = [];
  for (const { path, fileName: name } of files) {
    try {
      const { imageId, duplicateUrl } = await addImage(work, limits, { postId, source: path });
      taken.push({ imageId, name, duplicateUrl });
    } catch (error) {
      const { isFault, message, status } = failureOf(error);
      if (isFault) throw error;
      refused.push({ name, message: `${name}: ${message}`, status });
    }
  }
  return { taken, refused };
}
