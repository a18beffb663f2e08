// Numbers below twenty in words, to read ages. The place in the list is the number.

const WORDS: Readonly<Record<string, string>> = {
  en: 'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen',
  es: 'cero un dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho diecinueve',
  fr: 'zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf',
  de: 'null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn',
  pt: 'zero um dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezesseis dezessete dezoito dezenove',
  it: 'zero un due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici diciassette diciotto diciannove',
  ru: 'ноль один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать тринадцать четырнадцать пятнадцать шестнадцать семнадцать восемнадцать девятнадцать',
  /** Before 살. */
  ko: '영 한 두 세 네 다섯 여섯 일곱 여덟 아홉 열 열한 열두 열세 열네 열다섯 열여섯 열일곱 열여덟 열아홉',
  /** Of birthdays. */
  ordinals:
    'zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth',
};

/** As the views spell them: in lower case, with marks and without. */
const VALUES: ReadonlyMap<string, number> = new Map(
  Object.values(WORDS).flatMap((list) =>
    list.split(' ').flatMap((word, value): [string, number][] => {
      const spoken = word.replaceAll('-', ' ');
      return [
        [spoken, value],
        [
          spoken
            .normalize('NFD')
            .replace(/\p{Mn}/gu, '')
            .normalize('NFC'),
          value,
        ],
      ];
    }),
  ),
);

const wordsOfAll = (...languages: readonly string[]): string => {
  const known = new Set(languages.flatMap((language) => (WORDS[language] ?? '').split(' ')));
  const spoken = [...known].map((word) => word.replaceAll('-', ' '));
  const all = new Set(
    spoken.flatMap((word) => [
      word,
      word
        .normalize('NFD')
        .replace(/\p{Mn}/gu, '')
        .normalize('NFC'),
    ]),
  );
  return [...all].sort((a, b) => b.length - a.length).join('|');
};

export const CARDINAL = `\\d{1,5}|${wordsOfAll('en', 'es', 'fr', 'de', 'pt', 'it', 'ru')}`;
export const ORDINAL = `\\d{1,3} ?(?:st|nd|rd|th)|${wordsOfAll('ordinals')}`;
export const KOREAN = `\\d{1,5}|${wordsOfAll('ko')}`;
export const HAN = '\\d{1,5}|[一二三四五六七八九十百千万零〇两兩]{1,6}';

const HAN_DIGITS: Readonly<Record<string, number>> = {
  ...{ 零: 0, 〇: 0, 一: 1, 二: 2, 两: 2, 兩: 2, 三: 3, 四: 4, 五: 5, 六: 6, 七: 7, 八: 8, 九: 9 },
};

/** Null for what is no number that can be an age below twenty, or a plain one. */
export function numberOf(text: string): number | null {
  const digits = /^\d+/.exec(text)?.[0];
  if (digits) return Number(digits);
  const known = VALUES.get(text);
  if (known !== undefined) return known;
  const han = /^([一二三四五六七八九两兩]?)(十?)([一二三四五六七八九]?)$/.exec(text);
  if (!han) return null;
  const [, tens = '', ten = '', ones = ''] = han;
  if (ten === '') return HAN_DIGITS[tens] ?? HAN_DIGITS[text] ?? null;
  return (tens === '' ? 1 : (HAN_DIGITS[tens] ?? 1)) * 10 + (HAN_DIGITS[ones] ?? 0);
}
