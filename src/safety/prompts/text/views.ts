import { lookAlike } from './look-alikes.ts';
import { type Mapped, MappedText } from './mapped.ts';
import { romanOf } from './romanise.ts';

// The views of spec/guardrails.md 3.2. Each is a text of letters, digits, pictographs and single spaces in lower case,
// so that one automaton reads them all; a term that stands in any of them is found.

const DROPPED = /[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\u00ad]/u;
const MARK = /\p{M}/u;
const WORD = /[\p{L}\p{N}\p{M}]/u;
const PICTOGRAPH = /\p{Extended_Pictographic}/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the whole of ASCII is meant
const ASCII = /^[\u0000-\u007f]*$/;

const SPACE = 32;

/** Han, kana and Hangul stand without spaces between words. */
export const isUnspaced = (code: number): boolean =>
  (code >= 0x3040 && code <= 0x30ff) ||
  (code >= 0x3400 && code <= 0x9fff) ||
  (code >= 0xac00 && code <= 0xd7a3) ||
  (code >= 0xf900 && code <= 0xfaff);

/** Katakana as hiragana: both spell the same. */
const foldKana = (char: string): string => {
  const code = char.charCodeAt(0);
  return code >= 0x30a1 && code <= 0x30f6 ? String.fromCharCode(code - 0x60) : char;
};

/** What is joined to the character before it: a mark, or a later letter of one Hangul syllable. */
const isJoined = (code: number, char: string): boolean =>
  code >= 0x300 && (MARK.test(char) || (code >= 0x1160 && code <= 0x11ff));
/** Han, kana and whole Hangul syllables without marks among them; most of what is not ASCII in a prompt. */
const isAlone = (code: number): boolean =>
  (code >= 0x3041 && code <= 0x3096) ||
  (code >= 0x30a1 && code <= 0x30ff) ||
  (code >= 0x3400 && code <= 0x9fff) ||
  (code >= 0xac00 && code <= 0xd7a3);
const MOST_JOINED = 12;

/** Where the character that begins at `from` ends, with the marks on it. */
function clusterEnd(text: string, from: number): number {
  let end = from + ((text.codePointAt(from) ?? 0) > 0xffff ? 2 : 1);
  while (end < text.length && end - from < MOST_JOINED) {
    const code = text.codePointAt(end) ?? 0;
    if (code < 0x300 || isAlone(code)) break;
    const char = String.fromCodePoint(code);
    if (!isJoined(code, char)) break;
    end += char.length;
  }
  return end;
}

/** Letters and digits in lower case; a space where anything else stands. */
function plain(source: Mapped, fold: Fold): Mapped {
  const { text, at } = source;
  if (ASCII.test(text)) return plainAscii(source);
  const out = new MappedText(text.length);
  for (let from = 0; from < text.length; ) {
    const end = clusterEnd(text, from);
    const folded = fold(text, from, end);
    if (folded !== ' ') out.push(folded, at[from] ?? 0);
    else if (!out.endsInSpace) out.unit(SPACE, at[from] ?? 0);
    from = end;
  }
  return out.done();
}

const CACHED = 20_000;

/** What the cluster at these places becomes: letters, digits and pictographs, nothing for what is not seen, or a space. */
type Fold = (text: string, from: number, end: number) => string;

/** Remembers what it made: of single code units in an array, which is read a hundred thousand times for a prompt. */
function folding(fold: (cluster: string) => string): Fold {
  const known = new Map<string, string>();
  const knownUnits: (string | undefined)[] = new Array(65_536);
  const make = (cluster: string): string => {
    const chars = [...fold(cluster)].filter((char) => !DROPPED.test(char));
    const kept = chars.map((char) => (WORD.test(char) || PICTOGRAPH.test(char) ? foldKana(char) : ' ')).join('');
    return kept.trim() === '' && kept !== '' ? ' ' : kept.replaceAll(' ', '');
  };
  return (text, from, end) => {
    if (end - from === 1) {
      const code = text.charCodeAt(from);
      knownUnits[code] ??= make(text.slice(from, end));
      return knownUnits[code] ?? '';
    }
    const cluster = text.slice(from, end);
    const before = known.get(cluster);
    if (before !== undefined) return before;
    if (known.size >= CACHED) known.clear();
    const folded = make(cluster);
    known.set(cluster, folded);
    return folded;
  };
}

