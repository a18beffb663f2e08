import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAir, writeAir } from '../../src/api/v1/models/air.ts';
import { givenFile, givenModel, givenVersion, NOW } from '../factories/content.ts';
import { BLAKE, browses, emptyShelf, furnishedShelf, keysOf, ORIGIN, SHA, TENSOR } from './shelf.ts';

test('the details of a version have the fields of Civitai', async (t) => {
  const shelf = await furnishedShelf(t);
  const { ask, ids } = shelf;

  const { status, json } = await ask(`/api/v1/model-versions/${ids.version}`);

  assert.equal(status, 200);
  const { files, images, ...facts } = json;
  assert.deepEqual(facts, {
    ...{ id: ids.version, modelId: ids.model, name: 'v2', nsfwLevel: 1, createdAt: NOW.toISOString() },
    ...{ updatedAt: NOW.toISOString(), status: 'Published', publishedAt: '2026-01-01T03:04:05.000Z' },
    ...{ trainedWords: ['inkwash'], trainingStatus: null, trainingDetails: null, baseModel: 'SD 1.5' },
    ...{ baseModelType: 'Standard', description: '<p>Better hands.</p>\n', uploadType: 'Created' },
    ...{ usageControl: 'Download', licensingFee: null, paidAccess: null },
    air: `urn:air:sd1:lora:node.example:${ids.model}@${ids.version}`,
    stats: { downloadCount: 20, thumbsUpCount: 4, ratingCount: 0, rating: 0 },
    model: { name: 'Ink wash', type: 'LORA', nsfw: true, poi: false },
    downloadUrl: `${ORIGIN}/api/download/models/${ids.version}`,
    metadata: { narrowed: true, browsingLevel: 1 },
  });
  // here `primary` is always there
  assert.deepEqual(
    files.map(({ primary }: { primary: unknown }) => primary),
    [true, false],
  );
  const [image] = images;
  assert.ok(!('id' in image), 'the id of a picture stands in lists alone');
  assert.deepEqual(image.meta, {
    ...{ prompt: 'a boat', negativePrompt: 'blur', steps: 20, sampler: 'Euler a', cfgScale: 7, seed: 42 },
    ...{ Size: '512x768', Model: 'dreamer', 'Model hash': '6ce0161689' },
    hashes: { 'lora:inkwash': SHA.slice(0, 10) },
    resources: [{ type: 'lora', name: 'inkwash', hash: SHA.slice(0, 10), weight: 0.8 }],
  });
});

test('a GGUF file names its quantisation', async (t) => {
  const { ask, ids } = await furnishedShelf(t);
  const { json } = await ask(`/api/v1/model-versions/${ids.checkpointVersion}`);
  assert.deepEqual(json.files[0].metadata, { format: 'GGUF', size: 'pruned', quantType: 'Q4_K_M' });
});

test('a version that is not there, or not for whoever asks, is “Model not found”', async (t) => {
  const { ask, em, ada, tokenOf } = await furnishedShelf(t);
  const owner = em.getReference('Account', ada.id) as typeof ada;
  const draft = givenVersion(em, { model: givenModel(em, { owner, state: 'draft', listedAt: null }), state: 'draft' });
  await em.flush();
  for (const id of [draft.id, 99_999]) {
    const { status, json } = await ask(`/api/v1/model-versions/${id}`);
    assert.deepEqual([status, json], [404, { error: 'Model not found' }]);
  }
  const own = await ask(`/api/v1/model-versions/${draft.id}`, { token: await tokenOf(ada) });
  assert.deepEqual([own.status, own.json.status], [200, 'Draft']);
  for (const id of ['0', 'ink', '2147483648']) {
    assert.equal((await ask(`/api/v1/model-versions/${id}`)).status, 400, id);
  }
});

test('a version is found by every kind of hash, in any case, and by the first digits of a long one', async (t) => {
  const { ask, ids } = await furnishedShelf(t);
  const good = [
    ...[SHA, SHA.toUpperCase(), `0x${SHA}`, SHA.slice(0, 10), SHA.slice(0, 8), SHA.slice(0, 33)],
    ...[TENSOR, TENSOR.slice(0, 12), `0x${TENSOR}`, TENSOR.slice(0, 12).toUpperCase()],
    ...[BLAKE, '1a2b3c4d', '1A2B3C4D', '0D4A1185'],
  ];
  for (const hash of good) {
    const { status, json, headers } = await ask(`/api/v1/model-versions/by-hash/${hash}`);
    assert.deepEqual([status, json?.id], [200, ids.version], hash);
    assert.match(headers.get('cache-control') ?? '', /s-maxage=3600/);
  }
  const bad = ['E3B0C44298FC', 'e3b0c44298fc1c14', 'ffffffff', SHA.slice(0, 7), 'ink', `${SHA}0`, '%20'];
  for (const hash of bad) {
    const { status, json } = await ask(`/api/v1/model-versions/by-hash/${hash}`);
    assert.deepEqual([status, json], [404, { error: 'Model not found' }], hash);
  }
});

test('of several versions with one file the earliest published answers, then the lowest id', async (t) => {
  const { em, ada, ask } = await emptyShelf(t);
  const owner = em.getReference('Account', ada.id) as typeof ada;
  const at = (day: number) => new Date(Date.UTC(2025, 5, day));
  const versions = [3, 1, 1].map((day) => givenVersion(em, { model: givenModel(em, { owner }), publishedAt: at(day) }));
  for (const version of versions) givenFile(em, { version, sha256: SHA });
  await em.flush();
  assert.equal((await ask(`/api/v1/model-versions/by-hash/${SHA}`)).json.id, versions[1]?.id);
});

