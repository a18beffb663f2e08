import { AppError } from '../errors.ts';
import { type ImageInput, openImage } from './images.ts';

/** Grey and blurred, so that nothing can be made out; grey alone; or as it is. */
export const VEILS = ['full', 'grey', 'none'] as const;
export type Veil = (typeof VEILS)[number];

const SHOWN_SIDE = 960;
/** So few pixels that no sharpening brings back what was there. */
const BLURRED_SIDE = 24;

/** A WebP for who must look, without anything that the file said of itself. The first frame stands for an animation. */
export async function veiledWebp(input: ImageInput, veil: Veil): Promise<Buffer> {
  const inside = { fit: 'inside', withoutEnlargement: true } as const;
  try {
    const side = veil === 'full' ? BLURRED_SIDE : SHOWN_SIDE;
    const shown = openImage(input, { pages: 1 })
      .autoOrient()
      .resize({ width: side, height: side, ...inside });
    if (veil !== 'full') return await (veil === 'grey' ? shown.greyscale() : shown).webp({ quality: 80 }).toBuffer();
    const small = await shown.greyscale().png().toBuffer();
    return await openImage(small).resize({ width: 320, height: 320, fit: 'inside' }).blur(12).webp().toBuffer();
  } catch (cause) {
    throw new AppError('invalid', 'This image is damaged.', { cause });
  }
}
