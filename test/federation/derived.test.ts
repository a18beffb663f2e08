import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Lineage, Model, ModelFile, ModelVersion } from '../../src/catalogue/model.ts';
import { parentsOf } from '../../src/federation/documents/details.ts';
import { writeParents } from '../../src/federation/ingest/write-details.ts';
import { newId } from '../../src/kit/ids.ts';
import { QueueRow } from '../../src/moderation/queue/model.ts';
import { PolicyState, RESTRICTION } from '../../src/safety/policy.ts';
import { textOf } from '../accounts/browser.ts';
import { givenModel, givenVersion } from '../factories/content.ts';
import { carryOut } from '../moderation/takedowns.ts';
import { peerNode, settleAll } from './nodes.ts';
import { followAccount, publishLora } from './people.ts';

/** Alice's model has a copy on another node, where two were made with it and a third names the hash that the copy claims. */
async function given(t: TestContext) {
  const [home, away] = [await peerNode(t, '127.0.0.1'), await peerNode(t, '127.0.0.2')];
  const [alice, bob] = [await home.member('alice'), await away.member('bob')];
  await followAccount(away, bob.browser, home, 'alice', [home, away]);
  const versionId = await publishLora(alice.browser, [home, away], { name: 'Jane Doe ink' });
  const { model } = await home.em.fork().findOneOrFail(ModelVersion, versionId);
  const work = away.em.fork();
  const copy = await work.findOneOrFail(Model, { uri: `${home.origin}/models/${model.id}` });
  const parent = await work.findOneOrFail(ModelVersion, { model: copy });
  const file = await work.findOneOrFail(ModelFile, { version: parent });
  const made = [0, 1, 2].map(() => givenVersion(work, { model: givenModel(work) }));
  await work.flush();
  const [child, grandchild, other] = made.map(({ id }) => id) as [number, number, number];
  const edge = (of: number, more: object) =>
    work.insert(Lineage, { id: newId(), child: of, kind: 'merged_from', parentName: '', ...more } as never);
  await edge(child, { parent: parent.id });
  await edge(grandchild, { parent: child });
  await edge(other, { parentHash: file.sha256 });
  const bitsOf = async () => {
    const found = await away.em.fork().find(PolicyState, { targetKind: 'version' });
    return [child, grandchild, other].map((id) => found.find(({ targetId }) => targetId === id)?.restrictions ?? 0);
  };
  const pageOf = async (version: number) => {
    const { model: its } = await away.em.fork().findOneOrFail(ModelVersion, version);
    return (await fetch(`${away.origin}/models/${its.id}`)).text();
  };
  const later = () => {
    for (const peer of [home, away]) peer.clock.pass(60_000);
  };
  return { home, away, target: { kind: 'model', id: model.id } as const, child, bitsOf, pageOf, later };
}

test('what was made with a model whose artist was heard elsewhere bears a label here, until that is taken back', async (t) => {
  const { home, away, target, child, bitsOf, pageOf, later } = await given(t);
  later();
  const parameters = { names: ['Jane Doe'] };
  const takedown = await carryOut(home, { target, outcome: 'de_attribute', category: 'style', parameters });
  await settleAll(home, away);
  const { label } = RESTRICTION;
  assert.deepEqual(await bitsOf(), [label, label, 0], 'a hash that a peer claims reaches nothing');
  assert.match(await pageOf(child), /id="label"[\s\S]*made with a model that was changed or taken down/);
  assert.equal(await away.em.fork().count(QueueRow, { subjectId: { $like: 'derived:%' } }), 0, 'nobody has to look');
  later();
  await carryOut(home, { target, outcome: 'undo', category: 'style', parameters: { undoes: takedown } });
  await settleAll(home, away);
  assert.deepEqual(await bitsOf(), [0, 0, 0]);
  assert.doesNotMatch(await pageOf(child), /id="label"/);
});

test('what was made with a model that its home took down for a likeness is hidden here until a person looked', async (t) => {
  const { home, away, target, child, bitsOf, pageOf } = await given(t);
  await carryOut(home, { target, outcome: 'remove', category: 'likeness' });
  await settleAll(home, away);
  const bits = RESTRICTION.view | RESTRICTION.list | RESTRICTION.generate | RESTRICTION.train;
  assert.deepEqual(await bitsOf(), [bits, bits, 0]);
  assert.doesNotMatch(await pageOf(child), /id="files"/);
  assert.equal(await away.em.fork().count(QueueRow, { subjectId: { $like: 'derived:%' }, state: 'open' }), 2);
});

test('what is made elsewhere from a model is drawn on its page at home, and its terms hold there', async (t) => {
  const [home, away] = [await peerNode(t, '127.0.0.1'), await peerNode(t, '127.0.0.2')];
  const [alice, bob] = [await home.member('alice'), await away.member('bob')];
  const peers = [home, away] as const;
  await followAccount(away, bob.browser, home, 'alice', peers);
  await followAccount(home, alice.browser, away, 'bob', peers);
  const baseId = await publishLora(alice.browser, peers, { name: 'Ink base', forbidsGeneration: '1' });
  const fork = away.em.fork();
  const copy = await fork.findOneOrFail(
    ModelVersion,
    { uri: `${home.origin}/versions/${baseId}` },
    { populate: ['model'] },
  );
  const parents = { parentKind: 'merged_from', parentText: `/versions/${copy.id}`, parentWeight: '0.25' };
  const childId = await publishLora(bob.browser, peers, { name: 'Bob’s mix', ...parents });
  await settleAll(...peers);
  // there: the parent of another node, drawn, and its author's word shown as what holds
  const child = await away.em.fork().findOneOrFail(ModelVersion, childId, { populate: ['model'] });
  const there = textOf((await bob.browser.get(`/models/${child.model.id}`)).text);
  assert.match(there, /merged from Ink base v1\.0 × 0\.25/);
  assert.match(there, /Ink base v1\.0 is not for generating on a node/);
  // here: the child came back with the document of its model
  const here = await home.em.fork().findOneOrFail(ModelVersion, baseId);
  assert.match(
    textOf((await alice.browser.get(`/models/${here.model.id}`)).text),
    /Bob’s mix v1\.0 merged from this × 0\.25/,
  );
  // an edge that a node made says so on the way, and stays what it is
  await away.em.fork().nativeUpdate(Lineage, { child: childId }, { basis: 'made' });
  const [edge] = (await parentsOf(away.origin, away.em.fork(), [childId])).get(childId) ?? [];
  assert.deepEqual([edge?.basis, edge?.version], ['made', `${home.origin}/versions/${baseId}`]);
  const remote = await home.em.fork().findOneOrFail(ModelVersion, { uri: `${away.origin}/versions/${childId}` });
  const em = home.em.fork();
  await writeParents({ em }, home.origin, em.getReference(ModelVersion, remote.id), edge ? [edge] : []);
  await em.flush();
  assert.equal((await home.em.fork().findOneOrFail(Lineage, { child: remote.id })).basis, 'made');
});
