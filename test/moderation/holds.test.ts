import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { Account } from '../../src/accounts/model.ts';
import { PERMISSION } from '../../src/accounts/permissions.ts';
import { Generation } from '../../src/compute/model.ts';
import { TrainingRun } from '../../src/compute/training/model.ts';
import { AuditEntry } from '../../src/kit/audit/model.ts';
import { executeDecision } from '../../src/moderation/queue/execute.ts';
import { type QueueKind, QueueRow } from '../../src/moderation/queue/model.ts';
import { Takedown } from '../../src/moderation/takedown/model.ts';
import { hold, releaseHold } from '../../src/safety/holds/hold.ts';
import { type HoldKind, SafetyHold } from '../../src/safety/holds/model.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { fakePython, formOf, readEvents, SHORT, studio } from '../compute/studio.ts';
import { givenTraining } from '../compute/trainings.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenAccount } from '../factories/content.ts';
import { testNode } from '../node.ts';
import { deskOf } from './desk.ts';

/** A node that generates, with a moderator who is signed in, and one who may not decide what is severe. */
async function school(t: TestContext) {
  const its = await studio(t, { python: await fakePython(t), limits: SHORT });
  const mia = await givenMember(its.em, 'mia', { role: 'moderator' });
  const staff = new Browser(its.address);
  await staff.signIn('mia');
  const rowOf = (kind: QueueKind) => its.node.orm.em.fork().findOneOrFail(QueueRow, { kind, state: 'open' });
  return { ...its, ...deskOf(its), mia, staff, rowOf };
}

const pictureIn = (text: string): string =>
  (/<img src="(\/moderation\/queue\/[^"]+)"/.exec(text)?.[1] ?? '').replaceAll('&amp;', '&');

