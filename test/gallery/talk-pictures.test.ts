import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { Comment, Image, Mention, Post } from '../../src/gallery/model.ts';
import { Review } from '../../src/gallery/reviews/model.ts';
import { removeAccountContent } from '../../src/gallery/sweep.ts';
import { deleteComment, restoreComment, withholdComment } from '../../src/gallery/talk/comments.ts';
import { sweepTalkPictures } from '../../src/gallery/talk-pictures/clear.ts';
import { Notification } from '../../src/notifications/model.ts';
import { QUARANTINE } from '../../src/safety/policy.ts';
import { restrict } from '../../src/safety/restrict.ts';
import { textOf } from '../accounts/browser.ts';
import { givenModel, givenVersion } from '../factories/content.ts';
import { bytesAt, painter, picture, sendFiles } from './painter.ts';

/** A public picture of Ada's, and Bob, who talks below it. */
async function given(t: TestContext) {
  const all = await painter(t);
  const bob = await all.other('bob');
  const { imageIds, postId } = await all.post(all.ada, [{}]);
  const page = `/images/${imageIds[0]}`;
  const fresh = () => all.em.fork();
  const held = (id: string) => fresh().find(Image, { post: { talkId: id } }, { orderBy: { position: 1 } });
  return {
    ...all,
    ...{ bob, page, postId, fresh, held },
    /** Bob says something with pictures; the id of what he said. */
    say: async (count = 1, fields: Record<string, string> = {}) => {
      const files = await Promise.all(
        Array.from({ length: count }, async (_, n) => ({ bytes: await picture(), name: `p${n}.png` })),
      );
      const said = await sendFiles(bob.browser, `${page}/comments`, files, { text: 'Like this.', ...fields });
      assert.equal(said.status, 302, textOf(said.text));
      await all.settle();
      return said.location.split('#comment-')[1] ?? '';
    },
  };
}

test('a comment carries pictures that are seen where it is, and stand in no list', async (t) => {
  const { say, held, visitor, browser, bob, page, fresh, postId } = await given(t);
  const id = await say(2, { 'alt-new-1': 'A lamp', 'alt-new-2': 'A fox' });
  const images = await held(id);
  assert.deepEqual(
    images.map(({ altText, level, shownAt, listedAt }) => [altText, level, shownAt ?? null, listedAt ?? null]),
    [
      ['A lamp', 1, null, null],
      ['A fox', 1, null, null],
    ],
  );
  const shown = (await visitor.get(page)).text;
  for (const image of images) assert.ok(shown.includes(`/media/320/${image.id}.webp`));
  assert.match(shown, /alt="A fox"/);
  const first = images[0]?.id ?? 0;
  const sent = await bytesAt(visitor, `/media/320/${first}.webp`);
  assert.deepEqual([sent.status, sent.headers.get('cache-control')], [200, 'private, no-store']);
  const own = await visitor.get(`/images/${first}`);
  assert.equal(own.status, 200);
  assert.ok(own.text.includes(`href="/comments/${id}"`) && own.text.includes(`/images/${images[1]?.id}`));
  // it is looked at, and nothing else is done with it
  assert.equal((await browser.post(`/images/${first}/likes`, { on: '1' })).status, 404);
  assert.equal((await browser.post(`/images/${first}/comments`, { text: 'Hi' })).status, 404);
  assert.equal((await bob.browser.post(`/images/${first}/edit`, { rating: '16' })).status, 404);
  const holder = images[0]?.post.id ?? 0;
  assert.notEqual(holder, postId);
  assert.equal((await visitor.get(`/posts/${holder}`)).status, 404);
  assert.equal((await bob.browser.get(`/posts/${holder}`)).status, 404);
  for (const list of ['/', '/images', '/@bob', '/api/v1/images']) {
    assert.ok(!(await bob.browser.get(list)).text.includes(`/${first}.`), list);
  }
  // the draft they came through is gone
  assert.equal(await fresh().count(Post, { state: 'draft' }), 0);
});

