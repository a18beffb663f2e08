/** How a hash of 64 hex digits is cut: sixteen bands of sixteen bits. */
export const BANDS = 16;
const BAND_DIGITS = 4;
/** A band as it is stored, so that two bytes with a sign hold it. */
const SHIFT = 32_768;

/** The bands of a hash as they are stored. */
export const bandsOf = (hash: string): number[] =>
  Array.from(
    { length: BANDS },
    (_, n) => Number.parseInt(hash.slice(n * BAND_DIGITS, (n + 1) * BAND_DIGITS), 16) - SHIFT,
  );

/** The value of a band, and the sixteen that differ from it in one bit. */
export const beside = (band: number): number[] => [
  band,
  ...Array.from({ length: 16 }, (_, bit) => ((band + SHIFT) ^ (1 << bit)) - SHIFT),
];

export const BAND_COLUMNS = Array.from({ length: BANDS }, (_, n) => `b${n}`);
