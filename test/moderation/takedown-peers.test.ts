import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Model, ModelVersion } from '../../src/catalogue/model.ts';
import { Image, Post } from '../../src/gallery/model.ts';
import { RESTRICTION } from '../../src/safety/policy.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { type Peer, peerNode, settleAll } from '../federation/nodes.ts';
import { followAccount } from '../federation/people.ts';
import { carryOut } from './takedowns.ts';

/** Alice publishes a model, and Bob, who follows her on another node, has it. */
async function given(t: Parameters<typeof peerNode>[0]) {
  const home = await peerNode(t, '127.0.0.1');
  const away = await peerNode(t, '127.0.0.2');
  const alice = await home.member('alice');
  const bob = await away.member('bob');
  await followAccount(away, bob.browser, home, 'alice', [home, away]);
  const form = new FormData();
  form.append('files', new Blob([new Uint8Array(kohyaLoraSd1({ name: 'inkwash' }))]), 'inkwash.safetensors');
  const [, versionId] = /\/versions\/(\d+)\/edit/.exec((await alice.browser.postForm('/upload', form)).location) ?? [];
  await settleAll(home);
  const save = (words: object) =>
    alice.browser.post(`/versions/${versionId}/edit`, {
      ...{ act: 'save', type: 'LORA', versionName: 'v1.0', baseModel: 'SD 1.5', allowDerivatives: '1', tags: 'ink' },
      ...words,
    });
  await save({ act: 'publish', name: 'Jane Doe ink', description: 'By Jane Doe.', trainedWords: 'janedoe' });
  await settleAll(home, away);
  const local = await home.em.fork().findOneOrFail(ModelVersion, Number(versionId));
  const remote = await away.em.fork().findOneOrFail(Model, { uri: `${home.origin}/models/${local.model.id}` });
  return { home, away, alice, bob, save, modelId: local.model.id, remoteId: remote.id };
}

const awayModel = (away: Peer, id: number) => away.em.fork().findOneOrFail(Model, id);

test('a removal deletes the copy at a peer, and undoing it brings it back there', async (t) => {
  const { home, away, modelId, remoteId } = await given(t);
  const target = { kind: 'model', id: modelId } as const;
  const takedown = await carryOut(home, { target, outcome: 'remove' });
  await settleAll(home, away);
  assert.equal((await awayModel(away, remoteId)).state, 'deleted');
  const gone = await fetch(`${home.origin}/models/${modelId}`, { headers: { accept: 'application/activity+json' } });
  assert.equal(gone.status, 410);

  for (const peer of [home, away]) peer.clock.pass(60_000);
  await carryOut(home, { target, outcome: 'undo', parameters: { undoes: takedown } });
  await settleAll(home, away);
  const back = await fetch(`${home.origin}/models/${modelId}`, { headers: { accept: 'application/activity+json' } });
  assert.equal(back.status, 200);
});

test('a limit goes out as an Update with what is permitted, and a name that was removed goes out of the copy', async (t) => {
  const { home, away, modelId, remoteId } = await given(t);
  const target = { kind: 'model', id: modelId } as const;
  for (const peer of [home, away]) peer.clock.pass(60_000);
  await carryOut(home, {
    target,
    outcome: 'limit',
    parameters: { bits: RESTRICTION.generate | RESTRICTION.derive },
  });
  await settleAll(home, away);
  const limited = await awayModel(away, remoteId);
  assert.deepEqual([limited.forbidsGeneration, limited.allowDerivatives], [true, false]);

  for (const peer of [home, away]) peer.clock.pass(60_000);
  await carryOut(home, { target, outcome: 'de_attribute', parameters: { names: ['Jane Doe'] } });
  await settleAll(home, away);
  const scrubbed = await awayModel(away, remoteId);
  assert.doesNotMatch(`${scrubbed.name} ${scrubbed.description}`, /jane/i);
});

test('a name that was removed from our copy of a peer’s model does not come back by its Update', async (t) => {
  const { home, away, save, remoteId } = await given(t);
  await carryOut(away, {
    target: { kind: 'model', id: remoteId },
    outcome: 'de_attribute',
    parameters: { names: ['Jane Doe'] },
  });
  for (const peer of [home, away]) peer.clock.pass(60_000);
  await save({ name: 'JANE DOE again', description: 'Still by Jane Doe.', trainedWords: 'jane_doe', tags: 'jane doe' });
  await settleAll(home, away);
  const model = await awayModel(away, remoteId);
  assert.match(model.name, /again/);
  const versions = await away.em.fork().find(ModelVersion, { model: remoteId });
  assert.doesNotMatch(JSON.stringify([model.name, model.description, versions]), /jane.?doe/i);
  const tags = await away.em
    .fork()
    .getConnection()
    .execute(`select t.name from model_tag m join tag t on t.id = m.tag_id where m.model_id = ${remoteId}`);
  assert.deepEqual(tags, []);
});

test('what a decision here withholds of a peer stays withheld when the peer sends it anew', async (t) => {
  const { home, away, save, remoteId } = await given(t);
  await carryOut(away, { target: { kind: 'model', id: remoteId }, outcome: 'quarantine' });
  for (const peer of [home, away]) peer.clock.pass(60_000);
  await save({ name: 'Another name', description: '', trainedWords: '' });
  await settleAll(home, away);
  const model = await awayModel(away, remoteId);
  assert.deepEqual([model.name, model.listedAt ?? null, model.shownAt ?? null], ['Another name', null, null]);
  assert.deepEqual([await away.em.fork().count(Post), await away.em.fork().count(Image)], [0, 0]);
});
