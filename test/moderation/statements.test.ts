import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { OutboxMail } from '../../src/accounts/mail/model.ts';
import { executeDecision } from '../../src/moderation/queue/execute.ts';
import { QueueDecision, QueueRow } from '../../src/moderation/queue/model.ts';
import { appealDecision } from '../../src/moderation/statements/appeal.ts';
import { Takedown } from '../../src/moderation/takedown/model.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenImage, givenPost } from '../factories/content.ts';
import { testNode } from '../node.ts';
import { deskOf } from './desk.ts';

const DAY_MS = 86_400_000;

/** A picture of Ada's that somebody reported, and two moderators. */
async function site(t: TestContext) {
  const its = await testNode(t);
  const { em, node, workAs } = its;
  await givenMember(em, 'olga', { role: 'owner' });
  const mia = await givenMember(em, 'mia', { role: 'moderator' });
  const noor = await givenMember(em, 'noor', { role: 'moderator' });
  const [ada, ben] = [await givenMember(em, 'ada'), await givenMember(em, 'ben')];
  const image = givenImage(em, { post: givenPost(em, { owner: ada }), owner: ada, altText: 'A red kite' });
  await em.flush();
  const address = await its.start('web', 'worker');
  const desk = deskOf(its);
  await desk.report(ben, 'image', image);
  const row = await desk.rowOf('image', image);
  const executed = async (decisionId: string) => {
    await executeDecision(workAs(null), node.desks, decisionId);
    await its.settle();
    return decisionId;
  };
  const decided = async (choice: string, given = {}) =>
    executed((await desk.lockAndDecide(mia, row, choice, given)).decisionId);
  const open = async (name: string) => {
    const browser = new Browser(address);
    await browser.signIn(name);
    return browser;
  };
  const mails = async () =>
    (await desk.fork().find(OutboxMail, { toAddress: 'ada@example.org' })).map(({ text }) => text);
  return { ...its, ...desk, mia, noor, ada, ben, image, row, decided, executed, open, mails };
}

test('who is restricted by a decision reads what was done, the rule, the facts and how to appeal, and gets them by mail', async (t) => {
  const { decided, mails, open } = await site(t);
  const id = await decided('withhold', { strike: '1' });
  const ada = await open('ada');
  assert.match((await ada.get('/settings/profile')).text, /href="\/decisions"/);
  assert.match(textOf((await ada.get('/decisions')).text), /A red kite/);
  const page = await ada.get(`/decisions/${id}`);
  assert.equal(page.headers.get('cache-control'), 'private, no-store');
  for (const part of [
    /It was withheld/,
    /You got a strike/,
    /A red kite/,
    /11 · /,
    /It is an advertisement/,
    /appeal until/,
  ]) {
    assert.match(textOf(page.text), part);
  }
  const letters = await mails();
  const letter = letters.find((text) => /decided about something of yours/.test(text)) ?? '';
  for (const part of [/It was withheld/, /rule that it breaks: 11/, /It is an advertisement/, /appeal until/]) {
    assert.match(letter, part);
  }
  assert.match(letter, new RegExp(`/decisions/${id}`));
});

test('nobody else reads a decision, and nobody gets one that took nothing from them', async (t) => {
  const { decided, mails, open } = await site(t);
  const id = await decided('dismiss');
  const [ada, ben] = [await open('ada'), await open('ben')];
  assert.equal((await ada.get(`/decisions/${id}`)).status, 404);
  assert.equal((await ben.get(`/decisions/${id}`)).status, 404);
  assert.match(textOf((await ada.get('/decisions')).text), /Nothing was decided/);
  assert.equal((await mails()).filter((text) => /decided about something of yours/.test(text)).length, 0);
});

