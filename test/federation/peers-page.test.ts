import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EntityManager } from '@mikro-orm/core';
import { Account, Follow } from '../../src/accounts/model.ts';
import { setRole } from '../../src/accounts/staff/roles.ts';
import { HostRule, PeerHost } from '../../src/federation/model.ts';
import { isHostAllowed } from '../../src/federation/policy.ts';
import { newId } from '../../src/kit/ids.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { textOf } from '../accounts/browser.ts';
import { givenAccount } from '../factories/content.ts';
import { painter } from '../gallery/painter.ts';

async function staffed(t: Parameters<typeof painter>[0]) {
  const world = await painter(t);
  const fork = world.em.fork();
  await setRole({ em: fork }, await fork.findOneOrFail(Account, world.ada.id), 'owner');
  return world;
}

function givenDelivery(em: EntityManager, host: string, at: Date): Job {
  const payload = { itemId: newId(), inboxUri: `https://${host}/inbox` };
  const times = { runAt: new Date(at.getTime() + 3_600_000), createdAt: at };
  return em.create(
    Job,
    { id: newId(), name: 'federation.deliver', lane: 'delivery', partition: host, payload, maxAttempts: 60, ...times },
    { persist: true },
  );
}

test('the owner sees each peer with its health, searches, filters, and tries one again', async (t) => {
  const { browser, visitor, other, em, clock } = await staffed(t);
  assert.equal((await visitor.get('/admin/federation')).status, 302);
  assert.equal((await (await other()).browser.get('/admin/federation')).status, 403);
  assert.match(textOf((await browser.get('/admin/federation')).text), /No other node yet/);

  const hour = 3_600_000;
  const ago = (hours: number) => new Date(clock.now().getTime() - hours * hour);
  const given = (host: string, facts: Partial<PeerHost>) => em.create(PeerHost, { host, ...facts }, { persist: true });
  given('calm.example', { lastOkAt: ago(2) });
  given('ill.example', { failingSince: ago(5), failureCount: 4, lastError: '<i>no answer', nextProbeAt: ago(-1) });
  given('lost.example', { failingSince: ago(24 * 9), failureCount: 40 });
  const waiting = givenDelivery(em, 'ill.example', clock.now());
  await em.flush();

  const page = await browser.get('/admin/federation');
  const text = textOf(page.text);
  for (const said of [/calm\.example\s+fine/, /ill\.example\s+not answering/, /lost\.example\s+given up/]) {
    assert.match(text, said);
  }
  assert.ok(page.text.includes('&lt;i&gt;no answer'));
  const failing = textOf((await browser.get('/admin/federation?state=failing&q=ill')).text);
  assert.match(failing, /ill\.example/);
  assert.doesNotMatch(failing, /calm\.example|lost\.example/);

  assert.match(textOf((await browser.get('/admin/federation/peer?host=ill.example')).text), /Try now/);
  assert.equal((await browser.get('/admin/federation/peer?host=never.example')).status, 404);
  assert.equal((await browser.post('/admin/federation/retry', { host: 'never.example' })).status, 404);
  await browser.post('/admin/federation/retry', { host: 'ill.example' });
  assert.equal((await em.fork().findOneOrFail(PeerHost, 'ill.example')).nextProbeAt, null);
  assert.ok((await em.fork().findOneOrFail(Job, waiting.id)).runAt <= clock.now());
});

test('a block covers the names below, cuts follows both ways and drops what waits; it can be taken back', async (t) => {
  const { browser, em, ada, node, clock } = await staffed(t);
  const theirs = givenAccount(em, { host: 'art.evil.example' });
  const friend = givenAccount(em, { host: 'notevil.example' });
  await em.flush();
  const follow = (follower: number, target: number) =>
    em.create(Follow, { id: newId(), follower, target, state: 'accepted', createdAt: clock.now() }, { persist: true });
  follow(theirs.id, ada.id);
  follow(ada.id, theirs.id);
  follow(friend.id, ada.id);
  const dropped = givenDelivery(em, 'art.evil.example', clock.now());
  const kept = givenDelivery(em, 'notevil.example', clock.now());
  await em.flush();
  const isAllowed = (host: string) => isHostAllowed(node.federation, em.fork(), host);

  const answer = await browser.post('/admin/federation/rule', {
    host: 'https://Evil.Example/about',
    kind: 'block',
    note: 'spam',
  });
  assert.equal(answer.status, 302);
  assert.equal((await em.fork().findOneOrFail(HostRule, 'evil.example')).note, 'spam');
  for (const host of ['evil.example', 'art.evil.example', 'evil.example:8443'])
    assert.equal(await isAllowed(host), false);
  for (const host of ['notevil.example', 'example', 'evil.example.org']) assert.equal(await isAllowed(host), true);
  assert.equal(await em.fork().count(Follow), 1);
  assert.equal((await em.fork().findOneOrFail(Job, dropped.id)).state, 'cancelled');
  assert.equal((await em.fork().findOneOrFail(Job, kept.id)).state, 'queued');

  await browser.post('/admin/federation/rule', { host: 'evil.example', kind: 'none' });
  assert.equal(await isAllowed('art.evil.example'), true);
});

test('what is no host, a whole ending, or this node is refused, and the form comes back filled', async (t) => {
  const { browser, em, node } = await staffed(t);
  const own = node.federation.publicUrl.host;
  for (const host of ['*', 'com', 'a b.example', '-x.example', 'http://', `${'a'.repeat(260)}.example`, own]) {
    const answer = await browser.post('/admin/federation/rule', { host, kind: 'block', note: 'why not' });
    assert.equal(answer.status, 422, host);
    assert.match(answer.text, /why not/);
  }
  assert.equal(await em.fork().count(HostRule), 0);
});

test('with an allowlist, only what is allowed by its own name is spoken with', async (t) => {
  const { em, clock } = await staffed(t);
  const rule = (host: string, kind: 'allow' | 'block') =>
    em.create(HostRule, { host, kind, createdAt: clock.now() }, { persist: true });
  rule('friend.example', 'allow');
  rule('bad.friend.example', 'block');
  await em.flush();
  const isAllowed = (host: string) => isHostAllowed({ mode: 'allowlist' }, em.fork(), host);
  assert.deepEqual(
    await Promise.all(['friend.example', 'sub.friend.example', 'bad.friend.example', 'x.example'].map(isAllowed)),
    [true, false, false, false],
  );
});
