import { CARDINAL, HAN, KOREAN, numberOf, ORDINAL } from './numbers.ts';

// Ages said with a number, in the languages of the lists. The patterns are ours, have no loop inside a loop, and read a
// view (text/views.ts): lower case, one space between words.

const ADULT_AGE = 18;

const B = '(?<![\\p{L}\\p{N}])';
const E = '(?![\\p{L}\\p{N}])';

/** Each with the number in its first group; the age of months is none. */
const PATTERNS: readonly RegExp[] = [
  `${B}(${CARDINAL}) ?(?:years?|yrs?|yr|y) ?(?:old|olds|of age|o)${E}`,
  `${B}(${CARDINAL}) ?(?:yo|yos|yearold|yearsold|y o)${E}`,
  `${B}(${CARDINAL}) (?:years?|yrs?) (?:girls?|boys?|female|male|daughter|son)${E}`,
  `${B}(?:aged?|age of|age is|turning|turned|she is|he is|she s|he s|shes|hes) (${CARDINAL})${E}(?! (?:feet|foot|cm|meters?|inches|ft|times))`,
  `${B}(${ORDINAL}) (?:birthday|bday|grade|grader|graders)${E}`,
  `${B}(?:under|below|younger than|less than|not yet) (?:age )?(${CARDINAL})(?: years?(?: of age| old)?)?${E}(?! (?:feet|minutes?|seconds?|degrees?|percent|inches|dollars?|hours?|km|miles?|meters?|stars?|words?|steps?|the|a|an|moon|umbrella|arch))`,
  `${B}(?<!(?<!\\p{L})(?:hace|hacia|hasta|durante|cada|tras|desde) )(${CARDINAL}) ?(?:años|anos|añitos|aninhos)${E}(?! (?:después|despues|depois|atrás|atras|antes|luz|de antig))`,
  `${B}(?<!(?<!\\p{L})(?:y a|pendant|depuis|dans|pour|durant) )(${CARDINAL}) ?ans${E}`,
  `${B}(?<!(?<!\\p{L})(?:vor|seit|in|nach|über|für) )(${CARDINAL}) ?(?:jahre alt|jahren alt|jährig\\p{L}*|jahrig\\p{L}*|jahre altes|jahre junges?|j alt)`,
  `${B}(${CARDINAL})jährig\\p{L}*`,
  `${B}(?<!(?<!\\p{L})(?:per|da|fa|tra|durante|dopo) )(${CARDINAL}) ?anni${E}(?! fa)`,
  `${B}(?<!(?<!\\p{L})(?:через|за|на) )(${CARDINAL}) ?(?:лет|года?|годик\\p{L}*|летн\\p{L}*)${E}(?! (?:назад|спустя))`,
  `(${HAN}) ?(?:歳|才|歲|岁|周岁|週歲|さい)(?!児以上|以上)`,
  `(${KOREAN}) ?(?:살|세)(?!기|계|상|트|이상)`,
  `${B}(\\d{1,2}) ?(?:sui|sai)${E}`,
].map((source) => new RegExp(source, 'gu'));

/** A child in months is a child. */
const MONTHS = new RegExp(`${B}(?:${CARDINAL}) ?(?:months?|weeks?|mo) old${E}`, 'gu');
/** What is that old and nobody. */
const THING =
  /^(?: single malt| whisky| whiskey| scotch| bourbon| rum| wine| cheese| car| house| building| tree| computer| laptop| dog| cat| horse| company| anniversary| photograph| painting| record)/u;

export interface AgeHit {
  readonly start: number;
  readonly end: number;
  readonly age: number;
}

/** No age is said without one of these; the patterns are tried around them only. */
const ANCHOR =
  /year|yr|\by|\dyo|\dy\b|month|week|\bmo\b|\bage|turn|\bshe|\bhe|birth|bday|grade|under|below|younger|less|yet|años|anos|añito|aninho|\bans|\dans|jahr|jähr|anni|лет|год|[歳才歲岁さ살세]|sai\b|sui\b/g;
const AROUND = 48;

/** The parts of a view in which an age may stand. */
function windowsIn(view: string): [number, number][] {
  const windows: [number, number][] = [];
  for (const { index } of view.matchAll(ANCHOR)) {
    const last = windows.at(-1);
    const [start, end] = [Math.max(0, index - AROUND), index + AROUND];
    if (last && start <= last[1]) last[1] = end;
    else windows.push([start, end]);
  }
  return windows;
}

/** Ages below eighteen in a view. */
export function agesIn(view: string): AgeHit[] {
  return windowsIn(view).flatMap(([from, to]) =>
    agesOf(view.slice(from, to)).map(({ start, end, age }) => ({ start: start + from, end: end + from, age })),
  );
}

function agesOf(view: string): AgeHit[] {
  const hits: AgeHit[] = [];
  for (const pattern of PATTERNS) {
    for (const match of view.matchAll(pattern)) {
      const age = numberOf((match[1] ?? '').trim()) ?? ordinalOf(match[1] ?? '');
      const end = match.index + match[0].length;
      const isBelow = /^(?:under|below|younger|less|not yet)/.test(match[0]);
      if (age === null || age > ADULT_AGE || (age === ADULT_AGE && !isBelow)) continue;
      if (!THING.test(view.slice(end, end + 20))) hits.push({ start: match.index, end, age });
    }
  }
  for (const { index, 0: text } of view.matchAll(MONTHS)) {
    const end = index + text.length;
    if (!THING.test(view.slice(end, end + 20))) hits.push({ start: index, end, age: 0 });
  }
  return hits;
}

const ordinalOf = (text: string): number | null => {
  const digits = /^\d+/.exec(text)?.[0];
  return digits ? Number(digits) : numberOf(text);
};
