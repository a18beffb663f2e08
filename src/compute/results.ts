import { rows } from '../kit/database/sql.ts';
import { newId } from '../kit/ids.ts';
import type { JobHandle } from '../kit/queue/define.ts';
import { writeUnderFence } from '../kit/queue/lease.ts';
import type { PutResult } from '../kit/storage/files.ts';
import { cropImage } from '../kit/storage/images-crop.ts';
import type { Work } from '../kit/work.ts';
import type { EngineImage } from './engine/protocol.ts';
import { Generation, GenerationImage, OUTPUT_FORMATS, type OutputFormat } from './model.ts';

const THUMB_PX = 640;

/**
 * Stores what a run made and ends the generation, all in one transaction under the fence: a run that was overtaken, or
 * whose generation was cancelled or deleted meanwhile, leaves no row. A second run after a crash finds nothing half done.
 */
export async function keepResults(
  { em, files, now }: Pick<Work, 'em' | 'files' | 'now'>,
  handle: JobHandle,
  generation: Generation,
  { images, warnings }: { readonly images: readonly EngineImage[]; readonly warnings: readonly string[] },
  pathOf: (name: string) => string,
): Promise<void> {
  const stored: { image: EngineImage; blob: PutResult; thumb: PutResult | null }[] = [];
  for (const image of images) {
    const path = pathOf(image.file);
    const scale = Math.min(1, THUMB_PX / Math.max(image.w, image.h));
    const small = await cropImage(
      path,
      Math.max(1, Math.round(image.w * scale)),
      Math.max(1, Math.round(image.h * scale)),
    );
    const [thumb, blob] = await Promise.all([files.put(small), files.put({ path, sha256: image.sha256, move: true })]);
    stored.push({ image, thumb, blob });
  }
  await writeUnderFence(em, handle, async (tx) => {
    const [ended] = await rows<{ id: string }>(
      tx,
      `update generation set state = 'done', finished_at = ?, warnings = ? where id = ? and state = 'queued' returning id`,
      [now(), warnings.length > 0 ? JSON.stringify(warnings) : null, generation.id],
    );
    if (!ended) return;
    for (const { image, blob, thumb } of stored) {
      tx.create(
        GenerationImage,
        {
          id: newId(),
          generation: tx.getReference(Generation, generation.id),
          position: image.index,
          ...{ sha256: blob.sha256, totalBytes: blob.totalBytes, width: image.w, height: image.h },
          ...{ seed: image.seed, infotext: image.infotext, format: formatOf(image.file) },
          ...{ thumbSha256: thumb?.sha256 ?? null, thumbBytes: thumb?.totalBytes ?? 0 },
          createdAt: now(),
        },
        { persist: true },
      );
    }
    await tx.flush();
  });
}

function formatOf(file: string): OutputFormat {
  const ending = file.split('.').at(-1) ?? '';
  return OUTPUT_FORMATS.find((format) => format === (ending === 'jpg' ? 'jpeg' : ending)) ?? 'png';
}
