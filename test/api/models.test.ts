import assert from 'node:assert/strict';
import { test } from 'node:test';
import { indexModel } from '../../src/discovery/index/keep.ts';
import { Image, Reaction } from '../../src/gallery/model.ts';
import { SeenModel } from '../../src/gallery/seen/model.ts';
import { rows } from '../../src/kit/database/sql.ts';
import { RESTRICTION } from '../../src/safety/policy.ts';
import { restrict } from '../../src/safety/restrict.ts';
import { givenAccount, givenImage, givenModel, givenPost, givenVersion, NOW } from '../factories/content.ts';
import { browses, emptyShelf, furnishedShelf, type Json, keysOf, ORIGIN, SHA } from './shelf.ts';

const names = ({ json }: { json: Json }): string[] => json.items.map((item: Json) => item.name);

test('a model of the list has the fields of Civitai in its spellings', async (t) => {
  const { ask, ada, ids } = await furnishedShelf(t);

  const { status, json, headers } = await ask('/api/v1/models');

  assert.equal(status, 200);
  assert.match(headers.get('content-type') ?? '', /^application\/json; charset=utf-8/);
  assert.equal(headers.get('cache-control'), 'public, s-maxage=300, stale-while-revalidate=150');
  assert.deepEqual(keysOf(json), ['items', 'metadata']);
  const [model] = json.items;
  assert.deepEqual(
    keysOf(model),
    [
      ...['allowCommercialUse', 'allowDerivatives', 'allowDifferentLicense', 'allowNoCredit', 'availability'],
      ...['baseModels', 'cosmetic', 'creator', 'description', 'id', 'minor', 'modelVersions', 'name', 'nsfw'],
      ...['nsfwLevel', 'poi', 'sfwOnly', 'stats', 'supportsGeneration', 'tags', 'type', 'userId'],
    ].sort(),
  );
  const { modelVersions: versions, ...facts } = model;
  assert.deepEqual(facts, {
    ...{ id: ids.model, name: 'Ink wash', description: '<p>Soft <strong>ink</strong>.</p>\n', type: 'LORA' },
    ...{ nsfw: true, nsfwLevel: 5, poi: false, minor: false, sfwOnly: false, availability: 'Public' },
    ...{ allowNoCredit: false, allowCommercialUse: ['Image', 'Rent'], allowDerivatives: true },
    ...{ allowDifferentLicense: true, supportsGeneration: true, userId: ada.id, cosmetic: null },
    ...{ baseModels: ['SD 1.5', 'SDXL 1.0'], creator: { username: 'ada', image: null }, tags: ['style'] },
    stats: {
      ...{ downloadCount: 30, favoriteCount: 0, thumbsUpCount: 2, thumbsDownCount: 1, commentCount: 3 },
      ...{ ratingCount: 0, rating: 0, tippedAmountCount: 0 },
    },
  });

  const [version, older] = versions;
  assert.deepEqual([version.index, version.name, older.index, older.name], [0, 'v2', 1, 'v1']);
  const { files, images, ...told } = version;
  assert.deepEqual(told, {
    ...{ id: ids.version, index: 0, name: 'v2', baseModel: 'SD 1.5', baseModelType: 'Standard' },
    ...{ publishedAt: '2026-01-01T03:04:05.000Z', createdAt: NOW.toISOString(), updatedAt: NOW.toISOString() },
    ...{ status: 'Published', availability: 'Public', nsfwLevel: 1, description: '<p>Better hands.</p>\n' },
    ...{ trainedWords: ['inkwash'], covered: true, supportsGeneration: true, paidAccess: null },
    stats: { downloadCount: 20, thumbsUpCount: 4, thumbsDownCount: 1 },
    downloadUrl: `${ORIGIN}/api/download/models/${ids.version}`,
  });
  const [file, other] = files;
  assert.deepEqual(file, {
    ...{ id: ids.file, sizeKB: 2, name: 'inkwash.safetensors', type: 'Model', pickleScanResult: 'Success' },
    ...{ pickleScanMessage: null, virusScanResult: 'Pending', virusScanMessage: null },
    scannedAt: '2026-01-01T03:04:05.000Z',
    metadata: { format: 'SafeTensor', size: 'pruned', fp: 'fp16' },
    hashes: {
      ...{ AutoV1: '1A2B3C4D', AutoV2: SHA.slice(0, 10).toUpperCase(), AutoV3: '5E6F7A8B5E6F' },
      ...{ SHA256: SHA.toUpperCase(), BLAKE3: '9C0D1E2F'.repeat(8), CRC32: '0D4A1185' },
    },
    ...{ downloadUrl: `${ORIGIN}/api/download/models/${ids.version}`, primary: true },
  });
  // in a list what is not primary has no such field, and its address says which file it is
  assert.ok(!('primary' in other));
  assert.equal(
    other.downloadUrl,
    `${ORIGIN}/api/download/models/${ids.version}?type=Model&format=SafeTensor&size=full&fp=fp16&fileId=${ids.pruned}`,
  );
  assert.deepEqual(images, [
    {
      ...{ id: ids.image, url: `${ORIGIN}/media/full/${ids.image}.webp`, nsfwLevel: 1, width: 512, height: 768 },
      ...{ hash: 'UBL_:rOpGG-oBUNG', type: 'image', hasMeta: true, hasPositivePrompt: true, onSite: false },
      ...{ remixOfId: null, minor: false, poi: false, availability: 'Public' },
    },
  ]);
  // no next page: neither key
  assert.deepEqual(json.metadata, {});
});

