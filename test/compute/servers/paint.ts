import sharp from 'sharp';

/** A picture of one colour in this size. */
export const paint = (width: number, height: number, format: 'png' | 'jpeg'): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: '#a03020' } })
    .toFormat(format)
    .toBuffer();