test('an appeal goes to somebody else than who decided, and takes the decision back', async (t) => {
  const { decided, executed, fork, lockAndDecide, mia, noor, open } = await site(t);
  const id = await decided('withhold');
  const ada = await open('ada');
  assert.equal((await ada.post(`/decisions/${id}/appeal`, { text: ' ' })).status, 422);
  assert.equal((await (await open('ben')).post(`/decisions/${id}/appeal`, { text: 'No' })).status, 404);
  assert.equal((await ada.post(`/decisions/${id}/appeal`, { text: 'It sells nothing.' })).location, `/decisions/${id}`);
  assert.equal((await ada.post(`/decisions/${id}/appeal`, { text: 'Again.' })).status, 409);
  assert.match(textOf((await ada.get(`/decisions/${id}`)).text), /Somebody else looks at it/);

  const row = await fork().findOneOrFail(QueueRow, { kind: 'appeal' });
  const staff = await open('noor');
  assert.match((await staff.get('/moderation?kind=appeal')).text, new RegExp(`/moderation/queue/${row.id}`));
  assert.match(
    textOf((await staff.get(`/moderation/queue/${row.id}`)).text),
    /It sells nothing.*It is an advertisement/s,
  );
  await assert.rejects(lockAndDecide(mia, row, 'uphold', { rule: '' }), { kind: 'forbidden' });
  await executed((await lockAndDecide(noor, row, 'overturn', { rule: '', facts: 'It is a kite.' })).decisionId);

  const { takedownId } = await fork().findOneOrFail(QueueDecision, id);
  const undo = await fork().findOneOrFail(Takedown, { outcome: 'undo' });
  assert.deepEqual(undo.parameters, { undoes: takedownId });
  assert.match(textOf((await ada.get(`/decisions/${id}`)).text), /the decision was taken back/);
});

test('many decisions are read page by page, and by whether they can be appealed, were, or gave a strike', async (t) => {
  const its = await site(t);
  const { ada, ben, clock, decided, em, fork, open, row, workAs } = its;
  const first = await decided('withhold', { strike: '1' });
  const { ruleId } = await fork().findOneOrFail(QueueDecision, first);
  for (let n = 0; n < 64; n += 1) {
    em.create(
      QueueDecision,
      {
        ...{ id: randomUUID(), rowId: row.id, decidedById: 1, ownerId: n === 63 ? ben.id : ada.id, ruleId },
        ...{ choice: n === 62 ? 'dismiss' : 'delist', facts: `No. ${n}`, state: 'done', jobId: randomUUID() },
        // every second two are of the same moment
        decidedAt: new Date(clock.now().getTime() - (1 + Math.floor(n / 2)) * 60_000),
        executesAt: clock.now(),
      },
      { persist: true },
    );
  }
  await em.flush();
  const browser = await open('ada');
  const idsOf = (text: string) => [...text.matchAll(/href="\/decisions\/([0-9a-f-]{36})"/g)].map(([, id = '']) => id);
  const seen: string[] = [];
  const lengths: number[] = [];
  for (let url = '/decisions', turn = 0; url && turn < 5; turn += 1) {
    const { text } = await browser.get(url);
    seen.push(...idsOf(text));
    lengths.push(idsOf(text).length);
    url = (/rel="next" href="([^"]+)"/.exec(text)?.[1] ?? '').replaceAll('&amp;', '&');
  }
  assert.deepEqual(lengths, [30, 30, 3], 'nobody else’s, and nothing that took nothing');
  assert.equal(new Set(seen).size, 63);
  assert.equal(seen[0], first);

  const shown = async (show: string) => idsOf((await browser.get(`/decisions?show=${show}`)).text);
  assert.deepEqual(await shown('strike'), [first]);
  assert.deepEqual(await shown('appealed'), []);
  await appealDecision(workAs(ada), seen[1] ?? '', { text: 'It is not.' });
  assert.deepEqual(await shown('appealed'), [seen[1]]);
  assert.match(textOf((await browser.get('/decisions?show=appealed')).text), /appeal waits/);
  assert.ok(!(await shown('open')).includes(seen[1] ?? ''));
  clock.pass(181 * DAY_MS);
  const later = await open('ada');
  assert.match(textOf((await later.get('/decisions?show=open')).text), /None of them/);
  for (const query of ['show=nothing', 'cursor=1_2', `cursor=999999999999999_${first}`, 'cursor=x&show=open']) {
    assert.equal((await later.get(`/decisions?${query}`)).status, 200, query);
  }
});

test('after 180 days a decision is not appealed any more', async (t) => {
  const { ada, clock, decided, open, workAs } = await site(t);
  const id = await decided('delist');
  clock.pass(181 * DAY_MS);
  await assert.rejects(appealDecision(workAs(ada), id, { text: 'Late.' }), { kind: 'conflict' });
  assert.match(textOf((await (await open('ada')).get(`/decisions/${id}`)).text), /time to appeal is over/);
});