test('a picture names what it is a remix of as long as that is public', async (t) => {
  const { ask, em, ids } = await furnishedShelf(t);
  const ben = givenAccount(em, { name: 'ben' });
  const original = givenImage(em, { post: givenPost(em, { owner: ben }), owner: ben });
  await em.flush();
  await em.nativeUpdate(Image, { id: ids.image }, { remixOf: original.id });
  const named = async () => (await ask(`/api/v1/model-versions/${ids.version}`)).json.images[0].remixOfId;
  assert.equal(await named(), original.id);
  await em.nativeUpdate(Image, { id: original.id }, { listedAt: null });
  assert.equal(await named(), null);
});

test('without a token a list holds PG, and says when more was asked for', async (t) => {
  const shelf = await furnishedShelf(t);
  const { ask, ada, tokenOf } = shelf;
  const token = await tokenOf(ada);

  assert.deepEqual(names(await ask('/api/v1/models')), ['Ink wash']);
  const wide = await ask('/api/v1/models?nsfw=true');
  assert.deepEqual(names(wide), ['Ink wash']);
  assert.deepEqual(wide.json.metadata, { narrowed: true, browsingLevel: 1 });

  await browses(shelf, ada, 1 | 2 | 4);
  const own = await ask('/api/v1/models?nsfw=true', { token });
  assert.deepEqual(names(own), ['Dreamer', 'Ink wash']);
  assert.equal(own.json.items[1].modelVersions[0].images.length, 2);
  assert.deepEqual(own.json.metadata, { narrowed: true, browsingLevel: 7 });
  assert.equal(own.headers.get('cache-control'), 'private, no-store');
  await browses(shelf, ada, 31);
  assert.deepEqual((await ask('/api/v1/models?nsfw=true', { token })).json.metadata, {});
  // absent or false is PG alone, whoever asks
  assert.deepEqual(names(await ask('/api/v1/models', { token })), ['Ink wash']);
  assert.deepEqual(names(await ask('/api/v1/models?nsfw=false', { token })), ['Ink wash']);
});

test('the owner may open more ratings to those who send no token', async (t) => {
  const { ask } = await furnishedShelf(t, { env: { API_ANONYMOUS_LEVELS: 'pg, PG-13, R' } });
  const { json } = await ask('/api/v1/models?nsfw=true');
  assert.deepEqual(names({ json }), ['Dreamer', 'Ink wash']);
  assert.deepEqual(json.metadata, { narrowed: true, browsingLevel: 7 });
});

test('each order of Civitai is one of ours', async (t) => {
  const { ask } = await furnishedShelf(t, { env: { API_ANONYMOUS_LEVELS: 'PG,R' } });
  const sorted = async (sort: string) =>
    names(await ask(`/api/v1/models?nsfw=true&sort=${encodeURIComponent(sort)}`))[0];
  for (const sort of ['Highest Rated', 'Most Downloaded', 'Most Liked', 'Most Images', 'Oldest'])
    assert.equal(await sorted(sort), 'Dreamer', sort);
  for (const sort of ['Most Discussed', 'Most Collected', 'Newest']) assert.equal(await sorted(sort), 'Ink wash', sort);
  assert.equal((await ask('/api/v1/models?sort=Prettiest')).status, 400);
});

