/** What GPU seconds cost, in whole credits: whatever is priced at all costs one. */
export const priceOf = (seconds: number, creditsPerMinute: number): number =>
  seconds <= 0 || creditsPerMinute <= 0 ? 0 : Math.max(1, Math.ceil((seconds * creditsPerMinute) / 60 - 1e-6));
