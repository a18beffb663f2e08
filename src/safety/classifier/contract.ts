import { z } from 'zod';
import { RATINGS } from '../ratings.ts';

// What a classifier is asked and may say (spec/guardrails.md 3.6).

export type ClassifierPurpose = 'prompt' | 'output' | 'upload' | 'avatar' | 'dataset' | 'bounty';

export interface ClassifierQuestion {
  readonly kind: 'text' | 'image' | 'dataset' | 'model-meta';
  readonly purpose: ClassifierPurpose;
  /** What it is about, by what its bytes or words are: an answer is kept by it. */
  readonly digest: string;
  readonly text?: string;
  /** At most 8 MB. */
  readonly media?: { readonly bytes: Uint8Array; readonly mediaType: string };
  readonly level: number;
  readonly flags: readonly string[];
  readonly policyVersion: string;
}

const score = z.number().min(0).max(1);

export const ClassifierReply = z.object({
  verdict: z.enum(['allow', 'hold', 'deny', 'abstain']),
  rating: z
    .int()
    .refine((level) => (RATINGS as readonly number[]).includes(level))
    .optional(),
  labels: z
    .array(z.object({ id: z.string().max(80), score }))
    .max(100)
    .default([]),
  flags: z
    .object({ poi: z.boolean(), minor: z.boolean(), photo: z.boolean(), nsfw: z.boolean() })
    .partial()
    .default({}),
  explain: z.string().max(2_000).default(''),
  model: z.string().max(120).default(''),
  version: z.string().max(60).default(''),
  /** Seconds for which the answer may be kept. */
  ttl: z
    .number()
    .min(0)
    .max(30 * 86_400)
    .default(3_600),
});
export type ClassifierReply = z.output<typeof ClassifierReply>;

/** What follows for the node: never less than without a classifier. */
export interface ClassifierOpinion {
  readonly action: 'none' | 'hold' | 'deny';
  /** At least this rating; 0 says nothing. */
  readonly level: number;
  readonly reason: 'classifier' | 'classifier-silent' | null;
}

export const NO_OPINION: ClassifierOpinion = { action: 'none', level: 0, reason: null };