test('each filter leaves in what it names', async (t) => {
  const { ask, ids } = await furnishedShelf(t, { env: { API_ANONYMOUS_LEVELS: 'PG,R' } });
  const of = async (query: string) => names(await ask(`/api/v1/models?nsfw=true&sort=Newest&${query}`));
  const [ink, dream, both, none] = [['Ink wash'], ['Dreamer'], ['Ink wash', 'Dreamer'], []];
  const cases: readonly [string, readonly string[]][] = [
    ['types=LORA', ink],
    ['types=LORA&types=Checkpoint', both],
    ['types[]=Checkpoint', dream],
    ['types=LORA,Checkpoint', both],
    ['type=Checkpoint', dream],
    ['baseModels=Pony', dream],
    ['baseModels=SDXL%201.0', ink],
    ['baseModels=something-else', none],
    ['tag=style', ink],
    ['tag=Style', ink],
    ['tag=nothing', none],
    ['username=ada', both],
    ['username=nobody', none],
    [`ids=${ids.model},${ids.checkpoint}`, both],
    [`ids=${ids.checkpoint}`, dream],
    [`modelVersionIds=${ids.older}`, ink],
    ['period=Day', ink],
    ['period=Week', both],
    ['allowNoCredit=false', ink],
    ['allowNoCredit=true', dream],
    ['allowDerivatives=true', both],
    ['allowCommercialUse=Rent', ink],
    ['allowCommercialUse=Rent,Sell', ink],
    ['period=Day&periodMode=stats', both],
    // what the pages of this node narrow by too
    ['excludeTags=style', dream],
    ['excludeTags=style,nothing', dream],
    ['browsingLevel=1', ink],
    ['browsingLevel=4', both],
    ['fileFormats=GGUF', dream],
    ['fileFormats=GGUF,SafeTensor', both],
    ['minSizeKB=2', ink],
    ['maxSizeKB=1', both],
    ['minSizeKB=1&maxSizeKB=2', ink],
    ['fileFormats=GGUF&minSizeKB=2', none],
    ['runsHere=true', none],
    ['checkpointType=Trained', dream],
    ['checkpointType=Merge', none],
    ['supportsGeneration=true', both],
    ['earlyAccess=true', none],
    ['query=', both],
  ];
  for (const [query, expected] of cases) assert.deepEqual(await of(query), expected, query);
  const primary = await ask(`/api/v1/models?ids=${ids.model}&primaryFileOnly=true`);
  assert.equal(primary.json.items[0].modelVersions[0].files.length, 1);
});

test('what one has opened is left out for who sends a token, and a trend is an order', async (t) => {
  const { ask, ids, em, ada, tokenOf } = await furnishedShelf(t, { env: { API_ANONYMOUS_LEVELS: 'PG,R' } });
  await em.nativeUpdate('Model', { id: ids.checkpoint }, { trendScore: 5 });
  assert.deepEqual(names(await ask('/api/v1/models?nsfw=true&sort=Trending')), ['Dreamer']);
  const token = await tokenOf(ada);
  const unseen = async () => names(await ask('/api/v1/models?unseen=true', { token }));
  assert.deepEqual(await unseen(), ['Ink wash']);
  await em.insert(SeenModel, { account: ada.id, model: ids.model, at: NOW });
  assert.deepEqual(await unseen(), []);
  assert.equal((await ask('/api/v1/models?unseen=true')).status, 401);
});

test('a search finds models by the words of the index', async (t) => {
  const { ask, em, node } = await furnishedShelf(t);
  const all = await rows<{ id: number }>(em, 'select id from model');
  for (const { id } of all) await indexModel({ em: node.orm.em.fork() }, id);
  assert.deepEqual(names(await ask('/api/v1/models?query=ink')), ['Ink wash']);
  assert.deepEqual(names(await ask('/api/v1/models?query=ink&page=1')), ['Ink wash']);
  assert.deepEqual(names(await ask('/api/v1/models?query=%25')), []);
});

