import { type RuleSet, wordsOf } from '../rules/schema.ts';
import type { Mapped } from '../text/mapped.ts';
import { foldedTokens, foldWord, formsOf, isUnspaced } from '../text/views.ts';
import { agesIn } from './ages.ts';
import { Automaton } from './automaton.ts';
import { Nearby } from './nearby.ts';

/** A word of a list, where it stands in the text as it was sent. */
export interface Hit {
  readonly list: string;
  readonly start: number;
  readonly end: number;
  /** One letter away: for review only. */
  readonly isAlmost: boolean;
}

interface Entry {
  readonly list: string;
  readonly isOpenEnded: boolean;
}

/** The list of ages that are said in numbers, and of phrases that mean something else. */
const AGE_LIST = 'minor';
const INNOCENT_LIST = 'innocent';

/** Long words only, for among short ones every word is near another. */
const ALMOST_FROM = 7;

/** The lists of a set of rules, ready to be looked for. */
export class Lexicon {
  readonly #entries: Entry[][] = [];
  readonly #patterns: string[] = [];
  readonly #lengths: number[] = [];
  readonly #automaton: Automaton;
  readonly #folded: Automaton;
  readonly #foldedLists: string[][] = [];
  readonly #foldedPatterns: string[] = [];
  readonly #nearby: Nearby;
  /** What stands in a list as it is needs no folding, and keeps its exceptions. */
  readonly #words: ReadonlySet<string>;

  constructor({ lists, exceptions }: Pick<RuleSet, 'lists' | 'exceptions'>) {
    const words = [...Object.entries(lists), [INNOCENT_LIST, exceptions] as const].flatMap(([list, terms]) =>
      wordsOf(terms).map(({ word }) => ({ list, word: word.replace(/\*$/, ''), isOpenEnded: word.endsWith('*') })),
    );
    const known = new Map<string, number>();
    const folded = new Map<string, number>();
    const long: { word: string; list: string }[] = [];
    for (const { list, word, isOpenEnded } of words) {
      for (const form of formsOf(word)) {
        const index = known.get(form) ?? this.#entries.push([]) - 1;
        if (!known.has(form)) {
          known.set(form, index);
          this.#patterns.push(form);
          this.#lengths.push(form.length);
        }
        const entries = this.#entries[index];
        if (!entries?.some((one) => one.list === list && one.isOpenEnded === isOpenEnded))
          entries?.push({ list, isOpenEnded });
        if (list === INNOCENT_LIST || !/^[a-z]{3,}$/.test(form)) continue;
        if (form.length >= ALMOST_FROM) long.push({ word: form, list });
        const short = foldWord(form);
        // shorter ones are parts of too many words
        if (short.length < 4 && form.length < 4) continue;
        const place = folded.get(short) ?? this.#foldedLists.push([]) - 1;
        if (!folded.has(short)) {
          folded.set(short, place);
          this.#foldedPatterns.push(short);
        }
        if (!this.#foldedLists[place]?.includes(list)) this.#foldedLists[place]?.push(list);
      }
    }
    this.#words = new Set(this.#patterns);
    this.#automaton = new Automaton(this.#patterns);
    this.#folded = new Automaton(this.#foldedPatterns);
    this.#nearby = new Nearby(long);
  }

  /** Whatever stands in any view of a text whose syntax is gone; `views` are `viewsOf` it. */
  find(text: Mapped, views: readonly Mapped[]): Hit[] {
    const hits: Hit[] = [];
    for (const view of views) this.#findInView(view, hits);
    for (const { list, word } of this.#nearby.find(views[0] ?? text)) {
      hits.push({ list, isAlmost: true, ...word });
    }
    this.#findFolded(
      foldedTokens(text, (word) => this.#words.has(word)),
      hits,
    );
    return hits;
  }

  #findInView({ text, at }: Mapped, hits: Hit[]): void {
    const found: { start: number; end: number; list: string }[] = [];
    this.#automaton.scan(text, (pattern, end) => {
      const start = end - (this.#lengths[pattern] ?? 0);
      for (const { list, isOpenEnded } of this.#entries[pattern] ?? []) {
        if (isWhole(text, start, end, isOpenEnded)) found.push({ start, end, list });
      }
    });
    for (const { start, end } of agesIn(text)) found.push({ start, end, list: AGE_LIST });
    const innocent = found.filter(({ list }) => list === INNOCENT_LIST);
    const counted = found.filter(
      ({ list, start, end }) =>
        list !== INNOCENT_LIST && !innocent.some((phrase) => phrase.start <= start && phrase.end >= end),
    );
    for (const { start, end, list } of counted) {
      hits.push({ list, start: at[start] ?? 0, end: (at[end - 1] ?? 0) + 1, isAlmost: false });
    }
  }

  #findFolded({ text, at }: Mapped, hits: Hit[]): void {
    this.#folded.scan(text, (pattern, end) => {
      const start = end - (this.#foldedPatterns[pattern]?.length ?? 0);
      if (!isWhole(text, start, end, false)) return;
      for (const list of this.#foldedLists[pattern] ?? []) {
        hits.push({ list, start: at[start] ?? 0, end: (at[end - 1] ?? 0) + 1, isAlmost: false });
      }
    });
  }
}

/** Not within a longer word; scripts without spaces have no borders. A digit may stand before a word, as in `1cat`. */
function isWhole(text: string, start: number, end: number, isOpenEnded: boolean): boolean {
  if (isUnspaced(text.charCodeAt(start))) return true;
  const before = start === 0 ? ' ' : (text[start - 1] ?? ' ');
  const after = end >= text.length ? ' ' : (text[end] ?? ' ');
  const isDigit = /\d/.test(text[start] ?? '');
  const isBegin = !isWordChar(before) || (!isDigit && /\d/.test(before));
  return isBegin && (isOpenEnded || !isWordChar(after) || isDigitAfterWord(text[end - 1], after));
}

const isWordChar = (char: string): boolean =>
  char !== ' ' && /[\p{L}\p{N}]/u.test(char) && !isUnspaced(char.charCodeAt(0));

/** `cat2` is a cat. */
const isDigitAfterWord = (last: string | undefined, after: string): boolean =>
  /\p{L}/u.test(last ?? '') && /\d/.test(after);
