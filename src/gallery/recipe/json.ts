// JSON as image tools write it: Python's bare NaN and Infinity, and seeds of 64 bits, which JSON.parse would round.

const MOST_DEPTH = 200;

export type JsonObject = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const asObject = (value: unknown): JsonObject => (isObject(value) ? value : {});

export const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** The value, with NaN and Infinity as null and whole numbers of more than 15 digits as strings; undefined if broken. */
export function parseLooseJson(text: string): unknown {
  const parts: string[] = [];
  let copied = 0;
  let depth = 0;
  const outside = /"|[{[\]}]|-?(?:NaN|Infinity)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
  for (let match = outside.exec(text); match; match = outside.exec(text)) {
    const [token] = match;
    if (token === '"') {
      const end = endOfString(text, match.index);
      if (end < 0) return undefined;
      outside.lastIndex = end;
    } else if (token === '{' || token === '[') {
      depth += 1;
      if (depth > MOST_DEPTH) return undefined;
    } else if (token === '}' || token === ']') {
      depth -= 1;
    } else if (/[NI]/.test(token)) {
      parts.push(text.slice(copied, match.index), 'null');
      copied = match.index + token.length;
    } else if (token.length > 15 && /^-?\d+$/.test(token)) {
      parts.push(text.slice(copied, match.index), `"${token}"`);
      copied = match.index + token.length;
    }
  }
  try {
    return JSON.parse(parts.join('') + text.slice(copied));
  } catch {
    return undefined;
  }
}

/** Index after the closing quote of the string that opens at `start`, or -1. */
export function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x5c) at += 1;
    else if (code === 0x22) return at + 1;
  }
  return -1;
}

/** Index after the bracket that closes the one at `start`, strings skipped, or -1. */
export function endOfBrackets(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const letter = text[at];
    if (letter === '"') {
      const end = endOfString(text, at);
      if (end < 0) return -1;
      at = end - 1;
    } else if (letter === '{' || letter === '[') {
      depth += 1;
    } else if (letter === '}' || letter === ']') {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return -1;
}
