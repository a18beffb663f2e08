import type { EntityManager } from '@mikro-orm/core';
import type { Saying, Viewer, Work } from '../kit/work.ts';
import type { VersionWithModel } from './attach.ts';
import { listModelTags } from './tags.ts';

interface Named {
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly versionName: string;
  readonly trainedWords: readonly string[];
  readonly changelog: string;
  readonly settings: Readonly<Record<string, string>>;
}

/** Each with the field of the form that it was typed into. */
export const textsOfModel = (words: Named): Saying['texts'] => [
  { scope: 'title', text: words.name, field: 'name' },
  { scope: 'title', text: words.versionName, field: 'versionName' },
  { scope: 'tag', text: words.tags.join(', '), field: 'tags' },
  { scope: 'trigger', text: words.trainedWords.join(' , '), field: 'trainedWords' },
  { scope: 'prose', text: words.description, field: 'description' },
  { scope: 'prose', text: words.changelog, field: 'changelog' },
  { scope: 'prose', text: Object.values(words.settings).join(' . '), field: 'settings' },
];

/** As they are kept. */
export async function loadTexts(em: EntityManager, version: VersionWithModel): Promise<Saying['texts']> {
  const model = version.model.$;
  return textsOfModel({
    ...{ name: model.name, description: model.description, tags: await listModelTags(em, model.id) },
    ...{ versionName: version.name, trainedWords: version.trainedWords, changelog: version.changelog },
    settings: version.trainingSettings,
  });
}

/** Before a version is shown to others. Throws `invalid` at the field. Why a person looks first; null when nobody does. */
export async function readVersion(
  { em, words }: Pick<Work, 'em' | 'words'>,
  author: Pick<Viewer, 'id' | 'permissions'>,
  version: VersionWithModel,
): Promise<string | null> {
  return words.read({ author, level: version.model.$.level, texts: await loadTexts(em, version) });
}