test('too many pictures, none at all and what is no picture are refused with what was written and taken', async (t) => {
  const { bob, page, fresh, held, settle } = await given(t);
  const good = { bytes: await picture(), name: 'good.png' };
  const bad = { bytes: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), name: 'bad.png' };
  const refused = await sendFiles(bob.browser, `${page}/comments`, [good, bad], {
    text: 'Look here.',
    'alt-new-1': 'Good',
  });
  assert.equal(refused.status, 422);
  assert.match(textOf(refused.text), /bad\.png: /);
  assert.match(refused.text, /Look here\./);
  const [, kept = ''] = /name="picture\[\]" value="(\d+)"/.exec(refused.text) ?? [];
  assert.match(refused.text, new RegExp(`name="alt-${kept}" value="Good"`));
  assert.equal(await fresh().count(Comment), 0);

  const said = await bob.browser.post(`${page}/comments`, {
    ...{ text: 'Look here.', 'picture[]': kept, [`alt-${kept}`]: 'Good', rating: '1' },
  });
  await settle();
  const id = said.location.split('#comment-')[1] ?? '';
  assert.deepEqual(
    (await held(id)).map((image) => [image.id, image.altText]),
    [[Number(kept), 'Good']],
  );

  const five = await Promise.all(
    Array.from({ length: 5 }, async (_, n) => ({ bytes: await picture(), name: `${n}.png` })),
  );
  const many = await sendFiles(bob.browser, `${page}/comments`, five, { text: 'All of them.' });
  assert.equal(many.status, 422);
  assert.match(textOf(many.text), /At most 4 pictures/);
  assert.equal(await fresh().count(Comment), 1);
});

test('a program and a form in place are told of a refusal, and nothing of it waits', async (t) => {
  const { bob, page, fresh } = await given(t);
  for (const headers of [{ accept: 'application/json' }, { 'hx-request': 'true' }]) {
    const form = new FormData();
    form.append('text', ' ');
    form.append('pictures', new Blob([new Uint8Array(await picture())]), 'a.png');
    const cookie = [...bob.browser.cookies].map((pair) => pair.join('=')).join('; ');
    const answer = await fetch(new URL(`${page}/comments`, bob.browser.address), {
      ...{ method: 'POST', body: form },
      headers: { cookie, 'sec-fetch-site': 'same-origin', ...headers } as Record<string, string>,
    });
    assert.equal(answer.status, 422);
  }
  assert.deepEqual(
    [await fresh().count(Image, { owner: bob.account.id }), await fresh().count(Post, { state: 'draft' })],
    [0, 0],
  );
});

test('nobody takes pictures of somebody else, or of a post that is public', async (t) => {
  const { bob, page, browser, held, say, post, ada } = await given(t);
  const { imageIds } = await post(ada, [{}], { isDraft: true });
  for (const stolen of [imageIds[0], Number(page.split('/').at(-1))]) {
    const answer = await bob.browser.post(`${page}/comments`, { text: 'Mine.', 'picture[]': String(stolen) });
    assert.equal(answer.status, 422);
  }
  const [theirs] = await held(await say());
  const answer = await browser.post(`${page}/comments`, { text: 'Mine.', 'picture[]': String(theirs?.id) });
  assert.equal(answer.status, 422);
});

test('camera and place are not handed out, and what is no picture by its bytes is not taken', async (t) => {
  const { bob, page, held, settle, visitor } = await given(t);
  const bytes = await sharp(await picture({ format: 'jpeg' }))
    .withExif({ IFD0: { Make: 'Secretcam' }, IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '51/1 30/1 0/1' } })
    .jpeg()
    .toBuffer();
  assert.ok(bytes.includes('Secretcam'));
  const said = await sendFiles(bob.browser, `${page}/comments`, [{ bytes, name: 'a.jpg' }], { text: 'From my walk.' });
  await settle();
  const [image] = await held(said.location.split('#comment-')[1] ?? '');
  for (const path of [`/media/original/${image?.id}.jpg`, `/media/full/${image?.id}.webp`]) {
    const sent = await bytesAt(visitor, path);
    assert.equal(sent.status, 200);
    assert.ok(!sent.bytes.includes('Secretcam'), path);
  }
});

test('editing takes pictures out, describes them and rates them; those who do not browse a rating are told of a number', async (t) => {
  const { say, held, bob, visitor, page, settle, fresh } = await given(t);
  const id = await say(2);
  const [one, two] = (await held(id)).map((image) => image.id);
  const form = await bob.browser.get(`/comments/${id}/edit`);
  assert.ok(form.text.includes(`value="${one}"`) && form.text.includes(`value="${two}"`));
  await bob.browser.post(`/comments/${id}/edit`, {
    ...{ text: 'Like this.', rating: '8', [`drop-${one}`]: '1', [`alt-${two}`]: 'Two' },
    'picture[]': [String(one), String(two)],
  } as never);
  await settle();
  assert.deepEqual(
    (await held(id)).map((image) => [image.id, image.level, image.altText]),
    [[two, 8, 'Two']],
  );
  assert.notEqual((await fresh().findOneOrFail(Comment, id)).editedAt ?? null, null);
  const seen = (await visitor.get(page)).text;
  assert.match(textOf(seen), /1 picture is left out by your ratings/);
  assert.ok(!seen.includes(`/media/320/${two}.webp`));
  assert.equal((await visitor.get(`/images/${one}`)).status, 404);
  // the words alone, by a form that says nothing of pictures
  await bob.browser.post(`/comments/${id}/edit`, { text: 'Like that.' });
  assert.equal((await held(id)).length, 1);
});

