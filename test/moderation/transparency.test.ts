import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  fileAppeal,
  OverturnForm,
  overturnDecision,
  upholdDecision,
} from '../../src/moderation/cases/appeals/appeal.ts';
import { DecideForm, decideCase, leadOn, rejectCase } from '../../src/moderation/cases/decide/decide.ts';
import { ClaimCase } from '../../src/moderation/cases/model/case.ts';
import type { MonthExport } from '../../src/moderation/transparency/export.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenImage, givenModel, givenPost } from '../factories/content.ts';
import { DAY, HOUR, openDesk } from './cases/desk.ts';

const form = (outcome: string, more = {}) => DecideForm.parse({ outcome, rule: '3', facts: 'It is so.', ...more });

async function withDesk(t: TestContext) {
  const desk = await openDesk(t);
  const owner = await givenMember(desk.em, 'ada');
  const mod = await givenMember(desk.em, 'mod', { role: 'moderator' });
  const second = await givenMember(desk.em, 'mod2', { role: 'moderator' });
  const models = Array.from({ length: 8 }, (_, n) => givenModel(desk.em, { owner, name: `Model ${n}` }));
  const image = givenImage(desk.em, { post: givenPost(desk.em, { owner }) });
  await desk.em.flush();
  const visitor = new Browser(desk.address);
  let filed = 0;
  return {
    ...desk,
    ...{ owner, mod, second, image, visitor },
    models: models.map(({ id }) => id),
    /** A copyright claim about the nth model, decided after so many hours. */
    async decided(
      n: number,
      hours: number,
      decision: Parameters<typeof decideCase>[2] = form('limit', { limits: ['download'] }),
    ) {
      filed += 1;
      const { caseId, number } = await desk.fileConfirmed('copyright', `/models/${models[n]?.id}`, {
        ip: `198.51.${filed}.1`,
      });
      await desk.later(hours * HOUR);
      await decideCase(desk.workAs(mod), caseId, decision);
      await desk.carryOut(caseId);
      return { caseId, number };
    },
    async month(month: string): Promise<MonthExport> {
      return JSON.parse((await visitor.get(`/transparency/${month}.json`)).text);
    },
  };
}
const countOf = ({ decisions }: MonthExport, type: string, outcome: string) =>
  decisions.find((cell) => cell.type === type && cell.outcome === outcome)?.count;

test('a month says what was decided, how fast and under which rule, and is silent about fewer than five', async (t) => {
  const desk = await withDesk(t);
  const cases = [];
  for (let n = 0; n < 6; n += 1) cases.push(await desk.decided(n, n + 1));
  await desk.decided(6, 50, form('dismiss'));
  for (const { caseId } of cases.slice(0, 5)) {
    await fileAppeal(desk.workAs(desk.owner), caseId, 'uploader', { text: 'No.' });
    await upholdDecision(desk.workAs(desk.second), desk.node.claims, caseId, { rule: '3', facts: 'It stands.' });
  }
  const month = await desk.month('2026-01');
  assert.equal(countOf(month, 'copyright', 'limit'), 6);
  assert.equal(countOf(month, 'copyright', 'dismiss'), null, 'one');
  assert.equal(countOf(month, 'style', 'limit'), null, 'none');
  assert.equal(month.decided, 6, 'a sum of what is shown');
  assert.deepEqual([month.automated, month.automatedShare], [null, null]);
  assert.deepEqual(
    month.hours.find(({ type }) => type === 'all'),
    { type: 'all', median: 3, p90: 6 },
    'the time of the hidden one is hidden too',
  );
  assert.deepEqual(month.appeals, [{ rule: '3', upheld: 5, overturned: null, overturnRate: null }]);
  assert.deepEqual(month.strikes, [{ type: 'copyright', given: 6, voided: null }]);
  assert.equal(month.isOver, false);

  const page = (await desk.visitor.get('/transparency')).text;
  assert.doesNotMatch(page, /2025-12/, 'there was no node then');
  assert.match(page, /href="\/transparency\/2026-01\.csv"/);
  assert.match((await desk.visitor.get('/about')).text, /href="\/transparency"/);
  for (const past of ['2026-03', '2026-13', 'nonsense', '1999-01']) {
    assert.equal((await desk.visitor.get(`/transparency/${past}.json`)).status, 404, past);
  }
});

