import sharp from 'sharp';

/** The same numbers from the same seed: Park and Miller, 1988. */
function numbers(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state;
  };
}

/**
 * Discs over a gradient, three bytes a pixel, by whole numbers only, so that any program can make the same picture. It
 * has large and small shapes, as a picture has that somebody would block.
 */
export function drawing(seed: number, width = 512, height = 384): Buffer {
  const next = numbers(seed);
  const discs = Array.from({ length: 40 }, () => ({
    x: next() % width,
    y: next() % height,
    r: 8 + (next() % Math.floor(height / 5)),
    colour: [next() % 256, next() % 256, next() % 256] as const,
  }));
  const rgb = Buffer.alloc(width * height * 3);
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 3) {
      let [r, g, b]: readonly number[] = [Math.floor((x * 255) / width), Math.floor((y * 255) / height), 128];
      for (const disc of discs) {
        const [dx, dy] = [x - disc.x, y - disc.y];
        if (dx * dx + dy * dy < disc.r * disc.r) [r, g, b] = disc.colour;
      }
      rgb.set([r ?? 0, g ?? 0, b ?? 0], at);
    }
  }
  return rgb;
}

export const drawn = (seed: number, width = 512, height = 384): Promise<Buffer> =>
  sharp(drawing(seed, width, height), { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