test('a list is read by cursor to its end, each model once', async (t) => {
  const { em, ada, ask } = await emptyShelf(t);
  const owner = em.getReference('Account', ada.id) as typeof ada;
  for (let n = 0; n < 7; n += 1) {
    const model = givenModel(em, { owner, name: `m${n}`, downloadCount: Math.floor(n / 3) });
    givenVersion(em, { model });
  }
  await em.flush();
  for (const sort of ['Most Downloaded', 'Newest', 'Oldest']) {
    const seen: string[] = [];
    let path = `/api/v1/models?limit=3&sort=${encodeURIComponent(sort)}&types=LORA`;
    for (let page = 0; path !== ''; page += 1) {
      assert.ok(page < 4, 'the list ends');
      const { json } = await ask(path);
      seen.push(...json.items.map((item: Json) => item.name));
      const { nextPage, nextCursor } = json.metadata;
      assert.equal(nextPage === undefined, nextCursor === undefined);
      if (nextPage !== undefined) {
        const link = new URL(nextPage);
        assert.equal(link.origin, ORIGIN);
        assert.deepEqual([link.searchParams.get('cursor'), link.searchParams.get('limit')], [nextCursor, '3']);
        assert.equal(link.searchParams.get('types'), 'LORA');
      }
      path = nextPage === undefined ? '' : new URL(nextPage).pathname + new URL(nextPage).search;
    }
    assert.equal(new Set(seen).size, 7, sort);
    assert.equal(seen.length, 7, sort);
  }
  assert.equal((await ask('/api/v1/models?cursor=made-up')).status, 400);
  assert.deepEqual((await ask('/api/v1/models?limit=0')).json.items, []);
});

test('a list is read by page too, with the figures that older programs read, and not too deep', async (t) => {
  const { em, ada, ask } = await emptyShelf(t);
  const owner = em.getReference('Account', ada.id) as typeof ada;
  for (let n = 0; n < 5; n += 1) givenVersion(em, { model: givenModel(em, { owner, name: `m${n}` }) });
  await em.flush();

  const first = await ask('/api/v1/models?limit=2&page=1');
  const { nextCursor, nextPage, ...figures } = first.json.metadata;
  assert.deepEqual(figures, { currentPage: 1, pageSize: 2, totalItems: 5, totalPages: 3 });
  assert.equal(nextPage, `${ORIGIN}/api/v1/models?limit=2&page=2`);
  const last = await ask('/api/v1/models?limit=2&page=3');
  assert.equal(last.json.items.length, 1);
  assert.deepEqual(last.json.metadata, {
    ...{ currentPage: 3, pageSize: 2, totalItems: 5, totalPages: 3 },
    prevPage: `${ORIGIN}/api/v1/models?limit=2&page=2`,
  });
  // a cursor wins
  const both = await ask(`/api/v1/models?limit=2&page=1&cursor=${nextCursor}`);
  assert.equal(both.json.items[0].name, (await ask('/api/v1/models?limit=2&page=2')).json.items[0].name);
  assert.ok(!('currentPage' in both.json.metadata));

  const deep = await ask('/api/v1/models?limit=100&page=11');
  assert.equal(deep.status, 429);
  assert.match(deep.json.error, /cursor/);
  assert.equal((await ask('/api/v1/models?limit=100&page=10')).status, 200);
});

test('what does not fit is refused with 400 and a sentence', async (t) => {
  const { ask } = await emptyShelf(t);
  for (const query of [
    ...['limit=101', 'limit=-1', 'limit=many', 'page=0', 'types=Unicorn', 'ids=0', 'ids=a', 'nsfw=perhaps'],
    ...['period=Decade', 'rating=9', `query=${'x'.repeat(300)}`, 'limit=1&limit=2', 'sort=newest'],
  ]) {
    const { status, json } = await ask(`/api/v1/models?${query}`);
    assert.equal(status, 400, query);
    assert.deepEqual(keysOf(json), ['error'], query);
    assert.equal(typeof json.error, 'string');
  }
});

