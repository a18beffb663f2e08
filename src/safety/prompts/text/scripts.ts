/** Scripts that some list reads. */
const READ =
  /[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}ー]/u;

/** Of the letters of a text, how many are of a script that no list reads; 0 to 1. */
export function unscannableShare(text: string): number {
  let letters = 0;
  let unread = 0;
  for (const [letter] of text.normalize('NFKC').matchAll(/\p{L}/gu)) {
    letters += 1;
    if (!READ.test(letter)) unread += 1;
  }
  return letters === 0 ? 0 : unread / letters;
}

/** A word of Latin letters with Cyrillic or Greek ones between them. */
export const hasMixedScripts = (text: string): boolean =>
  /\p{Script=Latin}[\p{M}]*[\p{Script=Cyrillic}\p{Script=Greek}]|[\p{Script=Cyrillic}\p{Script=Greek}][\p{M}]*\p{Script=Latin}/u.test(
    text,
  );
