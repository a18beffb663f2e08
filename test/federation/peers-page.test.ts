import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EntityManager } from '@mikro-orm/core';
import { Account, Follow } from '../../src/accounts/model.ts';
import { setRole } from '../../src/accounts/staff/roles.ts';
import { Delivery, PeerHost } from '../../src/federation/model.ts';
import { DomainPolicy, PeerDecision } from '../../src/federation/peers/model.ts';
import { isHostAllowed } from '../../src/federation/policy.ts';
import { newId } from '../../src/kit/ids.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { textOf } from '../accounts/browser.ts';
import { givenAccount } from '../factories/content.ts';
import { painter } from '../gallery/painter.ts';

const HOUR = 3_600_000;

async function staffed(t: Parameters<typeof painter>[0]) {
  const world = await painter(t);
  const fork = world.em.fork();
  await setRole({ em: fork }, await fork.findOneOrFail(Account, world.ada.id), 'owner');
  await fork.flush();
  const at = (hours: number) => new Date(world.clock.now().getTime() + hours * HOUR);
  const given = (host: string, facts: Partial<PeerHost> = {}) =>
    world.em.create(PeerHost, { host, turns: [], ...facts }, { persist: true });
  return { ...world, at, given };
}

function givenDelivery(em: EntityManager, host: string, at: Date): Delivery {
  const inboxUri = `https://${host}/inbox`;
  const row = { id: newId(), itemId: newId(), inboxUri, host, dueAt: at, createdAt: at };
  return em.create(Delivery, row, { persist: true });
}

test('the owner sees each peer with its health, searches, filters, and tries one again', async (t) => {
  const { browser, visitor, other, em, at, given } = await staffed(t);
  assert.equal((await visitor.get('/admin/federation')).status, 302);
  assert.equal((await (await other()).browser.get('/admin/federation')).status, 403);
  assert.match(textOf((await browser.get('/admin/federation')).text), /No other node yet/);

  given('calm.example', { lastOkAt: at(-2), software: 'gazette 1.2' });
  given('ill.example', { failingSince: at(-5), failureCount: 4, lastError: '<i>no answer', nextAttemptAt: at(1) });
  given('lost.example', { failingSince: at(-24 * 9), failureCount: 40, givenUpAt: at(-1) });
  givenDelivery(em, 'ill.example', at(-3));
  await em.flush();

  const page = await browser.get('/admin/federation');
  const text = textOf(page.text);
  for (const said of [
    /calm\.example\s+gazette 1\.2\s.*?fine/,
    /ill\.example\s.*?waiting: 1.*?not answering/,
    /lost\.example\s.*?given up/,
  ]) {
    assert.match(text, said);
  }
  assert.ok(page.text.includes('&lt;i&gt;no answer'));
  const failing = textOf((await browser.get('/admin/federation?state=failing&q=ill')).text);
  assert.match(failing, /ill\.example/);
  assert.doesNotMatch(failing, /calm\.example|lost\.example/);
  const waiting = textOf((await browser.get('/admin/federation?state=waiting')).text);
  assert.match(waiting, /ill\.example/);
  assert.doesNotMatch(waiting, /calm\.example/);
  assert.match(textOf((await browser.get('/admin/federation?q=%25')).text), /calm\.example/);
  assert.match(textOf((await browser.get('/admin/federation?q=zzz')).text), /No such host/);

  assert.match(textOf((await browser.get('/admin/federation/peer?host=ill.example')).text), /ill\.example\/inbox/);
  assert.equal((await browser.get('/admin/federation/peer?host=never.example')).status, 404);
  assert.equal((await browser.post('/admin/federation/retry', { host: 'never.example' })).status, 404);
  assert.equal(
    (await (await other('bea')).browser.post('/admin/federation/retry', { host: 'ill.example' })).status,
    403,
  );
  await browser.post('/admin/federation/retry', { host: 'ill.example' });
  assert.equal((await em.fork().findOneOrFail(PeerHost, 'ill.example')).nextAttemptAt, null);
  const jobs = await em.fork().find(Job, { name: 'federation.probe-peer' });
  assert.deepEqual(
    jobs.map(({ payload }) => payload),
    [{ host: 'ill.example' }],
  );
  assert.match(textOf((await browser.get('/admin/federation/log')).text), /ill\.example · tried again\s+.*by @ada/s);
});

