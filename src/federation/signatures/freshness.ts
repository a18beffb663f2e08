import { unauthenticated } from './message.ts';

// Mastodon accepts 12 hours, and servers resend old deliveries without signing them again.
const LONGEST_AGE_MS = 12 * 3_600_000;
const CLOCK_SKEW_MS = 3_600_000;
// RFC 9110, 5.6.7: IMF-fixdate, the only form that may be sent.
const HTTP_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

export function requireFreshDate(date: string | null, now: Date): void {
  if (date === null) throw unauthenticated('The request carries no date.');
  const sentAt = HTTP_DATE.test(date) ? Date.parse(date) : Number.NaN;
  requireWithin(sentAt, now);
}

/** Seconds since 1970, of Cavage's and RFC 9421's parameters. */
export function requireFreshPeriod(created: number | null, expires: number | null, now: Date): void {
  if (created !== null) requireWithin(created * 1000, now);
  if (expires !== null && !(expires * 1000 > now.getTime())) throw unauthenticated('The signature has expired.');
}

function requireWithin(sentAtMs: number, now: Date): void {
  const ageMs = now.getTime() - sentAtMs;
  if (!(ageMs <= LONGEST_AGE_MS && ageMs >= -CLOCK_SKEW_MS)) throw unauthenticated('The signature is not fresh.');
}
