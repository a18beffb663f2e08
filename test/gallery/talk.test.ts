import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blockAccount } from '../../src/accounts/block.ts';
import { repairFigures } from '../../src/gallery/figures.ts';
import { Comment, Image, Reaction } from '../../src/gallery/model.ts';
import { removeAccountContent } from '../../src/gallery/sweep.ts';
import { addComment, restoreComment } from '../../src/gallery/talk/comments.ts';
import { like, unlike } from '../../src/gallery/talk/likes.ts';
import { RecordedEvent } from '../../src/kit/events/model.ts';
import { newId } from '../../src/kit/ids.ts';
import { textOf } from '../accounts/browser.ts';
import { givenAccount, givenModel } from '../factories/content.ts';
import { painter } from './painter.ts';

test('people talk under a picture, answer each other, and change and delete what is their own', async (t) => {
  const { browser, visitor, other, em, post, ada } = await painter(t);
  const { browser: bob } = await other('bob');
  const { imageIds } = await post(ada, [{}]);
  const page = `/images/${imageIds[0]}`;
  assert.equal((await visitor.post(`${page}/comments`, { text: 'hello' })).status, 401);
  assert.equal((await bob.post(`${page}/comments`, { text: '  ' })).status, 422);

  const said = await bob.post(`${page}/comments`, { text: 'Lovely *light*.' });
  const id = said.location.split('#comment-')[1] ?? '';
  assert.equal(said.location, `${page}#comment-${id}`);
  await browser.post(`${page}/comments`, { text: 'Thank you!', parent: id });
  const shown = await visitor.get(page);
  assert.match(shown.text, /Lovely <em>light<\/em>/);
  assert.match(shown.text, /class="comment d1"/);
  assert.equal((await visitor.get(`/comments/${id}`)).location, `${page}#comment-${id}`);

  assert.equal((await browser.get(`/comments/${id}/edit`)).status, 404);
  assert.equal((await browser.post(`/comments/${id}/edit`, { text: 'No' })).status, 404);
  await bob.post(`/comments/${id}/edit`, { text: 'Lovely **shadow**.' });
  assert.match((await visitor.get(page)).text, /Lovely <strong>shadow<\/strong>/);

  await bob.post(`/comments/${id}/removal`);
  const after = textOf((await visitor.get(page)).text);
  assert.ok(after.includes('Thank you!') && after.includes('Deleted.') && !after.includes('shadow'));
  const image = await em.findOneOrFail(Image, imageIds[0] ?? 0);
  assert.equal(image.commentCount, 1);
  const names = (await em.find(RecordedEvent, {})).map(({ name }) => name);
  for (const name of ['comment.created', 'comment.edited', 'comment.deleted']) assert.ok(names.includes(name), name);
});

test('a stranger deletes nobody’s words, the owner of the page clears it, a moderator withholds and gives back', async (t) => {
  const { browser, visitor, other, workAs, em, post, ada } = await painter(t);
  const { browser: bob, account: bobAccount } = await other('bob');
  const { browser: eve } = await other('eve');
  const { postId } = await post(ada, [{}]);
  const speak = (text: string) => addComment(workAs(null), bobAccount, { kind: 'post', id: postId }, { text });
  const [one, two] = [await speak('first words'), await speak('second words')];
  assert.equal((await eve.post(`/comments/${one}/removal`)).status, 403);
  assert.equal((await browser.post(`/comments/${one}/removal`)).status, 302);

  const moderator = givenAccount(em, { role: 'moderator' });
  await em.flush();
  const { deleteComment } = await import('../../src/gallery/talk/comments.ts');
  await deleteComment(workAs(moderator), moderator, two);
  assert.ok(!(await visitor.get(`/posts/${postId}`)).text.includes('words'));
  assert.equal((await em.findOneOrFail(Comment, two)).text, 'second words');
  await restoreComment(workAs(moderator), two);
  assert.match((await bob.get(`/posts/${postId}`)).text, /second words/);
});

