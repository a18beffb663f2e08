/** Weights of blocks as people hand them around: numbers in the order of the blocks, BASE before them or not. */

export const BASE_BLOCK = 'BASE';
const MOST_CHARS = 2_000;

/** Null for what is not as many numbers as there are blocks, or one more with BASE first. */
export function parseBlockText(text: string, blocks: readonly string[]): Record<string, number> | null {
  const parts = text
    .slice(0, MOST_CHARS)
    .split(/[\s,;]+/)
    .filter((part) => part !== '');
  const numbers = parts.map(Number);
  if (numbers.some((number) => !Number.isFinite(number) || Math.abs(number) > 2)) return null;
  const names = numbers.length === blocks.length ? blocks : [BASE_BLOCK, ...blocks];
  if (numbers.length !== names.length) return null;
  return Object.fromEntries(names.map((name, n) => [name, numbers[n] ?? 0]));
}

/** By the place of a block, from 0 for the first to 1 for the last: how much of B is in it. */
const SHAPES = {
  'flat-25': () => 0.25,
  'flat-75': () => 0.75,
  /** B outside, A in the middle. */
  'grad-v': (at: number) => Math.abs(2 * at - 1),
  'grad-a': (at: number) => 1 - Math.abs(2 * at - 1),
  cosine: (at: number) => (1 + Math.cos(2 * Math.PI * at)) / 2,
  'reverse-cosine': (at: number) => (1 - Math.cos(2 * Math.PI * at)) / 2,
  /** What a picture is of comes from the first blocks, how it looks from the last. */
  'b-in': (at: number) => (at < 0.5 ? 1 : 0),
  'b-out': (at: number) => (at > 0.5 ? 1 : 0),
  'wrap-third': (at: number) => (Math.abs(at - 0.5) > 1 / 3 ? 1 : 0),
} as const satisfies Record<string, (at: number) => number>;

type BlockPreset = keyof typeof SHAPES;
export const BLOCK_PRESETS = Object.keys(SHAPES) as BlockPreset[];

export function presetBlocks(preset: BlockPreset, blocks: readonly string[]): Record<string, number> {
  const last = Math.max(1, blocks.length - 1);
  return Object.fromEntries(blocks.map((name, n) => [name, Math.round(SHAPES[preset](n / last) * 1_000) / 1_000]));
}
