import sharp from 'sharp';

/** A picture of one colour in this size. */
export const paint = (width: number, height: number, format: 'png' | 'jpeg', background = '#a03020'): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background } })
    .toFormat(format)
    .toBuffer();
