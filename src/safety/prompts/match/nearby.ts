import type { Mapped } from '../text/mapped.ts';

/** Words at an edit distance of one, by the letters that are left when one goes (the method of SymSpell). */
export class Nearby {
  readonly #words = new Set<string>();
  readonly #lists = new Map<string, Set<string>>();
  #shortest = Number.POSITIVE_INFINITY;
  #longest = 0;

  constructor(words: readonly { readonly word: string; readonly list: string }[]) {
    for (const { word, list } of words) {
      this.#words.add(word);
      this.#shortest = Math.min(this.#shortest, word.length);
      this.#longest = Math.max(this.#longest, word.length);
      for (const rest of [word, ...withoutOne(word)]) {
        const lists = this.#lists.get(rest) ?? new Set();
        lists.add(list);
        this.#lists.set(rest, lists);
      }
    }
  }

  find({ text, at }: Mapped): { readonly list: string; readonly word: { start: number; end: number } }[] {
    const found: { list: string; word: { start: number; end: number } }[] = [];
    const seen = new Set<string>();
    for (const { index, 0: word } of text.matchAll(/[a-z]+/g)) {
      if (word.length < this.#shortest - 1 || word.length > this.#longest + 1 || seen.has(word)) continue;
      seen.add(word);
      // a plural of itself, or the word: what is spelled right is no misspelling
      if (this.#words.has(word) || this.#words.has(`${word}s`) || this.#words.has(word.replace(/s$/, ''))) continue;
      const lists = new Set([word, ...withoutOne(word)].flatMap((rest) => [...(this.#lists.get(rest) ?? [])]));
      const start = at[index] ?? 0;
      for (const list of lists) found.push({ list, word: { start, end: start + word.length } });
    }
    return found;
  }
}

function* withoutOne(word: string): Generator<string> {
  for (let n = 0; n < word.length; n += 1) yield word.slice(0, n) + word.slice(n + 1);
}
