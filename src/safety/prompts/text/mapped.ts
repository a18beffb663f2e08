/** A text made from another, and for each of its code units where in the first text it came from. */
export interface Mapped {
  readonly text: string;
  readonly at: ArrayLike<number>;
}

const SPACE = 32;

/** Collects a text piece by piece, in arrays of numbers: a prompt is read in some twenty forms, all within milliseconds. */
export class MappedText {
  #codes: Uint16Array;
  #at: Int32Array;
  #length = 0;

  constructor(expected = 256) {
    this.#codes = new Uint16Array(expected);
    this.#at = new Int32Array(expected);
  }

  get endsInSpace(): boolean {
    return this.#length > 0 && this.#codes[this.#length - 1] === SPACE;
  }

  /** One code unit. */
  unit(code: number, at: number): void {
    if (this.#length === this.#codes.length) this.#grow(this.#length + 1);
    this.#codes[this.#length] = code;
    this.#at[this.#length] = at;
    this.#length += 1;
  }

  /** All of a piece comes from one place. */
  push(piece: string, at: number): void {
    for (let n = 0; n < piece.length; n += 1) this.unit(piece.charCodeAt(n), at);
  }

  done(): Mapped {
    const bytes = Buffer.from(this.#codes.buffer, 0, this.#length * 2);
    return { text: bytes.toString('utf16le'), at: this.#at.slice(0, this.#length) };
  }

  #grow(least: number): void {
    const size = Math.max(least, this.#codes.length * 2);
    const [codes, at] = [new Uint16Array(size), new Int32Array(size)];
    codes.set(this.#codes);
    at.set(this.#at);
    [this.#codes, this.#at] = [codes, at];
  }
}

const NAMED: Readonly<Record<string, string>> = {
  ...{ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ', shy: '\u00ad', zwj: '\u200d', zwnj: '\u200c' },
  ...{ lpar: '(', rpar: ')', lsqb: '[', rsqb: ']', lowbar: '_', period: '.', comma: ',', hyphen: '-', ndash: '–' },
};
const ENCODED = /&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|([a-zA-Z]{2,8}));|((?:%[\da-fA-F]{2})+)/g;

/** HTML and percent entities, decoded once: what is encoded twice stays half encoded. */
export function decoded(text: string): Mapped {
  if (!text.includes('&') && !text.includes('%')) return identity(text);
  const out = new MappedText(text.length);
  let from = 0;
  for (const match of text.matchAll(ENCODED)) {
    const value = characterOf(match);
    if (value === null) continue;
    copy(out, text, from, match.index);
    out.push(value, match.index);
    from = match.index + match[0].length;
  }
  copy(out, text, from, text.length);
  return out.done();
}

function identity(text: string): Mapped {
  const at = new Int32Array(text.length);
  for (let n = 0; n < text.length; n += 1) at[n] = n;
  return { text, at };
}

function copy(out: MappedText, text: string, from: number, to: number): void {
  for (let n = from; n < to; n += 1) out.unit(text.charCodeAt(n), n);
}

function characterOf([, decimal, hex, name, percent]: RegExpExecArray): string | null {
  if (percent) {
    // cut and mended, for a text may end within a character
    return new TextDecoder().decode(Buffer.from(percent.replaceAll('%', ''), 'hex'));
  }
  if (name) return NAMED[name] ?? null;
  const code = decimal ? Number(decimal) : Number.parseInt(hex ?? '', 16);
  return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff) ? String.fromCodePoint(code) : null;
}