test('what a clock decides is counted as automated', async (t) => {
  const desk = await withDesk(t);
  for (let n = 0; n < 5; n += 1) {
    await desk.fileConfirmed('copyright', `/models/${desk.models[n]}`, { ip: `198.51.${n}.1` });
  }
  await desk.later(3 * DAY + HOUR);
  const month = await desk.month('2026-01');
  assert.deepEqual([month.decided, month.automated, month.automatedShare], [5, 5, 1]);
  assert.equal(month.cases.filter(({ isAutomated, rule }) => isAutomated && rule === 'clock').length, 5);
});

test('what a clock decided and a person put right on appeal is counted as an error of automation', async (t) => {
  const desk = await withDesk(t);
  const cases = [];
  for (let n = 0; n < 5; n += 1) {
    cases.push(await desk.fileConfirmed('copyright', `/models/${desk.models[n]}`, { ip: `198.51.${n}.1` }));
  }
  await desk.later(3 * DAY + HOUR);
  const undo = OverturnForm.parse({ outcome: 'dismiss', rule: '3', facts: 'It is their own.' });
  for (const { caseId } of cases) {
    await fileAppeal(desk.workAs(desk.owner), caseId, 'uploader', { text: 'It is mine.' });
    await overturnDecision(desk.workAs(desk.mod), caseId, undo);
  }
  const month = await desk.month('2026-01');
  assert.deepEqual([month.automated, month.corrected], [null, 5]);
  assert.equal(month.automationErrorRate, null, 'no rate from which a hidden number follows');
  const csv = (await desk.visitor.get('/transparency/2026-01.csv')).text;
  assert.match(csv, /^2026-01,automation,all,corrected,5/m);
  assert.match(textOf((await desk.visitor.get('/transparency')).text), /corrected on appeal 5/);
});

test('how often two people agreed is published once the month is over and they are five', async (t) => {
  const desk = await withDesk(t);
  const images = Array.from({ length: 6 }, () =>
    givenImage(desk.em, { post: givenPost(desk.em, { owner: desk.owner }) }),
  );
  await desk.em.flush();
  for (const [n, { id }] of images.entries()) {
    const { caseId } = await desk.file('ncii', `/images/${id}`, { ip: `203.0.${n}.1` });
    assert.equal(await decideCase(desk.workAs(desk.mod), caseId, form('dismiss')), 'waits');
    // of the last one the second thinks otherwise
    const second = n === 5 ? form('remove') : form('dismiss');
    assert.equal(await decideCase(desk.workAs(desk.second), caseId, second), 'decided');
  }
  const none = { agreed: null, differed: null, agreementRate: null };
  assert.deepEqual((await desk.month('2026-01')).doubleReviews, none, 'not while it runs');
  await desk.later(40 * DAY);
  assert.deepEqual((await desk.month('2026-01')).doubleReviews, { ...none, agreed: 5 });
  assert.deepEqual((await desk.month('2026-02')).doubleReviews, none);
});

test('what authorities order is filed by staff, is a case like any other, and is counted', async (t) => {
  const desk = await withDesk(t);
  const staff = new Browser(desk.address);
  await staff.signIn('mod');
  assert.match(textOf((await staff.get('/moderation/orders')).text), /No orders/);
  assert.match((await staff.get('/moderation')).text, /href="\/moderation\/orders"/);
  const order = { authority: 'Court of <b>Somewhere', reference: 'X 1', type: 'other', details: 'Take it down.' };
  const refused = await staff.post('/moderation/orders', { ...order, url: '' });
  assert.equal(refused.status, 422);
  assert.match(refused.text, /value="Court of &lt;b&gt;Somewhere"/);
  for (let n = 0; n < 5; n += 1) {
    const filed = await staff.post('/moderation/orders', { ...order, url: `/models/${desk.models[n]}` });
    assert.equal(filed.status, 302);
    if (n < 4) assert.equal((await desk.month('2026-01')).orders, null, 'fewer than five');
  }
  await staff.post('/moderation/orders', { ...order, type: 'ncii', url: `/images/${desk.image.id}` });
  await desk.settle();
  assert.equal((await desk.month('2026-01')).orders, 5, 'and the severe one nowhere');
  const list = await staff.get('/moderation/orders');
  assert.match(textOf(list.text), /Court of &lt;b&gt;Somewhere · X 1/);
  const [, caseId = ''] = /\/moderation\/cases\/([0-9a-f-]{36})/.exec(list.text) ?? [];
  const page = await staff.get(`/moderation/cases/${caseId}`);
  assert.equal(page.status, 200, 'who wrote it down is no party to it');
  assert.match(textOf(page.text), /Order of an authority\s*Court of/);
  assert.notEqual((await desk.load(caseId)).state, 'received', 'it waits for no letter');
  const other = [...list.text.matchAll(/\/moderation\/cases\/([0-9a-f-]{36})/g)].at(-1)?.[1] ?? '';
  await leadOn(desk.workAs(desk.mod), desk.node.claims, other, 'escalate');
  await decideCase(desk.workAs(desk.mod), other, form('limit', { limits: ['download'] }));
  assert.match(textOf((await staff.get(`/moderation/cases/${other}`)).text), /It began with an order of an authority/);
  assert.doesNotMatch((await desk.visitor.get('/transparency')).text, /Somewhere/);
  const visitor = await desk.visitor.post('/moderation/orders', order);
  assert.ok([302, 401, 403].includes(visitor.status) && !visitor.location.includes('said'));
});