test('pictures are seen by whoever sees the words: narrow pages, withheld words, quarantined pictures', async (t) => {
  const { post, ada, bob, visitor, settle, fresh, workAs, held, say, node, page } = await given(t);
  const source = Number(page.split('/').at(-1));
  const { postId } = await post(ada, [{}], { visibility: 'followers' });
  assert.equal(
    (
      await sendFiles(bob.browser, `/posts/${postId}/comments`, [{ bytes: await picture(), name: 'a.png' }], {
        text: 'x',
      })
    ).status,
    404,
  );
  const id = await say();
  const [image] = await held(id);
  const path = `/media/320/${image?.id}.webp`;
  const status = async () => (await bytesAt(visitor, path)).status;
  assert.equal(await status(), 200);
  await fresh().nativeUpdate(Comment, { id }, { post: postId, image: null });
  assert.equal(await status(), 404);
  await fresh().nativeUpdate(Comment, { id }, { post: null, image: source });
  assert.equal(await status(), 200);
  await withholdComment(workAs(null), id);
  await settle();
  assert.deepEqual([await status(), (await bytesAt(bob.browser, path)).status], [404, 404]);
  await restoreComment(workAs(null), id);
  assert.equal(await status(), 200);
  const em = node.orm.em.fork();
  await restrict(em, { kind: 'image', id: image?.id ?? 0 }, 'decision:1', QUARANTINE, new Date());
  await em.flush();
  await settle();
  assert.equal(await status(), 451);
});

test('pictures go with their words, at once and for good', async (t) => {
  const { say, held, bob, visitor, settle, workAs, fresh, em } = await given(t);
  const id = await say();
  const [image] = await held(id);
  await bob.browser.post(`/comments/${id}/removal`);
  assert.equal((await bytesAt(visitor, `/media/320/${image?.id}.webp`)).status, 410);
  await settle();
  assert.deepEqual(
    [await fresh().count(Image, { id: image?.id ?? 0 }), await fresh().count(Post, { talkId: id })],
    [0, 0],
  );

  const second = await say();
  await fresh().nativeDelete(Comment, { id: second });
  await sweepTalkPictures({ em: fresh() });
  assert.equal(await fresh().count(Post, { talkId: second }), 0);

  const third = await say();
  await deleteComment(workAs(null), { id: 0, permissions: -1 }, third);
  await settle();
  assert.equal((await held(third)).length, 1, 'a moderator may give it back');
  await removeAccountContent(workAs(null), bob.account.id);
  assert.equal(await fresh().count(Post, { talkId: third }), 0);
  assert.equal(await em.fork().count(Image, { owner: bob.account.id }), 0);
});

test('a review shows examples, keeps them when it is changed without a word of them, and names people', async (t) => {
  const { bob, em, ada, visitor, settle, fresh, held, other } = await given(t);
  const model = givenModel(em, { owner: ada, name: 'Ink' });
  const version = givenVersion(em, { model, name: 'v1.0' });
  await em.flush();
  const cleo = await other('cleo');
  const action = `/versions/${version.id}/reviews`;
  const files = await Promise.all([0, 1, 2, 3, 4].map(async (n) => ({ bytes: await picture(), name: `${n}.png` })));
  const said = await sendFiles(bob.browser, action, files, { verdict: 'up', text: 'As @cleo says.' });
  assert.equal(said.status, 302, textOf(said.text));
  await settle();
  const { id } = await fresh().findOneOrFail(Review, { author: bob.account.id });
  assert.equal((await held(id)).length, 5);
  const first = (await held(id))[0]?.id;
  for (const page of [`/models/${model.id}`, `/reviews/${id}`]) {
    assert.ok((await visitor.get(page)).text.includes(`/media/320/${first}.webp`), page);
  }
  assert.equal(await fresh().count(Mention, { review: id, account: cleo.account.id }), 1);
  assert.equal(await fresh().count(Notification, { account: cleo.account.id, kind: 'mention' }), 1);

  await bob.browser.post(action, { verdict: 'down', text: 'It fades.' });
  await settle();
  assert.equal((await held(id)).length, 5);
  assert.equal(await fresh().count(Mention, { review: id }), 0);
  await bob.browser.post(`/reviews/${id}/removal`);
  await settle();
  assert.equal((await held(id)).length, 0);
});
