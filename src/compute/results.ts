import { readFile } from 'node:fs/promises';
import { endHold } from '../economy/holds.ts';
import { rows } from '../kit/database/sql.ts';
import { AppError } from '../kit/errors.ts';
import { record } from '../kit/events/events.ts';
import { newId } from '../kit/ids.ts';
import type { JobHandle } from '../kit/queue/define.ts';
import { writeUnderFence } from '../kit/queue/lease.ts';
import type { PutResult } from '../kit/storage/files.ts';
import { cropImage } from '../kit/storage/images-crop.ts';
import { t } from '../kit/web/messages.ts';
import type { Work } from '../kit/work.ts';
import type { HashGate } from '../safety/hashes/gate.ts';
import type { EngineImage } from './engine/protocol.ts';
import { generationEnded, generationPaid } from './events.ts';
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
    // whoever waits for it waits for the slower of the two only; the small one is made of bytes that cannot be moved away
    const bytes = await readFile(path);
    const [thumb, blob] = await Promise.all([
      smallOf(bytes, image).then((small) => files.put(small)),
      files.put({ path, sha256: image.sha256, move: true }),
    ]);
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
    const { paid } = await endHold(tx, { kind: 'generation', id: generation.id }, 'capture', now());
    if (paid > 0) record(tx, generationPaid, { generationId: generation.id });
    record(tx, generationEnded, { generationId: generation.id, isDone: true });
    await tx.flush();
  });
}

function smallOf(bytes: Buffer, { w, h }: Pick<EngineImage, 'w' | 'h'>): Promise<Buffer> {
  const scale = Math.min(1, THUMB_PX / Math.max(w, h));
  return cropImage(bytes, Math.max(1, Math.round(w * scale)), Math.max(1, Math.round(h * scale)));
}

/**
 * The pictures that may be kept; of each other one the warnings say that it was left out. What only looks alike is its
 * maker's alone so far, and judged again when it is posted. Throws `withheld` when none is left.
 */
export async function withoutBlocked(
  { em }: Pick<Work, 'em'>,
  gate: HashGate,
  { account }: Pick<Generation, 'account'>,
  images: readonly EngineImage[],
  pathOf: (name: string) => string,
  warnings: string[],
): Promise<EngineImage[]> {
  const kept: EngineImage[] = [];
  for (const image of images) {
    try {
      await gate.judgePicture(em, { door: 'generated-output', accountId: account.id }, pathOf(image.file));
      kept.push(image);
    } catch (error) {
      if (!(error instanceof AppError) || error.kind !== 'withheld') throw error;
      if (images.length === 1) throw error;
      warnings.push(t('generate.left-out'));
    }
  }
  if (kept.length === 0 && images.length > 0) throw new AppError('withheld', t('generate.left-out'));
  return kept;
}

function formatOf(file: string): OutputFormat {
  const ending = file.split('.').at(-1) ?? '';
  return OUTPUT_FORMATS.find((format) => format === (ending === 'jpg' ? 'jpeg' : ending)) ?? 'png';
}
