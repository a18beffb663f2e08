import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { blockAccount } from '../../src/accounts/block.ts';
import { eraseAccount } from '../../src/accounts/leaving/leave.ts';
import { Account } from '../../src/accounts/model.ts';
import { rewardMakersJobOf } from '../../src/compute/reward-makers.ts';
import { grantCredits } from '../../src/economy/grant.ts';
import { CreditPosting } from '../../src/economy/ledger/model.ts';
import { rewardUse } from '../../src/economy/rewards.ts';
import { CreditSettings } from '../../src/economy/settings.ts';
import { postPublished } from '../../src/gallery/events.ts';
import { AuditEntry } from '../../src/kit/audit/model.ts';
import { record } from '../../src/kit/events/events.ts';
import { newId } from '../../src/kit/ids.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenAccount, givenImage, givenModel, givenPost, givenVersion } from '../factories/content.ts';
import { testNode } from '../node.ts';
import { assertWhole, givenCredits, purseOf } from './purses.ts';

const DAY_MS = 86_400_000;

async function town(t: TestContext) {
  const node = await testNode(t);
  const address = await node.start('web', 'worker');
  const signedIn = async (name: string, role: 'member' | 'owner' = 'member') => {
    const account = await givenMember(node.em, name, { role });
    const browser = new Browser(address);
    await browser.signIn(name);
    return { account, browser };
  };
  return { ...node, signedIn, ada: await signedIn('ada'), bert: await signedIn('bert') };
}

const tip = (browser: Browser, about: string, amount: string, more: Record<string, string> = {}) =>
  browser.post('/tips', { about, amount, key: newId(), note: '', ...more });

test('the first page of a day brings the allowance, once, and fills up to the cap', async (t) => {
  const { em, node, clock, ada } = await town(t);
  await givenCredits({ node }, { allowancePerDay: 600, allowanceCap: 1_000 });
  await Promise.all([1, 2, 3].map(() => ada.browser.get('/models')));
  assert.deepEqual(await purseOf(em, ada.account), { balance: 600, held: 0 });
  assert.match(textOf((await ada.browser.get('/models')).text), /Credits 600/);
  for (const balance of [1_000, 1_000]) {
    clock.pass(DAY_MS);
    await ada.browser.get('/models');
    assert.equal((await purseOf(em, ada.account)).balance, balance);
  }
  await assertWhole(em.fork());
});

test('a visitor has none, and who has none is told what to do', async (t) => {
  const { node, ada, clock } = await town(t);
  await givenCredits({ node }, { allowancePerDay: 0 });
  const visitor = new Browser(ada.browser.address);
  assert.match((await visitor.get('/credits')).location, /^\/sign-in/);
  const page = textOf((await ada.browser.get('/credits')).text);
  assert.match(page, /Nothing yet/);
  assert.match(page, /A minute of the GPU −10/);
  assert.doesNotMatch(page, /Each day you are here/);
  clock.pass(DAY_MS);
  assert.equal((await ada.browser.get('/credits?before=nonsense')).status, 200);
});

test('credits go from one to another with a word, once for each form, and both see it', async (t) => {
  const { em, ada, bert } = await town(t);
  const post = givenPost(em, { owner: bert.account });
  const image = givenImage(em, { post, owner: bert.account });
  const model = givenModel(em, { owner: bert.account, name: 'Blue Tiles' });
  givenVersion(em, { model });
  await em.flush();
  for (const path of [`/images/${image.id}`, `/models/${model.id}`, '/@bert']) {
    assert.match((await ada.browser.get(path)).text, /href="\/tips\/new\?about=/, path);
    assert.doesNotMatch((await bert.browser.get(path)).text, /href="\/tips\/new\?about=/, path);
    assert.doesNotMatch((await new Browser(ada.browser.address).get(path)).text, /\/tips\/new/, path);
  }
  const form = await ada.browser.get(`/tips/new?about=model:${model.id}`);
  assert.match(textOf(form.text), /To .*bert .*for Blue Tiles/);
  const key = /name="key" value="([^"]+)"/.exec(form.text)?.[1] ?? '';
  for (let n = 0; n < 2; n += 1) {
    const sent = await tip(ada.browser, `model:${model.id}`, '25', { key, note: ' Lovely\u0007 <b>tiles</b> ' });
    assert.equal(sent.status, 302);
    assert.match(textOf((await ada.browser.get(sent.location)).text), /You have 575 left/);
  }
  assert.deepEqual(
    [await purseOf(em, ada.account), await purseOf(em, bert.account)].map(({ balance }) => balance),
    [575, 625],
  );
  assert.match(textOf((await ada.browser.get('/credits')).text), /Thank-you to @bert · the model .* −25/);
  const theirs = await bert.browser.get('/credits');
  assert.match(textOf(theirs.text), /Thank-you from @ada · the model .*Lovely &lt;b&gt;tiles&lt;\/b&gt; received \+25/);
  await assertWhole(em.fork());
});

