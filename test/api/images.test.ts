import assert from 'node:assert/strict';
import { test } from 'node:test';
import { indexPost } from '../../src/discovery/index/keep.ts';
import { SeenImage } from '../../src/gallery/seen/model.ts';
import { RESTRICTION } from '../../src/safety/policy.ts';
import { restrict } from '../../src/safety/restrict.ts';
import { givenImage, givenPost, NOW } from '../factories/content.ts';
import { browses, emptyShelf, furnishedShelf, type Json, ORIGIN } from './shelf.ts';

const idsOf = ({ json }: { json: Json }): number[] => json.items.map(({ id }: Json) => id);

test('an image of the list has the fields of Civitai', async (t) => {
  const { ask, ids } = await furnishedShelf(t);
  const { status, json, headers } = await ask('/api/v1/images');
  assert.equal(status, 200);
  assert.match(headers.get('cache-control') ?? '', /^public, s-maxage=300/);
  assert.deepEqual(json, {
    items: [
      {
        ...{ id: ids.image, url: `${ORIGIN}/media/full/${ids.image}.webp`, hash: 'UBL_:rOpGG-oBUNG', width: 512 },
        ...{ height: 768, type: 'image', nsfw: false, nsfwLevel: 'None', browsingLevel: 1 },
        ...{ createdAt: NOW.toISOString(), postId: ids.post, username: 'ada', baseModel: 'SD 1.5' },
        ...{ modelVersionIds: [ids.version], meta: null },
        stats: { cryCount: 0, laughCount: 0, likeCount: 5, dislikeCount: 0, heartCount: 0, commentCount: 0 },
      },
    ],
    metadata: {},
  });
});

test('nsfw adds ratings word by word, true is mature alone, and browsingLevel wins', async (t) => {
  const shelf = await emptyShelf(t);
  const { em, ask, ada, tokenOf } = shelf;
  const owner = em.getReference('Account', ada.id) as typeof ada;
  const post = givenPost(em, { owner, level: 31 });
  for (const level of [1, 2, 4, 8, 16]) givenImage(em, { post, owner, level });
  await em.flush();
  await browses(shelf, ada, 31);
  const token = await tokenOf(ada);
  const levels = async (query: string) =>
    (await ask(`/api/v1/images?${query}`, { token })).json.items
      .map((item: Json) => item.browsingLevel)
      .sort((a: number, b: number) => a - b);
  const cases: readonly [string, readonly number[]][] = [
    ['', [1]],
    ['nsfw=false', [1]],
    ['nsfw=None', [1]],
    ['nsfw=Soft', [1, 2]],
    ['nsfw=Mature', [1, 2, 4]],
    ['nsfw=X', [1, 2, 4, 8, 16]],
    ['nsfw=true', [4, 8, 16]],
    ['browsingLevel=18&nsfw=None', [2, 16]],
  ];
  for (const [query, expected] of cases) assert.deepEqual(await levels(query), expected, query);
  assert.equal((await ask('/api/v1/images?nsfw=Perhaps')).status, 400);

  const words = (await ask('/api/v1/images?nsfw=X', { token })).json.items.map((item: Json) => [
    ...[item.browsingLevel, item.nsfwLevel, item.nsfw],
  ]);
  assert.deepEqual(Object.fromEntries(words.map(([level, word]: [number, string]) => [level, word])), {
    ...{ 1: 'None', 2: 'Soft', 4: 'Mature', 8: 'X', 16: 'X' },
  });
  // a visitor is told that there would be more
  const narrow = await ask('/api/v1/images?nsfw=X');
  assert.equal(narrow.json.items.length, 1);
  assert.deepEqual(narrow.json.metadata, { narrowed: true, browsingLevel: 1 });
});

