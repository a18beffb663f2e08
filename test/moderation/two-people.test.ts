import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  approveTogether,
  findFirstApprover,
  hasTwoPeople,
  withdrawApproval,
} from '../../src/moderation/staff/two-people.ts';
import { givenAccount, NOW } from '../factories/content.ts';
import { testNode } from '../node.ts';

const ACT = { act: 'case.dismiss', subjectId: 'a-case' };
const later = (ms: number) => new Date(NOW.getTime() + ms);

test('two people must agree, one person twice is one person, and the next time takes two again', async (t) => {
  const { em, workAs } = await testNode(t);
  const [ada, bob] = [givenAccount(em, { role: 'moderator' }), givenAccount(em, { role: 'moderator' })];
  await em.flush();
  const approve = (who: typeof ada, at = NOW, subjectId = ACT.subjectId) => {
    const work = workAs(who);
    return work.em.transactional((inner) => approveTogether(inner, { ...ACT, subjectId }, work.viewer, at));
  };

  assert.equal(await approve(ada), 'waits');
  assert.equal(await approve(ada), 'waits');
  assert.equal(await findFirstApprover(em.fork(), ACT), ada.id);
  assert.equal(await approve(bob, NOW, 'another-case'), 'waits');
  assert.equal(await approve(bob), 'approved');
  assert.equal(await findFirstApprover(em.fork(), ACT), null);
  assert.equal(await approve(bob), 'waits');

  const viewer = workAs(bob).viewer;
  assert.ok(viewer);
  await withdrawApproval(em.fork(), ACT, viewer);
  assert.equal(await approve(ada), 'waits');
  assert.equal(await approve(bob, later(8 * 86_400_000)), 'waits', 'an approval of last week counts no more');
  assert.equal(await approve(ada, later(8 * 86_400_000)), 'approved');
});

test('of two people at the same time one is the first and the other the second', async (t) => {
  const { em, workAs } = await testNode(t);
  const people = [givenAccount(em, { role: 'moderator' }), givenAccount(em, { role: 'moderator' })];
  await em.flush();
  const answers = await Promise.all(
    people.map((who) => {
      const work = workAs(who);
      return work.em.transactional((inner) => approveTogether(inner, ACT, work.viewer, NOW));
    }),
  );
  assert.deepEqual(answers.sort(), ['approved', 'waits']);
});

test('a node with one person who may is known', async (t) => {
  const { em } = await testNode(t);
  givenAccount(em, { role: 'moderator' });
  givenAccount(em, { role: 'moderator', state: 'suspended' });
  givenAccount(em, { role: 'moderator', host: 'elsewhere.example', name: 'far' });
  const member = givenAccount(em);
  await em.flush();
  assert.equal(await hasTwoPeople(em.fork(), 'decideSevere', NOW), false);
  await em.execute('update account set role = ?, permissions = ? where id = ?', ['moderator', 2 ** 13, member.id]);
  assert.equal(await hasTwoPeople(em.fork(), 'decideSevere', NOW), true);
});