/** The same for what has nothing to fold: most prompts are this. */
function plainAscii({ text, at }: Mapped): Mapped {
  const out = new MappedText(text.length);
  for (let n = 0; n < text.length; n += 1) {
    const code = text.charCodeAt(n);
    const isSmall = (code >= 97 && code <= 122) || (code >= 48 && code <= 57);
    if (isSmall) out.unit(code, at[n] ?? 0);
    else if (code >= 65 && code <= 90) out.unit(code + 32, at[n] ?? 0);
    else if (!out.endsInSpace) out.unit(SPACE, at[n] ?? 0);
  }
  return out.done();
}

const bare = (cluster: string, form: 'NFD' | 'NFKD'): string => {
  const letters = cluster.normalize(form).replace(/\p{M}/gu, '');
  // marks of kana and the parts of Hangul are no ornaments
  return isUnspaced(cluster.normalize('NFKC').charCodeAt(0)) ? cluster.normalize('NFKC') : letters;
};

const v0 = folding((cluster) => cluster.toLowerCase().normalize('NFC'));
const v2 = folding((cluster) => [...bare(cluster, 'NFD').toLowerCase()].map(lookAlike).join(''));
const v2Bare = folding((cluster) => bare(cluster, 'NFD').toLowerCase());
const v3 = folding((cluster) => bare(cluster, 'NFKD').normalize('NFKC').toLowerCase());
const v7 = folding((cluster) =>
  [...cluster.toLowerCase().normalize('NFC')].map((char) => romanOf(foldKana(char)) ?? bare(char, 'NFD')).join(''),
);

/** As a term of the lists stands in the automaton: the same foldings, each form once. */
export function formsOf(term: string): string[] {
  const source = (text: string): Mapped => ({ text, at: [] });
  const forms = [v0, v2Bare, v2].map((fold) => plain(source(term), fold).text.trim());
  return [...new Set(forms)].filter((form) => form !== '');
}

/** The name of a person, as it is hashed: without ornaments and look-alikes. */
export const nameForm = (name: string): string => plain({ text: name, at: [] }, v2).text.trim();

/** The plainest view: what has the same one differs in spaces and punctuation. */
export const firstView = (source: Mapped): Mapped => plain(source, v0);

/** Every view that differs from the ones before it; `first` is `firstView`. */
export function viewsOf(source: Mapped, first: Mapped): Mapped[] {
  const views = [first];
  if (!ASCII.test(source.text)) {
    views.push(plain(source, v2Bare), plain(source, v2), plain(source, v3));
    if (/[\u0370-\u04ff\u3040-\u30ff]/.test(source.text)) views.push(plain(source, v7));
  }
  for (const view of distinct(views)) {
    views.push(joinedLetters(view));
    if (/[\u3040-\uffff]/.test(view.text)) views.push(unspaced(view));
  }
  views.push(plain(joinedWords(source), v0));
  if (!ASCII.test(source.text)) views.push(plain(joinedWords(source), v3));
  return distinct(views);
}

function distinct(views: readonly Mapped[]): Mapped[] {
  const seen = new Set<string>();
  return views.filter(({ text }) => !seen.has(text) && seen.add(text));
}

/** V6: `l o n e l y` is a word. */
function joinedLetters(view: Mapped): Mapped {
  const runs = view.text.matchAll(/(?<![\p{L}\p{N}])[\p{L}\p{N}](?: [\p{L}\p{N}](?![\p{L}\p{N}])){2,}/gu);
  const drop = new Set<number>();
  for (const { index, 0: run } of runs) {
    for (let n = 0; n < run.length; n += 1) if (run[n] === ' ') drop.add(index + n);
  }
  return without(view, drop);
}

