import assert from 'node:assert/strict';
import { test } from 'node:test';
import { audited } from '../../src/kit/audit/append.ts';
import { AuditEntry } from '../../src/kit/audit/model.ts';
import { auditState } from '../../src/kit/audit/state.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { listAuditRoots } from '../../src/moderation/staff/audit-list.ts';
import { scheduleAuditWatch } from '../../src/moderation/staff/audit-watch.ts';
import { testNode } from '../node.ts';

const DAY_MS = 86_400_000;

test('each night the clock keeps the root of the day that is over, checks the chain, and waits for the next night', async (t) => {
  const { node, workAs, clock, start, settle } = await testNode(t);
  const fork = () => node.orm.em.fork();
  const act = () =>
    audited({ ...workAs(null), now: clock.now }, async () => ({
      result: null,
      entries: [{ action: 'test.act', subject: { kind: 'test', id: 1 }, reason: 'Because.' }],
    }));
  await start('worker');
  await act();
  await act();
  clock.set(new Date('2026-01-03T00:04:00Z'));
  await settle();
  assert.deepEqual(await listAuditRoots(fork()), [], 'not yet');
  clock.set(new Date('2026-01-03T00:05:01Z'));
  await settle();
  const [root] = await listAuditRoots(fork());
  const last = await fork().findOneOrFail(AuditEntry, 2);
  assert.deepEqual(root, { day: '2026-01-02', seq: 2, hash: last.hash });
  const state = await node.settings.read(fork(), auditState);
  assert.deepEqual([state.isWhole, state.entryCount, state.checkedAt], [true, 2, '2026-01-03T00:05:01.000Z']);
  assert.equal(await fork().count(Job, { name: 'moderation.watch-audit', state: 'queued' }), 1);
  await scheduleAuditWatch(workAs(null));
  assert.equal(await fork().count(Job, { name: 'moderation.watch-audit', state: 'queued' }), 1, 'one waits already');

  clock.set(new Date(Date.UTC(2026, 0, 4, 0, 5, 2) + 2 * 365 * DAY_MS));
  await settle();
  const forgotten = await fork().findOneOrFail(AuditEntry, 1);
  assert.deepEqual([forgotten.reason, forgotten.salt], [null, null], 'who and why are forgotten after two years');
  assert.equal((await listAuditRoots(fork())).length, 2);
});
