import assert from 'node:assert/strict';
import { test } from 'node:test';
import { viewerOf } from '../../src/accounts/access/identify.ts';
import { followAccount } from '../../src/accounts/follow.ts';
import type { Account } from '../../src/accounts/model.ts';
import { createModel } from '../../src/catalogue/create.ts';
import { EarlyAccess } from '../../src/catalogue/early/model.ts';
import { publishVersion, unpublishVersion } from '../../src/catalogue/publish.ts';
import { loadClosure } from '../../src/compute/gates/load-closure.ts';
import { buyEarly } from '../../src/economy/early/buy.ts';
import { QUARANTINE } from '../../src/safety/policy.ts';
import { restrict } from '../../src/safety/restrict.ts';
import { textOf } from '../accounts/browser.ts';
import { publisher } from '../catalogue/publisher.ts';
import { givenMember } from '../factories/accounts.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { assertWhole, purseOf } from './purses.ts';

const DAY_MS = 86_400_000;
/** As `datetime-local` has it, so many days after the still clock. */
const inDays = (days: number) =>
  new Date(Date.parse('2026-01-02T03:04:00Z') + days * DAY_MS).toISOString().slice(0, 16);

test('a version is its owner’s, followers’ and payers’ first, and opens by itself', async (t) => {
  const site = await publisher(t);
  const { ada, browser, visitor, em, workAs, clock, settle, node } = site;
  const [fan, payer, mallory] = [await site.other('fan'), await site.other('payer'), await site.other('mallory')];
  const moderator = await givenMember(em, 'mia', { role: 'moderator' });
  const { id, model } = await createModel(workAs(ada), { name: 'Brass', type: 'LORA', baseModel: 'SD 1.5' });
  await site.give(id, kohyaLoraSd1(), 'brass.safetensors');
  const form = `/versions/${id}/early-access`;

  assert.equal((await mallory.browser.get(form)).status, 404);
  assert.match(textOf((await browser.get(form)).text), /Your followers on other nodes wait until it opens/);
  for (const [fields, says] of [
    [{ endsAt: inDays(31), followers: '1' }, /At most 30 days/],
    [{ endsAt: inDays(-1), followers: '1' }, /Choose a time to come/],
    [{ endsAt: inDays(3) }, /Choose followers, a price, or both/],
    [{ endsAt: inDays(3), price: '99999' }, /At most 2,000 credits/],
    [{ endsAt: 'soon', followers: '1' }, /Choose a day and a time/],
  ] as const) {
    const answer = await browser.post(form, fields);
    assert.equal(answer.status, 422);
    assert.match(textOf(answer.text), says);
  }
  assert.equal((await mallory.browser.post(form, { endsAt: inDays(3), followers: '1' })).status, 404);
  assert.equal((await browser.post(form, { endsAt: inDays(10), followers: '1', price: '40' })).status, 302);
  await publishVersion(workAs(ada), id);
  await followAccount(workAs(fan.account), ada.id);

  const download = `/api/download/models/${id}`;
  const refused = await mallory.browser.get(download);
  assert.deepEqual([refused.status, refused.location], [302, `/models/${model.id}?version=${id}#early-access`]);
  const told = await visitor.get(download, { accept: 'application/json' });
  assert.equal(told.status, 403);
  const { error, deadline } = JSON.parse(told.text) as Record<string, string>;
  assert.deepEqual([error, deadline], ['Early Access', '2026-01-12T03:04:00.000Z']);
  const mini = async () => JSON.parse((await visitor.get(`/api/v1/model-versions/mini/${id}`)).text);
  const { availability, requireAuth, checkPermission, earlyAccessEndsAt } = await mini();
  assert.deepEqual([availability, requireAuth, checkPermission], ['EarlyAccess', true, true]);
  assert.equal(earlyAccessEndsAt, deadline);
  const channel = async () => JSON.parse((await visitor.get('/api/comfyui/model-list.json')).text).models.length;
  assert.equal(await channel(), 0, 'a channel holds what everybody can fetch');
  assert.equal((await browser.get(download)).status, 200);
  assert.equal((await fan.browser.get(download)).status, 200, 'a follower');

  const page = textOf((await mallory.browser.get(`/models/${model.id}`)).text);
  assert.match(page, /Early access .*Follow its creator, or pay 40 credits/);
  assert.doesNotMatch(page, /Download \(/);
  assert.match(textOf((await visitor.get('/models')).text), /Early access/);
  const listed = JSON.parse((await visitor.get('/api/v1/models?earlyAccess=true')).text);
  assert.deepEqual(
    [
      listed.items[0].availability,
      listed.items[0].modelVersions[0].availability,
      listed.items[0].modelVersions[0].earlyAccessEndsAt,
    ],
    ['EarlyAccess', 'EarlyAccess', '2026-01-12T03:04:00.000Z'],
  );
  assert.equal(JSON.parse((await visitor.get('/api/v1/models?availability=Public')).text).items.length, 0);

  // pictures are not made with it either
  const file = { sha256: 'x', fileId: 1, versionId: id, name: 'brass', title: 'Brass v1' };
  const isEarly = async (account: Account) =>
    (await loadClosure(em.fork(), viewerOf(account), [file], clock.now()))[0]?.isEarly;
  assert.deepEqual(
    [await isEarly(mallory.account), await isEarly(fan.account), await isEarly(ada), await isEarly(moderator)],
    [true, false, false, false],
  );

  // pressed twice at once, it is paid once
  assert.match(textOf((await payer.browser.get(form)).text), /It costs 40 credits\. You have 600/);
  await Promise.all([1, 2].map(() => payer.browser.post(`${form}/purchase`, { price: '40' })));
  assert.deepEqual(await purseOf(em, payer.account), { balance: 560, held: 40 });
  assert.equal((await payer.browser.get(download)).status, 200);
  assert.equal((await mallory.browser.post(`${form}/purchase`, { price: '1' })).status, 409);
  assert.match(textOf((await payer.browser.get('/credits')).text), /For early access to .*a version/);

  // once it is announced, it only gets easier to have
  for (const [fields, says] of [
    [{ endsAt: inDays(11), followers: '1', price: '40' }, /only bring it forward/],
    [{ endsAt: inDays(9), price: '40' }, /followers have it already/],
    [{ endsAt: inDays(9), followers: '1', price: '41' }, /only lower the price/],
  ] as const) {
    assert.match(textOf((await browser.post(form, fields)).text), says);
  }

  // withheld: what was paid comes back, and whoever paid asks again
  await em.fork().transactional(async (tx) => {
    await restrict(tx, { kind: 'version', id }, 'test', QUARANTINE, clock.now());
    await tx.flush();
  });
  await settle();
  assert.deepEqual(await purseOf(em, payer.account), { balance: 600, held: 0 });
  await em.fork().transactional(async (tx) => {
    await restrict(tx, { kind: 'version', id }, 'test', 0, clock.now());
    await tx.flush();
  });
  await settle();
  assert.equal((await payer.browser.get(download)).status, 302);
  await buyEarly(workAs(payer.account), node.settings, viewerOf(payer.account), id, { price: 40 });
  // withdrawn by its owner, the same
  await unpublishVersion(workAs(ada), id);
  await settle();
  assert.deepEqual(await purseOf(em, payer.account), { balance: 600, held: 0 });
  await publishVersion(workAs(ada), id);
  await buyEarly(workAs(payer.account), node.settings, viewerOf(payer.account), id, { price: 40 });
  const adaBefore = (await purseOf(em, ada)).balance;

  clock.pass(10 * DAY_MS);
  assert.equal((await visitor.get(download)).status, 200, 'its time counts, not the clock job');
  await settle();
  assert.notEqual((await em.fork().findOneOrFail(EarlyAccess, { version: id })).endedAt, null);
  assert.equal((await purseOf(em, ada)).balance, adaBefore + 40);
  const after = JSON.parse((await visitor.get(`/api/v1/models/${model.id}`)).text);
  assert.deepEqual([after.availability, after.modelVersions[0].earlyAccessEndsAt], ['Public', undefined]);
  assert.equal(
    (await browser.post(form, { endsAt: inDays(20), followers: '1' })).status,
    409,
    'what was open stays open',
  );
  assert.equal((await mallory.browser.post(`${form}/purchase`, { price: '40' })).status, 409);
  await assertWhole(em.fork());
});
