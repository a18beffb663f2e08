import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

// CLIP's byte pair encoding, as the engine counts it: 256 bytes, 256 bytes that end a word, 48,894 merges. Only the
// number of tokens is wanted here, so ids are ranks, and nothing else is kept.

const VOCABULARY = new URL(
  '../../../src/compute/engine/tessera_engine/vocab/bpe_simple_vocab_16e6.txt.gz',
  import.meta.url,
);
const MERGES = 48_894;
const END_OF_WORD = '</w>';
const MOST_WORDS_KEPT = 20_000;
/** A longer word is cut for counting: no prompt has one, and merging takes the square of its length. */
const LONGEST_WORD_BYTES = 2_000;

/** Symbols that end a word carry a mark, so that one map holds both kinds. */
interface Vocabulary {
  /** `left right` → rank; the lowest is merged first. */
  readonly ranks: ReadonlyMap<string, number>;
  readonly byteSymbols: readonly string[];
}

let vocabulary: Vocabulary | undefined;
const kept = new Map<string, readonly string[]>();

/** Read with the first prompt, about 10 MB; part of the program, like its templates. */
function read(): Vocabulary {
  const lines = gunzipSync(readFileSync(VOCABULARY)).toString('utf8').split('\n');
  const ranks = new Map<string, number>();
  for (const line of lines.slice(1, MERGES + 1)) ranks.set(line.trim(), ranks.size);
  return { ranks, byteSymbols: symbolsOfBytes() };
}

/** A printable character for each byte: itself where printable, else one from 256 up, in byte order (OpenAI's table). */
function symbolsOfBytes(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCharCode(isPrintable ? byte : next++);
  });
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };
const unescaped = (text: string): string =>
  text.replace(/&(amp|lt|gt|quot|apos|nbsp);/g, (_, name) => ENTITIES[name] ?? '');
const WORDS = /'(?:s|t|re|ve|m|ll|d)|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/gu;

/** The tokens of a text, without begin and end. */
export function tokensOf(text: string): string[] {
  const clean = unescaped(unescaped(text.normalize('NFC'))).toLowerCase();
  return [...clean.matchAll(WORDS)].flatMap(([word]) => tokensOfWord(word));
}

function tokensOfWord(word: string): readonly string[] {
  const known = kept.get(word);
  if (known) return known;
  vocabulary ??= read();
  const { ranks, byteSymbols } = vocabulary;
  let parts = [...Buffer.from(word).subarray(0, LONGEST_WORD_BYTES)].map((byte) => byteSymbols[byte] ?? '');
  parts.push(`${parts.pop() ?? ''}${END_OF_WORD}`);
  for (let best = lowest(parts, ranks); best !== null; best = lowest(parts, ranks)) parts = merge(parts, best);
  if (kept.size >= MOST_WORDS_KEPT) kept.clear();
  kept.set(word, parts);
  return parts;
}

function lowest(parts: readonly string[], ranks: ReadonlyMap<string, number>): readonly [string, string] | null {
  let best: readonly [string, string] | null = null;
  let bestRank = Number.POSITIVE_INFINITY;
  for (let at = 1; at < parts.length; at += 1) {
    const [left = '', right = ''] = [parts[at - 1], parts[at]];
    const rank = ranks.get(`${left} ${right}`);
    if (rank === undefined || rank >= bestRank) continue;
    bestRank = rank;
    best = [left, right];
  }
  return best;
}

function merge(parts: readonly string[], [left, right]: readonly [string, string]): string[] {
  const merged: string[] = [];
  for (let at = 0; at < parts.length; at += 1) {
    const part = parts[at] ?? '';
    const isPair = part === left && parts[at + 1] === right;
    merged.push(isPair ? left + right : part);
    if (isPair) at += 1;
  }
  return merged;
}
