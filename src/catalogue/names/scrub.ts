/*
 * Finding a name in a text, however it is written. Both are folded: compatibility forms (NFKC), case, accents, what
 * cannot be seen, and letters of other scripts that look like Latin ones. A map leads from each place of the folded text
 * back to the text as it stands, so that what is cut is the name alone. Between the parts of a name may stand anything
 * that is no letter and no digit, or nothing: `Jane Doe`, `jane_doe`, `JANE-DOE`, `janedoe`. A name is found as whole
 * words only; a digit beside it does not hide it.
 */

/** Letters that are drawn as Latin ones (Unicode TR 39, confusables.txt 16.0, those of Cyrillic, Greek and Armenian). */
const LOOK_ALIKES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ...{
      а: 'a',
      в: 'b',
      с: 'c',
      ԁ: 'd',
      е: 'e',
      ё: 'e',
      ғ: 'f',
      ց: 'g',
      һ: 'h',
      н: 'h',
      і: 'i',
      ї: 'i',
      ј: 'j',
      к: 'k',
    },
    ...{ ӏ: 'l', м: 'm', п: 'n', о: 'o', р: 'p', ԛ: 'q', г: 'r', ѕ: 's', т: 't', у: 'y', ѵ: 'v', ԝ: 'w', х: 'x' },
    ...{
      α: 'a',
      β: 'b',
      ϲ: 'c',
      ε: 'e',
      η: 'n',
      ι: 'i',
      κ: 'k',
      ν: 'v',
      ο: 'o',
      ρ: 'p',
      τ: 't',
      υ: 'u',
      χ: 'x',
      γ: 'y',
    },
    ...{ օ: 'o', ս: 'u', հ: 'h', ո: 'n', զ: 'q', ք: 'p', ı: 'i', ł: 'l', ø: 'o', đ: 'd', ß: 'ss', æ: 'ae', œ: 'oe' },
  }),
);
/** Marks, and what is there and cannot be seen: joiners, soft hyphens, direction marks, variation selectors. */
const UNSEEN = /[\p{M}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu;

function foldCharacter(character: string): string {
  const plain = character.normalize('NFKC').toLowerCase().normalize('NFKD').replace(UNSEEN, '');
  return [...plain].map((one) => LOOK_ALIKES.get(one) ?? one).join('');
}

/** Folded, with the place of each of its units in the text. */
function fold(text: string): { readonly folded: string; readonly starts: number[]; readonly ends: number[] } {
  let folded = '';
  const starts: number[] = [];
  const ends: number[] = [];
  let at = 0;
  for (const character of text) {
    const made = foldCharacter(character);
    folded += made;
    for (let n = 0; n < made.length; n += 1) {
      starts.push(at);
      ends.push(at + character.length);
    }
    at += character.length;
  }
  return { folded, starts, ends };
}

const MOST_CHARS = 200;

/** What two spellings of one name have in common: folded words with single spaces. */
export const nameKey = (name: string): string =>
  fold(name.slice(0, MOST_CHARS))
    .folded.match(/[\p{L}\p{N}]+/gu)
    ?.join(' ') ?? '';

/** Linear in the text: parts of letters, and between them runs of what is none. */
function patternOf(names: readonly string[]): RegExp | null {
  const keys = [...new Set(names.map(nameKey))].filter((key) => key !== '').sort((a, b) => b.length - a.length);
  if (keys.length === 0) return null;
  const any = keys.map((key) => key.split(' ').join('[^\\p{L}\\p{N}]{0,4}')).join('|');
  return new RegExp(`(?<!\\p{L})(?:${any})(?!\\p{L})`, 'gu');
}

export interface Scrubber {
  /** Does the text hold one of the names? */
  has(text: string): boolean;
  /** The text without them, with `mask` in their place. Without a mask, what they leave behind is tidied. */
  scrub(text: string, mask?: string): string;
}

/** For these names; null when there are none. */
export function scrubberOf(names: readonly string[]): Scrubber | null {
  const pattern = patternOf(names);
  if (!pattern) return null;
  const find = (text: string): [number, number][] => {
    const { folded, starts, ends } = fold(text);
    return [...folded.matchAll(pattern)].map(({ index, 0: found }) => [
      starts[index] ?? 0,
      ends[index + found.length - 1] ?? text.length,
    ]);
  };
  return {
    has: (text) => text !== '' && find(text).length > 0,
    scrub(text, mask = '') {
      const places = find(text);
      if (places.length === 0) return text;
      let made = '';
      let at = 0;
      for (const [from, to] of places) {
        made += text.slice(at, from) + mask;
        at = to;
      }
      made += text.slice(at);
      return mask === '' ? tidy(made) : made;
    },
  };
}

/** `by  , oil` → `oil`; lines stay. */
const tidy = (text: string): string =>
  text
    .replace(/\(\s*\)|\[\s*\]/g, '')
    .replace(/[ \t]{2,}/g, ' ')
    .replace(/[ \t]+([,.;:!?)])/g, '$1')
    .replace(/^[ \t]*[,;:–—-]+[ \t]*/gm, '')
    .replace(/[ \t]*[,;:–—-]+[ \t]*$/gm, '')
    .replace(/[ \t]+$/gm, '')
    .trim();

/** Every text in a value, however deep; keys too. Numbers and the rest stay. */
export function scrubDeep<T>(value: T, scrubber: Scrubber, mask = ''): T {
  if (typeof value === 'string') return scrubber.scrub(value, mask) as T;
  if (Array.isArray(value)) return value.map((one) => scrubDeep(one, scrubber, mask)) as T;
  if (value === null || typeof value !== 'object') return value;
  const pairs = Object.entries(value).map(([key, one]) => [
    scrubber.has(key) ? scrubber.scrub(key, mask) || '—' : key,
    scrubDeep(one, scrubber, mask),
  ]);
  return Object.fromEntries(pairs) as T;
}