test('a held generation waits in the queue with its words and pictures, which only staff see, on record and never cached', async (t) => {
  const { browser, checkpoint, em, fork, mia, rowOf, settle, staff } = await school(t);
  const { location } = await browser.post(
    '/generate',
    formOf(checkpoint, { prompt: 'children in bikini at the pool' }),
  );
  await readEvents(browser, `${location}/events`);
  await settle();
  const generation = await em.findOneOrFail(Generation, { id: location.split('/').at(-1) ?? '' });
  const row = await rowOf('generation');
  assert.deepEqual([row.aboutId, row.priority, row.permission], [generation.id, 0, PERMISSION.decideSevere]);

  const page = await staff.get(`/moderation/queue/${row.id}`);
  assert.equal(page.status, 200);
  assert.match(textOf(page.text), /children in bikini at the pool/);
  assert.match(textOf(page.text), /may speak of somebody under age/);
  const src = pictureIn(page.text);
  const picture = await staff.get(src);
  assert.equal(picture.status, 200);
  assert.equal(picture.headers.get('cache-control'), 'private, no-store');
  assert.match(picture.headers.get('content-type') ?? '', /^image\//);
  assert.equal((await browser.get(src)).status, 403, 'not for its owner');
  assert.equal((await staff.get(src.replace(/pictures\/\d+/, 'pictures/99'))).status, 404);
  const looks = await fork().find(AuditEntry, { action: 'queue.see-private' });
  assert.deepEqual(
    looks.map(({ actorId, subjectKind, subjectId }) => [actorId, subjectKind, subjectId]),
    [[mia.id, 'generation', generation.id]],
    'once for one look',
  );
});

test('a moderator releases a training: it begins, and the row and the audit log say who did', async (t) => {
  const its = await school(t);
  const { ada, em, fork, lockAndDecide, mia, node, rowOf, settle, staff, workAs } = its;
  ada.createdAt = node.now();
  await em.flush();
  const run = await givenTraining(node, workAs(ada), String(its.checkpoint.id), { steps: 4, epochs: 1 });
  await settle();
  const row = await rowOf('training');
  assert.deepEqual([row.aboutKind, row.aboutId], ['training', run.id]);
  const page = await staff.get(`/moderation/queue/${row.id}`);
  assert.match(textOf(page.text), /a circle/);
  assert.match(textOf(page.text), /1 of 1 are shown/);
  const src = pictureIn(page.text);
  assert.equal((await staff.get(src)).headers.get('content-type'), 'image/png');

  const { decisionId } = await lockAndDecide(mia, row, 'release', { rule: '', facts: 'Tiles of their own.' });
  await executeDecision(workAs(null), node.desks, decisionId);
  await settle();

  assert.equal((await fork().findOneOrFail(TrainingRun, run.id)).state, 'done');
  const held = await fork().findOneOrFail(SafetyHold, { targetId: run.id });
  assert.deepEqual([held.state, held.decidedBy?.id], ['released', mia.id]);
  const closed = await fork().findOneOrFail(QueueRow, row.id);
  assert.deepEqual([closed.state, closed.outcome], ['done', 'release']);
  assert.ok((await fork().count(AuditEntry, { action: 'queue.execute', subjectId: run.id })) === 1);
});

/** Something that is held, without the machine that would make it. */
async function held(t: TestContext, kind: HoldKind, reason = 'new-account') {
  const test = await testNode(t);
  const { em, node, settle } = test;
  const [mia, ada] = [givenAccount(em, { role: 'moderator' }), givenAccount(em)];
  await em.flush();
  await node.start(['worker']);
  const id = kind === 'account' ? String(ada.id) : randomUUID();
  await hold(em, { kind, id, accountId: ada.id, reason }, node.now());
  await em.flush();
  await settle();
  const row = async () => em.fork().findOne(QueueRow, { subjectId: `hold:${kind}:${id}` });
  return { ...test, ...deskOf(test), mia, ada, id, row };
}

test('what a moderator refuses is refused for good, with a rule, and with a strike when they say so', async (t) => {
  const { ada, fork, id, lockAndDecide, mia, node, row, workAs } = await held(t, 'generation');
  const its = await row();
  assert.ok(its);
  await assert.rejects(lockAndDecide(mia, its, 'refuse', { rule: '' }), { kind: 'invalid' });
  const { decisionId } = await lockAndDecide(mia, its, 'refuse', { strike: '1' });
  await executeDecision(workAs(null), node.desks, decisionId);
  await executeDecision(workAs(null), node.desks, decisionId);
  assert.equal((await fork().findOneOrFail(SafetyHold, { targetId: id })).state, 'refused');
  const takedowns = await fork().find(Takedown, {});
  assert.deepEqual(
    takedowns.map(({ targetId, parameters }) => [targetId, parameters]),
    [[ada.id, { action: 'strike' }]],
  );
});

test('an account that is stopped waits among the reports, apart from what people report of it', async (t) => {
  const { ada, fork, lockAndDecide, mia, node, report, row, rowOf, workAs } = await held(t, 'account', 'child-safety');
  const its = await row();
  assert.ok(its);
  assert.deepEqual([its.kind, its.priority, its.aboutId], ['report', 0, String(ada.id)]);
  await report(mia, 'account', ada);
  assert.notEqual((await rowOf('account', ada)).id, its.id);
  const { decisionId } = await lockAndDecide(mia, its, 'release', { rule: '' });
  await executeDecision(workAs(null), node.desks, decisionId);
  assert.equal((await fork().findOneOrFail(SafetyHold, { kind: 'account' })).state, 'released');
  assert.equal((await rowOf('account', ada)).state, 'open');
});

test('what is decided elsewhere leaves the queue, and held anew it waits anew', async (t) => {
  const { ada, em, id, node, row, settle } = await held(t, 'bounty', 'references');
  assert.equal((await row())?.state, 'open');
  await releaseHold(em, 'bounty', id, { byId: null, now: node.now() });
  await em.flush();
  await settle();
  assert.deepEqual([(await row())?.state, (await row())?.outcome], ['done', 'released']);
  await hold(em, { kind: 'bounty', id, accountId: ada.id, reason: 'real-person' }, node.now());
  await em.flush();
  await settle();
  assert.equal(await em.fork().count(QueueRow, { subjectId: `hold:bounty:${id}`, state: 'open' }), 1);
});

test('nobody decides about what of their own is held', async (t) => {
  const { ada, em, lockAndDecide, row } = await held(t, 'generation');
  await em.nativeUpdate(Account, { id: ada.id }, { role: 'moderator' });
  const its = await row();
  assert.ok(its);
  const asStaff = await em.fork().findOneOrFail(Account, ada.id);
  await assert.rejects(lockAndDecide(asStaff, its, 'release', { rule: '' }), { kind: 'forbidden' });
});