test('each filter and each order of Civitai', async (t) => {
  const { ask, ids, ada, em, workAs, tokenOf } = await furnishedShelf(t, { env: { API_ANONYMOUS_LEVELS: 'PG,R' } });
  const of = async (query: string) => idsOf(await ask(`/api/v1/images?nsfw=X&sort=Newest&${query}`));
  const [both, pg, none] = [[ids.image, ids.mature], [ids.image], []];
  const cases: readonly [string, readonly number[]][] = [
    [`postId=${ids.post}`, both],
    [`modelId=${ids.model}`, both],
    [`modelVersionId=${ids.version}`, both],
    [`modelVersionId=${ids.older}`, none],
    ['modelId=99999', none],
    [`imageId=${ids.image}`, pg],
    ['username=ada', both],
    ['username=nobody', none],
    [`userId=${ada.id}`, both],
    ['period=Day', pg],
    ['period=Month', both],
    [`tags=${ids.tag}`, both],
    [`tags=${ids.tag + 1}`, none],
    ['type=image', both],
    ['type=video', none],
    ['baseModels=SD%201.5', both],
    ['baseModels=Pony', none],
    ['requiringMeta=true', pg],
    // what the pages of this node narrow by too
    ['query=boat', pg],
    ['query=nothing', none],
    ['excludeTags=style', none],
    ['excludeTags=nothing', both],
  ];
  await indexPost(workAs(null), ids.post);
  for (const [query, expected] of cases) assert.deepEqual(await of(query), expected, query);
  const first = async (sort: string) => idsOf(await ask(`/api/v1/images?nsfw=X&sort=${encodeURIComponent(sort)}`))[0];
  assert.equal(await first('Most Reactions'), ids.image);
  assert.equal(await first('Most Comments'), ids.mature);
  assert.equal(await first('Oldest'), ids.mature);
  assert.ok((await first('Most Collected')) !== undefined);
  const drawn = await ask('/api/v1/images?nsfw=X&sort=Random');
  assert.deepEqual(idsOf(drawn).sort(), [...both].sort());
  assert.ok(!('nextCursor' in drawn.json.metadata));
  await em.nativeUpdate('Image', { id: ids.mature }, { trendScore: 5 });
  assert.deepEqual(idsOf(await ask('/api/v1/images?nsfw=X&sort=Trending')), [ids.mature]);
  const token = await tokenOf(ada);
  await em.insert(SeenImage, { account: ada.id, image: ids.image, at: NOW });
  assert.deepEqual(idsOf(await ask('/api/v1/images?unseen=true', { token })), []);
  assert.equal((await ask('/api/v1/images?unseen=true')).status, 401);
  // the same for one model alone, where Civitai falls back to the newest
  assert.equal(idsOf(await ask(`/api/v1/images?nsfw=X&modelId=${ids.model}&sort=Most%20Comments`))[0], ids.mature);
});

test('meta comes when it is asked for, nested where Civitai nests it', async (t) => {
  const { ask, ids } = await furnishedShelf(t);
  const metaOf = async (query: string) => (await ask(`/api/v1/images?${query}`)).json.items[0].meta;
  assert.equal(await metaOf(''), null);
  assert.equal((await metaOf('withMeta=true')).prompt, 'a boat');
  for (const query of [`imageId=${ids.image}`, `modelId=${ids.model}`]) {
    const nested = await metaOf(`${query}&withMeta=true`);
    assert.deepEqual([nested.id, nested.meta.prompt], [ids.image, 'a boat'], query);
    assert.equal((await metaOf(`${query}&withMeta=true&flatMeta=true`)).prompt, 'a boat', query);
  }
  const version = await metaOf(`modelId=${ids.model}&modelVersionId=${ids.version}&withMeta=true`);
  assert.equal(version.prompt, 'a boat');
  const [tagged] = (await ask('/api/v1/images?withTags=true')).json.items;
  assert.deepEqual(tagged.tags, [{ id: ids.tag, name: 'style' }]);
});

test('images are read by cursor to the end, and by page', async (t) => {
  const { em, ada, ask } = await emptyShelf(t);
  const owner = em.getReference('Account', ada.id) as typeof ada;
  const post = givenPost(em, { owner });
  for (let n = 0; n < 7; n += 1) givenImage(em, { post, owner, likeCount: Math.floor(n / 3) });
  await em.flush();
  for (const sort of ['Most Reactions', 'Newest', 'Oldest']) {
    const seen: number[] = [];
    let path: string | null = `/api/v1/images?limit=3&sort=${encodeURIComponent(sort)}`;
    for (let page = 0; path !== null; page += 1) {
      assert.ok(page < 4);
      const answer: { json: Json } = await ask(path);
      seen.push(...idsOf(answer));
      const next: string | undefined = answer.json.metadata.nextPage;
      path = next === undefined ? null : next.slice(ORIGIN.length);
    }
    assert.deepEqual([seen.length, new Set(seen).size], [7, 7], sort);
  }
  const { metadata } = (await ask('/api/v1/images?limit=3&page=2')).json;
  assert.deepEqual([metadata.currentPage, metadata.totalItems, metadata.totalPages], [2, 7, 3]);
  assert.equal((await ask('/api/v1/images?limit=200&page=6')).status, 429);
  for (const bad of ['limit=201', 'cursor=x', 'sort=Best', 'browsingLevel=64', 'postId=0']) {
    assert.equal((await ask(`/api/v1/images?${bad}`)).status, 400, bad);
  }
});

test('a picture that is kept back is in no list', async (t) => {
  const { ask, ids, node } = await furnishedShelf(t);
  const em = node.orm.em.fork();
  await em.transactional((tx) => restrict(tx, { kind: 'image', id: ids.image }, 'case:1', RESTRICTION.view, NOW));
  assert.deepEqual(idsOf(await ask('/api/v1/images')), []);
  const { json } = await ask(`/api/v1/models/${ids.model}`);
  assert.deepEqual(json.modelVersions[0].images, []);
});
