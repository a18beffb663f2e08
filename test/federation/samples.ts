import { type AccountView, buildAccount } from '../../src/federation/vocabulary/account.ts';
import * as activities from '../../src/federation/vocabulary/activity.ts';
import {
  buildCollection,
  buildCollectionPage,
  countedCollection,
  repliesCollection,
} from '../../src/federation/vocabulary/collection.ts';
import { buildCollectionNote } from '../../src/federation/vocabulary/collection-note.ts';
import { type Document, withContext } from '../../src/federation/vocabulary/context.ts';
import { buildModel, buildVersionNote, type ModelView } from '../../src/federation/vocabulary/model.ts';
import { buildComment, buildPost, type NoteView, type PostView } from '../../src/federation/vocabulary/note.ts';
import { buildReview } from '../../src/federation/vocabulary/review.ts';
import { buildTopic, type TopicView } from '../../src/federation/vocabulary/topic.ts';
import { pem, vicPair } from './signing.ts';

// One document of every kind that this node writes, as its builders write it.

export const N = 'https://n.example';
export const ALICE = `${N}/users/alice`;
export const now = new Date('2026-11-23T12:00:00.000Z');
const SHA = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
export const account: AccountView = {
  uri: ALICE,
  type: 'Person',
  name: 'alice',
  displayName: 'Alice',
  summaryHtml: '<p>Ink</p>',
  url: `${N}/@alice`,
  inboxUri: `${ALICE}/inbox`,
  outboxUri: `${ALICE}/outbox`,
  followersUri: `${ALICE}/followers`,
  followingUri: `${ALICE}/following`,
  sharedInboxUri: `${N}/inbox`,
  featuredUri: `${ALICE}/featured`,
  icon: { url: `${N}/media/a.webp`, mediaType: 'image/webp' },
  banner: null,
  fields: [{ name: 'Site', valueHtml: '<a href="https://alice.example">alice.example</a>' }],
  approvesFollowers: false,
  isDiscoverable: true,
  isIndexable: true,
  alsoKnownAs: ['https://old.example/users/alice'],
  movedTo: null,
  createdAt: new Date('2026-01-01T00:00:00Z'),
  rsaPublicPem: pem(vicPair.publicKey),
  ed25519PublicMultibase: 'z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2',
};

export const noteView = (path: string, changes: Partial<NoteView> = {}): NoteView => ({
  uri: `${N}/${path}`,
  ownerUri: ALICE,
  url: `${N}/${path}`,
  publishedAt: new Date('2026-11-20T10:00:00Z'),
  updatedAt: null,
  contentHtml: '<p>Misty valley</p>',
  audience: { visibility: 'public', followersUri: `${ALICE}/followers`, mentionUris: [] },
  tags: [{ name: 'lora', url: `${N}/tags/lora` }],
  mentions: [],
  rating: 1,
  warning: null,
  likeCount: 3,
  ...changes,
});

export const post: PostView = {
  ...noteView('posts/9001'),
  title: null,
  pictures: [
    {
      url: `${N}/media/full/1.jpg`,
      mediaType: 'image/jpeg',
      alt: 'Misty valley, ink wash',
      widthPx: 1024,
      heightPx: 1536,
      blurhash: 'UBL_:rOpGG-oBUNG,qRj2so|=eE1w^n4S5NH',
      sha256: SHA,
      rating: 1,
      generation: { tool: 'ComfyUI', prompt: 'misty valley', seed: '1234567890123456789', steps: 28, cfg: 6.5 },
      resources: [{ versionUri: `${N}/versions/77`, name: null, weight: 0.8, hashes: { autov2: 'e3b0c44298' } }],
    },
  ],
};

