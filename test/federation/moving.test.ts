import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account, Follow } from '../../src/accounts/model.ts';
import { InboxItem } from '../../src/federation/model.ts';
import { type Peer, peerNode, settleAll } from './nodes.ts';

const fork = ({ node }: Peer) => node.orm.em.fork();
const PASSWORD = 'correct horse battery';
const DAY_MS = 86_400_000;

const actorOf = async (uri: string) =>
  (await (await fetch(uri, { headers: { accept: 'application/activity+json' } })).json()) as Record<string, unknown>;

test('an account moves to another node that names it: peers are told, followers here go along, and it can be cancelled', async (t) => {
  const [home, away] = [await peerNode(t, '127.0.0.1'), await peerNode(t, '127.0.0.2')];
  const alice = await home.member('alice');
  const carl = await home.member('carl');
  const ally = await away.member('ally');
  const bob = await away.member('bob');
  await bob.browser.get(`/search?q=${encodeURIComponent(`@alice@${home.host}`)}`);
  const remote = await fork(away).findOneOrFail(Account, { host: home.host, name: 'alice' });
  await bob.browser.post(`/accounts/${remote.id}/follow`, { on: '1' });
  await carl.browser.post(`/accounts/${alice.account.id}/follow`, { on: '1' });
  await settleAll(home, away);
  const target = `@ally@${away.host}`;
  const aliceUri = `${home.origin}/users/alice`;
  const allyUri = `${away.origin}/users/ally`;
  const move = (password = PASSWORD) => alice.browser.post('/settings/moving/move', { handle: target, password });

  assert.equal((await alice.browser.get('/settings/moving')).status, 200);
  const unproven = await move();
  assert.equal(unproven.status, 422);
  assert.match(unproven.text, /does not name this one/);
  assert.equal((await actorOf(aliceUri)).movedTo, undefined);

  const unknown = await ally.browser.post('/settings/moving/aliases', { handle: `@nobody@${home.host}` });
  assert.equal(unknown.status, 422);
  const named = await ally.browser.post('/settings/moving/aliases', { handle: `@alice@${home.host}` });
  assert.equal(named.status, 302, named.text.slice(0, 500));
  assert.deepEqual((await actorOf(allyUri)).alsoKnownAs, [aliceUri]);
  assert.equal((await move('wrong')).status, 422);
  const moved = await move();
  assert.equal(moved.status, 302, moved.text.slice(0, 500));
  await settleAll(home, away);

  assert.equal((await actorOf(aliceUri)).movedTo, allyUri);
  const told = await fork(away).findOneOrFail(InboxItem, { type: 'Move' });
  const { actor, object, target: to } = told.document as Record<string, unknown>;
  assert.deepEqual([actor, object, to], [aliceUri, aliceUri, allyUri]);
  // carl lives on the old node: he follows the new account, which let him in
  const there = await fork(home).findOneOrFail(Account, { uri: allyUri });
  const follows = await fork(home).find(Follow, { follower: carl.account.id });
  assert.deepEqual(
    follows.map(({ target, state }) => [target.id, state]),
    [[there.id, 'accepted']],
  );
  assert.equal(
    await fork(away).count(Follow, { target: ally.account.id, follower: { host: home.host }, state: 'accepted' }),
    1,
  );
  assert.match((await carl.browser.get('/@alice')).text, new RegExp(`moved to\\s*<a href="/@ally@${away.host}"`));
  assert.match(
    (await bob.browser.get(`/@alice@${home.host}`)).text,
    /moved to\s*<a href="[^"]*\/users\/ally"/,
    'an address here leads on to the profile',
  );

  assert.equal((await move()).status, 409);
  for (const peer of [home, away]) peer.clock.pass(60_000);
  assert.equal((await alice.browser.post('/settings/moving/cancellation')).status, 302);
  await settleAll(home, away);
  assert.equal((await actorOf(aliceUri)).movedTo, undefined);
  away.clock.pass(DAY_MS);
  await bob.browser.get(`/@alice@${home.host}`);
  await settleAll(home, away);
  assert.equal((await fork(away).findOneOrFail(Account, remote.id)).movedToUri ?? null, null, 'the next look tells');
  const early = await move();
  assert.equal(early.status, 409);
  assert.match(early.text, /at most once in 30 days/);

  assert.equal((await ally.browser.post('/settings/moving/aliases/removal', { uri: aliceUri })).status, 302);
  home.clock.pass(31 * DAY_MS);
  await alice.browser.signIn('alice');
  assert.equal((await move()).status, 422, 'the other account was asked again');
});
