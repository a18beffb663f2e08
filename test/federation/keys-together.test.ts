import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Account } from '../../src/accounts/model.ts';
import { loadKeyPair } from '../../src/federation/actors/keys.ts';
import { actorKeys, refreshActor } from '../../src/federation/actors/load.ts';
import { ActorKeyPair, NODE_ACTOR, RemoteActor } from '../../src/federation/model.ts';
import { testNode } from '../node.ts';
import { peerNode } from './nodes.ts';
import { stranger } from './strangers.ts';

const TIMES = 12;

test('of many who need the keys of one of ours for the first time at once, all get the same pair', async (t) => {
  const { node } = await testNode(t);
  const pairs = await Promise.all(
    Array.from({ length: TIMES }, () => loadKeyPair(node.federation, node.orm.em.fork(), NODE_ACTOR)),
  );
  assert.equal(new Set(pairs.map(({ rsaPublicPem }) => rsaPublicPem)).size, 1);
  assert.equal(await node.orm.em.fork().count(ActorKeyPair, { actorId: NODE_ACTOR }), 1);
});

test('of many who ask for a key of elsewhere, whenever each began to look, one asks its server', async (t) => {
  const n = await peerNode(t, '127.0.0.1');
  const v = await stranger(t, '127.0.0.2');
  const vic = await v.actor('vic');
  const path = new URL(vic.id).pathname;
  const { federation, openWork } = n.node;
  const keys: ReturnType<ReturnType<typeof actorKeys>>[] = [];
  let isKnown = false;
  while (!isKnown) {
    const found = actorKeys(openWork(null), federation, '127.0.0.2')(vic.keyId, 'fetch');
    keys.push(found.finally(() => (isKnown = true)));
    await setImmediate();
  }
  for (const key of await Promise.all(keys)) assert.equal(key?.publicKey, vic.keys.rsaPublicPem);
  assert.equal(v.asked.filter((one) => one === path).length, 1);
});

test('an actor that two processes write down at once is one row, and neither fails', async (t) => {
  const n = await peerNode(t, '127.0.0.1');
  const v = await stranger(t, '127.0.0.2');
  const vic = await v.actor('vic');
  const found = await Promise.all(
    Array.from({ length: TIMES }, () => refreshActor(n.node.openWork(null), n.node.federation, vic.id)),
  );
  assert.equal(new Set(found.map((account) => account?.id)).size, 1);
  const em = n.node.orm.em.fork();
  assert.equal(await em.count(Account, { uri: vic.id }), 1);
  assert.equal(await em.count(RemoteActor, { account: { uri: vic.id } }), 1);
});
