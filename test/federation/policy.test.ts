import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Account, Follow } from '../../src/accounts/model.ts';
import { setRole } from '../../src/accounts/staff/roles.ts';
import { Model } from '../../src/catalogue/model.ts';
import { PeerHost } from '../../src/federation/model.ts';
import { decidePeer, PolicyForm, retryPeer } from '../../src/federation/peers/decide.ts';
import { DomainPolicy, PeerDecision } from '../../src/federation/peers/model.ts';
import { isHostAllowed } from '../../src/federation/policy.ts';
import { Comment, Post } from '../../src/gallery/model.ts';
import { PolicyState } from '../../src/safety/policy.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenComment, givenImage, givenModel, givenPost, NOW } from '../factories/content.ts';
import { testNode } from '../node.ts';
import { peerNode } from './nodes.ts';
import { post, stranger } from './strangers.ts';

const DAY = 86_400_000;

/** Vic of elsewhere follows alice and has a post here; olga runs the node. */
async function given(t: TestContext) {
  const n = await peerNode(t, '127.0.0.1');
  const v = await stranger(t, '127.0.0.2');
  const host = new URL(v.origin).host;
  await givenMember(n.em, 'alice');
  const olga = await givenMember(n.em, 'olga');
  const em = () => n.node.orm.em.fork();
  const roles = em();
  await setRole({ em: roles }, await roles.findOneOrFail(Account, olga.id), 'owner');
  await roles.flush();
  const vic = await v.actor('vic');
  assert.equal(await post(n, vic, { type: 'Follow', object: `${n.origin}/users/alice` }), 202);
  await n.settle();
  const work = em();
  const owner = await work.findOneOrFail(Account, { uri: vic.id });
  const theirs = givenPost(work, { owner, isLocal: false });
  givenImage(work, { post: theirs, owner, isLocal: false });
  await work.flush();
  const decide = async (stance: 'blocked' | 'allowed' | 'none', days = '') => {
    const boss = await em().findOneOrFail(Account, olga.id);
    await decidePeer(n.workAs(boss), n.node.federation, PolicyForm.parse({ host, stance, days }));
    await n.settle();
  };
  const state = async () => ({
    account: (await em().findOneOrFail(Account, { uri: vic.id })).state,
    isListed: (await em().findOneOrFail(Post, theirs.id)).listedAt != null,
    follows: await em().count(Follow),
  });
  const statusOf = async (path: string) => (await fetch(new URL(path, n.origin))).status;
  return { n, v, vic, host, em, olga, decide, state, statusOf, postId: theirs.id };
}

test('a block ends the follows with a host and hides what it made; taking it back shows that again', async (t) => {
  const { n, vic, em, host, decide, state, statusOf, postId } = await given(t);
  assert.equal(await statusOf(`/posts/${postId}`), 200);
  await decide('blocked');
  assert.deepEqual(await state(), { account: 'suspended', isListed: false, follows: 0 });
  assert.equal(await statusOf(`/posts/${postId}`), 451);
  assert.equal(await statusOf(`/@vic@${host}`), 451);
  assert.equal(await post(n, vic, { type: 'Follow', object: `${n.origin}/users/alice` }), 202, 'told nothing');
  await n.settle();
  assert.equal(await em().count(Follow), 0);
  await decide('none');
  assert.deepEqual(await state(), { account: 'active', isListed: true, follows: 0 });
  assert.equal(await statusOf(`/posts/${postId}`), 200);
  assert.deepEqual(
    (await em().find(PeerDecision, { host }, { orderBy: { id: 'asc' } })).map(({ act }) => act),
    ['blocked', 'cleared'],
  );
});

