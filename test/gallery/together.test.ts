import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blockAccount } from '../../src/accounts/block.ts';
import { Collection } from '../../src/gallery/collections/model.ts';
import { CollectionEntry, CollectionMember } from '../../src/gallery/collections/together/model.ts';
import { Notification } from '../../src/notifications/model.ts';
import { textOf } from '../accounts/browser.ts';
import { givenModel } from '../factories/content.ts';
import { painter } from './painter.ts';

async function given(t: Parameters<typeof painter>[0], form: Record<string, string> = {}) {
  const it = await painter(t);
  const { browser: bob, account: bobAccount } = await it.other('bob');
  const { browser: cyd, account: cydAccount } = await it.other('cyd');
  const base = { name: 'Ink', description: '', visibility: 'public' };
  const made = await it.browser.post('/collections', { ...base, ...form });
  const id = Number(/^\/collections\/(\d+)$/.exec(made.location)?.[1]);
  const edit = (change: Record<string, string>) =>
    it.browser.post(`/collections/${id}/edit`, { ...base, ...form, ...change });
  const memberIdOf = async (accountId: number) =>
    (await it.em.fork().findOne(CollectionMember, { collection: id, account: accountId }))?.id ?? '';
  const invite = async (name: string, role: string) => {
    const answer = await it.browser.post(`/collections/${id}/people`, { name, role });
    assert.equal(answer.status, 302, textOf(answer.text));
  };
  const put = (who: typeof bob, modelId: number, on = '1') =>
    who.post(`/collections/${id}/items`, { model: String(modelId), on });
  const entries = () => it.em.fork().find(CollectionEntry, { collection: id }, { orderBy: { createdAt: 'asc' } });
  return { ...it, bob, bobAccount, cyd, cydAccount, id, edit, memberIdOf, invite, put, entries };
}

test('people are invited by name, answer, add, take out their own, leave and are removed', async (t) => {
  const { browser, bob, bobAccount, cyd, visitor, em, id, memberIdOf, invite, put, settle } = await given(t, {
    adders: 'invited',
    visibility: 'private',
  });
  const mine = givenModel(em, { name: 'By the owner' });
  const his = givenModel(em, { name: 'By a contributor' });
  await em.flush();
  assert.equal((await put(browser, mine.id)).status, 302);
  assert.equal((await bob.get(`/collections/${id}`)).status, 404);
  assert.equal((await bob.post(`/collections/${id}/people`, { name: 'bob', role: 'manager' })).status, 404);

  const unknown = await browser.post(`/collections/${id}/people`, { name: 'nobody-here', role: 'contributor' });
  assert.equal(unknown.status, 422);
  assert.match(unknown.text, /value="nobody-here"/);
  await invite('@bob ', 'contributor');
  assert.equal((await browser.post(`/collections/${id}/people`, { name: 'bob' })).status, 422, 'asked already');
  await settle();
  assert.match(textOf((await bob.get('/notifications')).text), /asks you to add to the collection “Ink”/);

  const asked = await bob.get(`/collections/${id}`);
  assert.match(asked.text, /Accept/);
  assert.equal((await put(bob, his.id)).status, 403, 'not before he accepts');
  const memberId = await memberIdOf(bobAccount.id);
  assert.equal((await cyd.post(`/collections/${id}/people/${memberId}/acceptance`)).status, 404);
  assert.equal((await cyd.post(`/collections/${id}/people/${memberId}/removal`)).status, 404);
  assert.equal((await bob.post(`/collections/${id}/people/${memberId}/acceptance`)).status, 302);
  assert.match((await bob.get(`/collections?model=${his.id}`)).text, /Put in: Ink/);
  assert.equal((await put(bob, his.id)).status, 302);
  assert.match((await browser.get(`/collections/${id}`)).text, /By a contributor/);
  assert.equal((await put(bob, mine.id, '0')).status, 404, 'not his to take out');
  assert.equal((await bob.get(`/collections/${id}/edit`)).status, 404);
  assert.equal((await bob.get(`/collections/${id}/people`)).status, 404);
  assert.equal((await put(bob, his.id, '0')).status, 302);
  assert.doesNotMatch((await browser.get(`/collections/${id}`)).text, /By a contributor/);

  assert.equal((await bob.post(`/collections/${id}/people/${memberId}/removal`)).location, '/collections');
  assert.equal((await bob.get(`/collections/${id}`)).status, 404, 'private again');
  await invite('bob', 'contributor');
  await bob.post(`/collections/${id}/people/${await memberIdOf(bobAccount.id)}/acceptance`);
  await browser.post(`/collections/${id}/people/${await memberIdOf(bobAccount.id)}/removal`);
  assert.equal((await put(bob, his.id)).status, 404);
  assert.equal((await visitor.get(`/collections/${id}`)).status, 404);
});

