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

/**
 * [64, 64]: two box filters in each direction, which together are a tent, then the middle of each block. A row goes
 * through all of it while it is in the cache, and of the second round only what is looked at afterwards is made.
 */
function thinned({ width, height, data }: Luma): Float32Array {
  if (width === BLOCKS && height === BLOCKS) return data;
  const [across, down] = [windowsOf(width, null), windowsOf(height, null)];
  const narrow = windowsOf(width, middlesOf(width));
  const sums = new Float64Array(Math.max(width, height) + 1);
  const column = new Float64Array(width);
  const ring = Array.from({ length: sizeOf(height) + 1 }, () => new Float32Array(width));
  const line = new Float32Array(width);
  const twice = new Float32Array(height * BLOCKS);
  for (let row = 0, come = 0, gone = 0; row < height; row += 1) {
    for (; come < (down.ends[row] as number); come += 1) {
      const filtered = ring[come % ring.length] as Float32Array;
      means(data, come * width, width, across, sums, filtered, 0);
      for (let n = 0; n < width; n += 1) column[n] = (column[n] as number) + (filtered[n] as number);
    }
    for (; gone < (down.firsts[row] as number); gone += 1) {
      const filtered = ring[gone % ring.length] as Float32Array;
      for (let n = 0; n < width; n += 1) column[n] = (column[n] as number) - (filtered[n] as number);
    }
    const share = down.shares[row] as number;
    for (let n = 0; n < width; n += 1) line[n] = (column[n] as number) * share;
    means(line, 0, width, narrow, sums, twice, row * BLOCKS);
  }
  const low = windowsOf(height, middlesOf(height));
  const blocks = new Float32Array(BLOCKS * BLOCKS);
  for (let row = 0; row < BLOCKS; row += 1) {
    for (let n = 0; n < BLOCKS; n += 1) {
      let sum = 0;
      for (let from = low.firsts[row] as number; from < (low.ends[row] as number); from += 1)
        sum += twice[from * BLOCKS + n] as number;
      blocks[row * BLOCKS + n] = sum * (low.shares[row] as number);
    }
  }
  return blocks;
}

/** Half a block for each of two rounds, rounded up. */
const sizeOf = (side: number): number => Math.floor((side + 2 * BLOCKS - 1) / (2 * BLOCKS));

const middlesOf = (side: number): Int32Array =>
  Int32Array.from({ length: BLOCKS }, (_, n) => Math.floor(((n + 0.5) * side) / BLOCKS));

/** For each place that is wanted: where the values begin and end of which it is the mean. At the ends there are fewer. */
interface Windows {
  readonly firsts: Int32Array;
  readonly ends: Int32Array;
  readonly shares: Float64Array;
}

function windowsOf(side: number, wanted: Int32Array | null): Windows {
  const ahead = Math.floor((sizeOf(side) + 2) / 2) - 1;
  const behind = sizeOf(side) - ahead - 1;
  const count = wanted?.length ?? side;
  const made = { firsts: new Int32Array(count), ends: new Int32Array(count), shares: new Float64Array(count) };
  for (let n = 0; n < count; n += 1) {
    const at = wanted ? (wanted[n] as number) : n;
    const [first, end] = [Math.max(0, at - behind), Math.min(side, at + ahead + 1)];
    made.firsts[n] = first;
    made.ends[n] = end;
    made.shares[n] = 1 / (end - first);
  }
  return made;
}

/** Means over a row. `sums` is room for the sums of its first n values, with which each mean is one subtraction. */
function means(
  from: Float32Array,
  start: number,
  width: number,
  { firsts, ends, shares }: Windows,
  sums: Float64Array,
  into: Float32Array,
  intoStart: number,
): void {
  let sum = 0;
  for (let n = 0; n < width; n += 1) {
    sum += from[start + n] as number;
    sums[n + 1] = sum;
  }
  for (let n = 0; n < firsts.length; n += 1) {
    const difference = (sums[ends[n] as number] as number) - (sums[firsts[n] as number] as number);
    into[intoStart + n] = difference * (shares[n] as number);
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
