import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createModel } from '../../src/catalogue/create.ts';
import { saveVersion, VersionForm } from '../../src/catalogue/edit.ts';
import { Model, ModelFile, ModelVersion } from '../../src/catalogue/model.ts';
import { publishVersion } from '../../src/catalogue/publish.ts';
import { searchIndexOf } from '../../src/discovery/index/search-index.ts';
import { Image, ImageRaw, ResourceUse } from '../../src/gallery/model.ts';
import { newId } from '../../src/kit/ids.ts';
import { textOf } from '../accounts/browser.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { bytesAt, generated, type Painter, painter } from '../gallery/painter.ts';
import { blobsOf, carryOut, stepsOf } from './takedowns.ts';

const NAME = /jane.{0,2}doe/i;
const words = (more: Record<string, unknown> = {}) => ({
  ...{ name: 'Jane Doe style', type: 'LORA', description: 'Paints like **Jane Doe**.\n\nNice.', level: '1' },
  ...{ versionName: 'JaneDoe v1', baseModel: 'SD 1.5', trainedWords: 'jane_doe\nsoft light', changelog: '' },
  ...{ tags: 'jane doe, painting', settings: 'artist: Jane Doe', allowNoCredit: '1' },
  ...more,
});

/** A published LoRA that bears a painter's name wherever one can be, with a picture of somebody else made with it. */
async function named(site: Painter) {
  const { ada, workAs, give, em, post, other } = site;
  const version = await createModel(workAs(ada), { type: 'LORA', baseModel: 'SD 1.5' });
  const modelId = version.model.id;
  await give(
    version.id,
    kohyaLoraSd1({ name: 'jane-doe', metadata: { ss_tag_frequency: '{"1_jane doe": {"jane doe": 12}}' } }),
    'jane-doe_v1.safetensors',
  );
  await saveVersion(workAs(ada), version.id, VersionForm.parse(words()));
  await publishVersion(workAs(ada), version.id);
  const { account, browser: theirs } = await other('wendy');
  const bytes = await generated('a barn by Jane Doe, <lora:jane-doe:1>\nSteps: 4, Seed: 1, Size: 64x48');
  const { imageIds } = await post(account, [{ bytes }]);
  const [imageId = 0] = imageIds;
  const fork = em.fork();
  const use = { kind: 'lora', name: 'jane-doe', version: version.id, model: modelId } as const;
  fork.create(ResourceUse, { id: newId(), image: imageId, position: 9, ...use }, { persist: true });
  await fork.flush();
  await site.settle();
  return { modelId, versionId: version.id, imageId, theirs };
}

const DECISION = { outcome: 'de_attribute', category: 'style', parameters: { names: ['Jane Doe'] } } as const;

