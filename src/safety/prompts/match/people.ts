import { createHmac } from 'node:crypto';
import { isUnspaced, nameForm } from '../text/views.ts';

/** Longer names are cut: nobody is called by more words in a prompt. */
const MOST_WORDS = 5;
const CACHED = 50_000;

/** A name as it is kept: what its first word hashes to, and what all of it does. */
export interface NameHashes {
  readonly first: string;
  readonly whole: string;
}

/** Words of a view, and each character of scripts without spaces. */
function wordsIn(view: string): string[] {
  const words: string[] = [];
  for (const word of view.split(' ')) {
    if (isUnspaced(word.charCodeAt(0))) words.push(...word);
    else if (word !== '') words.push(word);
  }
  return words;
}

const hashOf = (key: string, text: string): string =>
  createHmac('sha256', key).update(`name:${text}`).digest('hex').slice(0, 32);

/** The ways in which a name is written: in order, the other way round, and as one word. */
export function hashName(key: string, name: string): NameHashes[] {
  const words = wordsIn(nameForm(name)).slice(0, MOST_WORDS);
  const [first = ''] = words;
  if (words.length < 2) return first.length < 2 ? [] : [{ first: hashOf(key, first), whole: hashOf(key, first) }];
  const spellings = [words, [...words].reverse(), [words.join('')]];
  return spellings.map((spelling) => ({
    first: hashOf(key, spelling[0] ?? ''),
    whole: hashOf(key, spelling.join(' ')),
  }));
}

/** Looks for registered names without knowing them. */
export class PeopleIndex {
  readonly #key: string;
  readonly #firsts: ReadonlySet<string>;
  readonly #wholes: ReadonlySet<string>;
  readonly #words = new Map<string, boolean>();
  /** Of words of one code unit: 0 was not asked yet, 1 is no first word, 2 is one. */
  readonly #units = new Uint8Array(65_536);

  constructor(key: string, names: readonly NameHashes[]) {
    this.#key = key;
    this.#firsts = new Set(names.map(({ first }) => first));
    this.#wholes = new Set(names.map(({ whole }) => whole));
  }

  /** Is one of them named in this view of a text? The one without ornaments and look-alikes is as names are kept. */
  names(view: string): boolean {
    if (this.#wholes.size === 0 || !this.#hasFirst(view)) return false;
    const words = wordsIn(view);
    return words.some((word, at) => {
      if (!this.#isFirst(word)) return false;
      for (let count = 1; count <= MOST_WORDS && at + count <= words.length; count += 1) {
        if (this.#wholes.has(hashOf(this.#key, words.slice(at, at + count).join(' ')))) return true;
      }
      return false;
    });
  }

  /** Nearly no text has the first word of a name, and to see that takes no list of its words. */
  #hasFirst(view: string): boolean {
    for (let from = 0; from < view.length; ) {
      let end = view.indexOf(' ', from);
      if (end < 0) end = view.length;
      if (isUnspaced(view.charCodeAt(from))) {
        for (let n = from; n < end; n += 1) {
          const code = view.codePointAt(n) ?? 0;
          if (this.#isFirstUnit(code)) return true;
          if (code > 0xffff) n += 1;
        }
      } else if (end > from && this.#isFirst(view.slice(from, end))) return true;
      from = end + 1;
    }
    return false;
  }

  #isFirstUnit(code: number): boolean {
    if (code > 0xffff) return this.#isFirst(String.fromCodePoint(code));
    if (this.#units[code] === 0) this.#units[code] = this.#isFirst(String.fromCharCode(code)) ? 2 : 1;
    return this.#units[code] === 2;
  }

  #isFirst(word: string): boolean {
    const known = this.#words.get(word);
    if (known !== undefined) return known;
    if (this.#words.size >= CACHED) this.#words.clear();
    const isFirst = this.#firsts.has(hashOf(this.#key, word));
    this.#words.set(word, isFirst);
    return isFirst;
  }
}
