import { z } from 'zod';
import { BOUNTY_KINDS, BOUNTY_MODES } from './model.ts';

export const DAY_MS = 86_400_000;
/** Until the entries are in; and then until one is chosen. */
export const MOST_DAYS = 60;
export const AWARD_DAYS = 14;
/** With everything that its owner put off. */
export const MOST_DAYS_IN_ALL = 120;
/** Of one person at a time. */
export const MOST_OPEN = 5;
export const MOST_ENTRIES = 200;
export const MOST_ENTRIES_EACH = 3;
export const MOST_PLEDGES = 200;

const whole = z.coerce.number('Give a whole number.').int('Give a whole number.').min(1, 'At least 1.');
const prose = (most: number) =>
  z
    .string()
    .transform((text) => text.replaceAll('\u0000', '').trim())
    .pipe(
      z
        .string()
        .min(1, 'Say what you mean.')
        .max(most, `At most ${most.toLocaleString('en')} characters.`),
    );

const words = {
  title: z
    .string()
    .transform((text) => text.replace(/[\p{Cc}\s]+/gu, ' ').trim())
    .pipe(z.string().min(1, 'Give it a name.').max(120, 'At most 120 characters.')),
  text: prose(10_000),
  tags: z.string().max(2_000, 'At most 2,000 characters.').default(''),
  references: z.string().max(1_000, 'At most 1,000 characters.').default(''),
  /** Choosing is saying so: in this release nothing but fiction is taken. */
  subject: z.enum(['fictional', 'own', 'consented'], 'Say whom it shows.'),
  /** ISO day: its end, in UTC. */
  deadline: z
    .string()
    .regex(/^\d{4}-\d\d-\d\d$/, 'Choose a day.')
    .transform((text, check) => {
      const at = new Date(`${text}T23:59:00Z`);
      if (!Number.isNaN(at.getTime())) return at;
      check.addIssue({ code: 'custom', message: 'Choose a day.' });
      return z.NEVER;
    }),
};

export const BountyForm = z.object({
  /** Of the form as it was shown: sent twice, it is one bounty. */
  key: z.uuid(),
  ...words,
  kind: z.enum(BOUNTY_KINDS, 'Choose what is to be made.'),
  mode: z.enum(BOUNTY_MODES, 'Choose how it is awarded.'),
  baseModel: z.string().trim().max(60, 'At most 60 characters.').default(''),
  amount: whole,
});
export const BountyEditForm = z.object(words);

export const PledgeForm = z.object({ key: z.uuid(), amount: whole });

export const EntryForm = z.object({
  key: z.uuid(),
  text: prose(4_000),
  /** Addresses of the entrant's own on this node. */
  model: z.string().max(300).default(''),
  post: z.string().max(300).default(''),
});
