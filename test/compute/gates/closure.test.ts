import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { Lineage } from '../../../src/catalogue/model.ts';
import { type ClosureRefusal, type ClosureResource, judgeClosure } from '../../../src/compute/gates/closure.ts';
import { loadClosure } from '../../../src/compute/gates/load-closure.ts';
import { FolderModel } from '../../../src/compute/model.ts';
import { addBlock } from '../../../src/safety/hashes/blocks.ts';
import { PolicyState, RESTRICTION } from '../../../src/safety/policy.ts';
import { givenAccount, givenFile, givenModel, givenVersion, NOW } from '../../factories/content.ts';
import { testNode } from '../../node.ts';

const resource = (given: Partial<ClosureResource> = {}): ClosureResource => ({
  ...{
    name: 'A model',
    isCheckpoint: false,
    isKnown: true,
    isBlocked: false,
    restrictions: 0,
    inheritedRestrictions: 0,
  },
  ...{
    isPoi: false,
    isMinor: false,
    isSfwOnly: false,
    serviceForbiddenBy: null,
    derivativesForbiddenBy: null,
    levels: 1,
  },
  ...given,
});
const safe = resource({ name: 'Safe base', isCheckpoint: true, levels: 1 });
const explicit = resource({ name: 'Explicit base', isCheckpoint: true, levels: 1 | 8 });

test('scenario 31: the table of what may be made with a set of models', () => {
  const refused: readonly (readonly [ClosureRefusal, readonly ClosureResource[], boolean?])[] = [
    ['resource-withheld', [safe, resource({ restrictions: RESTRICTION.generate })]],
    ['resource-withheld', [safe, resource({ restrictions: RESTRICTION.view })]],
    ['resource-withheld', [safe, resource({ restrictions: RESTRICTION.removed })]],
    ['resource-blocked', [safe, resource({ isBlocked: true })]],
    ['resource-unknown', [safe, resource({ isKnown: false })]],
    ['resource-poi', [safe, resource({ isPoi: true })]],
    ['resource-licence', [safe, resource({ serviceForbiddenBy: 'A model' })]],
    ['resource-licence-parent', [safe, resource({ serviceForbiddenBy: 'Its parent' })]],
    ['resource-minor-checkpoint', [explicit, resource({ isMinor: true })]],
    ['resource-minor-checkpoint', [{ ...safe, levels: 0 }, resource({ isMinor: true })]],
    ['resource-minor-photo', [safe, resource({ isMinor: true })], true],
  ];
  for (const [reason, resources, isPhoto = false] of refused) {
    assert.equal(judgeClosure(resources, isPhoto).refusal?.reason, reason);
  }
  for (const resources of [
    [safe],
    [explicit],
    [safe, resource()],
    [safe, resource({ restrictions: RESTRICTION.download })],
  ]) {
    assert.equal(judgeClosure(resources, false).refusal, null);
  }
  assert.equal(judgeClosure([safe, resource({ isMinor: true })], false).ceiling, 1);
  assert.equal(judgeClosure([safe, resource({ isSfwOnly: true })], false).ceiling, 2);
  assert.equal(judgeClosure([safe, resource({ inheritedRestrictions: RESTRICTION.removed })], false).hold, 'tainted');
  assert.deepEqual([judgeClosure([explicit], false).floor, judgeClosure([explicit], false).reach], [1, 8]);
  assert.equal(judgeClosure([safe, resource({ levels: 8 | 16 })], false).floor, 8, 'it shows nothing below X');
});

test('scenario 31: a merge inherits what its parents are, however far back, also those known by hash', async (t) => {
  const { em } = await testNode(t);
  const author = givenAccount(em);
  const person = givenVersion(em, { model: givenModel(em, { isPoi: true, owner: author }) });
  const young = givenVersion(em, { model: givenModel(em, { isMinor: true }) });
  const youngFile = givenFile(em, { version: young });
  const middle = givenVersion(em);
  const merge = givenVersion(em, { model: givenModel(em, { type: 'Checkpoint', name: 'Merge' }) });
  const file = givenFile(em, { version: merge });
  await em.flush();
  const lineage = { parentName: '', kind: 'merged_from' as const };
  em.create(Lineage, { id: randomUUID(), child: merge, parent: middle, ...lineage }, { persist: true });
  em.create(Lineage, { id: randomUUID(), child: middle, parent: person, ...lineage }, { persist: true });
  // a circle, as a mistake would make it
  em.create(Lineage, { id: randomUUID(), child: person, parent: middle, ...lineage }, { persist: true });
  em.create(Lineage, { id: randomUUID(), child: middle, parentHash: youngFile.sha256, ...lineage }, { persist: true });
  em.create(
    PolicyState,
    { targetKind: 'account', targetId: author.id, epoch: 1, restrictions: RESTRICTION.generate, changedAt: NOW },
    { persist: true },
  );
  await em.flush();

  const files = [{ sha256: file.sha256, fileId: file.id, versionId: merge.id, name: 'merge', title: 'Merge v1' }];
  const [loaded] = await loadClosure(em, { id: 0, permissions: 0 }, files, NOW);
  assert.deepEqual(
    [loaded?.isPoi, loaded?.isMinor, loaded?.inheritedRestrictions, loaded?.restrictions, loaded?.isKnown],
    [true, true, RESTRICTION.generate, 0, true],
  );
});

test('scenario 31: a file that nobody knows is refused, one of the folder of the operator is known, and a blocked digest is found', async (t) => {
  const { em, workAs } = await testNode(t);
  const [stray, own] = ['a'.repeat(64), 'b'.repeat(64)];
  em.create(
    FolderModel,
    { sha256: own, path: 'own.safetensors', baseModel: 'SD 1.5', totalBytes: 1, modifiedAt: NOW, seenAt: NOW },
    { persist: true },
  );
  await em.flush();
  const files = [own, stray].map((sha256) => ({ sha256, fileId: null, versionId: null, name: 'x', title: sha256 }));
  await addBlock(workAs(null), { kind: 'file', hash: own, category: 'copyright' });
  const loaded = await loadClosure(em, { id: 0, permissions: 0 }, files, NOW);
  assert.deepEqual(
    loaded.map(({ isKnown, isBlocked }) => [isKnown, isBlocked]),
    [
      [true, true],
      [false, false],
    ],
  );
});