test('a like counts once however often and from wherever it comes, and goes without a trace', async (t) => {
  const { browser, other, visitor, workAs, em, post, ada } = await painter(t);
  const { browser: bob, account } = await other('bob');
  const { imageIds } = await post(ada, [{}]);
  const target = { kind: 'image', id: imageIds[0] ?? 0 } as const;
  assert.equal((await visitor.post(`/images/${target.id}/likes`, { on: '1' })).status, 401);
  await bob.post(`/images/${target.id}/likes`, { on: '1' });
  const again = await bob.post(`/images/${target.id}/likes`, {}, { accept: 'application/json' });
  assert.deepEqual(JSON.parse(again.text), { liked: true, likeCount: 1 });
  await Promise.all([
    like(workAs(null), account, target, 'https://peer.example/likes/1'),
    like(workAs(null), ada, target),
  ]);
  assert.equal((await em.fork().findOneOrFail(Image, target.id)).likeCount, 2);
  assert.match((await bob.get(`/images/${target.id}`)).text, /aria-pressed="true"/);
  await bob.post(`/images/${target.id}/likes/removal`);
  await unlike(workAs(null), account, target);
  await browser.post(`/images/${target.id}/likes`, { on: '0' });
  assert.equal((await em.fork().findOneOrFail(Image, target.id)).likeCount, 0);
  assert.equal(await em.count(Reaction), 0);
  const events = await em.find(RecordedEvent, { name: { $like: 'reaction.%' } });
  assert.equal(events.length, 4);
});

test('models, posts and comments are liked too', async (t) => {
  const { browser, em, post, ada } = await painter(t);
  const model = givenModel(em, { owner: ada });
  await em.flush();
  const { postId } = await post(ada, [{}]);
  const { location } = await browser.post(`/models/${model.id}/comments`, { text: 'Good model.' });
  const id = location.split('#comment-')[1] ?? '';
  for (const path of [`/models/${model.id}`, `/posts/${postId}`, `/comments/${id}`]) {
    const answer = await browser.post(`${path}/likes`, { on: '1' }, { accept: 'application/json' });
    assert.deepEqual(JSON.parse(answer.text), { liked: true, likeCount: 1 }, path);
  }
});

test('across a block nobody speaks, answers or likes, and neither reads the other', async (t) => {
  const { browser, other, workAs, post, ada } = await painter(t);
  const { browser: bob, account } = await other('bob');
  const { imageIds } = await post(ada, [{}]);
  const page = `/images/${imageIds[0]}`;
  await bob.post(`${page}/comments`, { text: 'before the block' });
  await blockAccount(workAs(ada), account.id, 'block');
  assert.equal((await bob.post(`${page}/comments`, { text: 'after' })).status, 403);
  assert.equal((await bob.post(`${page}/likes`, { on: '1' })).status, 403);
  assert.ok(!(await browser.get(page)).text.includes('before the block'));
});

test('a comment of a peer comes once, and its HTML is cleaned', async (t) => {
  const { visitor, workAs, em, post, ada } = await painter(t);
  const remote = givenAccount(em, { name: 'zoe', host: 'peer.example', uri: 'https://peer.example/users/zoe' });
  await em.flush();
  const { imageIds } = await post(ada, [{}]);
  const subject = { kind: 'image', id: imageIds[0] ?? 0 } as const;
  const comment = {
    text: '<p onclick="x()">Hi <b>there</b><script>alert(1)</script></p>',
    remote: { uri: 'https://peer.example/notes/1', createdAt: new Date('2026-01-01T00:00:00Z') },
  };
  const first = await addComment(workAs(null), remote, subject, comment);
  assert.equal(await addComment(workAs(null), remote, subject, comment), first);
  const page = await visitor.get(`/images/${subject.id}`);
  assert.match(page.text, /Hi <b>there<\/b>/);
  assert.match(page.text, /@peer\.example/);
  assert.ok(!/onclick|alert\(1\)/.test(page.text));
  assert.equal((await em.fork().findOneOrFail(Image, subject.id)).commentCount, 1);
});

test('an answer to words that stand elsewhere is refused', async (t) => {
  const { browser, post, ada } = await painter(t);
  const { imageIds } = await post(ada, [{}, {}]);
  const { location } = await browser.post(`/images/${imageIds[0]}/comments`, { text: 'here' });
  const parent = location.split('#comment-')[1] ?? '';
  assert.equal((await browser.post(`/images/${imageIds[1]}/comments`, { text: 'there', parent })).status, 422);
});

test('too many comments in a row are slowed down', async (t) => {
  const { browser, post, ada } = await painter(t);
  const { imageIds } = await post(ada, [{}]);
  const statuses = new Set<number>();
  for (let n = 0; n < 31; n += 1)
    statuses.add((await browser.post(`/images/${imageIds[0]}/comments`, { text: `${n}` })).status);
  assert.deepEqual([...statuses], [302, 429]);
});