test('the list goes on where a page of it ends', async (t) => {
  const { browser, em, given } = await staffed(t);
  for (let n = 0; n < 60; n += 1) given(`n${String(n).padStart(2, '0')}.example`);
  await em.flush();
  const first = await browser.get('/admin/federation');
  assert.match(first.text, /n49\.example/);
  assert.doesNotMatch(first.text, /n50\.example/);
  const [, next = ''] = /rel="next" href="([^"]+)"/.exec(first.text) ?? [];
  const second = await browser.get(next.replaceAll('&amp;', '&'));
  assert.match(second.text, /n50\.example/);
  assert.doesNotMatch(second.text, /n49\.example|rel="next"/);
});

test('a block covers the names below, cuts follows both ways and drops what waits; it can be taken back', async (t) => {
  const { browser, em, ada, node, at, settle } = await staffed(t);
  const theirs = givenAccount(em, { host: 'art.evil.example' });
  const friend = givenAccount(em, { host: 'notevil.example' });
  await em.flush();
  const follow = (follower: number, target: number) =>
    em.create(Follow, { id: newId(), follower, target, state: 'accepted', createdAt: at(0) }, { persist: true });
  follow(theirs.id, ada.id);
  follow(ada.id, theirs.id);
  follow(friend.id, ada.id);
  const [dropped, kept] = [
    givenDelivery(em, 'art.evil.example', at(0)),
    givenDelivery(em, 'notevil.example', at(0)),
  ] as const;
  await em.flush();
  const isAllowed = (host: string) => isHostAllowed(node.federation, em.fork(), host);

  const form = { host: 'https://Evil.Example/about', stance: 'blocked', note: 'spam', days: '' };
  assert.equal((await browser.post('/admin/federation/policy', form)).status, 302);
  await settle();
  assert.equal((await em.fork().findOneOrFail(DomainPolicy, 'evil.example')).note, 'spam');
  for (const host of ['evil.example', 'art.evil.example', 'evil.example:8443']) {
    assert.equal(await isAllowed(host), false);
  }
  for (const host of ['notevil.example', 'example', 'evil.example.org']) assert.equal(await isAllowed(host), true);
  assert.equal(await em.fork().count(Follow), 1);
  assert.equal(await em.fork().count(Delivery, { id: dropped.id }), 0);
  assert.equal(await em.fork().count(Delivery, { id: kept.id }), 1);
  assert.match(textOf((await browser.get('/admin/federation?state=blocked')).text), /evil\.example/);

  await browser.post('/admin/federation/policy', { host: 'evil.example', stance: 'none', days: '', note: '' });
  await settle();
  assert.equal(await isAllowed('art.evil.example'), true);
  const log = await em.fork().find(PeerDecision, {}, { orderBy: { id: 'asc' } });
  assert.deepEqual(
    log.map(({ act, note, by }) => [act, note, by?.id]),
    [
      ['blocked', 'spam', ada.id],
      ['cleared', '', ada.id],
    ],
  );
});

test('what is no host, a whole ending, or this node is refused, and the form comes back filled', async (t) => {
  const { browser, em, node } = await staffed(t);
  const own = node.federation.publicUrl.host;
  for (const host of ['*', 'com', 'a b.example', '-x.example', 'http://', `${'a'.repeat(260)}.example`, own]) {
    const answer = await browser.post('/admin/federation/policy', { host, stance: 'blocked', note: 'why not' });
    assert.equal(answer.status, 422, host);
    assert.match(answer.text, /why not/);
  }
  assert.equal(await em.fork().count(DomainPolicy), 0);
  assert.equal(await em.fork().count(PeerDecision), 0);
});
