import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CollectionEntry, CollectionMember } from '../../src/gallery/collections/together/model.ts';
import { Contest } from '../../src/gallery/contests/model.ts';
import { Notification } from '../../src/notifications/model.ts';
import { textOf } from '../accounts/browser.ts';
import { givenModel, NOW } from '../factories/content.ts';
import { painter } from './painter.ts';

const HOUR_MS = 3_600_000;
const at = (hours: number): string => new Date(NOW.getTime() + hours * HOUR_MS).toISOString().slice(0, 16);

async function given(t: Parameters<typeof painter>[0]) {
  const it = await painter(t);
  const { browser: bob, account: bobAccount } = await it.other('bob');
  const { browser: cyd, account: cydAccount } = await it.other('cyd');
  const { browser: judge, account: judgeAccount } = await it.other('jo');
  const made = await it.browser.post('/collections', { name: 'Ink month', visibility: 'public' });
  const id = Number(/^\/collections\/(\d+)$/.exec(made.location)?.[1]);
  const terms = {
    rules: 'Use *ink*.',
    opensAt: at(1),
    closesAt: at(49),
    mostEntries: '1',
    who: 'anyone',
    hasVotes: '1',
  };
  const set = (change: Record<string, string> = {}) =>
    it.browser.post(`/collections/${id}/contest`, { ...terms, ...change });
  const enter = (who: typeof bob, modelId: number) =>
    who.post(`/collections/${id}/items`, { model: String(modelId), on: '1' });
  const entryOf = async (modelId: number) =>
    (await it.em.fork().findOneOrFail(CollectionEntry, { collection: id, model: modelId })).id;
  const judging = async () => {
    await it.browser.post(`/collections/${id}/people`, { name: 'jo', role: 'judge' });
    const asked = await it.em.fork().findOneOrFail(CollectionMember, { collection: id, account: judgeAccount.id });
    await judge.post(`/collections/${id}/people/${asked.id}/acceptance`);
  };
  const people = { bob, bobAccount, cyd, cydAccount, judge, judgeAccount };
  return { ...it, ...people, id, set, enter, entryOf, judging };
}

test('a contest is set up with its terms, which hold once it opened', async (t) => {
  const { browser, bob, visitor, em, id, set, clock, enter, ada, bobAccount } = await given(t);
  const early = givenModel(em, { name: 'Early', owner: bobAccount });
  await em.flush();
  assert.equal((await bob.get(`/collections/${id}/contest`)).status, 404);
  const backwards = await set({ closesAt: at(0.5) });
  assert.equal(backwards.status, 422);
  assert.match(backwards.text, /Use \*ink\*/, 'filled again');
  assert.match(backwards.text, /id="closesAt-error"/);
  assert.equal((await set({ rules: '' })).status, 422);
  assert.equal((await set()).status, 302);
  const page = await visitor.get(`/collections/${id}`);
  assert.match(page.text, /<em>ink<\/em>/);
  assert.match(textOf(page.text), /Opens soon/);
  assert.match((await visitor.get('/contests')).text, /Ink month/);
  assert.equal((await enter(bob, early.id)).status, 409, 'not open yet');
  const hidden = await browser.post(`/collections/${id}/edit`, { name: 'Ink month', visibility: 'private' });
  assert.equal(hidden.status, 409);

  clock.pass(2 * HOUR_MS);
  assert.match(textOf((await visitor.get(`/collections/${id}`)).text), /Open until/);
  assert.equal((await set({ closesAt: at(40) })).status, 422, 'only later');
  assert.equal((await set({ hasVotes: '0' })).status, 422);
  assert.equal((await set({ closesAt: at(60), rules: 'Use more *ink*.' })).status, 302);
  assert.match((await bob.get(`/collections?model=${early.id}`)).text, /Put in: Ink month/);
  const own = givenModel(em, { owner: ada });
  await em.flush();
  assert.doesNotMatch((await browser.get(`/collections?model=${own.id}`)).text, /Ink month/, 'it is theirs to keep');
  assert.match((await browser.get('/collections')).text, /Ink month/);
  assert.equal((await enter(bob, early.id)).status, 302);
  assert.equal((await browser.post(`/collections/${id}/contest/removal`)).status, 409, 'somebody entered');
  clock.pass(60 * HOUR_MS);
  assert.equal((await set({ closesAt: at(90) })).status, 409, 'it has closed');
  assert.doesNotMatch((await visitor.get('/contests')).text, /Ink month/);
  assert.match((await visitor.get('/contests?show=judging')).text, /Ink month/);
});

