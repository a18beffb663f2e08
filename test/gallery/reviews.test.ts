import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { blockAccount } from '../../src/accounts/block.ts';
import { Account, Follow } from '../../src/accounts/model.ts';
import { Model, ModelVersion } from '../../src/catalogue/model.ts';
import { repairFigures } from '../../src/gallery/figures.ts';
import { Review } from '../../src/gallery/reviews/model.ts';
import { writeReview } from '../../src/gallery/reviews/write.ts';
import { removeAccountContent } from '../../src/gallery/sweep.ts';
import { RecordedEvent } from '../../src/kit/events/model.ts';
import { newId } from '../../src/kit/ids.ts';
import { textOf } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenAccount, givenModel, givenVersion, NOW } from '../factories/content.ts';
import { painter } from './painter.ts';

/** Ada's published model with one version, and Bob, who has used it. */
async function given(t: TestContext) {
  const all = await painter(t);
  const model = givenModel(all.em, { owner: all.ada, name: 'Ink' });
  const version = givenVersion(all.em, { model, name: 'v1.0' });
  await all.em.flush();
  const bob = await all.other('bob');
  const fresh = () => all.em.fork();
  return {
    ...all,
    bob,
    model,
    version,
    fresh,
    page: `/models/${model.id}`,
    action: `/versions/${version.id}/reviews`,
    thumbs: async (id = version.id) => {
      const { thumbsUpCount, thumbsDownCount } = await fresh().findOneOrFail(ModelVersion, id);
      return [thumbsUpCount, thumbsDownCount];
    },
    reviewOf: (account: Account) => fresh().findOneOrFail(Review, { author: account.id }),
  };
}

