/**
 * PDQ, the perceptual hash of ThreatExchange and StopNCII: 256 bits of which few change when a picture is re-encoded,
 * resized or recoloured. Written from its description ("The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing
 * Algorithm", Facebook, 2019, sections 3 to 5): blur and thin out to 64 × 64, take the 16 × 16 lowest waves of a cosine
 * transform without the constant one, and set a bit for each that is above the median.
 */

/** Lightness, 0 to 255, row by row. */
export interface Luma {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

export interface Pdq {
  /** 64 hex digits, the highest bit first. */
  readonly hash: string;
  /** 0 to 100: how much there is in the picture that tells it from others. */
  readonly quality: number;
}

/** Below this a hash says too little, and only the exact bytes are compared (spec/guardrails.md section 4). */
export const LEAST_QUALITY = 50;
export const PDQ_WORDS = 8;

const BLOCKS = 64;
const WAVES = 16;
/** Smaller is no picture. */
const LEAST_SIDE = 5;
const PASSES = 2;

/** [16, 64]: row i is the wave of frequency i + 1. The constant one is left out, so brightness does not count. */
const WAVE_TABLE = Float32Array.from({ length: WAVES * BLOCKS }, (_, n) => {
  const [wave, at] = [Math.floor(n / BLOCKS), n % BLOCKS];
  return Math.sqrt(2 / BLOCKS) * Math.cos((Math.PI / 2 / BLOCKS) * (wave + 1) * (2 * at + 1));
});

/** Rec. 601, as the reference weighs the colours. `rgb` has three bytes a pixel. */
export function lumaOf(rgb: Uint8Array, width: number, height: number): Luma {
  const data = new Float32Array(width * height);
  for (let at = 0, from = 0; at < data.length; at += 1, from += 3) {
    data[at] = 0.299 * (rgb[from] ?? 0) + 0.587 * (rgb[from + 1] ?? 0) + 0.114 * (rgb[from + 2] ?? 0);
  }
  return { width, height, data };
}

/** A picture of under five pixels a side has quality 0. */
export function pdqOf(luma: Luma): Pdq {
  if (luma.width < LEAST_SIDE || luma.height < LEAST_SIDE) return { hash: '0'.repeat(64), quality: 0 };
  const blocks = thinned(luma);
  return { hash: bitsOf(transformed(blocks)), quality: qualityOf(blocks) };
}

/** The highest frequencies come first. */
function bitsOf(waves: Float32Array): string {
  // of 256 the 128th, as the reference has it, not the mean of the two in the middle
  const median = [...waves].sort((a, b) => a - b)[waves.length / 2 - 1] ?? 0;
  let hash = '';
  for (let digit = waves.length / 4 - 1; digit >= 0; digit -= 1) {
    let value = 0;
    for (let bit = 3; bit >= 0; bit -= 1) value = value * 2 + ((waves[digit * 4 + bit] ?? 0) > median ? 1 : 0);
    hash += value.toString(16);
  }
  return hash;
}

export const isPdq = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);

/** Eight words of 32 bits, as `distance` compares them. */
export function writeWords(hash: string, into: Uint32Array, at: number): void {
  for (let word = 0; word < PDQ_WORDS; word += 1)
    into[at + word] = Number.parseInt(hash.slice(word * 8, word * 8 + 8), 16);
}

export function wordsOf(hash: string): Uint32Array {
  const words = new Uint32Array(PDQ_WORDS);
  writeWords(hash, words, 0);
  return words;
}

/** Bits that differ, or any number above `most` as soon as it is passed. */
export function distance(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number, most: number): number {
  let bits = 0;
  for (let word = 0; word < PDQ_WORDS; word += 1) {
    let n = (a[aAt + word] as number) ^ (b[bAt + word] as number);
    n -= (n >>> 1) & 0x55555555;
    n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
    bits += Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
    if (bits > most) return bits;
  }
  return bits;
}

