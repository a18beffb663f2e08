import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuditEntry } from '../../src/kit/audit/model.ts';
import { QueueRow } from '../../src/moderation/queue/model.ts';
import { openRowPage } from '../../src/moderation/queue/row-page.ts';
import { Report } from '../../src/moderation/reports/model.ts';
import type { Snapshot } from '../../src/moderation/reports/thing.ts';
import { weightOf } from '../../src/moderation/reports/weight.ts';
import { PolicyState } from '../../src/safety/policy.ts';
import { givenAccount, givenImage, givenModel, givenPost, givenVersion, NOW } from '../factories/content.ts';
import { testNode } from '../node.ts';
import { deskOf } from './desk.ts';

const OLD = new Date('2024-01-01T00:00:00Z');
const MINUTE_MS = 60_000;

test('scenario 1: fifty fresh accounts report one image in five minutes, and it is one row with fifty texts', async (t) => {
  const node = await testNode(t);
  const { em, workAs, clock } = node;
  const { fork, report, rowOf } = deskOf(node);
  const image = givenImage(em);
  const moderator = givenAccount(em, { role: 'moderator', createdAt: OLD });
  const crowd = Array.from({ length: 50 }, () => givenAccount(em));
  await em.flush();

  for (const [n, who] of crowd.entries()) {
    await report(who, 'image', image, { category: 'harassment', text: `I do not like it, says number ${n}.` });
    clock.pass((5 * MINUTE_MS) / 50);
  }

  const row = await rowOf('image', image);
  assert.equal(await fork().count(QueueRow), 1);
  assert.equal(row.voiceCount, 50);
  const reports = await fork().find(Report, { rowId: row.id });
  assert.equal(new Set(reports.map(({ text }) => text)).size, 50, 'every text is kept');
  assert.ok(
    reports.every(({ weight }) => weight <= 20),
    'voices of fresh accounts weigh little',
  );
  assert.equal(await fork().count(PolicyState), 0, 'nothing is hidden by itself');
  const page = await openRowPage(workAs(moderator), node.node.desks, row.id, 'full');
  assert.equal(page.evidence?.isBurst, true);
  assert.equal(page.evidence?.voices.length, 50);
});

test('voices over months are no burst, and neither are those of people who are long here', async (t) => {
  const node = await testNode(t);
  const { em, workAs, clock } = node;
  const { report, rowOf } = deskOf(node);
  const [image, other] = [givenImage(em), givenImage(em)];
  const moderator = givenAccount(em, { role: 'moderator', createdAt: OLD });
  const crowd = Array.from({ length: 6 }, () => givenAccount(em, { createdAt: OLD }));
  await em.flush();
  for (const who of crowd) await report(who, 'image', image);
  for (const [n, who] of crowd.entries()) {
    clock.pass(2 * 60 * MINUTE_MS);
    if (n < 5) await report(who, 'image', other);
  }
  for (const thing of [image, other]) {
    const row = await rowOf('image', thing);
    assert.equal((await openRowPage(workAs(moderator), node.node.desks, row.id, 'full')).evidence?.isBurst, false);
  }
});

test('scenario 2: the thirtieth report of the same person about the same thing is refused like the second', async (t) => {
  const node = await testNode(t);
  const { em } = node;
  const { fork, report, rowOf } = deskOf(node);
  const image = givenImage(em);
  const ada = givenAccount(em);
  await em.flush();

  let refused = 0;
  for (let n = 0; n < 30; n += 1) {
    await report(ada, 'image', image, { text: `Number ${n}` }).catch((error) => {
      assert.equal(error.kind, 'rate_limited');
      assert.ok(error.retryAfterSeconds > 0);
      refused += 1;
    });
  }
  assert.equal(refused, 29);
  assert.equal((await rowOf('image', image)).voiceCount, 1);
  assert.equal(await fork().count(Report), 1);
});

test('an hour later the same person adds to their words, and still counts once', async (t) => {
  const node = await testNode(t);
  const { em, clock } = node;
  const { fork, report, rowOf } = deskOf(node);
  const image = givenImage(em);
  const ada = givenAccount(em);
  await em.flush();
  await report(ada, 'image', image, { text: 'This was taken.' });
  clock.pass(61 * MINUTE_MS);
  await report(ada, 'image', image, { text: 'Here it was first.', link: 'https://example.org/first' });
  const found = await fork().findOneOrFail(Report, { reporterId: ada.id });
  assert.equal(found.text, 'This was taken.\n\nHere it was first.\nhttps://example.org/first');
  assert.equal((await rowOf('image', image)).voiceCount, 1);
});

test('twenty things within an hour are as many as one person reports', async (t) => {
  const node = await testNode(t);
  const { em, clock } = node;
  const { report } = deskOf(node);
  const images = Array.from({ length: 21 }, () => givenImage(em));
  const ada = givenAccount(em);
  await em.flush();
  for (const image of images.slice(0, 20)) await report(ada, 'image', image);
  await assert.rejects(report(ada, 'image', images[20] ?? { id: 0 }), { kind: 'rate_limited' });
  clock.pass(61 * MINUTE_MS);
  await report(ada, 'image', images[20] ?? { id: 0 });
});

