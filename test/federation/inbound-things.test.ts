import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account } from '../../src/accounts/model.ts';
import { Model } from '../../src/catalogue/model.ts';
import { normalise } from '../../src/federation/normalise.ts';
import { parseNote } from '../../src/federation/vocabulary/note.ts';
import { Comment, Post } from '../../src/gallery/model.ts';
import { givenPost, NOW } from '../factories/content.ts';
import { post } from './strangers.ts';
import { note, PUBLIC, world } from './world.ts';

const reading = { ownOrigin: 'https://node.example', now: NOW, authorFollowersUri: null };
const read = (object: object) => parseNote(normalise(object as never), reading);
const at = (type: string, more: object) => ({
  id: 'https://v.example/things/1',
  type,
  attributedTo: 'https://v.example/users/vic',
  to: [PUBLIC],
  ...more,
});

// Constructed from what the programs write, as spec/federation.md section 5 and their sources say.
test('a Question shows its options as text, whatever is in them', () => {
  const { contentHtml } = read(
    at('Question', {
      content: '<p>Which?</p>',
      oneOf: [
        { type: 'Note', name: 'Ink', replies: { type: 'Collection', totalItems: 3 } },
        { type: 'Note', name: '<img src=x onerror=y>' },
      ],
    }),
  );
  assert.equal(contentHtml, '<p>Which?</p><ul><li>Ink (3)</li><li>&lt;img src=x onerror=y&gt;</li></ul>');
});

test('an Article of WordPress, a Page of Lemmy, a Video of PeerTube and a bare Image have a picture', () => {
  const urls = (object: object) => read(object).pictures.map(({ url }) => url);
  const lead = 'https://v.example/lead.jpg';
  assert.deepEqual(urls(at('Article', { name: 'On ink', image: { type: 'Image', url: lead } })), [lead]);
  assert.deepEqual(
    urls(at('Page', { name: 'x', image: lead, attachment: [{ type: 'Link', href: 'https://w.example/' }] })),
    [lead],
  );
  const still = (width: number) => ({
    type: 'Image',
    mediaType: 'image/jpeg',
    url: `https://v.example/${width}.jpg`,
    width,
  });
  const video = at('Video', {
    name: 'A film',
    attributedTo: [
      { type: 'Group', id: 'https://v.example/channels/c' },
      { type: 'Person', id: 'https://v.example/accounts/vic' },
    ],
    icon: [still(280), still(850)],
    url: [{ type: 'Link', mediaType: 'text/html', href: 'https://v.example/w/1' }],
  });
  assert.deepEqual(urls(video), ['https://v.example/850.jpg']);
  const { ownerUri, title, pictures } = read(video);
  assert.deepEqual([ownerUri, title, pictures[0]?.alt], ['https://v.example/accounts/vic', 'A film', 'A film']);
  const bare = at('Image', { mediaType: 'image/png', url: [{ type: 'Link', href: lead, mediaType: 'image/png' }] });
  assert.deepEqual(urls(bare), [lead]);
  const short = { type: 'Note', attachment: [{ type: 'Image', mediaType: 'image/png', url: lead }] };
  assert.deepEqual(urls(at('Article', { name: 'x', preview: short })), [lead]);
});

test('owners of several hosts, or of a thing that is no video, are nobody', () => {
  const owners = [
    { type: 'Person', id: 'https://v.example/a' },
    { type: 'Group', id: 'https://w.example/b' },
  ];
  assert.throws(() => read(at('Video', { attributedTo: owners })), /not a post/);
  assert.throws(() => read(at('Note', { attributedTo: ['https://v.example/a', 'https://v.example/b'] })), /not a post/);
});

test('a plain Note of somebody followed stays at its home; an answer needs no picture', async (t) => {
  const { n, vic, alice, em, follows } = await world(t);
  await follows(vic);
  const work = em();
  const open = givenPost(work, { owner: work.getReference(Account, alice.id) });
  await work.flush();
  const plain = { attachment: [] };
  await post(n, vic, { type: 'Create', object: note(vic.id, '/notes/1', plain) });
  const inReplyTo = `${n.origin}/posts/${open.id}`;
  await post(n, vic, { type: 'Create', object: note(vic.id, '/notes/2', { ...plain, inReplyTo }) });
  await n.settle();
  assert.equal(await em().count(Post, { isLocal: false }), 0);
  assert.equal(await em().count(Comment), 1);
});

test('an answer to an answer that is not here brings the thread along, up to something that is here; an endless one costs 20 requests at most', async (t) => {
  const { n, v, vic, alice, em, follows } = await world(t);
  await follows(vic);
  const work = em();
  const open = givenPost(work, { owner: work.getReference(Account, alice.id) });
  await work.flush();
  const answer = (i: number, to: string) =>
    note(vic.id, `/notes/${i}`, { attachment: [], inReplyTo: to, content: `<p>${i}</p>` });
  v.documents.set('/notes/1', answer(1, `${n.origin}/posts/${open.id}`));
  v.documents.set('/notes/2', answer(2, `${v.origin}/notes/1`));
  await post(n, vic, { type: 'Create', object: answer(3, `${v.origin}/notes/2`) });
  await n.settle();
  const found = await em().find(Comment, {}, { orderBy: { id: 'asc' } });
  assert.deepEqual(
    found.map(({ text }) => text),
    ['<p>1</p>', '<p>2</p>', '<p>3</p>'],
  );
  assert.equal(found[2]?.parent?.id, found[1]?.id);

  for (let i = 100; i < 140; i += 1) v.documents.set(`/notes/${i}`, answer(i, `${v.origin}/notes/${i + 1}`));
  const asked = v.asked.length;
  await post(n, vic, { type: 'Create', object: answer(99, `${v.origin}/notes/100`) });
  await n.settle();
  assert.ok(v.asked.length - asked <= 20, `${v.asked.length - asked} requests`);
  assert.equal(await em().count(Comment), 3, 'about nothing that is here');
});

test('A08 figures of a peer are shown as its claim, and never added to ours', async (t) => {
  const { n, vic, em, follows } = await world(t);
  await follows(vic);
  const likes = { type: 'Collection', totalItems: 4_321 };
  const model = note(vic.id, '/models/1', {
    kind: 'Model',
    name: 'Ink',
    attachment: [],
    likes,
    model: {
      type: 'tessera:Model',
      modelType: 'LORA',
      downloads: 1e9,
      versions: [{ id: `${new URL(vic.id).origin}/versions/1`, versionName: 'v1' }],
    },
  });
  await post(n, vic, { type: 'Create', object: model });
  await post(n, vic, { type: 'Create', object: note(vic.id, '/notes/1', { likes: { ...likes, totalItems: -5 } }) });
  await n.settle();
  const kept = await em().findOneOrFail(Model, { uri: model.id });
  assert.deepEqual([kept.downloadCount, kept.thumbsUpCount], [0, 0]);
  assert.deepEqual([kept.claimedDownloadCount, kept.claimedLikeCount], [1_000_000_000, 4_321]);
  const found = await em().findOneOrFail(Post, { isLocal: false });
  assert.deepEqual([found.likeCount, found.claimedLikeCount], [0, null]);
  const page = await fetch(new URL(`/models/${kept.id}`, n.origin), { headers: { accept: 'text/html' } });
  assert.match(await page.text(), /Its home says[\s\S]*Its home says/);
});
