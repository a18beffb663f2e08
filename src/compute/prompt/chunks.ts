import { withoutTags } from './tags.ts';
import { tokensOf } from './tokenizer.ts';

// How the engine lays a prompt out: pieces of one weight, in chunks of 75 tokens. The grammar is A1111's.

const CHUNK_TOKENS = 75;
/** A chunk may be cut back to a comma among its last so many tokens. */
const COMMA_REACH = 20;
const COMMA = ',</w>';
const WEIGHT = /^:\s{0,20}([+-]?(?:\d{1,12}(?:\.\d{0,20})?|\.\d{1,20}))\s{0,20}\)/;

export interface PromptSize {
  readonly tokens: number;
  readonly chunks: number;
  /** What the chunks have room for. */
  readonly room: number;
}

/** Tokens in the chunks that the engine would make: a prompt of 80 tokens takes two, and room for 150. */
export function sizeOfPrompt(prompt: string): PromptSize {
  const counts: number[] = [];
  let count = 0;
  let lastComma = -1;
  const close = () => {
    counts.push(count);
    count = 0;
    lastComma = -1;
  };
  for (const piece of weightedPieces(withoutTags(prompt))) {
    if (piece === null) {
      close();
      continue;
    }
    for (const token of tokensOf(piece.text)) {
      if (count === CHUNK_TOKENS) {
        const rest = lastComma >= 0 && CHUNK_TOKENS - lastComma - 1 <= COMMA_REACH ? CHUNK_TOKENS - lastComma - 1 : 0;
        count -= rest;
        close();
        count = rest;
      }
      if (token === COMMA) lastComma = count;
      count += 1;
    }
  }
  if (count > 0 || counts.length === 0) close();
  const tokens = counts.reduce((sum, one) => sum + one, 0);
  return { tokens, chunks: counts.length, room: counts.length * CHUNK_TOKENS };
}

const BREAK = /(?<![\p{L}\p{N}_])BREAK(?![\p{L}\p{N}_])/u;

interface Piece {
  text: string;
  weight: number;
}

/** Texts of one weight each, as they are read; null is BREAK, which begins a new chunk. */
export function weightedPieces(prompt: string): (Readonly<Piece> | null)[] {
  const pieces: Piece[] = [];
  const [rounds, squares]: [number[], number[]] = [[], []];
  let text = '';
  const flush = () => {
    if (text !== '') pieces.push({ text, weight: 1 });
    text = '';
  };
  const weigh = (from: number | undefined, factor: number) => {
    for (const piece of pieces.slice(from)) piece.weight *= factor;
  };
  for (let at = 0; at < prompt.length; at += 1) {
    const char = prompt[at] ?? '';
    const next = prompt[at + 1] ?? '';
    const weight = char === ':' && rounds.length > 0 ? WEIGHT.exec(prompt.slice(at, at + 80)) : null;
    if (char === '\\' && next !== '' && '()[]\\'.includes(next)) {
      text += next;
      at += 1;
    } else if (char === '(' || char === '[') {
      flush();
      (char === '(' ? rounds : squares).push(pieces.length);
    } else if (weight) {
      flush();
      weigh(rounds.pop(), Number(weight[1]));
      at += weight[0].length - 1;
    } else if (char === ')' && rounds.length > 0) {
      flush();
      weigh(rounds.pop(), 1.1);
    } else if (char === ']' && squares.length > 0) {
      flush();
      weigh(squares.pop(), 1 / 1.1);
    } else text += char;
  }
  flush();
  for (const from of rounds) weigh(from, 1.1);
  for (const from of squares) weigh(from, 1 / 1.1);
  return joined(pieces);
}

/** What stands side by side with one weight is one text, as if no bracket had been between. */
function joined(pieces: readonly Piece[]): (Piece | null)[] {
  const result: (Piece | null)[] = [];
  for (const { text, weight } of pieces) {
    for (const [n, part] of text.split(BREAK).entries()) {
      if (n > 0) result.push(null);
      const last = result.at(-1);
      if (last && last.weight === weight) last.text += part;
      else if (part !== '') result.push({ text: part, weight });
    }
  }
  return result;
}
