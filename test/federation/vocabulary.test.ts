import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePeerJson } from '../../src/federation/json.ts';
import { normalise } from '../../src/federation/normalise.ts';
import { buildAccount, parseAccount } from '../../src/federation/vocabulary/account.ts';
import { AS_PUBLIC, type Document, withContext } from '../../src/federation/vocabulary/context.ts';
import {
  buildNodeInfo,
  buildNodeInfoLinks,
  buildWebFinger,
  parseWebFinger,
  readResource,
} from '../../src/federation/vocabulary/discovery.ts';
import { buildModel, parseModel } from '../../src/federation/vocabulary/model.ts';
import { buildComment, buildPost, parseNote } from '../../src/federation/vocabulary/note.ts';
import { AppError } from '../../src/kit/errors.ts';
import { assertLossless } from './json-ld.ts';
import { ALICE, account, documents, model, N, noteView, now, post } from './samples.ts';

/** Read by another node than the one that wrote. */
const reader = { ownOrigin: 'https://node.example', now, authorFollowersUri: `${ALICE}/followers` };

const overTheWire = (document: Document) => normalise(parsePeerJson(Buffer.from(JSON.stringify(document))));
const isMalformed = (error: unknown) => error instanceof AppError && error.kind === 'malformed';

for (const [name, document] of Object.entries(documents)) {
  test(`${name}: the document expands and compacts again without losing a key, and fetches nothing`, () =>
    assertLossless(document));
}

test('what one node writes, another reads: an account', () => {
  const read = parseAccount(overTheWire(buildAccount(account)), reader.ownOrigin, now);
  const { rsaPublicPem: _pem, ed25519PublicMultibase: _multibase, ...said } = account;
  assert.deepEqual(read, { ...said, topic: null });
});

test('what an actor tells of is read of a Service or Group, and of its own host alone', () => {
  const told = (more: object) => {
    const document = {
      ...buildAccount({ ...account, type: 'Group' }),
      kind: 'Tag',
      topic: `${ALICE}/tags/ink`,
      ...more,
    };
    return parseAccount(overTheWire(document), reader.ownOrigin, now).topic;
  };
  assert.deepEqual(told({}), { kind: 'tag', uri: `${ALICE}/tags/ink` });
  assert.equal(told({ topic: 'https://v.example/tags/ink' }), null);
  assert.equal(told({ type: 'Person' }), null);
  assert.equal(told({ kind: 'Constructor' }), null);
  assert.equal(told({ kind: 'constructor' }), null);
});

test('what one node writes, another reads: a model with versions, files and hashes', () => {
  const read = parseModel(overTheWire(withContext(buildModel(model))), reader);
  assert.deepEqual(read.versions, model.versions);
  assert.deepEqual(read.permissions, model.permissions);
  assert.deepEqual(
    [read.title, read.modelType, read.licenseId, read.rating, read.visibility],
    ['Ink Wash Landscapes', 'LORA', 'CreativeML-Open-RAIL-M', 1, 'public'],
  );
  assert.deepEqual(read.pictures, model.previews);
});

test('what one node writes, another reads: a post with recipe, resources and a seed of 64 bits', () => {
  const read = parseNote(overTheWire(withContext(buildPost(post))), reader);
  assert.deepEqual(read.pictures, post.pictures);
  assert.deepEqual([read.kind, read.tagNames, read.isSensitive], ['Image', ['lora'], false]);
});

test('a comment names what it answers, and its audience comes back for each visibility', () => {
  for (const visibility of ['public', 'unlisted', 'followers', 'direct'] as const) {
    const audience = { visibility, followersUri: `${ALICE}/followers`, mentionUris: ['https://v.example/users/vic'] };
    const comment = {
      ...noteView('comments/1', { audience }),
      inReplyToUri: 'https://v.example/notes/1',
      pictures: [],
    };
    const read = parseNote(overTheWire(withContext(buildComment(comment))), reader);
    assert.deepEqual([read.visibility, read.inReplyToUri, read.kind], [visibility, 'https://v.example/notes/1', null]);
  }
});

test('above PG-13 a post is sensitive and warns; the rating comes back, and plain notes get 2 or 4', () => {
  const mature = buildPost({ ...post, rating: 5 });
  assert.deepEqual([mature.sensitive, mature.summary, mature.rating], [true, 'Mature images (R)', 5]);
  assert.equal(buildPost({ ...post, rating: 3 }).sensitive, false);
  const { rating: _rating, kind: _kind, ...plain } = buildPost(post);
  assert.equal(parseNote(overTheWire(plain), reader).rating, 2);
  assert.equal(parseNote(overTheWire({ ...plain, sensitive: true }), reader).rating, 4);
});

