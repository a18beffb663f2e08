import { AppError } from '../kit/errors.ts';

/** Limits on a document from outside, checked before `JSON.parse` builds anything. */
const DEEPEST = 32;
const LONGEST_ARRAY = 5_000;
const MOST_VALUES = 50_000;
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
const TOKEN = /\s*(?:([{}[\],:])|(")|(-?\d[\d.eE+-]*|true|false|null))/y;

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * Parses UTF-8 JSON from a peer. `JSON.parse` alone would keep the last of two equal keys, where another reader keeps
 * the first; it would also accept any depth and make `__proto__` a key. Throws `malformed`.
 */
export function parsePeerJson(bytes: Buffer): Json {
  const text = decode(bytes);
  inspect(text);
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new AppError('malformed', 'This is not JSON.', { cause });
  }
}

/** One pass over the tokens, with a list in place of recursion: nesting cannot exhaust the stack. */
function inspect(text: string): void {
  const open: { keys: Set<string> | null; values: number }[] = [];
  let values = 0;
  let expectsKey = false;
  for (let at = 0; at < text.length; ) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(text);
    if (!found) {
      if (text.slice(at).trim() === '') return;
      throw refused('This is not JSON.');
    }
    const [, mark, quote, scalar] = found;
    at = quote === undefined ? TOKEN.lastIndex : endOfString(text, TOKEN.lastIndex);
    const string = quote === undefined ? undefined : text.slice(TOKEN.lastIndex, at - 1);
    const inner = open.at(-1);
    if (mark === '{' || mark === '[') {
      if (open.push({ keys: mark === '{' ? new Set() : null, values: 0 }) > DEEPEST)
        throw refused('It is nested too deeply.');
      expectsKey = mark === '{';
    } else if (mark === '}' || mark === ']') {
      open.pop();
      expectsKey = false;
    } else if (mark === ',') {
      expectsKey = inner?.keys != null;
      if (inner && inner.keys === null && ++inner.values >= LONGEST_ARRAY) throw refused('A list in it is too long.');
    } else if (string !== undefined && expectsKey && inner?.keys) {
      const key = readString(string);
      if (FORBIDDEN_KEYS.has(key) || inner.keys.has(key)) throw refused('A key in it is repeated or not allowed.');
      inner.keys.add(key);
      expectsKey = false;
    } else if (string !== undefined) {
      readString(string);
    } else if (scalar !== undefined && /\d/.test(scalar) && !Number.isFinite(Number(scalar))) {
      throw refused('A number in it is out of range.');
    }
    if (mark === undefined && ++values > MOST_VALUES) throw refused('It holds too many values.');
  }
}

/** The position after the closing quote. By hand, because a regular expression keeps a stack as long as the text. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === '\\' && end - 1 - backslashes >= start) backslashes += 1;
    if (backslashes % 2 === 0) return end + 1;
  }
  throw refused('This is not JSON.');
}

/** NUL cannot be stored by PostgreSQL, and a lone surrogate by nobody. */
function readString(raw: string): string {
  if (!raw.includes('\\')) return raw;
  let value: string;
  try {
    value = JSON.parse(`"${raw}"`) as string;
  } catch (cause) {
    throw new AppError('malformed', 'This is not JSON.', { cause });
  }
  if (value.includes('\0') || /\p{Surrogate}/u.test(value)) throw refused('A text in it cannot be stored.');
  return value;
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new AppError('malformed', 'This is not UTF-8.', { cause });
  }
}

const refused = (why: string) => new AppError('malformed', why);