/** V6: `lone-ly` and `lone.ly` are words: punctuation between letters goes, where no space stands beside it. */
function joinedWords(source: Mapped): Mapped {
  const drop = new Set<number>();
  for (const { index, 0: run } of source.text.matchAll(
    /(?<=[\p{L}\p{N}])[^\p{L}\p{N}\p{M}\s,;]{1,4}(?=[\p{L}\p{N}])/gu,
  )) {
    for (let n = 0; n < run.length; n += 1) drop.add(index + n);
  }
  return without(source, drop);
}

/** Spaces between characters of scripts that have none. */
function unspaced(view: Mapped): Mapped {
  const drop = new Set<number>();
  for (let n = 1; n < view.text.length - 1; n += 1) {
    if (view.text[n] === ' ' && isUnspaced(view.text.charCodeAt(n - 1)) && isUnspaced(view.text.charCodeAt(n + 1))) {
      drop.add(n);
    }
  }
  return without(view, drop);
}

function without({ text, at }: Mapped, drop: ReadonlySet<number>): Mapped {
  if (drop.size === 0) return { text, at };
  const out = new MappedText(text.length);
  for (let n = 0; n < text.length; n += 1) if (!drop.has(n)) out.unit(text.charCodeAt(n), at[n] ?? 0);
  return out.done();
}

const LEET: Readonly<Record<string, string>> = {
  ...{ '0': 'o', '1': 'l', '2': 'z', '3': 'e', '4': 'a', '5': 's', '6': 'g', '7': 't', '8': 'b', '9': 'g' },
  ...{ '@': 'a', $: 's', '!': 'l', '|': 'l', '€': 'e', '+': 't', '£': 'l', '¡': 'l', i: 'l' },
};
const unleet = (char: string): string => LEET[char] ?? char;
/** `i`, `l` and `1` are one, and a letter that is doubled stands once. */
export const foldWord = (word: string): string =>
  [...word]
    .map(unleet)
    .join('')
    .replace(/(.)\1+/gu, '$1');

/** Whether a token of ASCII has a letter beside a digit or sign, or a letter twice in a row: a look before the true one. */
function mayFold(token: string): boolean {
  let hasLetter = false;
  let hasSign = false;
  let before = 0;
  for (let n = 0; n < token.length; n += 1) {
    const code = token.charCodeAt(n);
    if (code > 0x7f) return true;
    const low = code | 32;
    const isLetter = low >= 97 && low <= 122;
    if (isLetter && low === before) return true;
    before = low;
    if (isLetter) hasLetter = true;
    else
      hasSign ||=
        (code >= 48 && code <= 57) || code === 64 || code === 36 || code === 33 || code === 124 || code === 43;
  }
  return hasLetter && hasSign;
}

/**
 * V4 and V5: of tokens that mix letters with digits or signs, or repeat letters, what they spell. The rest is left out,
 * for it stands in the other views; `|` keeps what is not side by side apart.
 */
export function foldedTokens({ text, at }: Mapped, isSpelledRight: (word: string) => boolean): Mapped {
  const out = new MappedText();
  for (const { index, 0: token } of text.matchAll(/[^\s,;:()[\]{}<>]{3,60}/gu)) {
    if (!mayFold(token)) continue;
    const low = token
      .toLowerCase()
      .normalize('NFKC')
      .replace(/^[.!?'"]+|[.?'"]+$/g, '');
    const isMixed = /\p{L}/u.test(low) && /[\d@$!|€+£¡]/.test(low);
    const isRepeating = /(\p{L})\1/u.test(low) && !isSpelledRight(low);
    if (!isMixed && !isRepeating) continue;
    for (const part of low.split(/[_.\-/*~'"&#]+/)) {
      out.push(' ', at[index] ?? 0);
      for (const char of foldWord(part)) out.push(char, at[index] ?? 0);
    }
  }
  return out.done();
}
