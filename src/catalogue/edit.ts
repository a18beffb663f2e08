import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { AppError } from '../kit/errors.ts';
import { record } from '../kit/events/events.ts';
import { t } from '../kit/web/messages.ts';
import type { Work } from '../kit/work.ts';
import { RESTRICTION } from '../safety/policy.ts';
import { RATINGS } from '../safety/ratings.ts';
import { holdWords } from '../safety/words/hold.ts';
import { renameFiles, type VersionWithModel } from './attach.ts';
import { modelUpdated } from './events.ts';
import { isLicense } from './licences.ts';
import { parseParents, setParents } from './lineage/edit-parents.ts';
import { MODEL_VISIBILITIES, type Model, ModelFile } from './model.ts';
import { listLockedNames } from './names/lock.ts';
import { scrubberOf } from './names/scrub.ts';
import { loadOwnVersion } from './own.ts';
import { loadRestrictions, refresh } from './publish.ts';
import { parseTags, setModelTags } from './tags.ts';
import { COMMERCIAL_USES, MODEL_TYPES } from './types.ts';
import { loadTexts, textsOfModel } from './words.ts';

const line = (max: number) =>
  z
    .preprocess((value) => value ?? '', z.string().max(max, `At most ${max} characters.`))
    .transform((text) => text.trim());
const flag = z
  .unknown()
  .optional()
  .transform((value) => value === '1' || value === 'on' || value === true);
/** One value of a form may come alone or as a list. */
const list = z.preprocess(
  (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]),
  z.array(z.string()),
);
const optionalNumber = (min: number, max: number) =>
  z
    .preprocess((value) => value ?? '', z.string())
    .transform((text) => (text.trim() === '' ? null : Number(text)))
    .pipe(
      z.number(`A number from ${min} to ${max}.`).min(min, `At least ${min}.`).max(max, `At most ${max}.`).nullable(),
    );

/** Everything about a model and one of its versions. Loose on purpose: a draft may lack what publishing asks for. */
export const VersionForm = z.object({
  name: line(120),
  type: z.enum(MODEL_TYPES, 'Choose a type.'),
  description: line(50_000),
  tags: line(2_000).transform(parseTags),
  licenseId: line(80).refine((id) => id === '' || isLicense(id), 'Choose a licence from the list.'),
  allowNoCredit: flag,
  allowCommercialUse: list.transform((uses) => COMMERCIAL_USES.filter((use) => use !== 'None' && uses.includes(use))),
  allowDerivatives: flag,
  allowDifferentLicense: flag,
  forbidsGeneration: flag,
  isPoi: flag,
  isMinor: flag,
  isSfwOnly: flag,
  level: z.preprocess((value) => Number(value ?? 1), z.literal([...RATINGS], 'Choose a rating.')),
  versionName: line(80),
  baseModel: line(60),
  trainedWords: line(4_000).transform((text) => lines(text, 40, 200)),
  changelog: line(20_000),
  clipSkip: optionalNumber(1, 12),
  recommendedWeight: optionalNumber(-10, 10),
  settings: line(20_000).transform(parseSettings),
  /** Absent, or nonsense: as it was. */
  visibility: z.enum(MODEL_VISIBILITIES).optional().catch(undefined),
  parentKind: list,
  parentText: list,
  parentWeight: list,
});
export type VersionInput = z.output<typeof VersionForm>;