/** [64, 64]: two tent filters in each direction, then the middle of each block. */
function thinned({ width, height, data }: Luma): Float32Array {
  let blurred: Float32Array = data;
  if (width !== BLOCKS || height !== BLOCKS) {
    const [one, two] = [new Float32Array(data.length), new Float32Array(data.length)];
    const [across, down] = [windowOf(width), windowOf(height)];
    blurred = data;
    for (let pass = 0; pass < PASSES; pass += 1) {
      for (let row = 0; row < height; row += 1) boxFilter(blurred, one, row * width, 1, width, across);
      for (let column = 0; column < width; column += 1) boxFilter(one, two, column, width, height, down);
      blurred = two;
    }
  }
  const blocks = new Float32Array(BLOCKS * BLOCKS);
  for (let row = 0; row < BLOCKS; row += 1) {
    const fromRow = Math.floor(((row + 0.5) * height) / BLOCKS) * width;
    for (let column = 0; column < BLOCKS; column += 1) {
      blocks[row * BLOCKS + column] = blurred[fromRow + Math.floor(((column + 0.5) * width) / BLOCKS)] ?? 0;
    }
  }
  return blocks;
}

/** Half a block for each of two passes, rounded up. */
const windowOf = (side: number): number => Math.floor((side + 2 * BLOCKS - 1) / (2 * BLOCKS));

/** A running mean over `window` values, of which the middle one is written; at the ends over those that are there. */
function boxFilter(
  from: Float32Array,
  into: Float32Array,
  start: number,
  stride: number,
  count: number,
  window: number,
): void {
  const ahead = Math.floor((window + 2) / 2) - 1;
  const behind = window - ahead - 1;
  let sum = 0;
  let size = 0;
  for (let at = 0; at < Math.min(ahead, count); at += 1) {
    sum += from[start + at * stride] as number;
    size += 1;
  }
  for (let at = 0; at < count; at += 1) {
    if (at + ahead < count) {
      sum += from[start + (at + ahead) * stride] as number;
      size += 1;
    }
    if (at - behind > 0) {
      sum -= from[start + (at - behind - 1) * stride] as number;
      size -= 1;
    }
    into[start + at * stride] = sum / size;
  }
}

/** Steps between neighbours that one would see, against what a lively picture has. */
function qualityOf(blocks: Float32Array): number {
  const step = (one: number, other: number): number =>
    Math.abs(Math.trunc((((blocks[one] ?? 0) - (blocks[other] ?? 0)) * 100) / 255));
  let sum = 0;
  for (let row = 0; row < BLOCKS; row += 1) {
    for (let column = 0; column < BLOCKS; column += 1) {
      const at = row * BLOCKS + column;
      if (row + 1 < BLOCKS) sum += step(at, at + BLOCKS);
      if (column + 1 < BLOCKS) sum += step(at, at + 1);
    }
  }
  return Math.min(100, Math.trunc(sum / 90));
}

/** [16, 16] = table · blocks · tableᵀ. */
function transformed(blocks: Float32Array): Float32Array {
  const half = new Float32Array(WAVES * BLOCKS);
  for (let wave = 0; wave < WAVES; wave += 1) {
    for (let column = 0; column < BLOCKS; column += 1) {
      let sum = 0;
      for (let at = 0; at < BLOCKS; at += 1) {
        sum += (WAVE_TABLE[wave * BLOCKS + at] as number) * (blocks[at * BLOCKS + column] as number);
      }
      half[wave * BLOCKS + column] = sum;
    }
  }
  const waves = new Float32Array(WAVES * WAVES);
  for (let row = 0; row < WAVES; row += 1) {
    for (let wave = 0; wave < WAVES; wave += 1) {
      let sum = 0;
      for (let at = 0; at < BLOCKS; at += 1) {
        sum += (half[row * BLOCKS + at] as number) * (WAVE_TABLE[wave * BLOCKS + at] as number);
      }
      waves[row * WAVES + wave] = sum;
    }
  }
  return waves;
}
