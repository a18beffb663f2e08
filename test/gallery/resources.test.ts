import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modelPublished, modelUnpublished, versionPublished } from '../../src/catalogue/events.ts';
import { Model, ModelVersion } from '../../src/catalogue/model.ts';
import { findVersionsByHash } from '../../src/gallery/images/resolve.ts';
import { ResourceUse } from '../../src/gallery/model.ts';
import { record } from '../../src/kit/events/events.ts';
import { givenFile, givenModel, givenVersion } from '../factories/content.ts';
import { generated, painter } from './painter.ts';

const SHA = 'a1'.repeat(32);
const TENSORS = 'b2'.repeat(32);
const BLAKE = 'c3'.repeat(32);

test('a file is known by each kind of hash and by no other', async (t) => {
  const { em, ada } = await painter(t);
  const version = givenVersion(em, { model: givenModel(em, { owner: ada }) });
  givenFile(em, { version, sha256: SHA, tensorSha256: TENSORS, blake3: BLAKE, autoV1: 'd4d4d4d4', crc32: 'e5e5e5e5' });
  givenFile(em, { version: givenVersion(em, { state: 'draft' }), sha256: 'f6'.repeat(32) });
  await em.flush();
  const known = [
    SHA,
    SHA.slice(0, 10),
    SHA.slice(0, 12),
    SHA.slice(0, 8),
    TENSORS,
    TENSORS.slice(0, 12),
    BLAKE,
    'd4d4d4d4',
    'e5e5e5e5',
  ];
  const unknown = ['a1a1a1b', 'a1a1a1a2', 'f6'.repeat(32), 'f6f6f6f6f6', BLAKE.slice(0, 10), 'zzzzzzzz', "' or 1=1 --"];
  const found = await findVersionsByHash(em, [...known, ...unknown]);
  assert.deepEqual([...found.keys()].sort(), [...new Set(known)].sort());
});

test('a picture that came before its model is linked when the model arrives, and let go when it leaves', async (t) => {
  const { browser, visitor, settle, em, post, ada } = await painter(t);
  const bytes = await generated(
    `a cat <lora:brass:0.7>\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Lora hashes: "brass: ${TENSORS.slice(0, 12)}"`,
  );
  const { imageIds } = await post(ada, [{ bytes }]);
  const page = `/images/${imageIds[0]}`;
  assert.match((await visitor.get(page)).text, /not on this node yet/);

  const model = givenModel(em, { owner: ada, name: 'Brass' });
  const version = givenVersion(em, { model });
  givenFile(em, { version, sha256: SHA, tensorSha256: TENSORS });
  await em.flush();
  record(em, versionPublished, { modelId: model.id, versionId: version.id });
  await em.flush();
  await settle();
  const linked = await visitor.get(page);
  assert.match(linked.text, new RegExp(`href="/models/${model.id}\\?version=${version.id}"`));
  assert.ok(!linked.text.includes('not on this node yet'));
  assert.deepEqual(await figuresOf(em, model.id), [1, 1]);

  await em.nativeUpdate(Model, { id: model.id }, { state: 'unpublished', listedAt: null });
  record(em, modelUnpublished, { modelId: model.id });
  await em.flush();
  await settle();
  assert.match((await visitor.get(page)).text, /not on this node yet/);
  await em.nativeUpdate(Model, { id: model.id }, { state: 'published', listedAt: new Date() });
  record(em, modelPublished, { modelId: model.id });
  await em.flush();
  await settle();
  assert.ok(!(await visitor.get(page)).text.includes('not on this node yet'));
  assert.equal((await browser.get(page)).status, 200);
});

async function figuresOf(em: Parameters<typeof findVersionsByHash>[0], modelId: number): Promise<number[]> {
  const model = await em.fork().findOneOrFail(Model, modelId);
  const version = await em.fork().findOneOrFail(ModelVersion, { model: modelId });
  return [model.imageCount, version.imageCount];
}

test('the owner’s first picture in the gallery of a version is the cover, and its rating the model’s', async (t) => {
  const { browser, settle, em, post, other, ada } = await painter(t);
  const { account: bob } = await other('bob');
  const model = givenModel(em, { owner: ada, level: 1 });
  const version = givenVersion(em, { model });
  await em.flush();
  await post(bob, [{ level: 16 }], { versionId: version.id });
  const own = await post(ada, [{ level: 2 }, { level: 4 }], { versionId: version.id });
  const of = async () => {
    const { coverImageId, level, imageCount } = await em.fork().findOneOrFail(Model, model.id);
    return { coverImageId, level, imageCount };
  };
  assert.deepEqual(await of(), { coverImageId: own.imageIds[0], level: 6, imageCount: 3 });
  await browser.post(`/posts/${own.postId}/unpublication`);
  await settle();
  assert.deepEqual(await of(), { coverImageId: null, level: 6, imageCount: 1 });
});

test('resources are added and removed by hand, by the owner only', async (t) => {
  const { browser, other, em, post, ada, visitor } = await painter(t);
  const { browser: mallory } = await other();
  const model = givenModel(em, { owner: ada, name: 'Ink Wash' });
  const version = givenVersion(em, { model });
  await em.flush();
  const { imageIds } = await post(ada, [{}]);
  const page = `/images/${imageIds[0]}`;
  const found = await browser.get(`${page}/resources?q=ink`);
  assert.match(found.text, new RegExp(`name="version" value="${version.id}"`));
  assert.equal((await mallory.get(`${page}/resources?q=ink`)).status, 404);
  assert.equal((await mallory.post(`${page}/resources`, { version: String(version.id) })).status, 404);
  await browser.post(`${page}/resources`, { version: String(version.id), weight: '0.8' });
  const shown = await visitor.get(page);
  assert.match(shown.text, /Ink Wash/);
  assert.match(shown.text, />0\.8</);
  const use = await em.findOneOrFail(ResourceUse, { image: imageIds[0] ?? 0 });
  assert.equal((await mallory.post(`${page}/resources/${use.id}/removal`)).status, 404);
  await browser.post(`${page}/resources/${use.id}/removal`);
  assert.ok(!(await visitor.get(page)).text.includes('Ink Wash'));
});
