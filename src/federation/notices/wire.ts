import { z } from 'zod';
import { RESTRICTION } from '../../safety/policy.ts';
import type { ApObject } from '../normalise.ts';
import { valuesOf } from '../origin.ts';
import { jsonOf } from '../vocabulary/read.ts';

/** Categories whose notices say nothing but ids, and whose files only listed peers learn (spec/takedowns.md 2.9). */
export const SEVERE: ReadonlySet<string> = new Set(['minor', 'ncii']);

const uri = z.string().max(2_048);
const listOf = (item: z.ZodString, most: number) =>
  z
    .array(z.unknown())
    .transform((values) => values.slice(0, most).filter((one): one is string => item.safeParse(one).success))
    .default([]);

/** What stands under `takedown`, in the Tombstone of a Delete or beside the object of an Update. */
export const TakedownTerm = z.object({
  code: z.string().max(20),
  /** Opaque: for the people of the node that sent it. */
  case: uri.optional().catch(undefined),
  effects: listOf(z.string().max(40), 20),
  objects: listOf(uri, 100),
  /** SHA-256 of files, hex. */
  hashes: listOf(z.string().regex(/^[0-9a-f]{64}$/), 1_000),
  respondBy: z.string().max(40).optional().catch(undefined),
  supersedes: uri.optional().catch(undefined),
  /** Hide, do not purge: a decision follows. */
  provisional: z.boolean().default(false).catch(false),
});
export type TakedownTerm = z.output<typeof TakedownTerm>;

/** Null for an activity that asks for nothing beyond itself. */
export function readTakedown(activity: ApObject): TakedownTerm | null {
  const [object] = valuesOf(activity, 'object');
  return (
    jsonOf(activity, 'takedown', TakedownTerm) ??
    (typeof object === 'object' ? jsonOf(object, 'takedown', TakedownTerm) : null)
  );
}

const RECEIPT_RESULTS = ['done', 'not_held', 'partial', 'refused'] as const;

const Proof = z.object({
  type: z.literal('DataIntegrityProof'),
  cryptosuite: z.literal('eddsa-jcs-2022'),
  verificationMethod: uri,
  proofPurpose: z.literal('assertionMethod'),
  created: z.string().max(40),
  proofValue: z.string().max(128),
});

/** What stands under `receipt`. Its proof covers it, so that it can be shown to others later. */
export const Receipt = z.looseObject({
  type: z.literal('tessera:TakedownReceipt'),
  notice: uri,
  by: uri,
  result: z.enum(RECEIPT_RESULTS),
  reason: z.string().max(200).default(''),
  /** Rows that were taken down here: files, pictures, posts … */
  purged: z.int().min(0).default(0),
  /** Things made with it that now wait for a person. */
  derived: z.int().min(0).default(0),
  at: z.string().max(40),
  proof: Proof.optional().catch(undefined),
});
export type Receipt = z.output<typeof Receipt>;

/** Words of a notice for the bits that a decision sets. */
const EFFECTS = {
  view: 'hide',
  list: 'delist',
  download: 'stop_download',
  generate: 'stop_generate',
  train: 'stop_train',
  mirror: 'stop_mirror',
  explicit: 'force_pg',
  commercial: 'no_commercial',
  derive: 'no_derivatives',
} as const satisfies Partial<Record<keyof typeof RESTRICTION, string>>;

export const effectsOfBits = (bits: number): string[] =>
  Object.entries(EFFECTS).flatMap(([act, effect]) =>
    (bits & RESTRICTION[act as keyof typeof EFFECTS]) !== 0 ? [effect] : [],
  );
export const bitsOfEffects = (effects: readonly string[]): number =>
  Object.entries(EFFECTS).reduce(
    (bits, [act, effect]) => (effects.includes(effect) ? bits | RESTRICTION[act as keyof typeof EFFECTS] : bits),
    0,
  );
