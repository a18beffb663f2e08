import { z } from 'zod';
import { loadEditor } from '../../../catalogue/editing/editor.ts';
import { LINEAGE_KINDS, MODEL_VISIBILITIES } from '../../../catalogue/model.ts';
import { COMMERCIAL_USES, FILE_KINDS, MODEL_TYPES } from '../../../catalogue/types.ts';
import { RATINGS } from '../../../safety/ratings.ts';
import type { OwnAsk } from '../../operation/define.ts';

// What a model and a version are written with: the words of the answers, and underneath the form of the editor's page,
// whose schema is the one that checks them.

const texts = (most: number, mostChars: number) => z.array(z.string().max(mostChars)).max(most);
const Level = z.literal([...RATINGS]);

export const ModelBody = z.strictObject({
  name: z.string().max(120).optional(),
  type: z.enum(MODEL_TYPES).optional(),
  /** Markdown. */
  description: z.string().max(50_000).optional(),
  tags: z
    .array(
      z
        .string()
        .max(60)
        .regex(/^[^,]*$/, 'A tag has no comma.'),
    )
    .max(30)
    .optional(),
  /** SPDX. */
  license: z.string().max(80).optional(),
  allowNoCredit: z.boolean().optional(),
  allowCommercialUse: z.array(z.enum(COMMERCIAL_USES)).max(10).optional(),
  allowDerivatives: z.boolean().optional(),
  allowDifferentLicense: z.boolean().optional(),
  allowGeneration: z.boolean().optional(),
  poi: z.boolean().optional(),
  minor: z.boolean().optional(),
  sfwOnly: z.boolean().optional(),
  /** Its rating as long as it has no pictures. */
  nsfwLevel: Level.optional(),
  visibility: z.enum(MODEL_VISIBILITIES).optional(),
});
export type ModelBody = z.output<typeof ModelBody>;

const Parent = z.strictObject({
  kind: z.enum(LINEAGE_KINDS),
  /** An address, a hash or a name. */
  of: z.string().max(600),
  weight: z.number().min(-10).max(10).nullable().default(null),
});

export const VersionBody = z.strictObject({
  name: z.string().max(80).optional(),
  baseModel: z.string().max(60).optional(),
  trainedWords: texts(40, 200).optional(),
  /** Markdown: what changed. */
  description: z.string().max(20_000).optional(),
  clipSkip: z.int().min(1).max(12).nullable().optional(),
  recommendedWeight: z.number().min(-10).max(10).nullable().optional(),
  settings: z.record(z.string().max(60), z.string().max(500)).optional(),
  parents: z.array(Parent).max(20).optional(),
});
export type VersionBody = z.output<typeof VersionBody>;

/** A version of one's own, drafts too. */
export const OwnVersion = z.object({
  id: z.int(),
  modelId: z.int(),
  state: z.enum(['draft', 'scheduled', 'published', 'unpublished', 'deleted']),
  publishAt: z.string().nullable(),
  url: z.url(),
  model: ModelBody.required().extend({ nsfwLevel: z.int() }),
  version: VersionBody.required(),
  files: z.array(z.object({ id: z.int(), name: z.string(), type: z.enum(FILE_KINDS), sizeKB: z.number() })),
  uploads: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      state: z.enum(['receiving', 'hashing', 'ready', 'refused']),
      percent: z.number(),
      message: z.string().nullable(),
    }),
  ),
});

const listOf = (text: unknown, by: RegExp): string[] =>
  String(text ?? '')
    .split(by)
    .map((one) => one.trim())
    .filter((one) => one !== '');
const numberOf = (text: unknown): number | null => (text === '' || text === undefined ? null : Number(text));