test('lists of one’s own need a token, and hold what is one’s own', async (t) => {
  const { ask, ada, tokenOf, ids, em } = await furnishedShelf(t);
  const token = await tokenOf(ada);
  for (const list of ['favorites', 'hidden', 'followed']) {
    const { status, json } = await ask(`/api/v1/models?${list}=true`);
    assert.deepEqual([status, json], [401, { error: 'Unauthorized' }], list);
    assert.deepEqual(names(await ask(`/api/v1/models?${list}=true`, { token })), [], list);
  }
  em.create(Reaction, {
    ...{ id: '0190b7a2-7c1e-7000-8000-0000000000aa', account: ada.id, model: ids.model, createdAt: NOW },
  });
  await em.flush();
  assert.deepEqual(names(await ask('/api/v1/models?favorites=true', { token })), ['Ink wash']);
});

test('remote models are in the list when they are asked for, with their home', async (t) => {
  const { ask } = await furnishedShelf(t);
  const { json } = await ask('/api/v1/models?scope=known&sort=Newest');
  assert.deepEqual(names({ json }), ['Ink wash', 'From afar']);
  const [, far] = json.items;
  assert.equal(far.home, 'https://far.example/models/1');
  // no verified copy of it is here
  assert.ok(!('downloadUrl' in far.modelVersions[0]) && !('downloadUrl' in far.modelVersions[0].files[0]));
  assert.deepEqual(names(await ask('/api/v1/models?sort=Newest')), ['Ink wash']);
});

test('one model is shown with what whoever asks may be given', async (t) => {
  const shelf = await furnishedShelf(t);
  const { ask, ids, ada, tokenOf } = shelf;
  const { status, json } = await ask(`/api/v1/models/${ids.model}`);
  assert.equal(status, 200);
  assert.equal(json.modelVersions[0].images.length, 1);
  assert.deepEqual(json.metadata, { narrowed: true, browsingLevel: 1 });
  await browses(shelf, ada, 31);
  const own = await ask(`/api/v1/models/${ids.model}`, { token: await tokenOf(ada) });
  assert.equal(own.json.modelVersions[0].images.length, 2);
  assert.ok(!('metadata' in own.json));
  assert.deepEqual((await ask('/api/v1/models/999')).json, { error: 'No model with id 999' });
  assert.equal((await ask('/api/v1/models/999')).status, 404);
  for (const id of ['0', 'ink', '2147483648', '-1', '1.5']) {
    assert.equal((await ask(`/api/v1/models/${id}`)).status, 400, id);
  }
});

test('what is kept back is in no list and is not answered', async (t) => {
  const { ask, ids, node } = await furnishedShelf(t);
  const em = node.orm.em.fork();
  await em.transactional((tx) => restrict(tx, { kind: 'model', id: ids.model }, 'case:1', RESTRICTION.view, NOW));
  const { status, json } = await ask(`/api/v1/models/${ids.model}`);
  assert.equal(status, 451);
  assert.deepEqual(keysOf(json), ['error']);
  assert.deepEqual(names(await ask('/api/v1/models')), []);
  assert.equal((await ask(`/api/v1/model-versions/${ids.version}`)).status, 451);
  assert.equal((await ask(`/api/v1/model-versions/by-hash/${SHA}`)).status, 404);
  assert.deepEqual((await ask('/api/v1/model-versions/by-hash/ids', { method: 'POST', body: [SHA] })).json, []);
});

test('what nobody may download is archived: it has no files and no address', async (t) => {
  const { ask, ids, node } = await furnishedShelf(t);
  const em = node.orm.em.fork();
  await em.transactional((tx) => restrict(tx, { kind: 'model', id: ids.model }, 'case:1', RESTRICTION.download, NOW));
  const { json } = await ask(`/api/v1/models/${ids.model}`);
  assert.equal(json.mode, 'Archived');
  assert.deepEqual(json.modelVersions[0].files, []);
  assert.ok(!('downloadUrl' in json.modelVersions[0]));
});

test('two programs ask for the base models by a wrong word, and read the list out of the refusal', async (t) => {
  const { ask } = await emptyShelf(t);
  for (const word of ['GetModels', 'gimmethelist']) {
    const { status, json } = await ask(`/api/v1/models?baseModels=${word}`);
    assert.equal(status, 400);
    assert.ok(json.error.issues[0].unionErrors[0].issues[0].options.includes('SDXL 1.0'));
    assert.ok(JSON.parse(json.error.message)[0].errors[0][0].values.includes('SDXL 1.0'));
  }
});
