import { randomBytes, randomInt } from 'node:crypto';
import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import type { RateLimits } from '../../kit/web/rate-limit.ts';
import { sign, unsign } from '../access/secrets.ts';

/*
 * Against programs that fill in every form they find, without scripts and without a third party: a field that people do
 * not see, a form that must be older than a glance, and a small sum in words. Each form can be sent once.
 */

const MIN_AGE_MS = 3_000;
const MAX_AGE_MS = 6 * 3_600_000;
const WORDS = ['two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve'];

export interface Riddle {
  /** Goes into the form as a hidden field. */
  readonly ticket: string;
  readonly question: { readonly first: string; readonly second: string };
}

const wordFor = (number: number): string => WORDS[number - 2] ?? String(number);

export function makeRiddle(secretKey: string, now: Date): Riddle {
  const [a, b] = [randomInt(2, 13), randomInt(2, 13)];
  const ticket = sign(secretKey, 'riddle', [now.getTime(), a, b, randomBytes(9).toString('base64url')].join(' '));
  return { ticket, question: { first: wordFor(a), second: wordFor(b) } };
}

/** The fields that `refusePrograms` reads; `website` is the one that people do not see. */
export const RiddleFields = z.object({
  website: z.string().default(''),
  ticket: z.string().max(300).default(''),
  sum: z.string().trim().max(20).default(''),
});

/** Throws `invalid` when a program seems to have filled in the form. */
export function refusePrograms(
  { website, ticket, sum }: z.output<typeof RiddleFields>,
  secretKey: string,
  now: Date,
): void {
  if (website !== '')
    throw new AppError('invalid', 'This form was filled in by a program. Please leave the last field empty.');
  const [at, a, b] = (unsign(secretKey, 'riddle', ticket) ?? '').split(' ').map(Number);
  if (at === undefined || a === undefined || b === undefined)
    throw new AppError('invalid', 'Please send the form again.');
  const ageMs = now.getTime() - at;
  if (ageMs > MAX_AGE_MS) throw new AppError('invalid', 'This form is old. Please send it again.');
  if (ageMs < MIN_AGE_MS)
    throw new AppError('invalid', 'That was very fast. Please wait three seconds and send it again.');
  if (sum.toLowerCase() !== String(a + b)) {
    throw new AppError('invalid', 'The sum is not right.', {
      fields: { sum: 'The sum is not right. Digits, please.' },
    });
  }
}

/** Marks the form as sent. Throws `rate_limited` the second time. */
export function spendTicket(limits: RateLimits, ticket: string): void {
  limits.takeFor(`riddle ${ticket}`, { name: 'riddle', max: 1, perMs: MAX_AGE_MS });
}
