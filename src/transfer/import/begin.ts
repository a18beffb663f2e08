import { z } from 'zod';
import { t } from '../../kit/web/messages.ts';
import { readRepository } from '../sources/hugging-face.ts';

/** The origin of a site, as a person types it. */
const site = z
  .string()
  .trim()
  .max(300)
  .transform((text) => (text === '' ? 'https://civitai.com' : /^https?:\/\//.test(text) ? text : `https://${text}`))
  .refine((text) => URL.canParse(text), t('import.site-how'))
  .transform((text) => new URL(text).origin);
const key = z.string().trim().max(500).default('');

export const AddressForm = z.object({
  place: z
    .string()
    .trim()
    .max(2_000)
    .refine((text) => URL.canParse(text) && new URL(text).pathname === '/exports/archive', t('import.address-how')),
});

export const CivitaiForm = z.object({
  place: site,
  who: z
    .string()
    .trim()
    .regex(/^[\w.-]{1,60}$/, t('import.who-how')),
  secret: key,
  own: z.literal('1', t('import.own-how')),
});

export const HuggingFaceForm = z.object({
  place: z
    .string()
    .trim()
    .max(300)
    .refine((text) => isRepository(text), t('import.repository-how')),
  secret: key,
  own: z.literal('1', t('import.own-how')),
});

function isRepository(text: string): boolean {
  try {
    return readRepository(text).id !== '';
  } catch {
    return false;
  }
}
