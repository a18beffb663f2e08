import { unauthenticated } from './message.ts';

/**
 * The part of structured fields (RFC 9651) that HTTP signatures use: a dictionary whose members are byte sequences or
 * inner lists of strings, each with parameters. Anything else is refused, which is what a verifier wants.
 */
export type Bare = string | number | boolean | Buffer;
export type Parameters = ReadonlyMap<string, Bare>;
export type Member =
  | { readonly kind: 'bytes'; readonly value: Buffer; readonly parameters: Parameters }
  | {
      readonly kind: 'list';
      readonly items: readonly { readonly value: string; readonly parameters: Parameters }[];
      readonly parameters: Parameters;
    };

const LONGEST_FIELD = 8192;
const MOST_ITEMS = 32;

/** Throws `unauthenticated` on anything that is not well formed. */
export function parseDictionary(text: string): ReadonlyMap<string, Member> {
  if (text.length > LONGEST_FIELD) throw broken();
  const reader = new Reader(text);
  const members = new Map<string, Member>();
  reader.spaces();
  while (!reader.done) {
    const key = reader.key();
    // RFC 9651 lets the last one win; a signer has no reason to write two.
    if (members.has(key) || members.size >= MOST_ITEMS) throw broken();
    reader.expect('=');
    members.set(key, reader.member());
    reader.spaces();
    if (reader.done) return members;
    reader.expect(',');
    reader.spaces();
    if (reader.done) throw broken();
  }
  return members;
}

/** An inner list in the one spelling that RFC 9421, 2.3 signs. */
export function serialiseList(list: Extract<Member, { kind: 'list' }>): string {
  const items = list.items.map(({ value, parameters }) => `${quoted(value)}${serialiseParameters(parameters)}`);
  return `(${items.join(' ')})${serialiseParameters(list.parameters)}`;
}

function serialiseParameters(parameters: Parameters): string {
  return [...parameters]
    .map(([key, value]) => (value === true ? `;${key}` : `;${key}=${serialiseBare(value)}`))
    .join('');
}

function serialiseBare(value: Bare): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'boolean') return value ? '?1' : '?0';
  return typeof value === 'number' ? String(value) : `:${value.toString('base64')}:`;
}

const quoted = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&')}"`;
const broken = () => unauthenticated('A signature header is not well formed.');

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get done(): boolean {
    return this.#at >= this.#text.length;
  }

  spaces(): void {
    this.#match(/[ \t]*/y);
  }

  expect(character: string): void {
    if (this.#text[this.#at] !== character) throw broken();
    this.#at += 1;
  }

  key(): string {
    return this.#match(/[a-z*][a-z0-9_\-.*]*/y);
  }

  member(): Member {
    if (this.#text[this.#at] === '(') {
      const items = this.#items();
      return { kind: 'list', items, parameters: this.#parameters() };
    }
    const value = this.#bare();
    if (!Buffer.isBuffer(value)) throw broken();
    return { kind: 'bytes', value, parameters: this.#parameters() };
  }

  #items(): { value: string; parameters: Parameters }[] {
    const items: { value: string; parameters: Parameters }[] = [];
    this.expect('(');
    for (;;) {
      this.#match(/ */y);
      if (this.#text[this.#at] === ')') break;
      const value = this.#bare();
      if (typeof value !== 'string' || items.length >= MOST_ITEMS) throw broken();
      items.push({ value, parameters: this.#parameters() });
      if (!/[ )]/.test(this.#text[this.#at] ?? '')) throw broken();
    }
    this.expect(')');
    return items;
  }

  #parameters(): Parameters {
    const parameters = new Map<string, Bare>();
    while (this.#text[this.#at] === ';') {
      this.#at += 1;
      this.#match(/ */y);
      const key = this.key();
      if (parameters.has(key) || parameters.size >= MOST_ITEMS) throw broken();
      if (this.#text[this.#at] !== '=') parameters.set(key, true);
      else {
        this.#at += 1;
        parameters.set(key, this.#bare());
      }
    }
    return parameters;
  }

  #bare(): Bare {
    const first = this.#text[this.#at] ?? '';
    if (first === '"')
      return this.#match(/"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"/y)
        .slice(1, -1)
        .replace(/\\(.)/g, '$1');
    if (first === ':') return Buffer.from(this.#match(/:[A-Za-z0-9+/]*={0,2}:/y).slice(1, -1), 'base64');
    if (first === '?') return this.#match(/\?[01]/y) === '?1';
    return Number(this.#match(/-?\d{1,15}(?![.\d])/y));
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (!found) throw broken();
    this.#at += found[0].length;
    return found[0];
  }
}
