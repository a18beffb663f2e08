import { AppError } from '../errors.ts';
import { type ImageInput, inspectImage, openImage } from './images.ts';

/**
 * The middle of a picture in exactly this size, upright, as WebP without metadata; of an animation the first frame.
 * Throws what `inspectImage` throws, and `invalid` for a picture that does not decode.
 */
export async function cropImage(input: ImageInput, width: number, height: number): Promise<Buffer> {
  await inspectImage(input);
  return openImage(input)
    .autoOrient()
    .resize({ width, height, fit: 'cover', position: 'attention' })
    .toColourspace('srgb')
    .webp({ quality: 82 })
    .toBuffer()
    .catch((cause: unknown) => {
      throw new AppError('invalid', 'This image is damaged.', { cause });
    });
}
