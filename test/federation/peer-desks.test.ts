import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { NoticePeer, ReceivedNotice, SentNotice } from '../../src/federation/notices/model.ts';
import { newId } from '../../src/kit/ids.ts';
import { executeDecision } from '../../src/moderation/queue/execute.ts';
import { listQueue } from '../../src/moderation/queue/list.ts';
import { QueueRow } from '../../src/moderation/queue/model.ts';
import { openRow } from '../../src/moderation/queue/open.ts';
import { openRowPage } from '../../src/moderation/queue/row-page.ts';
import { Takedown } from '../../src/moderation/takedown/model.ts';
import { RESTRICTION } from '../../src/safety/policy.ts';
import { restrict, restrictedBy } from '../../src/safety/restrict.ts';
import { givenAccount, givenImage, givenVersion, NOW } from '../factories/content.ts';
import { deskOf } from '../moderation/desk.ts';
import { testNode } from '../node.ts';

const URI = 'https://peer.example/notices/1';

/** A node where peers said something, and a moderator. */
async function site(t: TestContext) {
  const its = await testNode(t);
  const { em, node, workAs } = its;
  const mia = givenAccount(em, { role: 'moderator' });
  const noor = givenAccount(em, { role: 'moderator' });
  await em.flush();
  const desk = deskOf(its);
  const open = async (subjectId: string, about: { kind: string; id: string | number }): Promise<QueueRow> => {
    const row = await openRow(em, { kind: 'peer', subjectId, about, title: 'From a peer' }, NOW);
    await em.flush();
    return row;
  };
  const page = (row: QueueRow) => openRowPage(workAs(mia), node.desks, row.id, 'full');
  const decided = async (row: QueueRow, choice: string) => {
    const given = choice === 'acknowledge' || choice === 'release' ? { rule: '' } : {};
    const { decisionId } = await desk.lockAndDecide(mia, row, choice, given);
    await executeDecision(workAs(null), node.desks, decisionId);
    return desk.fork().findOneOrFail(QueueRow, row.id);
  };
  const received = (category: string, restricted: string[] = []) =>
    em.create(
      ReceivedNotice,
      {
        ...{ id: newId(), uri: URI, actorUri: 'https://peer.example/users/a', host: 'peer.example' },
        ...{ objectUri: 'https://here.example/images/1', category, document: {}, result: 'refused' },
        ...{ reason: 'not_owner', restricted, receivedAt: NOW, undoneAt: null },
      },
      { persist: true },
    );
  return { ...its, ...desk, mia, noor, open, page, decided, received };
}

const namesOf = (page: Awaited<ReturnType<typeof openRowPage>>) => page.evidence?.choices.map(({ name }) => name);

test('the queue leads to the page where reports of peers are closed, since who sent one is told what came of it', async (t) => {
  const { mia, node, open, workAs } = await site(t);
  const id = newId();
  await open(`report:${id}`, { kind: 'image', id: 1 });
  const { items } = await listQueue(workAs(mia), node.desks, { kind: 'peer', whose: 'all', cursor: '' });
  assert.equal(items[0]?.url, `/admin/peer-reports#report-${id}`);
  assert.equal(node.desks.deskOf({ kind: 'peer', subjectId: `report:${id}` }), null, 'it cannot be closed unsaid');
});

test('advice of a host about what is not its own is decided as a report of the thing', async (t) => {
  const { decided, em, fork, open, page, received } = await site(t);
  const image = givenImage(em);
  const notice = received('copyright');
  await em.flush();
  const row = await open(`advice:${notice.id}`, { kind: 'image', id: image.id });
  const { evidence } = await page(row);
  assert.deepEqual([evidence?.ownerId, evidence?.imageIds], [image.owner.id, [image.id]]);
  assert.ok(evidence?.facts.some(({ value }) => value === 'peer.example'));
  assert.deepEqual(evidence?.categories, ['copyright']);
  assert.equal((await decided(row, 'withhold')).state, 'done');
  const takedown = await fork().findOneOrFail(Takedown, { targetKind: 'image' });
  assert.deepEqual([takedown.targetKind, takedown.targetId, takedown.outcome], ['image', image.id, 'quarantine']);
});

test('advice about what is not here, and files of others that a notice named, are seen and that is all', async (t) => {
  const { decided, em, open, page, received } = await site(t);
  const notice = received('other');
  await em.flush();
  for (const subject of [`advice:${notice.id}`, `digests:${notice.id}`]) {
    const row = await open(subject, { kind: 'notice', id: notice.id });
    assert.deepEqual(namesOf(await page(row)), ['acknowledge']);
    const { state, outcome } = await decided(row, 'acknowledge');
    assert.deepEqual([state, outcome], ['done', 'acknowledge']);
  }
});

test('to leave severe advice as it is, two people must agree', async (t) => {
  const { em, lockAndDecide, mia, noor, open, received } = await site(t);
  const image = givenImage(em);
  const notice = received('ncii');
  await em.flush();
  const row = await open(`advice:${notice.id}`, { kind: 'image', id: image.id });
  assert.equal((await lockAndDecide(mia, row, 'dismiss')).state, 'waits');
  assert.equal((await lockAndDecide(noor, row, 'dismiss')).state, 'decided');
});

test('what was made with a model that its home took down is let go, or stays as it stands', async (t) => {
  const { decided, em, fork, open, page } = await site(t);
  const [first, second] = [givenVersion(em), givenVersion(em)];
  await em.flush();
  const source = `notice:${newId()}`;
  for (const { id } of [first, second]) await restrict(em, { kind: 'version', id }, source, RESTRICTION.view, NOW);
  await em.flush();
  const [one, two] = [
    await open(`derived:version:${first.id}`, { kind: 'version', id: first.id }),
    await open(`derived:version:${second.id}`, { kind: 'version', id: second.id }),
  ];
  assert.ok(namesOf(await page(one))?.includes('release'));
  await decided(one, 'release');
  await decided(two, 'dismiss');
  assert.equal(await restrictedBy(fork(), { kind: 'version', id: first.id }, source), 0);
  assert.equal(await restrictedBy(fork(), { kind: 'version', id: second.id }, source), RESTRICTION.view);
});

test('an instance that does not answer a notice is seen, with the way to what others did', async (t) => {
  const { decided, em, open, page } = await site(t);
  const [noticeId, takedownId, peerId] = [newId(), newId(), newId()];
  em.create(
    SentNotice,
    {
      ...{ id: noticeId, takedownId, caseId: null, kind: 'removal', targetKind: 'image', targetId: 1 },
      ...{ category: 'ncii', isSevere: true, objectUri: 'https://here.example/images/1', effects: [], digests: [] },
      ...{ createdAt: NOW, respondBy: NOW, supersedesId: null, endedAt: null },
    },
    { persist: true },
  );
  em.create(
    NoticePeer,
    {
      ...{ id: peerId, noticeId, host: 'mute.example', state: 'overdue', knownUrls: [], queuedAt: NOW },
      ...{ note: 'No receipt.', overdueAt: NOW },
    },
    { persist: true },
  );
  await em.flush();
  const row = await open(`notice:${peerId}`, { kind: 'image', id: 1 });
  const { evidence } = await page(row);
  assert.equal(evidence?.url, `/moderation/takedowns/${takedownId}/peers`);
  assert.ok(evidence?.facts.some(({ value }) => value === 'overdue'));
  assert.equal((await decided(row, 'acknowledge')).state, 'done');
});
