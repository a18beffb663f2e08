import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { PERMISSION } from '../../src/accounts/permissions.ts';
import { DatasetItem } from '../../src/compute/datasets/model.ts';
import { Image } from '../../src/gallery/model.ts';
import { executeDecision } from '../../src/moderation/queue/execute.ts';
import { QueueDecision, QueueRow } from '../../src/moderation/queue/model.ts';
import { openRowPage } from '../../src/moderation/queue/row-page.ts';
import { Takedown } from '../../src/moderation/takedown/model.ts';
import { HashHit } from '../../src/safety/hashes/model.ts';
import { restrictedBy } from '../../src/safety/restrict.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { painter, sendFiles } from '../gallery/painter.ts';
import { drawn } from '../safety/drawings.ts';
import { ban } from '../safety/watch.ts';
import { deskOf } from './desk.ts';

/** Ada, who brings what looks like something blocked, and moderators. */
async function site(t: TestContext) {
  const its = await painter(t);
  const mia = await givenMember(its.em, 'mia', { role: 'moderator' });
  const noor = await givenMember(its.em, 'noor', { role: 'moderator' });
  const desk = deskOf(its);
  const { fork } = desk;
  const openRows = () => fork().find(QueueRow, { kind: 'hash', state: 'open' }, { orderBy: { openedAt: 'asc' } });
  const only = async (): Promise<QueueRow> => {
    const [row, ...more] = await openRows();
    assert.ok(row && more.length === 0, `${more.length + (row ? 1 : 0)} rows wait`);
    return row;
  };
  const executed = async (decisionId: string) => {
    await executeDecision(its.workAs(null), its.node.desks, decisionId);
    await its.settle();
    return fork().findOneOrFail(QueueDecision, decisionId);
  };
  const page = (row: QueueRow) => openRowPage(its.workAs(mia), its.node.desks, row.id, 'full');
  return { ...its, ...desk, mia, noor, openRows, only, executed, page };
}

/** A picture that is held, for it looks like one of an artist's style. */
async function heldPicture(t: TestContext) {
  const its = await site(t);
  await ban(its, await drawn(22), 'style');
  const { imageIds } = await its.post(its.ada, [{ bytes: await altered(22) }]);
  await its.settle();
  const imageId = imageIds[0] ?? 0;
  const hit = await its.fork().findOneOrFail(HashHit, { targetKind: 'image', targetId: String(imageId) });
  return { ...its, imageId, target: { kind: 'image', id: imageId } as const, source: `hash:${hit.block.id}` };
}

/** The same picture by other bytes. */
const altered = async (seed: number): Promise<Buffer> => {
  const { default: sharp } = await import('sharp');
  return sharp(await drawn(seed))
    .greyscale()
    .jpeg({ quality: 60 })
    .toBuffer();
};

