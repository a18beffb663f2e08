import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { lemmy, mastodon, misskey, pixelfed, type Reader } from './peer-readers.ts';
import { documents } from './samples.ts';

// The readers are constructed (see peer-readers.ts). The golden files are what they make of our documents, committed so that
// a change of what we send shows in review as a change of what others see. `UPDATE_GOLDEN=1` writes them anew.

const READERS: Readonly<Record<string, Reader>> = { mastodon, pixelfed, misskey, lemmy };
const READ = [
  ...['account', 'organisation', 'nodeActor', 'post', 'sensitivePost', 'unlistedPost', 'followersPost', 'directPost'],
  ...['model', 'versionNote', 'comment', 'review', 'create', 'update', 'actorUpdate', 'delete', 'actorDelete'],
  ...['modelActor', 'collectionActor', 'tagActor', 'collectionNote'],
];

for (const [peer, read] of Object.entries(READERS)) {
  test(`${peer} reads our documents as its golden file says`, () => {
    const file = new URL(`./golden/${peer}.json`, import.meta.url);
    const found = Object.fromEntries(READ.map((name) => [name, read(documents[name] ?? {})]));
    const text = `${JSON.stringify(found, null, 2)}\n`;
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, text);
    assert.deepEqual(JSON.parse(text), JSON.parse(readFileSync(file, 'utf8')));
  });
}

test('no reader refuses a person, a picture, a model or a comment of ours', () => {
  for (const [peer, read] of Object.entries(READERS)) {
    const taken = [
      'account',
      'organisation',
      'post',
      'sensitivePost',
      'model',
      'comment',
      'review',
      'create',
      'update',
    ];
    for (const name of [...taken, 'modelActor', 'collectionActor', 'tagActor', 'collectionNote']) {
      assert.equal(read(documents[name] ?? {}).refused, undefined, `${peer} ${name}`);
    }
  }
});

test('a Pixelfed that nobody configured takes our pictures: they are JPEG, of a size that it can hold', () => {
  for (const name of ['post', 'sensitivePost', 'unlistedPost', 'model', 'comment', 'create']) {
    assert.equal(pixelfed(documents[name] ?? {}).takenByDefault, true, name);
  }
});

test('the readers do refuse what their programs refuse', () => {
  const post = documents.post ?? {};
  const account = documents.account ?? {};
  const [picture] = post.attachment as Record<string, unknown>[];
  const cases: [Reader, Record<string, unknown>][] = [
    [mastodon, { ...post, type: 'Model' }],
    [mastodon, { ...account, inbox: undefined }],
    [pixelfed, { ...post, type: 'Image' }],
    [pixelfed, { ...post, attachment: picture }],
    [pixelfed, { ...account, preferredUsername: 'a b' }],
    [misskey, { ...account, name: '' }],
    [misskey, { ...account, outbox: 'https://v.example/outbox' }],
    [misskey, { ...post, url: 'https://v.example/1' }],
    [lemmy, { ...post, type: ['Note', 'Page'] }],
    [lemmy, { ...post, attachment: picture }],
    [lemmy, { ...post, to: 'Public only' }],
  ];
  for (const [index, [read, document]] of cases.entries()) assert.ok(read(document).refused, String(index));
  const wide = { ...post, attachment: [{ ...picture, width: 8_000 }] };
  assert.equal(pixelfed(wide).takenByDefault, false);
  const webp = { ...post, attachment: [{ ...picture, mediaType: 'image/webp' }] };
  assert.deepEqual([pixelfed(webp).takenByDefault, pixelfed(webp).takenWithWebp], [false, true]);
});
