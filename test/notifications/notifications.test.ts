import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { modelPublished, versionPublished } from '../../src/catalogue/events.ts';
import { mergeEnded, trainingEnded } from '../../src/compute/events.ts';
import { MergeRun } from '../../src/compute/merging/model.ts';
import type { MergeSettings } from '../../src/compute/merging/params.ts';
import { savedSearchMatched } from '../../src/discovery/events.ts';
import { SavedSearch } from '../../src/discovery/saved/model.ts';
import { Bounty, BountyEntry } from '../../src/economy/bounties/model.ts';
import { bountyEntered, entryAwarded, licenceDecided, licenceTaken } from '../../src/economy/events.ts';
import { LicenceGrant, LicenceOffer } from '../../src/economy/licences/model.ts';
import { record } from '../../src/kit/events/events.ts';
import { newId } from '../../src/kit/ids.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { Notification } from '../../src/notifications/model.ts';
import { type Browser, textOf } from '../accounts/browser.ts';
import { givenImage, givenModel, givenPost, givenVersion, NOW } from '../factories/content.ts';
import { painter } from '../gallery/painter.ts';
import { carryOut } from '../moderation/takedowns.ts';

async function town(t: TestContext) {
  const it = await painter(t);
  const [bob, eve] = [await it.other('bob'), await it.other('eve')];
  /** The lines of somebody's page. */
  const linesOf = async (browser: Browser, query = ''): Promise<string[]> => {
    const { text } = await browser.get(`/notifications${query}`);
    return [...text.matchAll(/<li id="notification-[\s\S]*?<\/li>/g)].map(([line]) => textOf(line).trim());
  };
  const bellOf = async (browser: Browser): Promise<number> => {
    const dot = /class="dot" aria-hidden="true"( hidden)?>(\d+)/.exec((await browser.get('/settings/people')).text);
    return dot?.[1] ? 0 : Number(dot?.[2]);
  };
  return { ...it, bob, eve, linesOf, bellOf };
}

test('whose things people like, answer, name and review is told once, in lines that say how many; and no more when it is taken back', async (t) => {
  const { browser, visitor, bob, eve, em, ada, settle, linesOf, bellOf, post } = await town(t);
  assert.match((await visitor.get('/notifications')).location, /^\/sign-in/);
  assert.match(textOf((await browser.get('/notifications')).text), /Nothing yet/);
  const { imageIds } = await post(ada, [{}]);
  const page = `/images/${imageIds[0]}`;
  for (const { browser: who } of [bob, eve]) await who.post(`${page}/likes`, { on: '1' });
  // again is nothing new
  await bob.browser.post(`${page}/likes`, { on: '0' });
  await bob.browser.post(`${page}/likes`, { on: '1' });
  await browser.post(`${page}/likes`, { on: '1' });
  await settle();
  assert.deepEqual((await linesOf(browser)).length, 1);
  assert.match((await linesOf(browser))[0] ?? '', /(bob|eve) and 1 other liked your picture .*New/);
  assert.equal(await bellOf(browser), 2);

  const said = await bob.browser.post(`${page}/comments`, { text: 'Look, @eve and @nobody: **fine** light' });
  const commentId = said.location.split('#comment-')[1] ?? '';
  await browser.post(`${page}/comments`, { text: 'Thank you', parent: commentId });
  await eve.browser.post(`/comments/${commentId}/likes`, { on: '1' });
  await settle();
  assert.match((await linesOf(browser))[0] ?? '', /bob commented on your picture .*Look, @eve and @nobody: fine light/);
  assert.match((await linesOf(eve.browser)).join('|'), /bob mentioned you/);
  assert.deepEqual(
    (await linesOf(bob.browser)).map((line) => /(eve liked your comment|ada answered you)/.exec(line)?.[1]),
    ['eve liked your comment', 'ada answered you'],
  );
  const model = givenModel(em, { owner: ada, name: 'Blue Tiles' });
  const version = givenVersion(em, { model });
  await em.flush();
  await bob.browser.post(`/versions/${version.id}/reviews`, { verdict: 'up', text: 'Good' });
  await settle();
  assert.match((await linesOf(browser))[0] ?? '', /bob reviewed your model “Blue Tiles”/);

  // a line leads on, and marks all that stands in it
  const id = /id="notification-(\d+)"[\s\S]*?liked your picture/.exec(
    (await browser.get('/notifications')).text.split('<li ').findLast((part) => part.includes('liked your picture')) ??
      '',
  )?.[1];
  const before = await bellOf(browser);
  assert.equal((await browser.get(`/notifications/${id}`)).location, page);
  assert.equal(await bellOf(browser), before - 2);
  assert.equal((await bob.browser.get(`/notifications/${id}`)).status, 404, 'not his');
  assert.equal(
    (await linesOf(browser, '?show=unread')).some((line) => line.includes('liked')),
    false,
  );

  await bob.browser.post(`/comments/${commentId}/removal`);
  await eve.browser.post(`${page}/likes`, { on: '0' });
  await settle();
  const left = (await linesOf(browser)).join('|');
  assert.doesNotMatch(left, /commented/);
  assert.match(left, /bob liked your picture/);
  assert.doesNotMatch((await linesOf(bob.browser)).join('|'), /liked your comment/);

  const upTo = /name="upTo" value="(\d+)"/.exec((await browser.get('/notifications')).text)?.[1] ?? '';
  await browser.post('/notifications/reading', { upTo });
  assert.equal(await bellOf(browser), 0);
  assert.match(textOf((await browser.get('/notifications?show=unread')).text), /You have read everything/);
  await browser.get('/notifications?before=nonsense&show=x');
  assert.equal(await em.fork().count(Job, { state: 'failed' }), 0);
});

test('followers hear of models, versions and posts; of a followed tag and collection too; what they hide, may not see or do not browse they do not', async (t) => {
  const { browser, bob, eve, em, ada, settle, linesOf, post, other } = await town(t);
  const joe = await other('joe');
  for (const { browser: who } of [bob, eve]) await who.post(`/accounts/${ada.id}/follow`, { on: '1' });
  await settle();
  assert.match((await linesOf(browser))[0] ?? '', /(bob|eve) and 1 other follows? you/);
  const model = givenModel(em, { owner: ada, name: 'Brass' });
  const first = givenVersion(em, { model, name: 'v1', publishedAt: NOW });
  await em.flush();
  record(em, modelPublished, { modelId: model.id });
  record(em, versionPublished, { modelId: model.id, versionId: first.id });
  await em.flush();
  await settle();
  assert.match((await linesOf(bob.browser)).join('|'), /^A ada published the model “Brass”[^|]*$/);
  await joe.browser.post(`/models/${model.id}/follow`, { on: '1' });
  const second = givenVersion(em, { model, name: 'v2', publishedAt: NOW });
  await em.flush();
  for (let n = 0; n < 2; n += 1) record(em, versionPublished, { modelId: model.id, versionId: second.id });
  await em.flush();
  await settle();
  for (const { browser: who } of [bob, joe]) {
    assert.match((await linesOf(who))[0] ?? '', /ada published “Brass v2”/);
  }
  const level = { pg: 1, r: 4 };
  await post(ada, [{ level: level.pg }]);
  assert.match((await linesOf(bob.browser))[0] ?? '', /ada posted pictures/);
  await post(ada, [{ level: level.pg }]);
  assert.match((await linesOf(bob.browser))[0] ?? '', /ada published 2 posts/);
  const before = (await linesOf(bob.browser))[0];
  await post(ada, [{ level: level.r }]);
  await post(ada, [{ level: level.pg }], { isDraft: true });
  assert.equal((await linesOf(bob.browser))[0], before, 'he browses PG alone');

  // a mute is enough, and a block ends what was told
  await eve.browser.post(`/accounts/${ada.id}/mute`, { on: '1' });
  await post(ada, [{}]);
  assert.deepEqual(await linesOf(eve.browser), []);
  await bob.browser.post(`/accounts/${ada.id}/block`, { on: '1' });
  await settle();
  assert.deepEqual(await linesOf(bob.browser), []);
  assert.equal(await em.fork().count(Notification, { account: bob.account.id }), 0);

  const collection = Number(
    /\d+$/.exec((await joe.browser.post('/collections', { name: 'Ink', visibility: 'public' })).location)?.[0],
  );
  await eve.browser.post(`/collections/${collection}/follow`, { on: '1' });
  const thing = givenPost(em, { owner: bob.account });
  givenImage(em, { post: thing, owner: bob.account });
  await em.flush();
  await joe.browser.post(`/collections/${collection}/items`, { post: String(thing.id) });
  await settle();
  assert.match((await linesOf(bob.browser)).join('|'), /joe put something of yours into “Ink”/);
  assert.match((await linesOf(eve.browser)).join('|'), /There is something new in “Ink”/);
});

test('what is taken down is told of no more, and nobody is told what happened in a place that they do not see', async (t) => {
  const it = await town(t);
  const { bob, eve, em, ada, browser, settle, linesOf, post } = it;
  const { postId } = await post(ada, [{}], { visibility: 'followers' });
  await bob.browser.post(`/accounts/${ada.id}/follow`, { on: '1' });
  await bob.browser.post(`/posts/${postId}/comments`, { text: 'For @eve' });
  await settle();
  assert.deepEqual(await linesOf(eve.browser), [], 'she does not follow');
  assert.match((await linesOf(browser)).join('|'), /bob commented on your post/);
  const open = await post(ada, [{}]);
  await bob.browser.post(`/posts/${open.postId}/comments`, { text: 'For @eve' });
  await settle();
  assert.equal((await linesOf(eve.browser)).length, 1);
  await carryOut(it, { target: { kind: 'post', id: open.postId }, outcome: 'quarantine', category: 'ncii' });
  assert.deepEqual(await linesOf(eve.browser), []);
  const told = await em.fork().findOneOrFail(Notification, { account: eve.account.id });
  assert.equal((await eve.browser.get(`/notifications/${told.id}`)).status, 404);
});

test('each kind is switched by channel, and a form that is refused comes back filled', async (t) => {
  const { browser, bob, ada, em, settle, linesOf, post } = await town(t);
  const { imageIds } = await post(ada, [{}]);
  const page = await browser.get('/settings/notifications');
  assert.match(page.text, /name="page\[\]" value="like"[^>]* checked/);
  assert.doesNotMatch(page.text, /name="page\[\]" value="generation"[^>]* checked/);
  const refused = await browser.post('/settings/notifications', { 'page[]': ['comment'], digest: 'hourly' });
  assert.equal(refused.status, 422);
  assert.match(refused.text, /name="page\[\]" value="comment"[^>]* checked/);
  assert.doesNotMatch(refused.text, /name="page\[\]" value="like"[^>]* checked/);
  const saved = await browser.post('/settings/notifications', { 'page[]': ['comment', 'training'], digest: 'daily' });
  assert.equal(saved.location, '/settings/notifications?said=notifications');
  assert.match((await browser.get('/settings/notifications')).text, /value="daily" checked/);
  await bob.browser.post(`/images/${imageIds[0]}/likes`, { on: '1' });
  await bob.browser.post(`/images/${imageIds[0]}/comments`, { text: 'Fine' });
  record(em, trainingEnded, { runId: newId(), isDone: true });
  await em.flush();
  await settle();
  const lines = await linesOf(browser);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /bob commented/);
});

test('who asked for something, offers licences, merges or keeps a search hears what came of it', async (t) => {
  const { em, ada, browser, bob, linesOf, settle } = await town(t);
  const model = givenModel(em, { owner: ada, name: 'Brass' });
  await em.flush();
  const [bountyId, heldId, entryId, offerId] = [newId(), newId(), newId(), newId()];
  const [grantId, mergeId, searchId] = [newId(), newId(), newId()];
  const until = new Date(NOW.getTime() + 30 * 86_400_000);
  const times = { createdAt: NOW, updatedAt: NOW };
  const fork = em.fork();
  await fork.insert(Bounty, {
    ...{ id: bountyId, owner: ada.id, title: 'A fish', text: 'Please.', kind: 'LoraCreation', mode: 'Individual' },
    ...{ deadlineAt: until, awardBy: until, ...times },
  });
  const entry = { bounty: bountyId, account: bob.account.id, text: 'Here.', ...times };
  await fork.insert(BountyEntry, { ...entry, id: entryId, awardedCredits: 70 });
  await fork.insert(BountyEntry, { ...entry, id: heldId, heldAt: NOW });
  const terms = {
    model: model.id,
    title: 'Mine',
    uses: ['personal'] as const,
    text: 'Do.',
    forbids: '',
    revocation: '',
  };
  await fork.insert(LicenceOffer, { ...terms, uses: [...terms.uses], id: offerId, owner: ada.id, createdAt: NOW });
  await fork.insert(LicenceGrant, {
    ...{ ...terms, uses: [...terms.uses], id: grantId, offer: offerId, holder: bob.account.id, state: 'asked' },
    ...{ purpose: 'A book', askedAt: NOW },
  });
  await fork.insert(SavedSearch, {
    ...{
      id: searchId,
      account: bob.account.id,
      name: 'Inks',
      kind: 'models',
      query: 'tag=ink',
      feedKey: 'k',
      createdAt: NOW,
    },
    ...{ checkedAt: NOW },
  });
  await fork.insert(MergeRun, {
    ...{ id: mergeId, owner: bob.account.id, name: 'Both', kind: 'lora', family: 'sd15', baseModel: 'SD 1.5' },
    ...{ parts: [], params: {} as MergeSettings, state: 'failed', createdAt: NOW },
  });
  for (const id of [entryId, heldId]) record(fork, bountyEntered, { entryId: id });
  record(fork, entryAwarded, { entryId: entryId, amount: 70 });
  record(fork, licenceTaken, { grantId: grantId });
  record(fork, licenceDecided, { grantId: grantId });
  record(fork, mergeEnded, { mergeId: mergeId, isDone: false });
  record(fork, savedSearchMatched, { searchId: searchId, accountId: bob.account.id, count: 3 });
  await fork.flush();
  await settle();
  assert.deepEqual((await linesOf(browser)).length, 2, 'nobody hears of an entry that waits for a moderator');
  const hers = (await linesOf(browser)).join('|');
  assert.match(hers, /bob brought something to your bounty “A fish”/);
  assert.match(hers, /bob asks for your licence “Mine”/);
  const his = (await linesOf(bob.browser)).join('|');
  assert.match(his, /Your entry to “A fish” was awarded 70 credits/);
  assert.match(his, /ada answered about the licence “Mine”/);
  assert.match(his, /The merge “Both” failed/);
  assert.match(his, /There is something new in your search “Inks”/);
});
