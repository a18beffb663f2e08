import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Session } from '../../src/accounts/access/model.ts';
import { issueOneTime } from '../../src/accounts/access/one-time.ts';
import { startSession } from '../../src/accounts/access/sessions.ts';
import { scheduleAccountSweep, sweepAccountsJob } from '../../src/accounts/sweep.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { givenMember } from '../factories/accounts.ts';
import { testNode } from '../node.ts';

test('what has run out is forgotten within a day, what has not stays, and the next sweep waits', async (t) => {
  const { em, clock, workAs, start, settle } = await testNode(t);
  const ada = await givenMember(em, 'ada');
  const browser = { userAgent: '', addressPrefix: '' };
  await startSession(workAs(ada), ada, browser, null);
  issueOneTime({ em, now: clock.now }, 'reset_password', { account: ada });
  await em.flush();
  await start('worker');
  clock.pass(59.5 * 86_400_000);
  await startSession(workAs(ada), ada, browser, null);

  clock.pass(86_400_000);
  await settle();

  assert.equal(await em.count(Session), 1);
  assert.equal(await em.count('OneTimeToken'), 0);
  assert.equal(await em.count(Job, { name: sweepAccountsJob.name, state: 'queued' }), 1);
});

test('a second start schedules no second sweep', async (t) => {
  const { em, workAs } = await testNode(t);
  await scheduleAccountSweep(workAs(null));
  await scheduleAccountSweep(workAs(null));
  assert.equal(await em.count(Job, { name: sweepAccountsJob.name }), 1);
});
