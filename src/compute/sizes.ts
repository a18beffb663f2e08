import type { FamilyCaps } from './models/families.ts';

export interface SizePreset {
  readonly value: string;
  readonly width: number;
  readonly height: number;
}

const SHAPES = [
  [1, 1],
  [2, 3],
  [3, 2],
  [3, 4],
  [4, 3],
  [9, 16],
  [16, 9],
] as const;

/**
 * Usual shapes of a family: from 1,024 px up with the area that it was trained on, below with its size as the short side.
 */
export function sizePresets({
  default_size: size,
  min_size: least,
  max_size: most,
  size_step,
}: FamilyCaps): SizePreset[] {
  const step = size >= 512 ? 64 : size_step;
  const fit = (length: number) => Math.min(most, Math.max(least, Math.round(length / step) * step));
  const presets = SHAPES.map(([across, down]) => {
    const base = size >= 1024 ? size / Math.sqrt(across * down) : size / Math.min(across, down);
    const [width, height] = [fit(base * across), fit(base * down)];
    return { value: `${width}x${height}`, width, height };
  });
  return presets.filter(({ value }, n) => presets.findIndex((other) => other.value === value) === n);
}

/** The nearest size that a family makes with the shape of a picture, at most `factor` times as large. */
export function fittingSize(
  picture: { readonly width: number; readonly height: number },
  { min_size: least, max_size: most, max_pixels: mostPixels, size_step: step }: FamilyCaps,
  factor = 1,
): { readonly width: number; readonly height: number } {
  const { width, height } = picture;
  const scale = Math.min(factor, most / Math.max(width, height), Math.sqrt(mostPixels / (width * height)));
  const grown = Math.max(scale, Math.min(1, least / Math.min(width, height)));
  const fit = (length: number) => Math.min(most, Math.max(least, Math.floor((length * grown) / step) * step));
  return { width: fit(width), height: fit(height) };
}
