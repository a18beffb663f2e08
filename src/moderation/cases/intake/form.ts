import { z } from 'zod';
import { normaliseEmail } from '../../../accounts/login.ts';
import { t } from '../../../kit/web/messages.ts';
import { CLAIMS, type ClaimField, type ClaimType } from '../types/types.ts';

export interface ClaimAnswers {
  readonly type: ClaimType;
  readonly url: string;
  readonly email: string;
  readonly answers: Readonly<Record<string, string>>;
  readonly personal: Readonly<Record<string, string>>;
}

/** What stands beside the answers, against programs; the first is the field that people do not see. */
const Rest = z.object({
  website: z.string().max(500).default(''),
  ticket: z.string().max(300).default(''),
  /** Not called a proof: that is what claimants show. */
  sum: z.string().max(20).default(''),
});

/** The form of one claim type, made of its definition. */
export function claimFormOf(type: ClaimType) {
  const { fields, mayBeAnonymous } = CLAIMS[type];
  const email = z.email(t('claim.error-email')).max(254).transform(normaliseEmail);
  return z
    .looseObject({
      ...Rest.shape,
      ...Object.fromEntries(fields.map((field) => [field.name, schemaOf(field)])),
      url: z.string().trim().min(1, t('claim.error-url')).max(2_000),
      email: mayBeAnonymous ? z.union([z.literal('').transform(() => ''), email]).default('') : email,
    })
    .transform(({ website, ticket, sum, url, email: address, ...given }) => {
      const pick = (isPersonal: boolean) =>
        Object.fromEntries(
          fields
            .filter((field) => Boolean(field.personal) === isPersonal)
            .map((field) => [field.name, String(given[field.name] ?? '')])
            .filter(([, value]) => value !== ''),
        );
      const claim: ClaimAnswers = { type, url, email: address, answers: pick(false), personal: pick(true) };
      return { claim, website, ticket, proof: sum };
    });
}

/** The form with which a claimant adds what was missing. */
export const missingFormOf = (type: ClaimType, missing: readonly string[]) =>
  z.object(
    Object.fromEntries(
      CLAIMS[type].fields.filter(({ name }) => missing.includes(name)).map((field) => [field.name, schemaOf(field)]),
    ),
  );

function schemaOf({ kind, required, maxLength }: ClaimField): z.ZodType<string> {
  const message = t(kind === 'tick' ? 'claim.error-tick' : 'claim.error-missing');
  if (kind === 'tick') {
    const ticked = z.literal('1', message);
    return required ? ticked : z.union([ticked, z.literal('')]).default('');
  }
  const text = z
    .string()
    .trim()
    .max(maxLength, t('claim.error-long', { n: maxLength }));
  const checked = kind === 'link' ? text.regex(/^$|^https?:\/\/\S+$/i, t('claim.error-link')) : text;
  return required ? checked.min(1, message) : checked.default('');
}
