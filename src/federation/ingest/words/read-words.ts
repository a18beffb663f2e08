import { isDeepStrictEqual } from 'node:util';
import type { Account } from '../../../accounts/model.ts';
import type { Saying, Work } from '../../../kit/work.ts';
import { ApObject as StoredObject } from '../../model.ts';
import { type ApObject, normalise } from '../../normalise.ts';
import { isModel, parseModel, type RemoteModel } from '../../vocabulary/model.ts';
import { parseNote, type ReadingOptions, type RemoteNote } from '../../vocabulary/note.ts';
import { sourceOf } from './source.ts';

// Words of peers, before anybody here sees them. What is doubtful waits for a person here, and its sender hears nothing
// of it. Again only when they changed: what somebody here looked at and let stand, stands.

type Reading = Pick<Work, 'em' | 'words'>;

/** A model may tell of hundreds of versions; what is beyond is read by nobody on one page. */
const MOST_VERSIONS = 15;
const MOST_MANY = 20;
const MOST_SHORT = 4_000;
const MOST_CHANGELOG = 8_000;

/** A post or model as it was told. */
export async function readTold(
  { em, words }: Reading,
  owner: Account,
  object: ApObject,
  options: ReadingOptions,
): Promise<string | null> {
  const told = sayingOf(object, options);
  const stored = await em.findOne(StoredObject, { uri: object.id ?? '' });
  if (stored && isDeepStrictEqual(sayingOf(normalise(stored.document), options), told)) return null;
  return words.read({ author: { id: owner.id, permissions: 0 }, isRemote: true, ...told });
}

function sayingOf(object: ApObject, options: ReadingOptions): Pick<Saying, 'level' | 'texts'> {
  const model: RemoteModel | null = isModel(object) ? parseModel(object, options) : null;
  const told: RemoteNote = model ?? parseNote(object, options);
  return {
    level: told.rating,
    texts: [
      { scope: 'title', text: (told.title ?? '').slice(0, 200) },
      { scope: 'tag', text: told.tagNames.slice(0, MOST_MANY).join(', ').slice(0, MOST_SHORT) },
      { scope: 'prose', text: sourceOf(object) ?? told.contentHtml },
      ...(model?.versions ?? []).slice(0, MOST_VERSIONS).flatMap(textsOfVersion),
      ...told.pictures.slice(0, MOST_MANY).flatMap(({ alt, details }) => [
        { scope: 'caption', text: alt.slice(0, 1500) },
        { scope: 'caption', text: (details?.caption ?? '').slice(0, MOST_SHORT) },
      ]),
    ],
  };
}

const textsOfVersion = (version: RemoteModel['versions'][number]): Saying['texts'] => [
  { scope: 'title', text: version.versionName.slice(0, 80) },
  { scope: 'trigger', text: version.trainedWords.join(' , ').slice(0, MOST_SHORT) },
  { scope: 'prose', text: version.changelogHtml.slice(0, MOST_CHANGELOG) },
];

/** A collection, or what an actor says of itself: whether a person here has to look first. */
export async function readRemoteWords(
  { words }: Pick<Work, 'words'>,
  ownerId: number,
  title: string,
  text: string,
): Promise<string | null> {
  const texts = [
    { scope: 'title', text: title },
    { scope: 'prose', text },
  ];
  return words.read({ author: { id: ownerId, permissions: 0 }, isRemote: true, level: 1, texts });
}
