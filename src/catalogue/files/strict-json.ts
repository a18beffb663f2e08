import { AppError } from '../../kit/errors.ts';

/**
 * JSON for hostile headers. `JSON.parse` keeps the last of two equal keys and turns 1e999 into Infinity, so that two
 * programs can read one file differently; here both are refused. Objects become maps, which have no `__proto__`.
 */
export type StrictJson = string | number | boolean | null | readonly StrictJson[] | ReadonlyMap<string, StrictJson>;

const MAX_DEPTH = 8;
const NUMBER = /-?(?:0|[1-9]\d{0,308})(?:\.\d{1,308})?(?:[eE][+-]?\d{1,10})?/y;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Throws `invalid`; `what` names the text in the message ("The header"). */
export function parseStrictJson(text: string, what: string): StrictJson {
  return new Reader(text, what).whole();
}

class Reader {
  private readonly text: string;
  private readonly what: string;
  private at = 0;

  constructor(text: string, what: string) {
    this.text = text;
    this.what = what;
  }

  whole(): StrictJson {
    this.space();
    const value = this.value(0);
    this.space();
    if (this.at < this.text.length) throw this.broken('goes on after its end');
    return value;
  }

  private value(depth: number): StrictJson {
    if (depth > MAX_DEPTH) throw this.broken('is nested too deeply');
    const char = this.text[this.at];
    if (char === '{') return this.object(depth);
    if (char === '[') return this.array(depth);
    if (char === '"') return this.string();
    if (this.take('true')) return true;
    if (this.take('false')) return false;
    if (this.take('null')) return null;
    return this.number();
  }

  private object(depth: number): ReadonlyMap<string, StrictJson> {
    const map = new Map<string, StrictJson>();
    this.at += 1;
    this.space();
    if (this.take('}')) return map;
    for (;;) {
      if (this.text.charCodeAt(this.at) !== QUOTE) throw this.broken('is not valid JSON');
      const key = this.string();
      if (map.has(key)) throw this.broken(`has the key “${shorten(key)}” twice`);
      this.space();
      this.expect(':');
      this.space();
      map.set(key, this.value(depth + 1));
      this.space();
      if (this.take('}')) return map;
      this.expect(',');
      this.space();
    }
  }

  private array(depth: number): readonly StrictJson[] {
    const items: StrictJson[] = [];
    this.at += 1;
    this.space();
    if (this.take(']')) return items;
    for (;;) {
      items.push(this.value(depth + 1));
      this.space();
      if (this.take(']')) return items;
      this.expect(',');
      this.space();
    }
  }

  private string(): string {
    const start = this.at;
    let hasEscapes = false;
    for (let at = start + 1; at < this.text.length; at += 1) {
      const code = this.text.charCodeAt(at);
      if (code === QUOTE) {
        this.at = at + 1;
        return hasEscapes ? this.unescaped(start) : this.text.slice(start + 1, at);
      }
      if (code < 0x20) throw this.broken('has a control character inside a text');
      if (code === BACKSLASH) {
        hasEscapes = true;
        at += 1;
      }
    }
    throw this.broken('ends inside a text');
  }

  private unescaped(start: number): string {
    try {
      const value: unknown = JSON.parse(this.text.slice(start, this.at));
      if (typeof value === 'string' && !/\p{Surrogate}/u.test(value)) return value;
    } catch {
      // an escape that JSON does not have: the same message as for half a character
    }
    throw this.broken('has a broken escape inside a text');
  }

  private number(): number {
    NUMBER.lastIndex = this.at;
    const found = NUMBER.exec(this.text);
    if (!found) throw this.broken('is not valid JSON');
    const value = Number(found[0]);
    if (!Number.isFinite(value)) throw this.broken('has a number that is not finite');
    this.at += found[0].length;
    return value;
  }

  private space(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.at += 1;
    }
  }

  private take(word: string): boolean {
    if (!this.text.startsWith(word, this.at)) return false;
    this.at += word.length;
    return true;
  }

  private expect(char: string): void {
    if (!this.take(char)) throw this.broken('is not valid JSON');
  }

  private broken(how: string): AppError {
    return new AppError('invalid', `${this.what} ${how} (at character ${this.at + 1}).`);
  }
}

/** For messages: a hostile name may be megabytes long. */
export const shorten = (text: string): string => (text.length > 80 ? `${text.slice(0, 80)}…` : text);