/** Saves a draft, or changes what is public. Throws `not_found` for somebody else's version, `invalid` by field. */
export async function saveVersion(
  { em, viewer, words, now }: Pick<Work, 'em' | 'viewer' | 'words' | 'now'>,
  versionId: number,
  form: VersionInput,
): Promise<VersionWithModel> {
  const heldFor = await readChange({ em: em.fork(), viewer, words }, versionId, form);
  return em.transactional(async (inner) => {
    const version = await loadOwnVersion({ em: inner, viewer }, versionId);
    const model = version.model.$;
    if (version.state === 'published' && (form.name === '' || form.versionName === '' || form.baseModel === '')) {
      const fields: Record<string, string> = {};
      if (form.name === '') fields.name = 'Give the model a name.';
      if (form.versionName === '') fields.versionName = 'Give the version a name.';
      if (form.baseModel === '') fields.baseModel = 'Choose the base model.';
      throw new AppError('invalid', 'What is public needs these.', { fields });
    }
    if ((form.isMinor || form.isSfwOnly) && form.level > 2 && version.state === 'published') {
      const message = 'This cannot be rated above PG-13.';
      throw new AppError('invalid', message, { fields: { level: message } });
    }
    await assertUnlocked(inner, model, form);
    model.name = form.name;
    model.type = form.type;
    model.description = form.description;
    model.licenseId = form.licenseId;
    model.allowNoCredit = form.allowNoCredit;
    model.allowCommercialUse = form.allowCommercialUse;
    model.allowDerivatives = form.allowDerivatives;
    model.allowDifferentLicense = form.allowDifferentLicense;
    model.forbidsGeneration = form.forbidsGeneration;
    model.isPoi = form.isPoi;
    model.isMinor = form.isMinor;
    model.isSfwOnly = form.isSfwOnly;
    model.visibility = form.visibility ?? model.visibility;
    // with covers, the level is theirs: the gallery writes it
    if (model.coverImageId == null) model.level = form.level;
    model.updatedAt = now();
    version.name = form.versionName;
    version.baseModel = form.baseModel;
    version.trainedWords = form.trainedWords;
    version.changelog = form.changelog;
    version.clipSkip = form.clipSkip === null ? null : Math.round(form.clipSkip);
    version.recommendedWeight = form.recommendedWeight;
    version.trainingSettings = form.settings;
    version.updatedAt = now();
    await setModelTags(inner, model, form.tags);
    await setParents(inner, viewer, version, parseParents(form));
    renameFiles(model, version, await inner.find(ModelFile, { version }, { orderBy: { id: 1 } }));
    if (heldFor !== null) await holdWords(inner, { kind: 'model', id: model.id }, model.owner.id, heldFor, now());
    await refresh(inner, model);
    if (model.state === 'published') record(inner, modelUpdated, { modelId: model.id });
    return version;
  });
}

/** Words of what others see are read when they change; those of drafts when they are published. */
async function readChange(
  { em, viewer, words }: Pick<Work, 'em' | 'viewer' | 'words'>,
  versionId: number,
  form: VersionInput,
): Promise<string | null> {
  const version = await loadOwnVersion({ em, viewer }, versionId);
  const model = version.model.$;
  if (!viewer || (model.state !== 'published' && version.state !== 'scheduled')) return null;
  const before = { level: model.level, texts: await loadTexts(em, version) };
  const level = model.coverImageId == null ? form.level : model.level;
  const after = { level, texts: textsOfModel(form) };
  return isDeepStrictEqual(before, after) ? null : words.read({ author: viewer, ...after });
}

/**
 * A name that was removed after a claim comes back by no field, and what a decision settled stays as it is. Throws
 * `invalid` by field.
 */
async function assertUnlocked(em: Work['em'], model: Model, form: VersionInput): Promise<void> {
  const fields: Record<string, string> = {};
  const scrubber = scrubberOf(await listLockedNames(em, model.id));
  const words: Record<string, string> = {
    ...{ name: form.name, description: form.description, tags: form.tags.join('\n') },
    ...{ versionName: form.versionName, trainedWords: form.trainedWords.join('\n'), changelog: form.changelog },
    settings: settingsText(form.settings),
  };
  for (const [field, text] of Object.entries(words)) if (scrubber?.has(text)) fields[field] = t('takedown.name-locked');
  const restrictions = await loadRestrictions(em, model.owner.id, model.id);
  if ((restrictions & RESTRICTION.edit) !== 0) {
    for (const field of ['licenseId', 'isSfwOnly', 'isMinor', 'allowNoCredit', 'level'] as const) {
      const isKept = field === 'level' && model.coverImageId != null;
      if (!isKept && form[field] !== model[field]) fields[field] = t('takedown.settled');
    }
  }
  const [message] = Object.values(fields);
  if (message) throw new AppError('invalid', message, { fields });
}

function lines(text: string, most: number, mostChars: number): string[] {
  const found = text.split('\n').map((word) => word.trim().slice(0, mostChars));
  return [...new Set(found.filter((word) => word !== ''))].slice(0, most);
}

/** `key: value` on a line each. */
function parseSettings(text: string): Record<string, string> {
  const pairs = text.split('\n').map((row): [string, string] => {
    const at = row.indexOf(':');
    return at < 0 ? [row.trim(), ''] : [row.slice(0, at).trim(), row.slice(at + 1).trim()];
  });
  return Object.fromEntries(
    pairs
      .filter(([key, value]) => key !== '' && value !== '' && key !== '__proto__')
      .map(([key, value]): [string, string] => [key.slice(0, 60), value.slice(0, 500)])
      .slice(0, 60),
  );
}

export const settingsText = (settings: Readonly<Record<string, string>>): string =>
  Object.entries(settings)
    .map(([key, value]) => `${key}: ${value}`)
    .join('\n');
