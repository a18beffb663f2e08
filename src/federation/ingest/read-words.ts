import { isDeepStrictEqual } from 'node:util';
import type { Account } from '../../accounts/model.ts';
import { Model, ModelVersion } from '../../catalogue/model.ts';
import { listModelTags } from '../../catalogue/tags.ts';
import { Image, Post } from '../../gallery/model.ts';
import { listPostTags } from '../../gallery/posts/tags.ts';
import type { Saying, Work } from '../../kit/work.ts';
import type { RemoteModel } from '../vocabulary/model.ts';
import type { RemoteNote } from '../vocabulary/note.ts';

// Words of peers, before anybody here sees them. What is doubtful waits for a person here, and its sender hears nothing
// of it. Again only when they changed: what somebody here looked at and let stand, stands.

type Reading = Pick<Work, 'em' | 'words'>;

/** A model may tell of hundreds of versions; what is beyond is read by nobody on one page. */
const MOST_VERSIONS = 15;
const MOST_TAGS = 20;
const MOST_SHORT = 4_000;
const MOST_CHANGELOG = 8_000;

interface ModelWords {
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly versions: readonly {
    readonly name: string;
    readonly trainedWords: readonly string[];
    readonly changelog: string;
  }[];
}

const textsOfModel = ({ name, description, tags, versions }: ModelWords): Saying['texts'] => [
  { scope: 'title', text: name },
  tagsOf(tags),
  { scope: 'prose', text: description },
  ...versions.slice(0, MOST_VERSIONS).flatMap((version) => [
    { scope: 'title', text: version.name },
    { scope: 'trigger', text: version.trainedWords.join(' , ').slice(0, MOST_SHORT) },
    { scope: 'prose', text: version.changelog.slice(0, MOST_CHANGELOG) },
  ]),
];

const tagsOf = (tags: readonly string[]) => ({
  scope: 'tag',
  text: [...tags].sort().join(', ').slice(0, MOST_SHORT),
});

/** As `ingestModel` keeps it; `description` is what its page would show. */
export async function readRemoteModel(
  { em, words }: Reading,
  owner: Account,
  told: RemoteModel,
  description: string,
): Promise<string | null> {
  const after = textsOfModel({
    ...{ name: (told.title ?? '').slice(0, 120), description },
    tags: told.tagNames.slice(0, MOST_TAGS).map((name) => name.slice(0, 60)),
    versions: told.versions.map(({ versionName, trainedWords, changelogHtml }) => ({
      ...{ name: versionName.slice(0, 80), trainedWords, changelog: changelogHtml },
    })),
  });
  const known = await em.findOne(Model, { uri: told.uri });
  if (known) {
    const versions = await em.find(ModelVersion, { model: known, state: 'published' }, { orderBy: { position: 1 } });
    const { name, description: before } = known;
    const kept = { name, description: before, tags: await listModelTags(em, known.id), versions };
    if (isDeepStrictEqual(textsOfModel(kept), after)) return null;
  }
  return words.read({ author: personOf(owner), isRemote: true, level: told.rating, texts: after });
}

/** As `ingestPost` keeps it. */
export async function readRemotePost(
  { em, words }: Reading,
  owner: Account,
  told: RemoteNote,
  caption: string,
): Promise<string | null> {
  const after = textsOfPost(
    { title: (told.title ?? '').slice(0, 200), caption },
    told.tagNames.slice(0, MOST_TAGS).map((name) => name.slice(0, 60)),
    told.pictures.map(({ alt, details }) => ({ altText: alt.slice(0, 1500), caption: details?.caption ?? '' })),
  );
  const known = await em.findOne(Post, { uri: told.uri });
  if (known) {
    const images = await em.find(Image, { post: known, deletedAt: null }, { orderBy: { position: 'asc', id: 'asc' } });
    if (isDeepStrictEqual(textsOfPost(known, await listPostTags(em, known.id), images), after)) return null;
  }
  return words.read({ author: personOf(owner), isRemote: true, level: told.rating, texts: after });
}

const textsOfPost = (
  { title, caption }: { readonly title: string; readonly caption: string },
  tags: readonly string[],
  images: readonly { readonly altText: string; readonly caption: string }[],
): Saying['texts'] => [
  { scope: 'title', text: title },
  tagsOf(tags),
  { scope: 'prose', text: caption },
  ...images.slice(0, MOST_TAGS).flatMap(({ altText, caption: words }) => [
    { scope: 'caption', text: altText },
    { scope: 'caption', text: words.slice(0, MOST_SHORT) },
  ]),
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

const personOf = ({ id }: Account) => ({ id, permissions: 0 });