test('what a moderator held back stays so when a block ends, and each model comes back to those who saw it', async (t) => {
  const { em, vic, decide } = await given(t);
  const work = em();
  const owner = await work.findOneOrFail(Account, { uri: vic.id });
  const theirs = { owner, isLocal: false };
  const open = givenModel(work, theirs);
  const quiet = givenModel(work, { ...theirs, visibility: 'unlisted', listedAt: null, shownAt: NOW });
  const held = givenModel(work, { ...theirs, listedAt: null, shownAt: null });
  await work.flush();
  const author = owner;
  const spoken = givenComment(work, { author, model: open, isLocal: false });
  const withheldAt = new Date(NOW.getTime() - DAY);
  const silenced = givenComment(work, { author, model: open, isLocal: false, withheldAt });
  work.create(PolicyState, { targetKind: 'model', targetId: held.id, restrictions: 1, changedAt: NOW });
  await work.flush();
  const shown = async () => {
    const models = await em().find(Model, { id: { $in: [open.id, quiet.id, held.id] } }, { orderBy: { id: 'asc' } });
    const comments = await em().find(Comment, { id: { $in: [spoken.id, silenced.id] } });
    return [
      models.map(({ shownAt, listedAt }) => [shownAt != null, listedAt != null]),
      [spoken, silenced].map(({ id }) => comments.find((one) => one.id === id)?.withheldAt == null),
    ];
  };
  const before = await shown();
  await decide('blocked');
  assert.deepEqual(await shown(), [
    [
      [false, false],
      [false, false],
      [false, false],
    ],
    [false, false],
  ]);
  await decide('none');
  assert.deepEqual(before, [
    [
      [true, true],
      [true, false],
      [false, false],
    ],
    [true, false],
  ]);
  assert.deepEqual(await shown(), before);
});

test('a block with an end ends by itself', async (t) => {
  const { n, decide, state } = await given(t);
  await decide('blocked', '2');
  n.clock.pass(DAY);
  await n.settle();
  assert.equal((await state()).account, 'suspended');
  n.clock.pass(DAY);
  await n.settle();
  assert.equal((await state()).account, 'active');
});

test('only who runs the node decides about peers', async (t) => {
  const { n, host, em } = await given(t);
  const alice = await em().findOneOrFail(Account, { host: '', name: 'alice' });
  const form = PolicyForm.parse({ host, stance: 'blocked' });
  await assert.rejects(decidePeer(n.workAs(alice), n.node.federation, form), { kind: 'forbidden' });
  await assert.rejects(retryPeer(n.workAs(alice), n.node.federation, host), { kind: 'forbidden' });
});

test('a failing host is knocked at once when the owner asks for it, and asked what it runs', async (t) => {
  const { n, v, vic, em, host, olga } = await given(t);
  const href = `${v.origin}/nodeinfo/2.1`;
  v.documents.set('/.well-known/nodeinfo', {
    links: [{ rel: 'http://nodeinfo.diaspora.software/ns/schema/2.1', href }],
  });
  v.documents.set('/nodeinfo/2.1', { software: { name: 'gazette', version: '1.2' } });
  v.inboxStatus = 503;
  assert.equal(await post(n, vic, { type: 'Follow', object: `${n.origin}/users/olga` }), 202);
  await n.settle();
  assert.ok((await em().findOneOrFail(PeerHost, host)).failingSince);
  v.inboxStatus = 202;
  await retryPeer(n.workAs(await em().findOneOrFail(Account, olga.id)), n.node.federation, host);
  await n.settle();
  const peer = await em().findOneOrFail(PeerHost, host);
  assert.deepEqual([peer.failingSince, peer.software], [null, 'gazette 1.2']);
});

test('a block covers the names below it, an allowance one host; the nearer word counts', async (t) => {
  const { em } = await testNode(t);
  const say = (host: string, stance: 'blocked' | 'allowed') =>
    em.create(DomainPolicy, { host, stance, since: NOW }, { persist: true });
  say('bad.example', 'blocked');
  say('good.bad.example', 'allowed');
  await em.flush();
  const open = (host: string) => isHostAllowed({ mode: 'open' }, em.fork(), host);
  assert.equal(await open('bad.example'), false);
  assert.equal(await open('bad.example:8443'), false);
  assert.equal(await open('deep.down.bad.example'), false);
  assert.equal(await open('good.bad.example'), true);
  assert.equal(await open('notbad.example'), true);
  const listed = (host: string) => isHostAllowed({ mode: 'allowlist' }, em.fork(), host);
  assert.equal(await listed('good.bad.example'), true);
  assert.equal(await listed('x.good.bad.example'), false);
  assert.equal(await listed('other.example'), false);
});