test('a tip that cannot be says why and keeps what was typed', async (t) => {
  const { em, node, ada, bert, workAs } = await town(t);
  await givenCredits({ node }, { tipMost: 100, tipMostPerDay: 150 });
  const remote = givenAccount(em, { name: 'cleo', host: 'peer.example', uri: 'https://peer.example/users/cleo' });
  const draft = givenPost(em, {
    owner: bert.account,
    state: 'draft',
    publishedAt: null,
    listedAt: null,
    shownAt: null,
  });
  const hidden = givenImage(em, { post: draft, owner: bert.account });
  await em.flush();
  const bertName = `account:${bert.account.id}`;
  const refusals: readonly (readonly [about: string, amount: string, status: number, says: RegExp])[] = [
    [`account:${ada.account.id}`, '5', 422, /This is yours/],
    [`account:${remote.id}`, '5', 422, /They are at peer\.example/],
    [bertName, '0', 422, /At least 1/],
    [bertName, '1.5', 422, /whole number/],
    [bertName, '-5', 422, /At least 1/],
    [bertName, '1e9', 422, /At most 100 at once/],
    [bertName, '101', 422, /At most 100 at once/],
    [`image:${hidden.id}`, '5', 404, /Nothing here/],
    ['image:999999', '5', 404, /Nothing here/],
    ['version:1', '5', 404, /Nothing here/],
    ['account:99999999999999', '5', 404, /Nothing here/],
  ];
  for (const [about, amount, status, says] of refusals) {
    const refused = await tip(ada.browser, about, amount, { note: 'For you' });
    assert.equal(refused.status, status, `${about} ${amount}`);
    assert.match(textOf(refused.text), says, `${about} ${amount}`);
    if (about === bertName) assert.match(refused.text, /value="For you"/);
  }
  assert.equal((await tip(ada.browser, bertName, '100')).status, 302);
  const spent = await tip(ada.browser, bertName, '51');
  assert.equal(spent.status, 429);
  assert.match(textOf(spent.text), /At most 150 a day; 50 are left today/);
  // what comes in does not count
  assert.equal((await tip(bert.browser, `account:${ada.account.id}`, '100')).status, 302);
  assert.equal((await tip(ada.browser, bertName, '50')).status, 302);

  await givenCredits({ node }, { tipMost: 10_000, tipMostPerDay: 10_000 });
  const tooMuch = await tip(ada.browser, bertName, '551');
  assert.equal(tooMuch.status, 402);
  assert.match(textOf(tooMuch.text), /You have 550/);
  await blockAccount(workAs(bert.account), ada.account.id, 'block');
  const blocked = await tip(ada.browser, bertName, '5');
  assert.match(textOf(blocked.text), /This person takes none from you/);
  assert.equal((await purseOf(em, ada.account)).balance, 550);
  await assertWhole(em.fork());
});

test('tips that are sent at once pass neither a balance nor the limit of a day', async (t) => {
  const { em, node, ada, bert } = await town(t);
  await givenCredits({ node }, { tipMostPerDay: 200 });
  const answers = await Promise.all([1, 2, 3, 4, 5].map(() => tip(ada.browser, `account:${bert.account.id}`, '60')));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [302, 302, 302, 429, 429]);
  assert.equal((await purseOf(em, ada.account)).balance, 600 - 180);
});

test('a history is read page by page, and the note is gone with who wrote it', async (t) => {
  const { em, ada, bert, settle, workAs } = await town(t);
  for (let n = 1; n <= 45; n += 1) {
    await grantCredits(workAs(null), { name: 'ada', amount: n, reason: `for the ${n}th time` });
  }
  await tip(bert.browser, `account:${ada.account.id}`, '7', { note: 'My own words' });
  const first = await ada.browser.get('/credits');
  const more = /href="(\/credits\?before=[^"]+)"/.exec(first.text)?.[1] ?? '';
  const second = await ada.browser.get(more);
  const ids = [first, second].flatMap(({ text }) => [...text.matchAll(/id="entry-([^"]+)"/g)].map(([, id]) => id));
  assert.equal(ids.length, 45 + 1 + 1); // and the allowance
  assert.equal(new Set(ids).size, ids.length);
  assert.match(textOf(first.text), /My own words/);

  await eraseAccount(workAs(null), await em.fork().findOneOrFail(Account, bert.account.id));
  await settle();
  const after = textOf((await ada.browser.get('/credits')).text);
  assert.match(after, /Thank-you from somebody who left/);
  assert.doesNotMatch(after, /My own words|bert/);
  assert.deepEqual(await purseOf(em, bert.account), { balance: 0, held: 0 });
  await assertWhole(em.fork());
});