test('lists that Lemmy, Pixelfed and Mastodon want are lists, also of one; Public is spelt in full; type is one string', () => {
  for (const name of ['post', 'model', 'comment'] as const) {
    const document = documents[name] ?? {};
    for (const key of ['to', 'cc', 'tag', 'attachment']) assert.ok(Array.isArray(document[key]), `${name}.${key}`);
    assert.deepEqual(document.to, [AS_PUBLIC]);
    assert.equal(document.type, 'Note');
  }
  assert.ok(Array.isArray(documents.account?.attachment));
  assert.equal(
    buildPost({ ...post, pictures: post.pictures.map((one) => ({ ...one, widthPx: 8000 })) }).width,
    undefined,
  );
});

test('a Mastodon note with one attachment, language map and string audience is read', () => {
  const read = parseNote(
    normalise({
      id: 'https://m.example/users/bob/statuses/1',
      type: 'Note',
      attributedTo: 'https://m.example/users/bob',
      url: 'https://m.example/@bob/1',
      contentMap: { en: '<p>Look</p>' },
      to: 'as:Public',
      published: '2026-11-20T10:00:00Z',
      attachment: {
        type: 'Document',
        mediaType: 'image/png',
        url: 'https://cdn.m.example/1.png',
        name: null,
        width: 800,
      },
      tag: { type: 'Mention', href: `${N}/users/alice`, name: '@alice' },
    }),
    reader,
  );
  assert.equal(read.contentHtml, '<p>Look</p>');
  assert.equal(read.pictures[0]?.url, 'https://cdn.m.example/1.png');
  assert.deepEqual(read.mentionUris, [ALICE]);
  assert.equal(read.visibility, 'public');
});

test('O27 addresses of an account on other hosts are dropped, and an inbox elsewhere makes it no account', () => {
  const forged = (changes: Document) => overTheWire({ ...buildAccount(account), ...changes });
  const read = parseAccount(
    forged({
      endpoints: { sharedInbox: 'https://v.example/inbox' },
      followers: 'https://node.example/users/alice/followers',
      outbox: 'https://v.example/outbox',
      url: 'https://v.example/@vic',
    }),
    reader.ownOrigin,
    now,
  );
  assert.deepEqual([read.sharedInboxUri, read.followersUri, read.outboxUri, read.url], [null, null, '', ALICE]);
  for (const inbox of ['https://v.example/users/vic/inbox', 'https://node.example/inbox', 'javascript:1', null]) {
    assert.throws(() => parseAccount(forged({ inbox }), reader.ownOrigin, now), isMalformed);
  }
  for (const preferredUsername of ['', '../x', 'a b', 'vic@v.example', '<b>', 'x'.repeat(5_000).concat('/')]) {
    assert.throws(() => parseAccount(forged({ preferredUsername }), reader.ownOrigin, now), isMalformed);
  }
});

test('X05 X11 O31 a broken detail costs the detail, not the post', () => {
  const [picture = {}] = buildPost(post).attachment as Document[];
  const read = parseNote(
    overTheWire({
      ...buildPost(post),
      url: 'javascript:alert(1)',
      published: '9999-01-01T00:00:00Z',
      updated: 'yesterday',
      rating: 1e9,
      attachment: [
        {
          ...picture,
          width: -1,
          height: 'x',
          blurhash: 'x'.repeat(10_000),
          generation: { steps: -1, prompt: 5, seed: {} },
        },
        { ...picture, url: 'data:image/svg+xml,<svg onload=1>' },
        { ...picture, mediaType: 'image/svg+xml' },
        { ...picture, resources: [{ model: 'javascript:1', weight: 'heavy', hashes: { sha256: '<b>' } }] },
        'nonsense',
      ],
      tag: [
        { type: 'Hashtag', name: '#<b>' },
        { type: 'Mention', href: 'javascript:1' },
      ],
    }),
    reader,
  );
  assert.equal(read.url, post.uri);
  assert.deepEqual(read.publishedAt, now);
  assert.deepEqual([read.updatedAt, read.rating, read.tagNames, read.mentionUris], [null, 2, [], []]);
  assert.equal(read.pictures.length, 2);
  assert.deepEqual(
    [read.pictures[0]?.widthPx, read.pictures[0]?.heightPx, read.pictures[0]?.blurhash],
    [null, null, null],
  );
  assert.deepEqual(read.pictures[1]?.resources, [{ versionUri: null, name: null, weight: null, hashes: {} }]);
});

