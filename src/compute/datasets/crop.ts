import { z } from 'zod';
import type { Crop } from '../../kit/storage/images-turn.ts';

const pixels = z.coerce.number('Give a number of pixels.').int('Whole pixels only.').min(0, 'At least 0.').max(100_000);

/** In pixels of the turned picture. */
export const CropForm = z.object({ left: pixels, top: pixels, width: pixels, height: pixels });

export interface Shape {
  readonly width: number;
  readonly height: number;
}

/** Below this there is nothing to learn from. */
export const LEAST_CROP_PX = 16;

const isSideways = (rotation: number): boolean => rotation % 180 !== 0;

/** The whole picture after it was turned. */
export const turnedShape = ({ width, height }: Shape, rotation: number): Shape =>
  isSideways(rotation) ? { width: height, height: width } : { width, height };

/** What is trained on. */
export const partShape = (
  item: Shape & { readonly rotation: number; readonly crop?: Crop | null | undefined },
): Shape => (item.crop ? { width: item.crop.width, height: item.crop.height } : turnedShape(item, item.rotation));

/** The same part after the picture, whose shape is given, was turned clockwise by a quarter. */
export const turnCrop = ({ left, top, width, height }: Crop, before: Shape): Crop => ({
  left: before.height - top - height,
  top: left,
  width: height,
  height: width,
});

/** Null when it is the whole picture; otherwise moved into the picture. Too small a part is an error, as a sentence. */
export function fitCrop(wanted: Crop, { width, height }: Shape): Crop | null | string {
  const left = Math.min(wanted.left, width - 1);
  const top = Math.min(wanted.top, height - 1);
  const crop = {
    left,
    top,
    width: Math.min(wanted.width, width - left),
    height: Math.min(wanted.height, height - top),
  };
  if (crop.width < LEAST_CROP_PX || crop.height < LEAST_CROP_PX) {
    return `A part has at least ${LEAST_CROP_PX} × ${LEAST_CROP_PX} pixels.`;
  }
  return crop.width === width && crop.height === height ? null : crop;
}