export const model: ModelView = {
  ...noteView('models/42', { updatedAt: new Date('2026-11-21T10:00:00Z') }),
  title: 'Ink Wash Landscapes',
  previews: post.pictures,
  modelType: 'LORA',
  licenseId: 'CreativeML-Open-RAIL-M',
  permissions: { commercialUse: ['image'], derivatives: true, differentLicence: false, creditRequired: true },
  versions: [
    {
      uri: `${N}/versions/77`,
      versionName: 'v1.1',
      baseModel: 'SDXL 1.0',
      trainedWords: ['ink wash', 'sumi-e'],
      publishedAt: new Date('2026-11-21T10:00:00Z'),
      changelogHtml: '<p>Less grain.</p>',
      files: [
        {
          url: `${N}/api/download/models/77`,
          name: 'inkwash-v1.1.safetensors',
          totalBytes: 228_453_120,
          hashes: { sha256: SHA, autov2: 'e3b0c44298', crc32: '00000000' },
        },
      ],
    },
  ],
};

/** Rated R, and one picture larger than Pixelfed takes. */
const sensitivePost: PostView = {
  ...noteView('posts/9002', { rating: 4, updatedAt: new Date('2026-11-21T10:00:00Z') }),
  title: 'Night',
  pictures: post.pictures.map((one) => ({ ...one, rating: 4, widthPx: 8_000, heightPx: 6_000 })),
};
const withVisibility = (path: string, visibility: 'unlisted' | 'followers' | 'direct') => {
  const mentions = [{ name: '@vic@v.example', uri: 'https://v.example/users/vic' }];
  const audience = {
    visibility,
    followersUri: `${ALICE}/followers`,
    mentionUris: visibility === 'direct' ? mentions.map(({ uri }) => uri) : [],
  };
  const more = visibility === 'direct' ? { audience, mentions } : { audience };
  return withContext(buildPost({ ...noteView(path, more), title: null, pictures: post.pictures }));
};

const follow = activities.buildFollow({ uri: `${N}/follows/1`, actorUri: ALICE }, 'https://v.example/users/vic');
const act = (path: string) => ({ uri: `${N}/activities/${path}`, actorUri: ALICE });
/** The actor of a topic, at its page's address. */
function topic(kind: TopicView['kind'], path: string, name: string, title: string, ownerUri: string | null): TopicView {
  const uri = `${N}/${path}/actor`;
  return {
    ...account,
    ...{ kind, uri, name, displayName: title, url: `${N}/${path}`, topicUri: `${N}/${path}`, ownerUri },
    ...{ inboxUri: `${uri}/inbox`, outboxUri: `${uri}/outbox`, followersUri: `${uri}/followers`, followingUri: null },
    ...{ featuredUri: null, icon: null, fields: [], alsoKnownAs: [] },
  };
}