test('scenario 3: the better link of the second reporter is there for the moderator', async (t) => {
  const node = await testNode(t);
  const { em, workAs } = node;
  const { report, rowOf } = deskOf(node);
  const image = givenImage(em);
  const [ada, ben] = [givenAccount(em, { createdAt: OLD }), givenAccount(em, { createdAt: OLD })];
  const moderator = givenAccount(em, { role: 'moderator', createdAt: OLD });
  await em.flush();
  await report(ada, 'image', image, { category: 'copyright', text: 'This is stolen.' });
  await report(ben, 'image', image, {
    category: 'copyright',
    text: 'The original is here.',
    link: 'https://artist.example/works/7',
  });
  const page = await openRowPage(workAs(moderator), node.node.desks, (await rowOf('image', image)).id, 'full');
  assert.deepEqual(
    page.evidence?.voices.map(({ text, link }) => [text, link]),
    [
      ['This is stolen.', ''],
      ['The original is here.', 'https://artist.example/works/7'],
    ],
  );
});

test('a report keeps what the thing was, with its hashes, when its owner changes it afterwards', async (t) => {
  const node = await testNode(t);
  const { em, workAs } = node;
  const { fork, report, rowOf } = deskOf(node);
  const image = givenImage(em, { caption: 'Buy my pills' });
  const [ada, moderator] = [givenAccount(em), givenAccount(em, { role: 'moderator' })];
  await em.flush();
  await report(ada, 'image', image);
  image.caption = 'A sunset';
  await em.flush();

  const { snapshot } = await fork().findOneOrFail(Report, { reporterId: ada.id });
  assert.equal((snapshot as Snapshot).text, 'Buy my pills');
  assert.deepEqual((snapshot as Snapshot).hashes, [image.sha256]);
  const page = await openRowPage(workAs(moderator), node.node.desks, (await rowOf('image', image)).id, 'full');
  assert.ok(page.evidence?.facts.some(({ value }) => value === 'Buy my pills'));
});

test('a long text is kept in part, so that a report stays small', async (t) => {
  const node = await testNode(t);
  const { em } = node;
  const { fork, report } = deskOf(node);
  const model = givenModel(em, { description: 'x'.repeat(100_000) });
  const ada = givenAccount(em);
  await em.flush();
  await report(ada, 'model', model);
  const { snapshot } = await fork().findOneOrFail(Report, { reporterId: ada.id });
  assert.ok(JSON.stringify(snapshot).length < 16_000);
});

test('nobody reports what is theirs, what they cannot see, or what does not exist', async (t) => {
  const node = await testNode(t);
  const { em } = node;
  const { report } = deskOf(node);
  const [ada, ben] = [givenAccount(em), givenAccount(em)];
  const hidden = givenImage(em, { post: givenPost(em, { visibility: 'direct', listedAt: null }), listedAt: null });
  const own = givenImage(em, { post: givenPost(em, { owner: ada }) });
  await em.flush();
  await assert.rejects(report(ada, 'image', own), { kind: 'invalid' });
  await assert.rejects(report(ben, 'image', hidden), { kind: 'not_found' });
  await assert.rejects(report(ben, 'model', { id: 999 }), { kind: 'not_found' });
  await assert.rejects(report(ben, 'account', { id: 999 }), { kind: 'not_found' });
});

test('a severe voice makes the row severe, shortens its clock and asks for who may decide such', async (t) => {
  const node = await testNode(t);
  const { em } = node;
  const { report, rowOf } = deskOf(node);
  const version = givenVersion(em);
  const [ada, ben, cem] = [givenAccount(em), givenAccount(em), givenAccount(em)];
  await em.flush();
  await report(ada, 'version', version, { category: 'spam' });
  assert.deepEqual([(await rowOf('version', version)).priority, (await rowOf('version', version)).permission], [2, 0]);
  await report(ben, 'version', version, { category: 'minor' });
  await report(cem, 'version', version, { category: 'spam' });
  const row = await rowOf('version', version);
  assert.equal(row.priority, 0);
  assert.equal(row.permission, 1 << 13);
  assert.equal(row.dueAt?.getTime(), NOW.getTime() + 4 * 3_600_000);
  assert.equal(row.voiceCount, 3);
});

test('many voices at once are all counted in one row', async (t) => {
  const node = await testNode(t);
  const { em } = node;
  const { fork, report, rowOf } = deskOf(node);
  const image = givenImage(em);
  const crowd = Array.from({ length: 8 }, () => givenAccount(em));
  await em.flush();
  await Promise.all(crowd.map((who) => report(who, 'image', image)));
  assert.equal(await fork().count(QueueRow), 1);
  assert.equal((await rowOf('image', image)).voiceCount, 8);
  assert.equal(await fork().count(AuditEntry, { action: 'report.file' }), 8);
});

test('who was right before weighs more than who was wrong', () => {
  const joinedAt = OLD;
  const weigh = (upheldCount: number, dismissedCount: number) =>
    weightOf({ joinedAt, upheldCount, dismissedCount }, NOW);
  assert.equal(weigh(0, 0), 100);
  assert.ok(weigh(5, 1) > weigh(1, 5));
  assert.ok(weigh(0, 20) < 60);
  assert.ok(weightOf({ joinedAt: NOW, upheldCount: 9, dismissedCount: 0 }, NOW) <= 20);
});