test('an unlisted model is told of to whoever has its whole hash, and not by the start of one', async (t) => {
  const { em, ada, ask } = await emptyShelf(t);
  const owner = em.getReference('Account', ada.id) as typeof ada;
  const model = givenModel(em, { owner, visibility: 'unlisted', listedAt: null });
  const version = givenVersion(em, { model });
  givenFile(em, { version, sha256: SHA });
  await em.flush();
  assert.equal((await ask(`/api/v1/model-versions/by-hash/${SHA}`)).json.id, version.id);
  assert.equal((await ask(`/api/v1/model-versions/by-hash/${SHA.slice(0, 10)}`)).status, 404);
});

test('many hashes are asked at once: one entry for each file, misses left out', async (t) => {
  const { ask, ids, em } = await furnishedShelf(t);
  const twin = givenFile(em, { version: ids.older, isPrimary: false, sha256: 'dd'.repeat(32) });
  givenFile(em, { version: ids.older, isPrimary: false, sha256: 'ee'.repeat(32) });
  await em.flush();
  const body = [SHA.toUpperCase(), twin.sha256, 'ee'.repeat(32), '12'.repeat(32)];

  const details = await ask('/api/v1/model-versions/by-hash', { method: 'POST', body });
  assert.equal(details.status, 200);
  assert.deepEqual(details.json.map(({ id }: { id: number }) => id).sort(), [ids.version, ids.older, ids.older].sort());
  assert.ok(keysOf(details.json[0]).includes('air'));
  assert.equal(new URL(details.json[0].downloadUrl).origin, ORIGIN);

  const found = await ask('/api/v1/model-versions/by-hash/ids', { method: 'POST', body });
  assert.deepEqual(found.json[0], { modelVersionId: ids.version, modelId: ids.model, hash: SHA.toUpperCase() });
  assert.equal(found.json.length, 3);
});

test('a list of hashes that is too long or no list is refused', async (t) => {
  const { ask } = await emptyShelf(t);
  const post = (path: string, body: unknown) => ask(path, { method: 'POST', body });
  const path = '/api/v1/model-versions/by-hash';
  const many = (n: number) => Array.from({ length: n }, (_, at) => at.toString(16).padStart(64, 'a'));
  assert.equal((await post(path, many(100))).status, 200);
  assert.equal((await post(`${path}/ids`, many(10_000))).status, 200);
  for (const [where, body] of [
    [path, many(101)],
    [`${path}/ids`, many(10_001)],
    [path, { hashes: [] }],
    [path, ['short']],
    [path, [42]],
    [path, '{nonsense'],
    [path, 'null'],
  ] as const) {
    const { status, json } = await post(where, body);
    assert.equal(status, 400, JSON.stringify(body).slice(0, 60));
    assert.deepEqual(keysOf(json), ['error']);
  }
  assert.equal((await post(path, `["${'a'.repeat(200_000)}"]`)).status, 413);
});

test('a file of elsewhere is found when that is asked for', async (t) => {
  const { ask, ids } = await furnishedShelf(t);
  const hash = 'cc'.repeat(32);
  assert.equal((await ask(`/api/v1/model-versions/by-hash/${hash}`)).status, 404);
  const { json } = await ask(`/api/v1/model-versions/by-hash/${hash}?scope=known`);
  assert.deepEqual([json.modelId, json.home], [ids.remote, 'https://far.example/models/1']);
  assert.ok(!('downloadUrl' in json));
});

test('a recipe that its author keeps back is not in the details', async (t) => {
  const shelf = await furnishedShelf(t);
  const { ask, ids, node, ada } = shelf;
  await node.orm.em.fork().nativeUpdate('Image', { id: ids.image }, { isRecipeHidden: true });
  await browses(shelf, ada, 31);
  const { images } = (await ask(`/api/v1/model-versions/${ids.version}`, { token: await shelf.tokenOf(ada) })).json;
  assert.deepEqual([images[0].hasMeta, images[0].hasPositivePrompt, images[0].meta], [false, false, null]);
});

test('AIR names are written and read, and name a version of this node', async (t) => {
  const named = { ecosystem: 'sdxl', type: 'LoCon', modelId: 12, versionId: 34 } as const;
  assert.equal(writeAir(named, 'node.example'), 'urn:air:sdxl:lycoris:node.example:12@34');
  assert.deepEqual(readAir('urn:air:sdxl:lora:civitai:328553@368189+77.safetensors'), {
    ...{ ecosystem: 'sdxl', type: 'lora', source: 'civitai', id: '328553', version: '368189' },
    ...{ fileId: '77', format: 'safetensors' },
  });
  assert.equal(
    readAir('air:flux1:checkpoint:huggingface:black-forest-labs/FLUX.1-dev')?.id,
    'black-forest-labs/FLUX.1-dev',
  );
  assert.equal(readAir('sd1:embedding:civitai:4629@5637')?.version, '5637');
  for (const text of ['', 'urn:air:', 'sd1:lora:civitai', 'a b:c:d:e', 'x'.repeat(500)])
    assert.equal(readAir(text), null);

  const { ask, ids } = await furnishedShelf(t);
  const air = encodeURIComponent(`urn:air:sd1:lora:node.example:${ids.model}@${ids.version}`);
  assert.equal((await ask(`/api/v1/model-versions/${air}`)).json.id, ids.version);
  const other = encodeURIComponent(`urn:air:sd1:lora:civitai:${ids.model}@${ids.version}`);
  assert.equal((await ask(`/api/v1/model-versions/${other}`)).status, 404);
});
