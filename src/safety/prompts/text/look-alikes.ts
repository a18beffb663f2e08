// Characters that look like others. A part of the confusables of Unicode (UTS 39, section 4): the Cyrillic, Greek,
// Armenian and Latin ones that stand for a letter of a to z, in lower case; what NFKC folds is left to NFKC.

const TABLE: Readonly<Record<string, string>> = {
  a: 'аαɑ',
  b: 'ьƅв',
  c: 'сϲᴄ',
  d: 'ԁɗ',
  e: 'еєҽɛ',
  f: 'ƒϝ',
  g: 'ɡԍց',
  h: 'һհн',
  i: 'іιıɩɪӏ',
  j: 'јϳ',
  k: 'кκĸᴋ',
  l: 'ⅼǀ|ɫ',
  m: 'мᴍ',
  n: 'пηոɴ',
  o: 'оοσօᴏ૦',
  p: 'рρ',
  q: 'ԛզ',
  r: 'гᴦʀ',
  s: 'ѕꜱ',
  t: 'тτᴛ',
  u: 'υսцᴜ',
  v: 'νѵᴠ',
  w: 'ԝшωᴡ',
  x: 'хχ',
  y: 'уγүʏ',
  z: 'ᴢʐ',
};

const FOLDED: ReadonlyMap<string, string> = new Map(
  Object.entries(TABLE).flatMap(([letter, others]) => [...others].map((other): [string, string] => [other, letter])),
);

/** The letter of a to z that it looks like, or itself. */
export const lookAlike = (char: string): string => FOLDED.get(char) ?? char;
