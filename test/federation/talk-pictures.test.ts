import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelVersion } from '../../src/catalogue/model.ts';
import { Comment, Image, Mention, Post } from '../../src/gallery/model.ts';
import { Review } from '../../src/gallery/reviews/model.ts';
import { QUARANTINE } from '../../src/safety/policy.ts';
import { restrict } from '../../src/safety/restrict.ts';
import { givenModel, givenVersion } from '../factories/content.ts';
import { bytesAt, picture, sendFiles } from '../gallery/painter.ts';
import { type Peer, peerNode, settleAll } from './nodes.ts';
import { followAccount } from './people.ts';

// what changed is told apart by its time
const REAL = { realTime: true };

/** Alice of A has a model; Bob of B follows her and has found it. */
async function given(t: Parameters<typeof peerNode>[0]) {
  const [a, b] = [await peerNode(t, '127.0.0.1', {}, REAL), await peerNode(t, '127.0.0.2', {}, REAL)];
  const [alice, bob] = [await a.member('alice'), await b.member('bob')];
  await followAccount(b, bob.browser, a, 'alice', [a, b]);
  const model = givenModel(a.em, { owner: alice.account, name: 'Ink' });
  givenVersion(a.em, { model });
  await a.em.flush();
  const found = await bob.browser.get(`/search?q=${encodeURIComponent(`${a.origin}/models/${model.id}`)}`);
  await settleAll(a, b);
  const settle = () => settleAll(a, b);
  return { a, b, alice, bob, model, there: found.location, settle };
}

const files = async (count: number) =>
  Promise.all(Array.from({ length: count }, async (_, n) => ({ bytes: await picture(), name: `${n}.png` })));

const heldAt = (peer: Peer, talkId: string) =>
  peer.node.orm.em.fork().find(Image, { post: { talkId } }, { orderBy: { position: 1 } });

test('a comment’s pictures reach the page’s home with their words, change with them and go with them', async (t) => {
  const { a, b, alice, bob, model, there, settle } = await given(t);
  const said = await sendFiles(bob.browser, `${there}/comments`, await files(2), {
    ...{ text: 'Like these.', 'alt-new-1': 'A lamp', rating: '4' },
  });
  const id = said.location.split('#comment-')[1] ?? '';
  await settle();

  const uri = `${b.origin}/comments/${id}`;
  const answer = await fetch(uri, { headers: { accept: 'application/activity+json' } });
  const document = (await answer.json()) as { sensitive: boolean; attachment: Record<string, unknown>[] };
  assert.equal(document.sensitive, true);
  const [first] = document.attachment;
  assert.equal(document.attachment.length, 2);
  assert.deepEqual(
    [first?.type, first?.name, first?.mediaType, first?.rating],
    ['Document', 'A lamp', 'image/jpeg', 4],
  );
  assert.match(String(first?.blurhash), /^.{6,}$/);
  assert.equal('id' in (first ?? {}), false);

  const atHome = await a.node.orm.em.fork().findOneOrFail(Comment, { uri });
  const images = await heldAt(a, atHome.id);
  assert.deepEqual(
    images.map(({ altText, level, isLocal, listedAt }) => [altText, level, isLocal, listedAt ?? null]),
    [
      ['A lamp', 4, false, null],
      ['', 4, false, null],
    ],
  );
  await a.em.nativeUpdate('Account', { id: alice.account.id }, { levels: 31, blurLevels: 0 });
  assert.ok((await alice.browser.get(`/models/${model.id}`)).text.includes(`/media/320/${images[0]?.id}.webp`));
  assert.equal((await bytesAt(alice.browser, `/media/320/${images[0]?.id}.webp`)).status, 200);
  assert.ok(!(await alice.browser.get('/images')).text.includes(`/images/${images[0]?.id}"`));

  const [own] = await heldAt(b, id);
  await bob.browser.post(`/comments/${id}/edit`, { text: 'Like this.', rating: '4', 'picture[]': String(own?.id) });
  await settle();
  assert.equal((await heldAt(a, atHome.id)).length, 1);

  // a decision about the picture alone leaves the words
  const em = b.node.orm.em.fork();
  await restrict(em, { kind: 'image', id: own?.id ?? 0 }, 'decision:1', QUARANTINE, new Date());
  await em.flush();
  await settle();
  assert.equal((await heldAt(a, atHome.id)).length, 0);
  assert.match((await alice.browser.get(`/models/${model.id}`)).text, /Like this\./);

  await bob.browser.post(`/comments/${id}/removal`);
  await settle();
  assert.equal(await a.node.orm.em.fork().count(Post, { talkId: atHome.id }), 0);
  assert.equal(await b.node.orm.em.fork().count(Image, { id: own?.id ?? 0 }), 0);
});

test('a review’s examples and the people it names reach the model’s home, and go when it is taken back', async (t) => {
  const { a, b, alice, bob, settle } = await given(t);
  const cleo = await a.member('cleo');
  await bob.browser.get(`/search?q=${encodeURIComponent(`@cleo@${a.host}`)}`);
  await settle();
  const version = await b.node.orm.em.fork().findOneOrFail(ModelVersion, { uri: { $ne: null } });
  const text = `As @cleo@${a.host} says.`;
  await sendFiles(bob.browser, `/versions/${version.id}/reviews`, await files(3), { verdict: 'up', text });
  await settle();
  const review = await a.node.orm.em.fork().findOneOrFail(Review, { isLocal: false });
  const images = await heldAt(a, review.id);
  assert.equal(images.length, 3);
  assert.ok((await alice.browser.get(`/reviews/${review.id}`)).text.includes(`/media/320/${images[0]?.id}.webp`));
  assert.equal(await a.node.orm.em.fork().count(Mention, { review: review.id, account: cleo.account.id }), 1);
  const own = await b.node.orm.em.fork().findOneOrFail(Review, { isLocal: true });
  await bob.browser.post(`/reviews/${own.id}/removal`);
  await settle();
  assert.deepEqual([(await heldAt(a, review.id)).length, (await heldAt(b, own.id)).length], [0, 0]);
});
