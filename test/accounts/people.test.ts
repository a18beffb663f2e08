import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blockAccount, unblockAccount } from '../../src/accounts/block.ts';
import { acceptFollow, followAccount, openFollow, rejectFollow, unfollowAccount } from '../../src/accounts/follow.ts';
import { Account, Block, Follow } from '../../src/accounts/model.ts';
import { loadProfileHeader } from '../../src/accounts/profile/header.ts';
import { RecordedEvent } from '../../src/kit/events/model.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenAccount } from '../factories/content.ts';
import { testNode } from '../node.ts';
import { Browser, textOf } from './browser.ts';

type Context = Parameters<typeof testNode>[0];

async function twoPeople(t: Context) {
  const node = await testNode(t);
  const [ada, bob] = [givenAccount(node.em, { name: 'ada' }), givenAccount(node.em, { name: 'bob' })];
  const remote = givenAccount(node.em, { name: 'cleo', host: 'peer.example', uri: 'https://peer.example/users/cleo' });
  await node.em.flush();
  const events = async () =>
    (await node.node.orm.em.fork().find(RecordedEvent, {}, { orderBy: { id: 'asc' } })).map(({ name }) => name);
  return { ...node, ada, bob, remote, events };
}

test('following somebody here who is open is accepted at once, and again is the same', async (t) => {
  const { workAs, ada, bob, events } = await twoPeople(t);

  await followAccount(workAs(ada), bob.id);
  await followAccount(workAs(ada), bob.id);

  const header = await loadProfileHeader(workAs(ada), 'bob');
  assert.equal(header.relation.follow, 'accepted');
  assert.equal(header.followerCount, 1);
  assert.deepEqual(await events(), ['follow.requested', 'follow.accepted']);
});

test('a person who decides who follows lets in or turns down, and nobody else does it for them', async (t) => {
  const { em, workAs, ada, bob, events } = await twoPeople(t);
  bob.isLocked = true;
  await em.flush();
  const follow = await followAccount(workAs(ada), bob.id);
  assert.equal(follow.state, 'pending');

  await assert.rejects(acceptFollow(workAs(ada), follow.id), { kind: 'not_found' });
  await acceptFollow(workAs(bob), follow.id);
  assert.equal((await loadProfileHeader(workAs(ada), 'bob')).relation.follow, 'accepted');
  await rejectFollow(workAs(bob), follow.id);
  assert.equal((await loadProfileHeader(workAs(ada), 'bob')).relation.follow, 'none');
  assert.deepEqual(await events(), ['follow.requested', 'follow.accepted', 'follow.rejected']);
});

test('a follow of somebody elsewhere waits for their server, and undoing it keeps what that server must be told', async (t) => {
  const { em, workAs, ada, remote, node } = await twoPeople(t);
  const follow = await followAccount(workAs(ada), remote.id);
  assert.equal(follow.state, 'pending');
  await em.nativeUpdate(Follow, { id: follow.id }, { uri: 'https://here.example/follows/1' });

  await unfollowAccount(workAs(ada), remote.id);
  await unfollowAccount(workAs(ada), remote.id);

  const [undone, ...more] = await node.orm.em.fork().find(RecordedEvent, { name: 'follow.undone' });
  assert.equal(more.length, 0);
  assert.deepEqual(undone?.payload, {
    followId: follow.id,
    followerId: ada.id,
    targetId: remote.id,
    uri: 'https://here.example/follows/1',
  });
});

test('a peer that asks again is answered again', async (t) => {
  const { workAs, bob, remote, events } = await twoPeople(t);
  const work = workAs(null);
  const [cleo, target] = [
    await work.em.findOneOrFail(Account, remote.id),
    await work.em.findOneOrFail(Account, bob.id),
  ];

  await openFollow(work, cleo, target, 'https://peer.example/follows/1');
  await openFollow(work, cleo, target, 'https://peer.example/follows/2');

  assert.equal(await work.em.count(Follow), 1);
  assert.equal((await events()).filter((name) => name === 'follow.accepted').length, 2);
});

test('a block cuts the ties both ways and keeps them cut; who is blocked sees no such account', async (t) => {
  const { workAs, em, ada, bob, events } = await twoPeople(t);
  await followAccount(workAs(ada), bob.id);
  await followAccount(workAs(bob), ada.id);

  await blockAccount(workAs(ada), bob.id, 'block');

  assert.equal(await em.count(Follow), 0);
  await assert.rejects(followAccount(workAs(bob), ada.id), { kind: 'not_found' });
  await assert.rejects(followAccount(workAs(ada), bob.id), { kind: 'not_found' });
  assert.deepEqual((await events()).slice(-3).sort(), ['account.blocked', 'follow.rejected', 'follow.undone']);

  await unblockAccount(workAs(ada), bob.id);
  assert.equal((await followAccount(workAs(bob), ada.id)).state, 'accepted');
});

test('a mute is quiet and does not weaken a block', async (t) => {
  const { workAs, em, ada, bob, events } = await twoPeople(t);
  await followAccount(workAs(bob), ada.id);
  await blockAccount(workAs(ada), bob.id, 'mute');
  assert.equal(await em.count(Follow), 1);
  assert.ok(!(await events()).includes('account.blocked'));

  await blockAccount(workAs(ada), bob.id, 'block');
  await blockAccount(workAs(ada), bob.id, 'mute');
  assert.equal((await em.fork().findOneOrFail(Block, { account: ada })).kind, 'block');
});