test('a picture that is held for its look waits in the queue, and is shown again when a moderator lets it go', async (t) => {
  const its = await heldPicture(t);
  const { fork, imageId, lockAndDecide, mia, only, executed, page, source, target } = its;
  const row = await only();
  assert.deepEqual([row.aboutKind, row.aboutId, row.priority], ['image', String(imageId), 1]);
  assert.match(row.title, /Picture of a post.*An artist's style/);
  const { evidence } = await page(row);
  assert.deepEqual(evidence?.imageIds, [imageId]);
  assert.deepEqual(
    evidence?.choices.map(({ name }) => name),
    ['release', 'remove', 'acknowledge'],
  );
  const { decisionId } = await lockAndDecide(mia, row, 'release', { rule: '' });
  await executed(decisionId);
  assert.equal(await restrictedBy(fork(), target, source), 0);
  assert.ok((await fork().findOneOrFail(Image, imageId)).shownAt);
  assert.ok((await fork().findOneOrFail(HashHit, { targetId: String(imageId) })).handledAt);
  assert.equal((await its.visitor.get(`/images/${imageId}`)).status, 200);
});

test('a picture that is what it looks like is removed and its bytes are blocked, which puts nothing into the queue again', async (t) => {
  const { fork, lockAndDecide, mia, only, openRows, executed, target } = await heldPicture(t);
  const { decisionId } = await lockAndDecide(mia, await only(), 'remove', { strike: '1' });
  const { takedownId } = await executed(decisionId);
  const takedown = await fork().findOneOrFail(Takedown, { id: takedownId ?? '' });
  assert.deepEqual([takedown.targetId, takedown.outcome, takedown.category], [target.id, 'remove', 'style']);
  assert.deepEqual(takedown.parameters, { vault: true, block: true });
  assert.equal(await fork().count(Takedown, { outcome: 'account_action' }), 1);
  assert.equal((await openRows()).length, 0, 'the rescan finds what was just removed');
});

test('what is seen and left as it stands stays held', async (t) => {
  const { fork, lockAndDecide, mia, only, executed, source, target } = await heldPicture(t);
  const { decisionId } = await lockAndDecide(mia, await only(), 'acknowledge', { rule: '' });
  await executed(decisionId);
  assert.notEqual(await restrictedBy(fork(), target, source), 0);
});

test('severe attempts of one account are one row, for those who decide severe things, and show how often it was', async (t) => {
  const its = await site(t);
  const { ada, browser, em, fork, lockAndDecide, mia, only, executed, page } = its;
  const bytes = await drawn(81);
  await ban(its, bytes, 'ncii');
  await sendFiles(browser, '/upload/images', [{ bytes, name: 'a.png' }]);
  await sendFiles(browser, '/upload/images', [{ bytes, name: 'b.png' }]);
  await its.settle();
  const row = await only();
  assert.deepEqual([row.aboutKind, row.aboutId, row.priority], ['account', String(ada.id), 0]);
  assert.deepEqual([row.permission, row.voiceCount], [PERMISSION.decideSevere, 2]);
  const { evidence } = await page(row);
  assert.deepEqual(
    evidence?.choices.map(({ name }) => name),
    ['acknowledge'],
  );
  const { decisionId } = await lockAndDecide(mia, row, 'acknowledge', { rule: '' });
  await executed(decisionId);
  assert.equal(await fork().count(HashHit, { handledAt: null }), 0);

  await sendFiles(browser, '/upload/images', [{ bytes, name: 'c.png' }]);
  await its.settle();
  const again = await page(await only());
  const facts = again.evidence?.facts.map(({ label, value }) => `${label}: ${value}`) ?? [];
  assert.ok(facts.includes('Earlier hits of the same account: 2'), facts.join('\n'));
  assert.ok(facts.some((fact) => /consider a strike/.test(fact)));
  await em.flush();
});

test('what is refused at the door and is not severe needs nobody', async (t) => {
  const its = await site(t);
  const bytes = await drawn(82);
  await ban(its, bytes, 'copyright');
  await sendFiles(its.browser, '/upload/images', [{ bytes, name: 'a.png' }]);
  await its.settle();
  assert.equal((await its.openRows()).length, 0);
  assert.equal(await its.fork().count(HashHit), 1);
});

test('a picture of a training set that is held is shown to staff alone, and trained on again when it is let go', async (t) => {
  const its = await site(t);
  await ban(its, await drawn(22), 'style');
  const { location } = await its.browser.post('/datasets', { name: 'Set' });
  const form = new FormData();
  form.append('pictures', new Blob([new Uint8Array(await altered(22))]), 'a.jpg');
  await its.browser.postForm(`${location}/images`, form);
  await its.settle();
  const row = await its.only();
  const item = await its.fork().findOneOrFail(DatasetItem, row.aboutId);
  assert.ok(item.heldAt);
  const staff = new Browser(its.address);
  await staff.signIn('mia');
  const shown = await staff.get(`/moderation/queue/${row.id}`);
  assert.match(textOf(shown.text), /bits differ/);
  const [, signed = ''] = /src="([^"]*\/pictures\/0\?[^"]+)"/.exec(shown.text) ?? [];
  assert.equal((await staff.get(signed.replaceAll('&amp;', '&'))).status, 200);
  assert.equal((await staff.get(`/moderation/queue/${row.id}/pictures/0`)).status, 404);
  const { decisionId } = await its.lockAndDecide(its.mia, row, 'release', { rule: '' });
  await its.executed(decisionId);
  assert.equal((await its.fork().findOneOrFail(DatasetItem, item.id)).heldAt ?? null, null);
});

test('two people let go what looks like something severe', async (t) => {
  const its = await site(t);
  const { imageIds } = await its.post(its.ada, [{ bytes: await altered(23) }]);
  await ban(its, await drawn(23), 'ncii');
  await its.settle();
  const row = await its.only();
  assert.deepEqual([row.aboutKind, row.aboutId], ['image', String(imageIds[0])]);
  assert.equal((await its.lockAndDecide(its.mia, row, 'release', { rule: '' })).state, 'waits');
  const { state, decisionId } = await its.lockAndDecide(its.noor, row, 'release', { rule: '' });
  assert.equal(state, 'decided');
  await its.executed(decisionId);
  assert.ok((await its.fork().findOneOrFail(Image, imageIds[0] ?? 0)).shownAt);
});