test('only own work enters, within the window, as often as the rules say, and neither by judges nor by the owner', async (t) => {
  const { browser, bob, judge, em, id, set, clock, enter, judging, ...people } = await given(t);
  const { bobAccount, judgeAccount, ada } = people;
  const mine = givenModel(em, { name: 'Ada made', owner: ada });
  const his = [0, 1].map((n) => givenModel(em, { name: `Bob made ${n}`, owner: bobAccount }));
  const judged = givenModel(em, { name: 'Jo made', owner: judgeAccount });
  await em.flush();
  await set();
  await judging();
  clock.pass(2 * HOUR_MS);
  assert.equal((await enter(browser, mine.id)).status, 403);
  assert.equal((await enter(judge, judged.id)).status, 403);
  assert.equal((await enter(bob, mine.id)).status, 403, 'not his work');
  assert.equal((await enter(bob, his[0]?.id ?? 0)).status, 302);
  assert.equal((await enter(bob, his[1]?.id ?? 0)).status, 409, 'one each');
  const late = await browser.post(`/collections/${id}/people`, { name: 'bob', role: 'judge' });
  assert.equal(late.status, 409, 'whoever entered does not judge');
  await bob.post(`/collections/${id}/items`, { model: String(his[0]?.id), on: '0' });
  assert.equal((await enter(bob, his[1]?.id ?? 0)).status, 302, 'after one was withdrawn');
  clock.pass(48 * HOUR_MS);
  await bob.post(`/collections/${id}/items`, { model: String(his[1]?.id), on: '0' });
  assert.equal((await enter(bob, his[0]?.id ?? 0)).status, 409, 'closed');
});

test('scores and votes are seen by nobody until their time, the result is published once and says what left', async (t) => {
  const { browser, bob, cyd, judge, visitor, em, id, set, clock, enter, judging, entryOf, settle, ...people } =
    await given(t);
  const first = givenModel(em, { name: 'By bob', owner: people.bobAccount });
  const second = givenModel(em, { name: 'By cyd', owner: people.cydAccount });
  await em.flush();
  await set();
  await judging();
  clock.pass(2 * HOUR_MS);
  await enter(bob, first.id);
  await enter(cyd, second.id);
  const [one, two] = [await entryOf(first.id), await entryOf(second.id)];
  const score = (entry: string, value: string, note = '') =>
    judge.post(`/collections/${id}/judging/${entry}`, { score: value, note });
  assert.equal((await bob.post(`/collections/${id}/judging/${two}`, { score: '1' })).status, 404);
  assert.equal((await score(one, '11')).status, 422);
  assert.equal((await score(one, '9', 'Deep blacks')).status, 302);
  assert.equal((await score(two, '4')).status, 302);
  const vote = (who: typeof bob, entry: string) => who.post(`/collections/${id}/entries/${entry}/vote`, { on: '1' });
  assert.equal((await vote(bob, one)).status, 403, 'one’s own');
  assert.equal((await vote(judge, one)).status, 403);
  assert.equal((await vote(cyd, one)).status, 302);
  for (const who of [visitor, bob, browser]) {
    const page = textOf((await who.get(`/collections/${id}/entries`)).text);
    assert.doesNotMatch(page, /Deep blacks|on average|1 vote/);
  }
  assert.equal((await browser.get(`/collections/${id}/judging`)).status, 404, 'nor the owner');
  assert.equal((await browser.post(`/collections/${id}/result/judged`)).status, 409, 'still open');
  const places = { 'entry[]': [one, two], 'place[]': ['1', '2'], 'award[]': ['Golden brush', ''] };
  assert.equal((await browser.post(`/collections/${id}/result`, places)).status, 409);

  clock.pass(48 * HOUR_MS);
  await settle();
  assert.match(textOf((await visitor.get(`/collections/${id}/entries`)).text), /1 vote/);
  assert.equal((await vote(cyd, two)).status, 409, 'closed');
  assert.doesNotMatch(textOf((await browser.get(`/collections/${id}/result`)).text), /on average/);
  assert.equal((await browser.post(`/collections/${id}/result`, places)).status, 409, 'the judging first');
  assert.equal((await browser.post(`/collections/${id}/result/judged`)).status, 302);
  assert.equal((await score(two, '10')).status, 409);
  assert.match(textOf((await browser.get(`/collections/${id}/result`)).text), /9 on average/);
  assert.doesNotMatch(textOf((await visitor.get(`/collections/${id}/entries`)).text), /on average/);
  assert.equal((await browser.post(`/collections/${id}/result`, { text: 'Well done' })).status, 422, 'no places');
  assert.equal((await bob.post(`/collections/${id}/result`, places)).status, 404);
  assert.equal((await browser.post(`/collections/${id}/result`, { ...places, text: 'Well done' })).status, 302);
  assert.equal((await browser.post(`/collections/${id}/result`, places)).status, 409);

  const page = textOf((await visitor.get(`/collections/${id}`)).text);
  assert.match(page, /Well done.*By bob.*Golden brush.*By cyd/s);
  assert.match(textOf((await visitor.get(`/collections/${id}/entries`)).text), /9 on average.*Deep blacks/s);
  assert.match((await visitor.get('/contests?show=ended')).text, /Ink month/);
  await bob.post(`/collections/${id}/items`, { model: String(first.id), on: '0' });
  assert.match(textOf((await visitor.get(`/collections/${id}`)).text), /This entry left the contest/);
  await settle();
  const told = await em.fork().find(Notification, { kind: 'contest', account: people.cydAccount.id });
  assert.deepEqual(told.map(({ note }) => note).sort(), ['closed', 'closing', 'open', 'placed']);
  assert.ok((await em.fork().findOneOrFail(Contest, id)).resultsAt);
});