test('X04 X10 long and deceptive names are cut and cleaned; tags, mentions and pictures are bounded', () => {
  const [picture = {}] = buildPost(post).attachment as Document[];
  const many = <T>(count: number, make: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => make(n));
  const read = parseNote(
    overTheWire({
      ...buildPost(post),
      name: `${'\u202egpj.exe\u200b'}${'é'.repeat(100_000)}`,
      tag: [
        ...many(400, (n) => ({ type: 'Hashtag', name: `#tag${n}` })),
        ...many(500, (n) => ({ type: 'Mention', href: `${N}/users/${n}` })),
      ],
      attachment: many(100, () => picture),
    }),
    reader,
  );
  assert.ok(read.title?.startsWith('gpj.exe'));
  assert.equal(read.title?.length, 200);
  assert.deepEqual([read.tagNames.length, read.mentionUris.length, read.pictures.length], [30, 30, 20]);
});

test('X09 A01 files on other hosts are left out, and a file name is no path', () => {
  const document = buildModel(model) as { model: { versions: { files: Document[] }[] } } & Document;
  const [version] = document.model.versions;
  const [file = {}] = version?.files ?? [];
  const forged = {
    ...document,
    model: {
      ...document.model,
      versions: [
        {
          ...version,
          files: [
            { ...file, name: '../../x.safetensors' },
            { ...file, url: 'https://third.example/x' },
          ],
        },
        { ...version, id: 'https://v.example/versions/1' },
      ],
    },
  };
  const read = parseModel(overTheWire(forged), reader);
  assert.equal(read.versions.length, 1);
  assert.deepEqual(
    read.versions[0]?.files.map(({ name }) => name),
    ['x.safetensors'],
  );
  const { model: _model, ...bare } = document;
  assert.throws(() => parseModel(overTheWire(bare), reader), isMalformed);
});

test('O26 WebFinger answers name, host and actor; forms that are neither handle nor URL are refused', () => {
  const view = { name: 'alice', host: 'n.example', actorUri: ALICE, profileUrl: `${N}/@alice`, avatar: null };
  const jrd = buildWebFinger({ ...view, subscribeTemplate: `${N}/follow?uri={uri}` });
  assert.deepEqual(parseWebFinger(jrd, reader.ownOrigin), { name: 'alice', host: 'n.example', actorUri: ALICE });
  assert.equal(parseWebFinger({ ...jrd, links: [{ rel: 'self', type: 'text/html', href: ALICE }] }, N), null);
  assert.equal(
    parseWebFinger({ ...jrd, links: [{ rel: 'self', type: 'application/activity+json', href: 'x' }] }, N),
    null,
  );
  assert.equal(parseWebFinger([], N), null);
  assert.deepEqual(readResource('acct:Alice@N.Example'), { acct: { name: 'Alice', host: 'n.example' } });
  assert.deepEqual(readResource('@alice@n.example'), { acct: { name: 'alice', host: 'n.example' } });
  assert.deepEqual(readResource(ALICE), { url: ALICE });
  for (const text of ['', 'alice', 'acct:alice', 'a@b@c', 'javascript:1', `a@${'x'.repeat(3000)}`]) {
    assert.equal(readResource(text), null, text.slice(0, 20));
  }
});

test('NodeInfo speaks both versions, with rounded figures', () => {
  const view = {
    ...{ version: '0.1.0', repositoryUrl: 'https://code.example/tessera', title: 'N', description: '', isOpen: true },
    claimUrl: 'https://n.example/claims/new',
    ...{ accounts: { total: 1234, activeMonth: 87, activeHalfyear: 0 }, localPosts: 98_765, localComments: 3 },
  };
  const old = JSON.parse(JSON.stringify(buildNodeInfo('2.0', view)));
  assert.equal(old.software.repository, undefined);
  assert.deepEqual(old.usage, {
    users: { total: 1200, activeMonth: 87, activeHalfyear: 0 },
    localPosts: 99_000,
    localComments: 3,
  });
  assert.equal(JSON.parse(JSON.stringify(buildNodeInfo('2.1', view))).software.repository, view.repositoryUrl);
  assert.equal((buildNodeInfoLinks(N).links as Document[]).length, 2);
});