/** Throws what `loadOwnVersion` throws. */
export async function loadOwnVersionView(ask: OwnAsk, versionId: number): Promise<z.output<typeof OwnVersion>> {
  // a fresh look: what a service changed in memory does not count
  const editor = await loadEditor({ ...ask, em: ask.em.fork() }, versionId);
  const { values } = editor;
  return {
    ...{ id: editor.versionId, modelId: editor.modelId, state: editor.state },
    publishAt: editor.publishAt === '' ? null : editor.publishAt,
    url: `${ask.origin}/models/${editor.modelId}?version=${editor.versionId}`,
    model: {
      ...{ name: String(values.name), type: values.type as ModelBody['type'] & string },
      ...{ description: String(values.description), tags: listOf(values.tags, /,/), license: String(values.licenseId) },
      ...{ allowNoCredit: values.allowNoCredit === true, allowDerivatives: values.allowDerivatives === true },
      allowCommercialUse: [...((values.allowCommercialUse ?? []) as ModelBody['allowCommercialUse'] & object)],
      allowDifferentLicense: values.allowDifferentLicense === true,
      allowGeneration: values.forbidsGeneration !== true,
      ...{ poi: values.isPoi === true, minor: values.isMinor === true, sfwOnly: values.isSfwOnly === true },
      nsfwLevel: Number(values.level),
      visibility: values.visibility as ModelBody['visibility'] & string,
    },
    version: {
      ...{ name: String(values.versionName), baseModel: String(values.baseModel) },
      ...{ trainedWords: listOf(values.trainedWords, /\n/), description: String(values.changelog) },
      ...{ clipSkip: numberOf(values.clipSkip), recommendedWeight: numberOf(values.recommendedWeight) },
      settings: Object.fromEntries(
        listOf(values.settings, /\n/).map((line) => {
          const at = line.indexOf(':');
          return [line.slice(0, at), line.slice(at + 1).trim()];
        }),
      ),
      parents: editor.parents.map(({ kind, text, weight }) => ({
        ...{ kind: kind as z.output<typeof Parent>['kind'], of: text, weight: numberOf(weight) },
      })),
    },
    files: editor.files.map(({ id, name, kind, totalBytes }) => ({
      ...{ id, name, type: kind as (typeof FILE_KINDS)[number], sizeKB: totalBytes / 1_024 },
    })),
    uploads: editor.uploads.map(({ id, name, state, percent, message }) => ({ id, name, state, percent, message })),
  };
}

/** The form of the editor as it is now, with what is given in its place. */
export async function filledForm(ask: OwnAsk, versionId: number, model: ModelBody, version: VersionBody) {
  const { values, parents, hasCover } = await loadEditor({ ...ask, em: ask.em.fork() }, versionId);
  return {
    ...values,
    ...parentFields(parents),
    // with pictures it is theirs, and may be several
    ...(hasCover ? { level: '1' } : {}),
    ...fieldsOf(model, version),
  };
}

/** What is given, in the fields of that form. */
export const fieldsOf = (model: ModelBody, version: VersionBody): object =>
  stated({
    ...{ name: model.name, type: model.type, description: model.description, tags: model.tags?.join(', ') },
    ...{ licenseId: model.license, allowNoCredit: model.allowNoCredit, level: model.nsfwLevel },
    ...{ allowCommercialUse: model.allowCommercialUse, allowDerivatives: model.allowDerivatives },
    ...{ allowDifferentLicense: model.allowDifferentLicense, visibility: model.visibility },
    forbidsGeneration: model.allowGeneration === undefined ? undefined : !model.allowGeneration,
    ...{ isPoi: model.poi, isMinor: model.minor, isSfwOnly: model.sfwOnly },
    ...{ versionName: version.name, baseModel: version.baseModel, changelog: version.description },
    trainedWords: version.trainedWords?.join('\n'),
    clipSkip: version.clipSkip === undefined ? undefined : String(version.clipSkip ?? ''),
    recommendedWeight: version.recommendedWeight === undefined ? undefined : String(version.recommendedWeight ?? ''),
    settings:
      version.settings &&
      Object.entries(version.settings)
        .map(([key, value]) => `${key}: ${value}`.replaceAll('\n', ' '))
        .join('\n'),
    ...(version.parents
      ? parentFields(version.parents.map(({ kind, of: text, weight }) => ({ kind, text, weight })))
      : {}),
  });

const parentFields = (
  parents: readonly { readonly kind: string; readonly text: string; readonly weight: string | number | null }[],
) => ({
  parentKind: parents.map(({ kind }) => kind),
  parentText: parents.map(({ text }) => text),
  parentWeight: parents.map(({ weight }) => String(weight ?? '')),
});

const stated = (fields: object): object =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