test('somebody reviews a version, says it anew in place, and takes it back', async (t) => {
  const { bob, visitor, page, action, thumbs, reviewOf, em } = await given(t);
  assert.match((await visitor.get(page)).text, /Nobody has reviewed this version yet/);
  assert.equal((await visitor.post(action, { verdict: 'up' })).status, 401);

  const said = await bob.browser.post(action, { verdict: 'up', text: 'Fine *lines*.' });
  assert.match(said.location, /\/models\/\d+\?version=\d+#reviews$/);
  assert.deepEqual(await thumbs(), [1, 0]);
  const shown = (await visitor.get(page)).text;
  assert.match(shown, /Fine <em>lines<\/em>/);
  assert.match(shown, /Recommends it/);
  const { id } = await reviewOf(bob.account);

  await bob.browser.post(action, { verdict: 'down', text: 'It *fades*.' });
  assert.equal((await reviewOf(bob.account)).id, id, 'one of each account and version');
  assert.deepEqual(await thumbs(), [0, 1]);
  const own = (await bob.browser.get(page)).text;
  assert.match(own, /Your review/);
  assert.match(own, /value="down" required checked/);
  assert.ok(!own.includes('lines'));

  assert.equal((await bob.browser.post(`/reviews/${id}/removal`)).status, 302);
  assert.deepEqual(await thumbs(), [0, 0]);
  assert.ok(!(await visitor.get(page)).text.includes('fades'));
  assert.equal((await visitor.get(`/reviews/${id}`)).status, 410);
  await bob.browser.post(action, { verdict: 'up' });
  assert.deepEqual([(await reviewOf(bob.account)).id, ...(await thumbs())], [id, 1, 0]);
  const names = (await em.find(RecordedEvent, { name: { $like: 'review.%' } })).map(({ name }) => name);
  assert.deepEqual(names, ['review.written', 'review.edited', 'review.deleted', 'review.written']);
});

test('a review has a page of its own, with the form for its author alone', async (t) => {
  const { bob, visitor, browser, action, reviewOf } = await given(t);
  await bob.browser.post(action, { verdict: 'up', text: 'Fine lines.' });
  const { id } = await reviewOf(bob.account);
  const page = await visitor.get(`/reviews/${id}`);
  assert.match(textOf(page.text), /Review of Ink, v1\.0/);
  assert.match(page.text, /Fine lines/);
  assert.ok(!page.text.includes('id="review-text"'));
  assert.ok(!(await browser.get(`/reviews/${id}`)).text.includes('id="review-text"'));
  assert.match((await bob.browser.get(`/reviews/${id}`)).text, /id="review-text"/);
  assert.equal((await visitor.get(`/reviews/${newId()}`)).status, 404);
  assert.equal((await visitor.get('/reviews/1')).status, 404);
});

test('what is wrong with a review is said at its field, and what was typed is kept', async (t) => {
  const { bob, action, thumbs } = await given(t);
  const nothing = await bob.browser.post(action, { text: 'Fine.' });
  assert.equal(nothing.status, 422);
  assert.match(nothing.text, /Choose a thumb first/);
  assert.match(nothing.text, />\s*Fine\.<\/textarea>/);
  for (const verdict of ['5', '9', 'true', '-1', '']) {
    assert.equal((await bob.browser.post(action, { verdict })).status, 422, verdict);
  }
  const long = await bob.browser.post(action, { verdict: 'up', text: 'a'.repeat(10_001) });
  assert.equal(long.status, 422);
  assert.match(long.text, /at most 10,000 characters/);
  assert.deepEqual(await thumbs(), [0, 0]);
});

test('nobody reviews their own model, a draft, or what they do not see', async (t) => {
  const { browser, bob, other, em, ada, action, model, thumbs, page, fresh } = await given(t);
  assert.equal((await browser.post(action, { verdict: 'up' })).status, 403);
  assert.ok(!(await browser.get(page)).text.includes('Write a review'));
  const draft = givenVersion(em, { model, name: 'v2', state: 'draft', publishedAt: null });
  await em.flush();
  assert.equal((await bob.browser.post(`/versions/${draft.id}/reviews`, { verdict: 'up' })).status, 404);
  await givenMember(em, 'mod', { role: 'moderator' });
  const moderator = new (bob.browser.constructor as typeof import('../accounts/browser.ts').Browser)(
    bob.browser.address,
  );
  await moderator.signIn('mod');
  assert.equal((await moderator.post(`/versions/${draft.id}/reviews`, { verdict: 'up' })).status, 404);
  assert.equal((await bob.browser.post('/versions/999999/reviews', { verdict: 'up' })).status, 404);
  assert.deepEqual(await thumbs(draft.id), [0, 0]);

  // for followers: a review is for them too
  await fresh().nativeUpdate(Model, { id: model.id }, { visibility: 'followers', listedAt: null });
  assert.equal((await bob.browser.post(action, { verdict: 'up' })).status, 404);
  const fan = await other('fan');
  const work = fresh();
  const ends = { follower: work.getReference(Account, fan.account.id), target: work.getReference(Account, ada.id) };
  work.create(Follow, { id: newId(), ...ends, state: 'accepted', createdAt: NOW }, { persist: true });
  await work.flush();
  assert.equal((await fan.browser.post(action, { verdict: 'up', text: 'for friends' })).status, 302);
  const { id } = await fresh().findOneOrFail(Review, { author: fan.account.id });
  assert.equal((await bob.browser.get(`/reviews/${id}`)).status, 404);
  assert.equal((await fan.browser.get(`/reviews/${id}`)).status, 200);
});

test('a review of a version that was withdrawn, or restricted by moderation, is not shown', async (t) => {
  const { bob, visitor, version, action, reviewOf, fresh } = await given(t);
  await bob.browser.post(action, { verdict: 'up', text: 'Fine lines.' });
  const { id } = await reviewOf(bob.account);
  const policy = { targetKind: 'version', targetId: version.id, epoch: 1, restrictions: 1, changedAt: NOW } as const;
  await fresh().insert('PolicyState', policy);
  assert.equal((await visitor.get(`/reviews/${id}`)).status, 451);
  assert.equal((await bob.browser.post(action, { verdict: 'down' })).status, 451);
  await fresh().nativeDelete('PolicyState', { targetId: version.id });
  await fresh().nativeUpdate(ModelVersion, { id: version.id }, { state: 'unpublished' });
  assert.equal((await visitor.get(`/reviews/${id}`)).status, 404);
  assert.equal((await bob.browser.post(action, { verdict: 'down' })).status, 404);
});

test('across a block nobody reviews, and neither reads the other', async (t) => {
  const { bob, browser, other, workAs, ada, page, action } = await given(t);
  await bob.browser.post(action, { verdict: 'up', text: 'before the block' });
  await blockAccount(workAs(ada), bob.account.id, 'block');
  assert.equal((await bob.browser.post(action, { verdict: 'down' })).status, 403);
  assert.ok(!(await browser.get(page)).text.includes('before the block'));
  const eve = await other('eve');
  assert.match((await eve.browser.get(page)).text, /before the block/);
});

test('a stranger deletes nobody’s review; a moderator holds it back and shows it again', async (t) => {
  const { bob, browser, other, visitor, em, page, action, thumbs, reviewOf } = await given(t);
  await bob.browser.post(action, { verdict: 'up', text: 'spam spam' });
  const { id } = await reviewOf(bob.account);
  const eve = await other('eve');
  assert.equal((await eve.browser.post(`/reviews/${id}/removal`)).status, 403);
  assert.equal((await browser.post(`/reviews/${id}/removal`)).status, 403, 'nor does whose model it is of');
  assert.equal((await eve.browser.post(`/reviews/${id}/removal/undo`)).status, 404);
  await em.nativeUpdate(Account, { id: eve.account.id }, { role: 'moderator', permissions: 0xffff });
  assert.equal((await eve.browser.post(`/reviews/${id}/removal`)).status, 302);
  assert.deepEqual(await thumbs(), [0, 0]);
  assert.ok(!(await visitor.get(page)).text.includes('spam'));
  assert.equal((await visitor.get(`/reviews/${id}`)).status, 404);
  const shut = (await eve.browser.get(page)).text;
  assert.ok(shut.includes('spam spam') && shut.includes('Held back'));
  assert.equal((await bob.browser.post(action, { verdict: 'up', text: 'spam again' })).status, 302);
  assert.deepEqual(await thumbs(), [0, 0], 'writing it anew brings it not back');
  assert.equal((await eve.browser.post(`/reviews/${id}/removal/undo`)).status, 302);
  assert.deepEqual(await thumbs(), [1, 0]);
});

test('many reviews come in pages, newest first, and too many in a row are slowed down', async (t) => {
  const { bob, visitor, workAs, em, page, version, thumbs } = await given(t);
  for (let n = 0; n < 12; n += 1) {
    const author = givenAccount(em, { name: `reader${n}` });
    await em.flush();
    const text = `word-${n}-`;
    await writeReview(workAs(null), author, version.id, { isRecommended: n % 2 === 0, text });
  }
  assert.deepEqual(await thumbs(), [6, 6]);
  const first = (await visitor.get(page)).text;
  const [, more = ''] = /href="([^"]*reviews=[^"]+)"/.exec(first) ?? [];
  const second = (await visitor.get(more.replaceAll('&amp;', '&'))).text;
  const words = (html: string) => new Set([...html.matchAll(/word-\d+-/g)].map(([word]) => word));
  assert.deepEqual([words(first).size, words(second).size], [10, 2]);
  assert.equal(new Set([...words(first), ...words(second)]).size, 12);
  assert.equal((await visitor.get(`${page}?reviews=nonsense`)).status, 200);

  const statuses = new Set<number>();
  for (let n = 0; n < 31; n += 1)
    statuses.add((await bob.browser.post(`/versions/${version.id}/reviews`, { verdict: 'up', text: `${n}` })).status);
  assert.deepEqual([...statuses], [302, 429]);
});

test('numbers that went wrong are set right, who leaves takes reviews along, who is suspended is not heard', async (t) => {
  const { bob, visitor, workAs, em, action, page, version, thumbs } = await given(t);
  await bob.browser.post(action, { verdict: 'up', text: 'my words' });
  await em.nativeUpdate(ModelVersion, { id: version.id }, { thumbsUpCount: 98, thumbsDownCount: 99 });
  await repairFigures(workAs(null), new AbortController().signal);
  assert.deepEqual(await thumbs(), [1, 0]);
  await em.nativeUpdate(Account, { id: bob.account.id }, { state: 'suspended' });
  assert.ok(!(await visitor.get(page)).text.includes('my words'));
  await em.nativeUpdate(Account, { id: bob.account.id }, { state: 'active' });
  await removeAccountContent(workAs(null), bob.account.id);
  await removeAccountContent(workAs(null), bob.account.id);
  assert.ok(!(await visitor.get(page)).text.includes('my words'));
  assert.deepEqual(await thumbs(), [0, 0]);
});

test('thousands of reviews from one domain: few count, some wait for a moderator, the rest is not kept', async (t) => {
  const { workAs, em, version, thumbs, browser, ada, page } = await given(t);
  const say = async (name: string, host: string) => {
    const author = givenAccount(em, { name, host, uri: `https://${host}/users/${name}` });
    await em.flush();
    const remote = { uri: `https://${host}/r/${name}`, createdAt: NOW, host };
    await writeReview(workAs(null), author, version.id, { isRecommended: false, text: `by ${name}.`, remote });
  };
  for (let n = 0; n < 24; n += 1) await say(`sock${n}`, n % 2 === 0 ? 'farm.example' : `s${n}.farm.example:8443`);
  assert.deepEqual(await thumbs(), [0, 20]);
  // the rest at once, as if each had come by itself
  for (let n = 24; n < 220; n += 1) {
    const author = givenAccount(em, { name: `sock${n}`, host: 'farm.example', uri: `https://farm.example/${n}` });
    const told = { isRecommended: false, isLocal: false, createdAt: NOW, receivedAt: NOW, withheldAt: NOW };
    em.create(Review, { id: newId(), author, version, model: version.model, ...told }, { persist: true });
  }
  await em.flush();
  for (const host of ['farm.example', 'new.farm.example']) {
    await assert.rejects(say('late', host), /Too many reviews/);
  }
  await say('honest', 'other.example');
  assert.deepEqual(await thumbs(), [0, 21]);
  await em.nativeUpdate(Account, { id: ada.id }, { role: 'moderator', permissions: 0xffff });
  assert.match((await browser.get(page)).text, /Held back/, 'a moderator sees what waits');
});

test('the HTML of a review from elsewhere is cleaned, and its author stands there with the host', async (t) => {
  const { visitor, workAs, em, page, version } = await given(t);
  const zoe = givenAccount(em, { name: 'zoe', host: 'peer.example', uri: 'https://peer.example/users/zoe' });
  await em.flush();
  const remote = { uri: 'https://peer.example/notes/1', createdAt: NOW, host: 'peer.example' };
  const text = '<p onclick="x()">Hi <b>there</b><script>alert(1)</script></p>';
  await writeReview(workAs(null), zoe, version.id, { isRecommended: false, text, remote });
  const { text: html } = await visitor.get(page);
  assert.match(html, /Hi <b>there<\/b>/);
  assert.match(html, /@peer\.example/);
  assert.ok(!/onclick|alert\(1\)/.test(html));
});
