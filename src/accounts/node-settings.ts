import { z } from 'zod';
import { defineSettings } from '../kit/settings.ts';

export const SIGN_UP_MODES = ['open', 'approval', 'invite', 'closed'] as const;

/** What the node says of itself and whom it lets in; first set on the first-run page. */
export const nodeSettings = defineSettings(
  'node',
  z.object({
    name: z.string().default('Tessera'),
    description: z.string().default(''),
    /** Markdown. */
    rules: z.string().default(''),
    /** Markdown; `termsVersion` goes up whenever it changes. */
    terms: z.string().default(''),
    termsVersion: z.int().default(1),
    /** An address or a link where people reach the owner. */
    contact: z.string().default(''),
    signUpMode: z.enum(SIGN_UP_MODES).default('approval'),
    /** Ratings that may be here at all, as bits. */
    allowedLevels: z.int().default(31),
  }),
);
export type NodeSettings = z.output<typeof nodeSettings.schema>;