export const documents: Record<string, Document> = {
  account: buildAccount(account),
  organisation: buildAccount({
    ...account,
    ...{ uri: `${N}/users/studio`, type: 'Organization', name: 'studio', displayName: '', summaryHtml: '' },
    ...{ approvesFollowers: true, fields: [], icon: null, alsoKnownAs: [], url: `${N}/@studio` },
    ...{ inboxUri: `${N}/users/studio/inbox`, outboxUri: `${N}/users/studio/outbox` },
    ...{ followersUri: `${N}/users/studio/followers`, followingUri: `${N}/users/studio/following` },
    featuredUri: `${N}/users/studio/featured`,
  }),
  nodeActor: buildAccount({
    ...account,
    ...{ uri: `${N}/actor`, type: 'Application', name: 'n.example', displayName: 'N', url: `${N}/about` },
    ...{ inboxUri: `${N}/inbox`, outboxUri: `${N}/actor/outbox`, followersUri: null, followingUri: null },
    ...{ featuredUri: null, icon: null, fields: [], alsoKnownAs: [], createdAt: null, isDiscoverable: false },
  }),
  modelActor: buildTopic(topic('model', 'models/42', 'model-42', 'Ink Wash Landscapes', ALICE)),
  collectionActor: buildTopic(topic('collection', 'collections/7', 'collection-7', 'Wash', ALICE)),
  collectionNote: withContext(
    buildCollectionNote({
      ...noteView('collections/7/note'),
      ...{ title: 'Wash', collectionUri: `${N}/collections/7`, previews: post.pictures.slice(0, 1) },
    }),
  ),
  tagActor: buildTopic(topic('tag', 'tags/ink', 'tag-ink', '#ink', null)),
  model: withContext(buildModel(model)),
  versionNote: withContext(buildVersionNote({ ...noteView('posts/78'), title: 'v1.1', modelUri: model.uri })),
  post: withContext(buildPost(post)),
  sensitivePost: withContext(buildPost(sensitivePost)),
  unlistedPost: withVisibility('posts/9003', 'unlisted'),
  followersPost: withVisibility('posts/9004', 'followers'),
  directPost: withVisibility('posts/9005', 'direct'),
  review: withContext(
    buildReview({
      ...noteView('reviews/1'),
      ...{ isRecommended: false, subject: 'Ink Wash Landscapes · v1.1', textHtml: '<p>Too much grain.</p>' },
      ...{ modelUri: 'https://v.example/models/42', versionUri: 'https://v.example/versions/77' },
      ...{ rating: 1, pictures: [] },
    }),
  ),
  comment: withContext(
    buildComment({ ...noteView('comments/1'), inReplyToUri: 'https://v.example/notes/1', pictures: [] }),
  ),
  create: activities.buildCreate(act('1'), buildPost(post)),
  update: activities.buildUpdate(act('2'), buildModel(model), now),
  actorUpdate: activities.buildUpdate(act('3'), buildAccount(account), now),
  delete: activities.buildDelete(act('4'), {
    uri: post.uri,
    formerType: 'Note',
    deletedAt: now,
    takedown: { code: 'copyright' },
  }),
  tombstone: withContext(
    activities.buildTombstone({ uri: model.uri, formerType: 'Note', deletedAt: now, takedown: null }),
  ),
  actorTombstone: withContext(
    activities.buildTombstone({ uri: ALICE, formerType: 'Person', deletedAt: now, takedown: null }),
  ),
  add: activities.buildAdd(act('12'), model.uri, `${ALICE}/featured`, `${ALICE}/followers`),
  leave: activities.buildLeave(act('14'), model.uri, 'https://v.example/collections/7', 'https://v.example/users/vic'),
  remove: activities.buildRemove(act('13'), model.uri, `${ALICE}/featured`, `${ALICE}/followers`),
  actorDelete: activities.buildActorDelete(act('5')),
  follow,
  accept: activities.buildAccept(act('6'), follow, 'https://v.example/users/vic'),
  reject: activities.buildReject(act('7'), `${N}/follows/1`, 'https://v.example/users/vic'),
  like: activities.buildLike(act('8'), 'https://v.example/notes/1', 'https://v.example/users/vic'),
  announce: activities.buildAnnounce(
    act('9'),
    'https://v.example/notes/1',
    `${ALICE}/followers`,
    'https://v.example/users/vic',
    now,
  ),
  undo: activities.buildUndo(act('10'), follow),
  block: activities.buildBlock(act('11'), 'https://e.example/users/mallory'),
  collection: buildCollection({ uri: `${ALICE}/outbox`, totalItems: 2, firstPageUri: `${ALICE}/outbox?page=1` }),
  page: buildCollectionPage({
    uri: `${ALICE}/outbox?page=1`,
    collectionUri: `${ALICE}/outbox`,
    nextUri: null,
    items: [post.uri, model.uri],
  }),
  hiddenCollection: buildCollection({ uri: `${ALICE}/followers`, totalItems: 2, firstPageUri: null }),
  outboxPage: buildCollectionPage({
    uri: `${ALICE}/outbox?page=true`,
    collectionUri: `${ALICE}/outbox`,
    nextUri: `${ALICE}/outbox?page=MTIz`,
    items: [withoutContext(activities.buildCreate(act('14'), buildPost(post)))],
  }),
  featured: withContext({
    ...{ id: `${ALICE}/featured`, type: 'OrderedCollection', totalItems: 2 },
    orderedItems: [model.uri, post.uri],
  }),
  replies: withContext(repliesCollection(`${post.uri}/replies`, 3)),
  repliesPage: withContext({
    ...{ id: `${post.uri}/replies?page=true`, type: 'CollectionPage', partOf: `${post.uri}/replies` },
    items: [`${N}/comments/1`, 'https://v.example/notes/1'],
  }),
  likes: withContext(countedCollection(`${post.uri}/likes`, 3)),
};

function withoutContext({ '@context': _context, ...body }: Document): Document {
  return body;
}
