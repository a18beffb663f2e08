import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { Account, Follow } from '../../src/accounts/model.ts';
import { InboxItem } from '../../src/federation/model.ts';
import { Comment, Post } from '../../src/gallery/model.ts';
import { readConfig } from '../../src/kit/config.ts';
import { newId } from '../../src/kit/ids.ts';
import { makeLog } from '../../src/kit/log.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { openNode } from '../../src/node.ts';
import { childProgram } from '../child.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenPost, NOW } from '../factories/content.ts';
import { freePort } from './nodes.ts';
import { post, stranger } from './strangers.ts';

async function startChild(t: TestContext, env: Record<string, string>): Promise<ChildProcess> {
  const { path, execArgv } = childProgram(import.meta.url, './node-child');
  const child = fork(path, { env, execArgv });
  t.after(() => child.kill('SIGKILL'));
  await once(child, 'message');
  return child;
}

async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`It took too long until ${what}.`);
    await wait(50);
  }
}

test('a node killed while it processes an activity processes it after the restart, with one effect', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'tessera-inbox-crash-'));
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const env = {
    ...{ HOST: '127.0.0.1', PORT: String(port), PUBLIC_URL: origin, DATA_DIR: dataDir, LOG_LEVEL: 'silent' },
    ...{ FEDERATION_PRIVATE_ADDRESSES: 'true', MIN_FREE_MB: '0', ENGINE: 'none', PATH: process.env.PATH ?? '' },
  };
  // never started: the test's own eyes on the same database
  const eyes = await openNode(readConfig(env), { log: makeLog('silent') });
  t.after(async () => {
    await eyes.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  const em = () => eyes.orm.em.fork();
  const work = em();
  const alice = await givenMember(work, 'alice');
  const picture = givenPost(work, { owner: alice });
  await work.flush();
  const v = await stranger(t, '127.0.0.2');
  const vic = await v.actor('vic');
  const n = { origin, clock: { now: () => new Date() } };

  const first = await startChild(t, env);
  assert.equal(await post(n, vic, { type: 'Follow', object: `${origin}/users/alice` }), 202);
  await until('vic follows alice', async () => (await em().count(Follow, { target: alice.id })) === 1);
  const following = em();
  const target = await following.findOneOrFail(Account, { uri: vic.id });
  const follower = following.getReference(Account, alice.id);
  following.create(Follow, { id: newId(), follower, target, state: 'accepted', createdAt: NOW }, { persist: true });
  await following.flush();

  const noteId = `${v.origin}/notes/1`;
  v.hanging.add('/notes/1');
  const create = { id: `${vic.id}#create-1`, type: 'Create', object: noteId };
  assert.equal(await post(n, vic, create), 202);
  await until('the node asks for the note', () => v.asked.includes('/notes/1'));
  first.kill('SIGKILL');
  await once(first, 'exit');
  assert.equal(await em().count(InboxItem, { processedAt: null }), 1, 'it was in the middle of it');

  v.hanging.clear();
  v.documents.set('/notes/1', {
    ...{ id: noteId, type: 'Note', attributedTo: vic.id, content: '<p>Hello</p>', published: new Date().toISOString() },
    ...{ to: ['https://www.w3.org/ns/activitystreams#Public'], inReplyTo: `${origin}/posts/${picture.id}` },
  });
  await startChild(t, env);
  await until('everything is processed', async () => (await em().count(InboxItem, { processedAt: null })) === 0);
  assert.equal(await post(n, vic, create), 202, 'its sender, who got no answer perhaps, sends it again');
  await wait(500);
  assert.equal(await em().count(InboxItem), 2);
  assert.equal(await em().count(Comment), 1);
  assert.equal((await em().findOneOrFail(Post, picture.id)).commentCount, 1);
  const jobs = await em().find(Job, { name: 'federation.process-activity' }, { orderBy: { id: 'asc' } });
  assert.deepEqual(
    jobs.map(({ state, attempt }) => [state, attempt]),
    [
      ['done', 1],
      ['done', 2],
    ],
  );
});