test('the first public post of a day earns something', async (t) => {
  const { em, ada, bert, settle, clock } = await town(t);
  const remote = givenAccount(em, { name: 'cleo', host: 'peer.example', uri: 'https://peer.example/users/cleo' });
  const posts = [
    givenPost(em, { owner: ada.account }),
    givenPost(em, { owner: ada.account }),
    // not listed: for followers, or withheld
    givenPost(em, { owner: bert.account, visibility: 'followers', listedAt: null }),
    givenPost(em, { owner: remote, isLocal: false, uri: 'https://peer.example/p/1' }),
  ];
  await em.flush();
  const publish = async () => {
    for (const { id } of posts) record(em, postPublished, { postId: id });
    await em.flush();
    await settle();
  };
  await publish();
  await publish();
  const rewards = () => em.fork().count(CreditPosting, { kind: 'reward-post' });
  assert.equal(await rewards(), 1);
  assert.equal((await purseOf(em, ada.account)).balance, 20);
  // taken back and published again, it is what it was
  clock.pass(DAY_MS);
  await publish();
  assert.equal(await rewards(), 1);
  posts.push(givenPost(em, { owner: ada.account, publishedAt: clock.now(), listedAt: clock.now() }));
  await em.flush();
  await publish();
  assert.equal(await rewards(), 2);
});

test('whoever made a model is thanked once for each person and day, up to what a day brings', async (t) => {
  const { em, ada, bert, clock, node } = await town(t);
  const rules = CreditSettings.parse({ modelUseReward: 2, modelUseMostPerDay: 5 });
  const use = (userId: number, modelId: number) =>
    rewardUse(em, rules, { makerId: ada.account.id, userId, modelId }, clock.now());
  await use(bert.account.id, 1);
  await use(bert.account.id, 1);
  assert.equal((await purseOf(em, ada.account)).balance, 2);
  for (const modelId of [2, 3, 4]) await use(bert.account.id, modelId);
  assert.equal((await purseOf(em, ada.account)).balance, 5);
  clock.pass(DAY_MS);
  await use(bert.account.id, 1);
  assert.equal((await purseOf(em, ada.account)).balance, 7);
  // a generation that is gone earns nobody anything, and is no error
  const job = rewardMakersJobOf(node.settings);
  await job.run(node.openWork(null), { generationId: newId() }, {} as never);
  await assertWhole(em.fork());
});

test('the owner sets what credits are worth, gives some, and switches them off', async (t) => {
  const { em, ada, signedIn } = await town(t);
  const { browser: owner } = await signedIn('olga', 'owner');
  assert.equal((await ada.browser.get('/admin/credits')).status, 403);
  assert.equal(
    (await ada.browser.post('/admin/credits/grants', { name: 'ada', amount: '9', reason: 'me' })).status,
    403,
  );
  const page = await owner.get('/admin/credits');
  const values: Record<string, string> = { isOn: '1' };
  for (const [, name = '', value = ''] of page.text.matchAll(/name="(\w+)" type="number" value="(\d+)"/g))
    values[name] = value;
  assert.equal(values.creditsPerMinute, '10');

  const wrong = await owner.post('/admin/credits', { ...values, tipMost: '0', allowancePerDay: '12' });
  assert.equal(wrong.status, 422);
  assert.match(wrong.text, /id="allowancePerDay" name="allowancePerDay" type="number" value="12"/);
  assert.equal((await owner.post('/admin/credits', { ...values, firstPostReward: '33' })).status, 302);
  assert.match(textOf((await ada.browser.get('/credits')).text), /Your first public post of a day \+33/);

  const nobody = await owner.post('/admin/credits/grants', { name: '@nobody', amount: '50', reason: 'Help' });
  assert.equal(nobody.status, 422);
  assert.match(nobody.text, /value="Help"/);
  assert.match(textOf(nobody.text), /There is nobody of that name here/);
  assert.equal((await owner.post('/admin/credits/grants', { name: '@Ada', amount: '50', reason: 'Help' })).status, 302);
  assert.equal((await purseOf(em, ada.account)).balance, 650);
  assert.match(
    textOf((await ada.browser.get('/credits')).text),
    /From the people who run this node .* Help received \+50/,
  );
  const entry = await em.fork().findOneOrFail(AuditEntry, { action: 'credits.grant' });
  assert.deepEqual([entry.subjectId, entry.after, entry.reason], [String(ada.account.id), { amount: 50 }, 'Help']);

  assert.equal((await owner.post('/admin/credits', { ...values, isOn: '0' })).status, 302);
  assert.equal((await ada.browser.get('/credits')).status, 404);
  assert.equal((await tip(ada.browser, 'account:1', '5')).status, 404);
  assert.doesNotMatch((await ada.browser.get('/models')).text, /href="\/credits"/);
});