test('numbers that went wrong are set right by the repair', async (t) => {
  const { browser, workAs, em, post, ada } = await painter(t);
  const { imageIds, postId } = await post(ada, [{}]);
  await browser.post(`/images/${imageIds[0]}/comments`, { text: 'one' });
  await browser.post(`/images/${imageIds[0]}/likes`, { on: '1' });
  await em.nativeUpdate(Image, { id: imageIds[0] ?? 0 }, { likeCount: 99, commentCount: 98 });
  await em.nativeUpdate('Post', { id: postId }, { likeCount: 97 });
  await repairFigures(workAs(null), new AbortController().signal);
  const image = await em.fork().findOneOrFail(Image, imageIds[0] ?? 0);
  assert.deepEqual([image.likeCount, image.commentCount], [1, 1]);
});

test('who leaves takes posts, words and likes along', async (t) => {
  const { visitor, other, workAs, em, post, ada } = await painter(t);
  const { browser: bob, account } = await other('bob');
  const { imageIds } = await post(ada, [{}]);
  const own = await post(account, [{}]);
  await bob.post(`/images/${imageIds[0]}/comments`, { text: 'my words' });
  await bob.post(`/images/${imageIds[0]}/likes`, { on: '1' });
  await removeAccountContent(workAs(null), account.id);
  await removeAccountContent(workAs(null), account.id);
  assert.equal((await visitor.get(`/posts/${own.postId}`)).status, 410);
  assert.ok(!(await visitor.get(`/images/${imageIds[0]}`)).text.includes('my words'));
  const image = await em.fork().findOneOrFail(Image, imageIds[0] ?? 0);
  assert.deepEqual([image.likeCount, image.commentCount], [0, 0]);
});

test('of very many comments the last are shown, and links lead to those before and back; one of them has its place', async (t) => {
  const { browser, visitor, em, post, ada, clock } = await painter(t);
  const { imageIds } = await post(ada, [{}]);
  const at = (n: number) => new Date(clock.now().getTime() - 1_000_000 + n * 1_000);
  const said = Array.from({ length: 501 }, (_, n) => ({
    ...{ id: newId(), author: ada.id, image: imageIds[0], text: `Word no. ${n}.`, createdAt: at(n) },
  }));
  await em.insertMany(Comment, said as never);
  await browser.post(`/images/${imageIds[0]}/comments`, { text: 'And mine.' });
  const shown = textOf((await visitor.get(`/images/${imageIds[0]}`)).text);
  assert.match(shown, /Word no\. 499\..*Word no\. 500\..*And mine\./);
  assert.doesNotMatch(shown, /Word no\. 1\./);

  // 502 in all: the first two stand on the page before
  const [, earlier] = /href="([^"]+upto=[^"]+)"/.exec((await visitor.get(`/images/${imageIds[0]}`)).text) ?? [];
  const before = await visitor.get(earlier ?? '');
  assert.match(textOf(before.text), /Earlier comments.*Word no\. 0\..*Word no\. 1\..*The last comments/);
  assert.doesNotMatch(textOf(before.text), /Word no\. 2\./);
  assert.match(before.text, new RegExp(`href="/images/${imageIds[0]}#comments"`));
  assert.doesNotMatch(before.text, /upto=/, 'nothing was said before these');
  const [first, second, third] = said.map(({ id }) => id);
  assert.match(
    (await visitor.get(`/comments/${first}`)).location,
    new RegExp(`/comments\\?upto=${first}#comment-${first}$`),
  );
  assert.match((await visitor.get(`/comments/${second}`)).location, /upto=/);
  assert.match(
    (await visitor.get(`/comments/${third}`)).location,
    new RegExp(`/images/${imageIds[0]}#comment-${third}$`),
  );

  // an answer in the page of earlier ones, and what is no comment of this picture
  assert.match((await browser.get(earlier ?? '')).text, new RegExp(`action="/images/${imageIds[0]}/comments"`));
  const other = await post(ada, [{}]);
  assert.doesNotMatch((await visitor.get(`/images/${other.imageIds[0]}/comments?upto=${first}`)).text, /Word no/);
  assert.equal(
    (await visitor.get(`/images/${imageIds[0]}/comments?upto=x`)).location,
    `/images/${imageIds[0]}#comments`,
  );

  const asked = (query: string) => visitor.get(`/api/v1/images/${imageIds[0]}/comments${query}`);
  const { nextCursor } = JSON.parse((await asked('')).text) as { nextCursor: string };
  assert.equal(nextCursor, second);
  const rest = JSON.parse((await asked(`?cursor=${nextCursor}`)).text) as { items: { id: string }[] };
  assert.deepEqual([rest.items.map(({ id }) => id), 'nextCursor' in rest], [[first, second], false]);
});
