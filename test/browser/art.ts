import sharp from 'sharp';
import { textChunk } from '../gallery/recipe/carriers.ts';

/** A PNG that looks like something, different for each seed, with the text that A1111 writes when `parameters` is given. */
export async function picture(
  seed: number,
  { width = 384, height = 512, parameters }: { width?: number; height?: number; parameters?: string } = {},
): Promise<Buffer> {
  const hue = (seed * 67) % 360;
  const at = (n: number, of: number) => Math.round((((seed * 31 + n * 53) % 97) / 97) * of);
  const shapes = Array.from({ length: 9 }, (_, n) => {
    const colour = `hsl(${(hue + n * 23) % 360} ${40 + ((n * 17) % 50)}% ${25 + ((n * 29) % 55)}%)`;
    return `<circle cx="${at(n, width)}" cy="${at(n + 40, height)}" r="${20 + at(n + 7, width / 3)}" fill="${colour}" opacity="0.7"/>`;
  });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <linearGradient id="a" x2="1" y2="1"><stop stop-color="hsl(${hue} 45% 22%)"/><stop offset="1" stop-color="hsl(${hue + 70} 60% 62%)"/></linearGradient>
    <rect width="100%" height="100%" fill="url(#a)"/>${shapes.join('')}</svg>`;
  const plain = await sharp(Buffer.from(svg)).png().toBuffer();
  if (!parameters) return plain;
  const afterHeader = 8 + 25; // the signature, and IHDR, which is always first and always that long
  return Buffer.concat([
    plain.subarray(0, afterHeader),
    textChunk('parameters', parameters, 'latin1'),
    plain.subarray(afterHeader),
  ]);
}

/** What A1111 writes beside a picture. `autoV2` are the ten digits by which it names a model. */
export const infotext = (model: string, autoV2: string, prompt = 'a brass owl on a shelf, soft light'): string =>
  [
    prompt,
    'Negative prompt: blurry, low quality',
    `Steps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 1234567890, Size: 384x512, Model hash: ${autoV2}, Model: ${model}, Version: v1.10.1`,
  ].join('\n');