test('a painter’s name leaves title, address, tags, words, prompts, files and search, and the file is another one', async (t) => {
  const site = await painter(t);
  const { em, visitor } = site;
  const { modelId, versionId, imageId } = await named(site);
  const before = await em.fork().findOneOrFail(ModelFile, { version: versionId });
  assert.match((await visitor.get(`/models/${modelId}`)).text, NAME);
  assert.match((await bytesAt(visitor, `/media/original/${imageId}.png`)).bytes.toString('latin1'), NAME);

  const takedown = await carryOut(site, { target: { kind: 'model', id: modelId }, ...DECISION });

  assert.deepEqual(
    Object.values(await stepsOf(em, takedown)).filter((state) => state !== 'done'),
    [],
  );
  const page = (await visitor.get(`/models/${modelId}`)).text;
  assert.doesNotMatch(page, NAME);
  assert.match(textOf(page), /A name was removed from this model after a claim/);
  // an address that somebody kept leads to the page as it is now, and nowhere that bears the name
  const kept = await visitor.get(`/models/${modelId}/jane-doe-style`);
  assert.deepEqual([kept.status, kept.location], [200, '']);
  assert.match(kept.text, new RegExp(`rel="canonical" href="/models/${modelId}/style"`));
  for (const path of [`/images/${imageId}`, `/images/${imageId}/workflow.json`])
    assert.doesNotMatch((await visitor.get(path)).text, NAME, path);
  for (const index of ['model', 'image'] as const)
    assert.deepEqual(await searchIndexOf(em).find(em.fork(), index, ['jane'], 10), [], index);
  const file = await em.fork().findOneOrFail(ModelFile, before.id);
  assert.notEqual(file.sha256, before.sha256);
  assert.equal(file.tensorSha256, before.tensorSha256);
  assert.equal(file.replaces, before.sha256);
  const download = await bytesAt(visitor, `/api/download/models/${versionId}`);
  assert.equal(download.status, 200);
  assert.doesNotMatch(download.bytes.toString('latin1'), NAME);
  assert.doesNotMatch(download.headers.get('content-disposition') ?? '', NAME);
  assert.ok(!(await blobsOf(site)).has(before.sha256));
  const original = await bytesAt(visitor, `/media/original/${imageId}.png`);
  assert.equal(original.status, 200);
  assert.doesNotMatch(original.bytes.toString('latin1'), NAME);
  assert.match(original.bytes.toString('latin1'), /a barn by/);
  const rows = [
    ...(await em.fork().find(Model, modelId)),
    ...(await em.fork().find(ModelVersion, versionId)),
    ...(await em.fork().find(ModelFile, { version: versionId })),
    ...(await em.fork().find(Image, imageId)),
    ...(await em.fork().find(ImageRaw, { image: imageId })),
    ...(await em.fork().find(ResourceUse, { image: imageId })),
  ];
  assert.doesNotMatch(JSON.stringify(rows), NAME);
});

test('the name comes back by no field, no tag, no file, no later picture and no new version', async (t) => {
  const site = await painter(t);
  const { ada, em, workAs, give, post, settle } = site;
  const { modelId, versionId } = await named(site);
  await carryOut(site, { target: { kind: 'model', id: modelId }, ...DECISION });
  const clean = {
    ...{ name: 'Soft barns', description: '', versionName: 'v1', trainedWords: '', tags: 'painting', settings: '' },
  };

  for (const field of ['name', 'description', 'versionName', 'trainedWords', 'tags', 'settings', 'changelog'])
    await assert.rejects(
      saveVersion(workAs(ada), versionId, VersionForm.parse(words({ ...clean, [field]: 'of: JАNE—doe' }))),
      { kind: 'invalid' },
      field,
    );
  await saveVersion(workAs(ada), versionId, VersionForm.parse(words(clean)));

  await assert.rejects(give(versionId, kohyaLoraSd1({ name: 'other', seed: 'x' }), 'Jane_Doe.safetensors'), {
    kind: 'invalid',
  });
  const header = kohyaLoraSd1({ name: 'jane doe', seed: 'y' });
  await assert.rejects(give(versionId, header, 'plain.safetensors'), { kind: 'invalid' });
  assert.equal(await em.fork().count(ModelFile, { version: versionId }), 1);

  const bytes = await generated('a second barn by Jane Doe\nSteps: 4, Seed: 2, Size: 64x48');
  const { imageIds } = await post(ada, [{ bytes }], { versionId });
  await settle();
  const image = await em.fork().findOneOrFail(Image, imageIds[0] ?? 0);
  assert.equal(image.recipe?.prompt, 'a second barn by ▇▇▇');
});

test('an undone de-attribution puts the words back', async (t) => {
  const site = await painter(t);
  const { em } = site;
  const { modelId, imageId } = await named(site);
  const takedown = await carryOut(site, { target: { kind: 'model', id: modelId }, ...DECISION });
  await carryOut(site, { target: { kind: 'model', id: modelId }, outcome: 'undo', parameters: { undoes: takedown } });
  assert.equal((await em.fork().findOneOrFail(Model, modelId)).name, 'Jane Doe style');
  assert.match((await em.fork().findOneOrFail(Image, imageId)).recipe?.prompt ?? '', NAME);
});