test('nobody follows or blocks themselves, and a visitor follows nobody', async (t) => {
  const { workAs, ada, bob } = await twoPeople(t);
  await assert.rejects(followAccount(workAs(ada), ada.id), { kind: 'invalid' });
  await assert.rejects(blockAccount(workAs(ada), ada.id, 'block'), { kind: 'invalid' });
  await assert.rejects(followAccount(workAs(null), bob.id), { kind: 'unauthenticated' });
  await assert.rejects(followAccount(workAs(ada), 999), { kind: 'not_found' });
});

test('the follow button works without scripts, and requests are answered on a page', async (t) => {
  const { em, start } = await testNode(t);
  const browser = new Browser(await start('web'));
  const bob = await givenMember(em, 'bob');
  await givenMember(em, 'ada');
  bob.isLocked = true;
  await em.flush();
  await browser.signIn('ada');

  assert.equal((await browser.post(`/accounts/${bob.id}/follow`, { on: '1' })).location, '/@bob');
  const other = new Browser(browser.address);
  await other.signIn('bob');
  const page = await other.get('/settings/people');
  const action = /action="(\/follows\/[\w-]+\/acceptance)"/.exec(page.text)?.[1] ?? '';
  assert.equal((await other.post(action)).status, 302);
  assert.equal(await em.count(Follow, { state: 'accepted' }), 1);
  await browser.post(`/accounts/${bob.id}/follow`, { on: '0' });
  assert.equal(await em.count(Follow), 0);
});

test('the head of a profile says how the viewer stands to the person', async (t) => {
  const { em, start } = await testNode(t);
  const browser = new Browser(await start('web'));
  const bob = await givenMember(em, 'bob');
  await givenMember(em, 'ada');
  Object.assign(bob, { bio: 'I **paint**.', links: [{ label: 'Home', url: 'https://bob.example/' }] });
  const cleo = { name: 'cleo', host: 'peer.example', uri: 'https://peer.example/users/cleo' };
  givenAccount(em, { ...cleo, bio: '<p>Hi<script>alert(1)</script></p>', url: 'https://peer.example/@cleo' });
  await em.flush();

  const visitor = await browser.get('/@bob');
  assert.equal(visitor.status, 200);
  assert.match(visitor.text, /<strong>paint<\/strong>/);
  assert.match(visitor.text, /rel="me [^"]*nofollow/);
  assert.match(visitor.text, /sign-in\?next=/);
  await browser.signIn('ada');
  assert.match((await browser.get('/@bob')).text, /aria-pressed="false" title="Follow"/);
  await browser.post(`/accounts/${bob.id}/follow`, { on: '1' });
  assert.match((await browser.get('/@bob')).text, /aria-pressed="true" title="Following"/);
  await browser.post(`/accounts/${bob.id}/block`, { on: '1' });
  const blocked = await browser.get('/@bob');
  assert.match(blocked.text, /Unblock/);
  assert.doesNotMatch(blocked.text, /title="Follow/);
  assert.match((await browser.get('/@ada')).text, /Edit profile/);
  const remote = await browser.get('/@cleo@peer.example');
  assert.equal(remote.status, 200);
  assert.doesNotMatch(remote.text, /<script>alert/);
  assert.match(remote.text, /https:\/\/peer\.example\/@cleo/);
});

test('whoever decides about follows sees who waits in the menu and on a page, lets in, removes and withdraws', async (t) => {
  const node = await testNode(t);
  const address = await node.start('web');
  const [ada, bob] = [await givenMember(node.em, 'ada'), await givenMember(node.em, 'bob')];
  const em = node.node.orm.em.fork();
  await em.nativeUpdate(Account, { id: { $in: [ada.id, bob.id] } }, { isLocked: true });
  const remote = givenAccount(em, { name: 'cleo', host: 'peer.example', uri: 'https://peer.example/users/cleo' });
  await em.flush();
  const asked = await openFollow(
    node.workAs(null),
    remote,
    await em.findOneOrFail(Account, ada.id),
    'https://peer.example/f/1',
  );
  await followAccount(node.workAs(ada), bob.id);

  const browser = new Browser(address);
  await browser.signIn('ada');
  assert.match(textOf((await browser.get('/models')).text), /Follow requests 1/);
  const page = await browser.get('/settings/people');
  assert.match(page.text, new RegExp(`action="/follows/${asked.id}/acceptance"`));
  assert.match(page.text, /@peer\.example/);
  assert.match(page.text, new RegExp(`action="/accounts/${bob.id}/follow\\?next=/settings/people"`));

  await browser.post(`/follows/${asked.id}/acceptance`);
  const after = (await browser.get('/settings/people')).text;
  assert.doesNotMatch(textOf(after), /Follow requests 1/);
  assert.match(after, new RegExp(`action="/follows/${asked.id}/rejection"`), 'a follower can be removed');
  await browser.post(`/follows/${asked.id}/rejection`);
  const answer = await browser.post(`/accounts/${bob.id}/follow?next=/settings/people`, { on: '0' });
  assert.equal(answer.location, '/settings/people');
  assert.equal(await node.node.orm.em.fork().count(Follow), 0);
  assert.match((await browser.get('/settings/people')).text, /Nobody follows you yet/);
});