test('a case is public without anybody in it, and its thing is linked only where it stays in view', async (t) => {
  const desk = await withDesk(t);
  const named = await desk.decided(0, 1, form('de_attribute', { text: 'Ada Artist' }));
  const gone = await desk.decided(1, 2, form('remove'));
  // a rule that the node has no more
  await desk.em.fork().nativeUpdate(ClaimCase, gone.caseId, { rule: '=HYPERLINK("https://evil.example")' });
  const turnedDown = await desk.fileConfirmed('other', `/models/${desk.models[2]}`, { ip: '203.0.113.9' });
  const reason = { reason: 'unfounded', facts: 'Told by Eve.' } as const;
  await rejectCase(desk.workAs(desk.mod), desk.node.claims, turnedDown.caseId, reason).catch(() => null);
  const { text } = await desk.visitor.get('/transparency/2026-01.json');
  const { cases } = JSON.parse(text) as MonthExport;
  const [renamed, removed] = [
    cases.find(({ outcome }) => outcome === 'de_attribute'),
    cases.find(({ outcome }) => outcome === 'remove'),
  ];
  assert.equal(renamed?.link, `/models/${desk.models[0]}`);
  assert.deepEqual([removed?.link, removed?.rule, removed?.kind], [null, 'other', 'model']);
  assert.deepEqual([renamed?.receivedOn, renamed?.isAutomated, renamed?.appeal], ['2026-01-02', false, null]);
  const csv = await desk.visitor.get('/transparency/2026-01.csv');
  const page = await desk.visitor.get('/transparency');
  assert.match(csv.headers.get('content-type') ?? '', /^text\/csv/);
  for (const shown of [text, csv.text, page.text]) {
    for (const { caseId, number } of [named, gone]) {
      assert.ok(!shown.includes(number) && !shown.includes(caseId), 'the parties alone know these');
    }
    assert.doesNotMatch(shown, /Artist|HYPERLINK|evil|\bEve\b|example\.net|It is so|@mod|@ada/);
    assert.doesNotMatch(shown, /(^|,)[=+@]/m, 'nothing that a spreadsheet would run');
  }
});

/** A month of a node, as everybody may read it afterwards. Ids and roots are of chance and are left out. */
async function published(t: TestContext, severe: 'none' | 'decided' | 'by the clock') {
  const desk = await withDesk(t);
  for (let n = 0; n < 6; n += 1) await desk.decided(n, 1);
  const filed = severe === 'none' ? null : await desk.file('ncii', `/images/${desk.image.id}`);
  if (severe === 'decided' && filed) {
    await decideCase(desk.workAs(desk.mod), filed.caseId, form('remove'));
    await desk.carryOut(filed.caseId);
  }
  const during = await desk.visitor.get('/transparency/2026-01.json');
  await desk.later(3 * DAY);
  await desk.later(40 * DAY);
  const answers = [during];
  for (const path of ['.json', '.csv'].map((end) => `/2026-01${end}`).concat('')) {
    answers.push(await desk.visitor.get(`/transparency${path}`));
  }
  return answers.map(({ text }) =>
    text
      .replace(/\b[0-9a-f]{20}\b|<th scope="row" class="mono">\w+/g, '')
      .replace(/<section class="section" id="roots">.*/s, ''),
  );
}

test('scenario 59: the figures of a month with one intimate picture in it are those of the month without it', async (t) => {
  const without = await published(t, 'none');
  assert.match(without[1] ?? '', /"count":6/);
  assert.deepEqual(await published(t, 'decided'), without);
  assert.deepEqual(await published(t, 'by the clock'), without);
});
