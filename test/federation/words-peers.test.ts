import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account } from '../../src/accounts/model.ts';
import { Model } from '../../src/catalogue/model.ts';
import { refreshActor } from '../../src/federation/actors/load.ts';
import { Comment, Post } from '../../src/gallery/model.ts';
import { releaseHold } from '../../src/safety/holds/hold.ts';
import { SafetyHold } from '../../src/safety/holds/model.ts';
import { PromptRecord } from '../../src/safety/prompts/model.ts';
import { givenPost } from '../factories/content.ts';
import { post } from './strangers.ts';
import { note, world } from './world.ts';

test('what a peer says of a child waits for a person here; its sender hears nothing, and is not counted', async (t) => {
  const { n, vic, alice, em, follows } = await world(t);
  const author = await follows(vic);
  const work = em();
  const open = givenPost(work, { owner: work.getReference(Account, alice.id) });
  await work.flush();
  const inReplyTo = `${n.origin}/posts/${open.id}`;
  const answer = { attachment: [], inReplyTo, content: '<p>here is a na<b>ked</b> child</p>' };
  assert.equal(await post(n, vic, { type: 'Create', object: note(vic.id, '/notes/1', answer) }), 202);
  assert.equal(
    await post(n, vic, { type: 'Create', object: note(vic.id, '/notes/2', { name: 'nude loli', published: soon() }) }),
    202,
  );
  const fine = { name: 'A harbour', content: '<p>boats</p>' };
  assert.equal(await post(n, vic, { type: 'Create', object: note(vic.id, '/notes/3', fine) }), 202);
  await n.settle();

  const comment = await em().findOneOrFail(Comment, { isLocal: false });
  assert.ok(comment.withheldAt);
  const posts = await em().find(Post, { isLocal: false }, { orderBy: { id: 1 } });
  const [bad, good] = posts;
  assert.deepEqual([bad?.title, good?.title], ['nude loli', 'A harbour']);
  const held = await em().find(SafetyHold, {}, { orderBy: { id: 1 } });
  assert.deepEqual(held.map(({ kind, state }) => `${kind} ${state}`).sort(), ['comment held', 'post held']);
  assert.equal((await fetch(new URL(`/posts/${bad?.id}`, n.origin))).status, 451);
  assert.equal(await em().count(SafetyHold, { kind: 'account' }), 0);
  const records = await em().find(PromptRecord, { account: author.id });
  assert.ok(records.length >= 2);

  // a person let it stand: the same words again, with other figures, do not wait again
  const mine = em();
  await releaseHold(mine, 'post', String(bad?.id), { byId: null, now: n.clock.now() });
  await mine.flush();
  await n.settle();
  n.clock.pass(60_000);
  const likes = { type: 'Collection', totalItems: 7 };
  const again = note(vic.id, '/notes/2', { name: 'nude loli', published: soon(), updated: later(), likes });
  await post(n, vic, { type: 'Update', object: again });
  await n.settle();
  assert.equal(await em().count(SafetyHold, { kind: 'post', state: 'held' }), 0);
  const worse = { ...again, name: 'nude shota', updated: new Date(n.clock.now().getTime() - 1_000).toISOString() };
  await post(n, vic, { type: 'Update', object: worse });
  await n.settle();
  assert.equal(await em().count(SafetyHold, { kind: 'post', state: 'held' }), 1, 'other words are read');

  function soon() {
    return new Date(n.clock.now().getTime() - 120_000).toISOString();
  }
  function later() {
    return new Date(n.clock.now().getTime() - 30_000).toISOString();
  }
});

test('a model of a peer is read with its tags and trigger words, and an actor loses words that would have to wait', async (t) => {
  const { n, v, vic, em, follows } = await world(t);
  await follows(vic);
  const model = note(vic.id, '/models/1', {
    ...{ kind: 'Model', name: 'Nude ink', attachment: [] },
    tag: [{ type: 'Hashtag', name: '#toddler' }],
    model: { type: 'tessera:Model', modelType: 'LORA' },
  });
  await post(n, vic, { type: 'Create', object: model });
  await n.settle();
  const kept = await em().findOneOrFail(Model, { uri: model.id });
  assert.deepEqual([kept.name, kept.listedAt ?? null], ['Nude ink', null]);
  assert.equal(await em().count(SafetyHold, { kind: 'model', state: 'held', reason: 'minor-sexual' }), 1);

  const path = new URL(vic.id).pathname;
  v.documents.set(path, { ...(v.documents.get(path) as object), name: 'Vic', summary: '<p>nude toddlers daily</p>' });
  await refreshActor(n.workAs(null), n.node.federation, vic.id);
  const account = await em().findOneOrFail(Account, { uri: vic.id });
  assert.deepEqual([account.displayName, account.bio], ['', '']);
});