test('a manager edits and reviews, but neither opens the collection nor invites; a block ends it', async (t) => {
  const { browser, bob, bobAccount, em, id, edit, memberIdOf, invite, workAs, ada } = await given(t, {
    adders: 'invited',
  });
  await invite('bob', 'manager');
  await bob.post(`/collections/${id}/people/${await memberIdOf(bobAccount.id)}/acceptance`);
  const form = { name: 'Wash', description: 'x', visibility: 'private', adders: 'anyone', intake: 'reviewed' };
  assert.equal((await bob.post(`/collections/${id}/edit`, form)).status, 302);
  const changed = await em.fork().findOneOrFail(Collection, id);
  assert.deepEqual([changed.name, changed.visibility, changed.adders], ['Wash', 'public', 'invited']);
  assert.equal((await bob.post(`/collections/${id}/removal`)).status, 404);
  assert.equal((await bob.get(`/collections/${id}/people`)).status, 404);
  assert.equal((await bob.get(`/collections/${id}/review`)).status, 200);
  await edit({ adders: 'owner' });
  assert.equal((await bob.get(`/collections/${id}/review`)).status, 404, 'nobody else');
  await edit({ adders: 'invited' });
  await blockAccount(workAs(ada), bobAccount.id, 'block');
  assert.equal((await bob.get(`/collections/${id}/review`)).status, 404);
  const again = await browser.post(`/collections/${id}/people`, { name: 'bob' });
  assert.equal(again.status, 422);
});

test('what others bring waits, seen by nobody else, until it is approved; a decision is told and taken back', async (t) => {
  const { browser, bob, cyd, visitor, em, id, put, entries, settle, ada, bobAccount } = await given(t, {
    adders: 'anyone',
    intake: 'reviewed',
  });
  const good = givenModel(em, { name: 'Waits well' });
  const bad = givenModel(em, { name: 'Waits badly' });
  await em.flush();
  await cyd.post(`/collections/${id}/follow`);
  assert.equal((await put(bob, good.id)).status, 302);
  assert.equal((await put(bob, good.id)).status, 302, 'again is the same');
  assert.equal((await put(bob, bad.id)).status, 302);
  assert.equal((await put(cyd, bad.id)).status, 409, 'it waits already');
  await settle();
  const told = await em.fork().find(Notification, { kind: 'submission' });
  assert.deepEqual(
    told.map(({ account, note }) => [account.id, note]),
    [[ada.id, 'waiting']],
    'two things, one notice',
  );

  const places = [
    `/collections/${id}`,
    `/api/v1/collections/${id}`,
    `/collections/${id}/note`,
    '/@ada?show=collections',
  ];
  places.push(`/api/comfyui/collections/${id}/model-list.json`, `/collections/${id}/mine`);
  for (const path of places)
    for (const who of [visitor, cyd]) assert.doesNotMatch((await who.get(path)).text, /Waits (well|badly)/, path);
  assert.match(textOf((await visitor.get(`/collections/${id}`)).text), /0 things/);
  assert.equal((await cyd.get(`/collections/${id}/review`)).status, 404);
  const mine = textOf((await bob.get(`/collections/${id}/mine`)).text);
  assert.match(mine, /Waits well.*Waits for review/s);
  assert.match(textOf((await browser.get(`/collections/${id}`)).text), /2 things wait for review/);

  const ids = Object.fromEntries((await entries()).map((entry) => [entry.model?.id, entry.id]));
  const review = (form: Record<string, string>) => browser.post(`/collections/${id}/review`, form);
  const none = await review({ to: 'in' });
  assert.equal(none.status, 422);
  const said = await review({ entry: ids[good.id] ?? '', to: 'in' });
  assert.match(textOf((await browser.get(said.location)).text), /One thing is decided/);
  await review({ entry: ids[bad.id] ?? '', to: 'refused', reason: 'No ink in it' });
  assert.match((await visitor.get(`/collections/${id}`)).text, /Waits well/);
  assert.match(textOf((await bob.get(`/collections/${id}/mine`)).text), /Refused.*No ink in it/s);
  await settle();
  const words = textOf((await bob.get('/notifications')).text);
  assert.match(words, /What you brought to “Ink” is in it/);
  assert.match(words, /What you brought to “Ink” was refused/);
  assert.equal((await put(bob, bad.id)).status, 409, 'it was refused');

  await review({ entry: ids[good.id] ?? '', to: 'waiting' });
  await settle();
  assert.doesNotMatch((await visitor.get(`/collections/${id}`)).text, /Waits well/);
  assert.doesNotMatch(textOf((await bob.get('/notifications')).text), /is in it/);
  assert.equal((await put(bob, good.id, '0')).status, 302);
  assert.deepEqual((await entries()).map(({ state }) => state).sort(), ['refused', 'withdrawn']);
  await review({ entry: ids[good.id] ?? '', to: 'in' });
  assert.doesNotMatch((await visitor.get(`/collections/${id}`)).text, /Waits well/, 'what was withdrawn stays so');
  assert.ok(bobAccount.id > 0);
});

test('no more than twenty things of one person wait; many are decided at once, and what is gone is said', async (t) => {
  const { browser, bob, em, id, put, entries, visitor } = await given(t, { adders: 'anyone', intake: 'reviewed' });
  const models = Array.from({ length: 21 }, (_, n) => givenModel(em, { name: `No ${n}` }));
  await em.flush();
  for (const model of models.slice(0, 20)) assert.equal((await put(bob, model.id)).status, 302);
  assert.equal((await put(bob, models[20]?.id ?? 0)).status, 409);
  await em.fork().nativeUpdate('Model', { id: models[0]?.id }, { listedAt: null });
  const entry = (await entries()).map(({ id: one }) => one);
  const answer = await browser.post(`/collections/${id}/review`, { to: 'in', entry });
  const page = textOf((await browser.get(answer.location)).text);
  assert.match(page, /19 things are decided/);
  assert.match(page, /One thing could not be put in/);
  assert.match(textOf((await visitor.get(`/collections/${id}`)).text), /19 things/);
});
