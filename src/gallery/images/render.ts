import { z } from 'zod';
import { scrubberOf } from '../../catalogue/names/scrub.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { defineJob } from '../../kit/queue/define.ts';
import type { Files } from '../../kit/storage/files.ts';
import { cleanCopy, evenLowestBits } from '../../kit/storage/images-clean.ts';
import { renderJpeg, renderSizes } from '../../kit/storage/images-render.ts';
import type { Work } from '../../kit/work.ts';
import { imageRendered } from '../events.ts';
import { Image, ImageSize } from '../model.ts';
import { isGenerationData } from '../recipe/keep.ts';
import { hasHiddenText } from '../recipe/stealth.ts';
import { listMaskedNames, NAME_MASK } from './mask-names.ts';

/** The widths of the addresses under `/media/`, one after the other: a kill keeps those before it. */
const WIDTHS = [320, 640, 1280, 'full'] as const;

export const renderImageJob = defineJob({
  name: 'gallery.render-image',
  lane: 'media',
  payload: z.object({ imageId: z.int() }),
  attempts: 4,
  run: (work, { imageId }, handle) => renderImage(work, imageId, handle),
});

/** Makes the sizes that pages show and the copy that is handed out. A second run makes the same rows. */
async function renderImage(
  { em, files, now }: Pick<Work, 'em' | 'files' | 'now'>,
  imageId: number,
  handle: { progress(done: number, total: number): void; signal: AbortSignal },
): Promise<void> {
  const image = await em.findOne(Image, imageId);
  if (!image?.sha256) return;
  const original = await readBlob(files, image.sha256);
  try {
    const renditions = await renderSizes(original, WIDTHS);
    handle.signal.throwIfAborted();
    let done = 0;
    for (const { widthName, format, width, height, bytes } of renditions) {
      const { sha256, totalBytes } = await files.put(bytes);
      const targetWidth = widthName === 'full' ? 0 : Number(widthName);
      await em.upsert(ImageSize, { image: imageId, targetWidth, format, sha256, totalBytes, width, height });
      done += 1;
      handle.progress(done, renditions.length);
    }
    // a peer's picture is shown here and sent nowhere
    const jpeg = image.isLocal ? await renderJpeg(original) : null;
    if (jpeg) {
      const { sha256, totalBytes } = await files.put(jpeg.bytes);
      const { width, height } = jpeg;
      await em.upsert(ImageSize, { image: imageId, targetWidth: 0, format: 'jpeg', sha256, totalBytes, width, height });
    }
    await makeCleanCopy({ em, files }, imageId);
  } catch (error) {
    // a picture that does not decode will not do so next time; what the store refuses may
    if (!(error instanceof AppError) || (error.kind !== 'invalid' && error.kind !== 'too_large')) throw error;
    await em.nativeUpdate(Image, { id: imageId }, { renderError: error.message.slice(0, 300) });
    return;
  }
  await em.transactional(async (tx) => {
    await tx.nativeUpdate(Image, { id: imageId }, { renderedAt: now(), renderError: null });
    record(tx, imageRendered, { imageId });
    await tx.flush();
  });
}

/**
 * The original without camera and place, and without the recipe when its author hides it. Kept as a blob, so that a
 * download costs no work. Returns null when the picture is gone.
 */
export async function makeCleanCopy(
  { em, files }: Pick<Work, 'em' | 'files'>,
  imageId: number,
): Promise<{ sha256: string; totalBytes: number } | null> {
  const image = await em.findOne(Image, imageId, { refresh: true });
  if (!image?.sha256) return null;
  const { isRecipeHidden } = image;
  const original = await readBlob(files, image.sha256);
  const scrubber = scrubberOf(await listMaskedNames(em, imageId));
  const clean = await cleanCopy(original, (text) => {
    if (isRecipeHidden || !isGenerationData(text)) return false;
    return scrubber?.has(text.text) ? scrubber.scrub(text.text, NAME_MASK) : true;
  });
  // some tools write the recipe into the pixels as well
  const isInPixels = (isRecipeHidden || scrubber !== null) && (await hasHiddenText(clean));
  const { sha256, totalBytes } = await files.put(isInPixels ? await evenLowestBits(clean) : clean);
  // its author may have hidden the recipe in the meantime, and then these bytes must not be what is handed out
  const isStill = await em.nativeUpdate(
    Image,
    { id: imageId, isRecipeHidden },
    { cleanSha256: sha256, cleanBytes: totalBytes },
  );
  return isStill > 0 ? { sha256, totalBytes } : null;
}

async function readBlob(files: Pick<Files, 'open'>, sha256: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of files.open(sha256)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
