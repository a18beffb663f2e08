/** Scripts that some list reads. */
const READ =
  /[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}ー]/u;

/** Of the letters of a text, how many are of a script that no list reads; 0 to 1. */
export function unscannableShare(text: string): number {
  let letters = 0;
  let unread = 0;
  for (const char of text.normalize('NFKC')) {
    const code = char.charCodeAt(0);
    if (code < 0x80) {
      if ((code | 32) >= 97 && (code | 32) <= 122) letters += 1;
    } else if (code >= 0x4e00 && code <= 0x9fff) letters += 1;
    else if (/\p{L}/u.test(char)) {
      letters += 1;
      if (!READ.test(char)) unread += 1;
    }
  }
  return letters === 0 ? 0 : unread / letters;
}

/** A word of Latin letters with Cyrillic or Greek ones between them. */
export const hasMixedScripts = (text: string): boolean =>
  /\p{Script=Latin}[\p{M}]*[\p{Script=Cyrillic}\p{Script=Greek}]|[\p{Script=Cyrillic}\p{Script=Greek}][\p{M}]*\p{Script=Latin}/u.test(
    text,
  );
