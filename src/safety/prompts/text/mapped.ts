/** A text made from another, and for each of its code units where in the first text it came from. */
export interface Mapped {
  readonly text: string;
  readonly at: readonly number[];
}

/** Collects a text piece by piece. */
export class MappedText {
  readonly #pieces: string[] = [];
  readonly #at: number[] = [];
  /** Looked at after each piece, so it is no end of a string that is still put together. */
  last = '';

  push(piece: string, at: number): void {
    if (piece === '') return;
    this.#pieces.push(piece);
    this.last = piece;
    for (let n = 0; n < piece.length; n += 1) this.#at.push(at);
  }

  done(): Mapped {
    return { text: this.#pieces.join(''), at: this.#at };
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
  const out = new MappedText();
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
  const at = new Array<number>(text.length);
  for (let n = 0; n < text.length; n += 1) at[n] = n;
  return { text, at };
}

function copy(out: MappedText, text: string, from: number, to: number): void {
  for (let n = from; n < to; n += 1) out.push(text[n] ?? '', n);
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
