import { z } from 'zod';
import type { ApObject } from '../normalise.ts';
import { jsonOf, plainText } from './read.ts';

/**
 * What only servers of our kind can use, beside what every server shows: with it a model or a picture is the same on both
 * nodes. It travels as one JSON value under `details`, so that a new key needs no new term. A key that does not fit costs
 * that key; keys that are not known here stay in the stored document.
 */

const flag = z.boolean().optional().catch(undefined);
const word = (most: number) =>
  z
    .string()
    .transform((text) => plainText(text, most))
    .optional()
    .catch(undefined);
const number = (least: number, most: number) => z.number().min(least).max(most).optional().catch(undefined);
const texts = (mostKeys: number, mostCharacters: number) =>
  z
    .record(z.string().max(200), z.string().max(mostCharacters))
    .refine((record) => Object.keys(record).length <= mostKeys)
    .optional()
    .catch(undefined);
/** An entry that cannot be read is left out. */
const listOf = <Item>(item: z.ZodType<Item>, most: number) =>
  z
    .array(z.unknown())
    .transform((values) =>
      values.slice(0, most).flatMap((value): Item[] => {
        const parsed = item.safeParse(value);
        return parsed.success ? [parsed.data] : [];
      }),
    )
    .optional()
    .catch(undefined);

/** Of every note: its tags as its author wrote them, because a hashtag has no spaces. */
const NoteDetails = z.object({ tags: listOf(z.string().min(1).max(60), 20) });

const ModelDetails = z.object({ poi: flag, minor: flag, sfwOnly: flag });

const Parent = z.object({
  relation: z.string().max(40),
  /** The version, where it is public. */
  version: z.string().max(2048).optional().catch(undefined),
  name: word(200),
  hash: z
    .string()
    .regex(/^[0-9a-f]{8,64}$/i)
    .toLowerCase()
    .optional()
    .catch(undefined),
  weight: number(-1_000_000, 1_000_000),
  /** Absent: its owner says so. `file`: only the header of the file does. `made`: the node made it. */
  basis: z.enum(['file', 'made']).optional().catch(undefined),
});
export type Parent = z.output<typeof Parent>;

const VersionDetails = z.object({
  trainingSettings: texts(200, 2_000),
  clipSkip: z.int().min(0).max(24).optional().catch(undefined),
  recommendedWeight: number(-100, 100),
  parents: listOf(Parent, 24),
});

const FileDetails = z.object({
  kind: z.string().max(40).optional().catch(undefined),
  format: z.string().max(40).optional().catch(undefined),
  precision: z.string().max(12).optional().catch(undefined),
  pruned: flag,
  primary: flag,
  /** SHA-256 of the file in whose place this one was put after a claim. */
  replaces: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional()
    .catch(undefined),
});

const MOST_RAW_CHARACTERS = 100_000;
const PictureDetails = z.object({
  /** What its author says of this one picture, as HTML. */
  caption: z.string().max(40_000).optional().catch(undefined),
  /** The texts of the file, by carrier, as the generating tool wrote them. */
  raw: texts(40, MOST_RAW_CHARACTERS),
});

export type ModelDetails = z.output<typeof ModelDetails>;
export type VersionDetails = z.output<typeof VersionDetails>;
export type FileDetails = z.output<typeof FileDetails>;
export type PictureDetails = z.output<typeof PictureDetails>;

const reading =
  <Details>(schema: z.ZodType<Details>) =>
  (object: ApObject): { details?: Details } => {
    const details = jsonOf(object, 'details', schema);
    return details === null ? {} : { details };
  };

export const readNoteDetails = reading(NoteDetails);
export const readModelDetails = reading(ModelDetails);
export const readVersionDetails = reading(VersionDetails);
export const readFileDetails = reading(FileDetails);
export const readPictureDetails = reading(PictureDetails);

/** The field of a document; nothing when there is nothing to say. */
export function detailsField(details: object | null | undefined): { details?: object } {
  const said = Object.entries(details ?? {}).filter(([, value]) => value !== undefined);
  return said.length === 0 ? {} : { details: Object.fromEntries(said) };
}

/** No reader takes a document with these keys (json.ts), and a file may have them. */
export function sendableTexts(record: Readonly<Record<string, string>>): Record<string, string> {
  const unsafe = new Set(['__proto__', 'constructor', 'prototype']);
  return Object.fromEntries(Object.entries(record).filter(([key]) => !unsafe.has(key) && key.length <= 200));
}

/** As far as they fit into a document that peers accept. */
export function rawThatFits(blocks: Readonly<Record<string, string>>, mostCharacters: number): Record<string, string> {
  const kept: Record<string, string> = {};
  let left = Math.min(mostCharacters, MOST_RAW_CHARACTERS);
  for (const [carrier, text] of Object.entries(sendableTexts(blocks))) {
    if (text.length > left) continue;
    left -= text.length;
    kept[carrier] = text;
  }
  return kept;
}
