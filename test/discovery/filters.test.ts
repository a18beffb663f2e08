import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelTag, Tag } from '../../src/catalogue/model.ts';
import type { CommercialUse } from '../../src/catalogue/types.ts';
import { indexModel, indexPost } from '../../src/discovery/index/keep.ts';
import type { EngineReach } from '../../src/discovery/lists/engine-reach.ts';
import { FEW } from '../../src/discovery/lists/few.ts';
import { ImagesQuery, loadImagesPage } from '../../src/discovery/lists/images.ts';
import { loadModelsPage, ModelsQuery } from '../../src/discovery/lists/models.ts';
import { PostTag } from '../../src/gallery/model.ts';
import { rows } from '../../src/kit/database/sql.ts';
import { newId } from '../../src/kit/ids.ts';
import { Browser } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenAccount, givenFile, givenImage, givenModel, givenPost, givenVersion, NOW } from '../factories/content.ts';
import { testNode } from '../node.ts';

const ENGINE: EngineReach = { baseModels: ['SD 1.5'], files: null };
const at = (days: number) => new Date(NOW.getTime() - days * 86_400_000);

test('models are narrowed by tags, permissions, files, the engine and what was opened, and stand in each order of Civitai', async (t) => {
  const { em, workAs, start } = await testNode(t);
  const ada = await givenMember(em, 'ada');
  const ink = em.create(Tag, { name: 'ink' }, { persist: true });
  const photo = em.create(Tag, { name: 'photo' }, { persist: true });
  const plain = givenModel(em, { name: 'plain', listedAt: at(3), commentCount: 9, trendScore: 5 });
  const paid = givenModel(em, {
    ...{ name: 'paid', listedAt: at(2), allowNoCredit: false, allowDerivatives: false, collectCount: 9 },
    ...{ allowCommercialUse: ['Image', 'Sell'], imageCount: 3, trendScore: 9 },
  });
  const large = givenModel(em, { name: 'large', type: 'Checkpoint', baseModel: 'Flux.1 D', listedAt: at(40) });
  for (const model of [plain, paid, large]) em.create(ModelTag, { model, tag: ink }, { persist: true });
  em.create(ModelTag, { model: paid, tag: photo }, { persist: true });
  givenFile(em, { version: givenVersion(em, { model: plain }), totalBytes: 150_000_000 });
  givenFile(em, { version: givenVersion(em, { model: paid }), format: 'PickleTensor', totalBytes: 50_000_000 });
  givenFile(em, { version: givenVersion(em, { model: large, baseModel: 'Flux.1 D' }), totalBytes: 12_000_000_000 });
  await em.flush();
  const namesOf = async (query: Record<string, unknown>, viewer: typeof ada | null = null) =>
    (await loadModelsPage(workAs(viewer), ModelsQuery.parse(query), ENGINE)).items.map(({ name }) => name);

  assert.deepEqual(await namesOf({ tag: 'ink', not: 'photo' }), ['plain', 'large']);
  assert.deepEqual(await namesOf({ tag: 'ink, photo' }), ['paid']);
  assert.deepEqual(await namesOf({ tag: 'nobody uses this' }), []);
  assert.deepEqual(await namesOf({ may: 'no-credit,derivatives' }), ['plain', 'large']);
  assert.deepEqual(await namesOf({ may: ['sell', 'sell-images'] }), ['paid']);
  assert.deepEqual(await namesOf({ format: 'PickleTensor' }), ['paid']);
  assert.deepEqual(await namesOf({ size: 'more' }), ['large']);
  assert.deepEqual(await namesOf({ size: '1gb', format: 'SafeTensor' }), ['plain']);
  assert.deepEqual(await namesOf({ runs: '1' }), ['plain'], 'neither a pickle nor another family');
  const orders = {
    ...{ newest: ['paid', 'plain', 'large'], oldest: ['large', 'plain', 'paid'], trending: ['paid', 'plain'] },
    ...{
      discussed: ['plain', 'large', 'paid'],
      collected: ['paid', 'large', 'plain'],
      images: ['paid', 'large', 'plain'],
    },
  };
  for (const [sort, names] of Object.entries(orders)) assert.deepEqual(await namesOf({ sort }), names, sort);
  assert.deepEqual(await namesOf({ period: 'month', sort: 'oldest' }), ['plain', 'paid']);

  const web = new Browser(await start('web'));
  await web.signIn('ada');
  assert.equal((await web.get(`/models/${plain.id}`)).status, 200);
  assert.deepEqual(await namesOf({ unseen: '1' }, ada), ['paid', 'large']);
  assert.deepEqual(await namesOf({ unseen: '1' }), ['paid', 'plain', 'large'], 'a visitor has opened nothing');

  // what is set stands as links to the list without it; an empty list says which of them to drop
  const empty = await web.get('/models?tag=ink&format=GGUF&period=week');
  const found = /class="chips">(.*?)<\/ul>/s.exec(empty.text)?.[1] ?? '';
  assert.match(found, /href="\/models\?tag=ink&amp;period=week"/, 'without the format there is something');
  assert.doesNotMatch(found, /href="\/models\?tag=ink&amp;format=GGUF"/, 'without the period there is not');
  const set = /class="chips" aria-label(.*?)<\/ul>/s.exec(empty.text)?.[1] ?? '';
  assert.equal(set.match(/<a class="chip"/g)?.length, 3);
  assert.match(empty.text, /More filters <span class="tab-count">2</, 'folded, and says how many are set');
  const all = await web.get('/models');
  assert.match(all.text, /<details class="fold more-filters">/);
  assert.doesNotMatch(all.text, /active-filters/);
});

test('pictures are narrowed by words of their prompts, tags, recipes and what was opened', async (t) => {
  const { em, workAs, start } = await testNode(t);
  const ada = await givenMember(em, 'ada');
  const photo = em.create(Tag, { name: 'photo' }, { persist: true });
  const posts = [0, 1, 2].map((index) => givenPost(em, { listedAt: at(index) }));
  const recipes = [{ prompt: 'a lighthouse at dusk' }, { prompt: 'a lighthouse by day' }, null];
  const images = posts.map((post, index) => {
    const recipe = recipes[index] as never;
    return givenImage(em, { post, recipe, hasRecipe: recipe !== null, listedAt: at(index), commentCount: index });
  });
  const [first, second, third] = images;
  assert(first && second && third);
  em.create(PostTag, { post: second.post, tag: photo }, { persist: true });
  await em.flush();
  for (const { id } of posts) await indexPost(workAs(null), id);
  const idsOf = async (query: Record<string, unknown>, viewer: typeof ada | null = null) =>
    (await loadImagesPage(workAs(viewer), ImagesQuery.parse(query))).items.map(({ id }) => id);

  assert.deepEqual(await idsOf({ q: 'lighthouse' }), [first.id, second.id]);
  assert.deepEqual(await idsOf({ q: 'lighthouse', not: 'photo' }), [first.id]);
  assert.deepEqual(await idsOf({ tag: 'photo' }), [second.id]);
  assert.deepEqual(await idsOf({ recipe: '1', sort: 'oldest' }), [second.id, first.id]);
  assert.deepEqual(await idsOf({ sort: 'comments' }), [third.id, second.id, first.id]);
  assert.deepEqual((await idsOf({ sort: 'random' })).sort(), [first.id, second.id, third.id].sort());

  const web = new Browser(await start('web'));
  await web.signIn('ada');
  assert.equal((await web.get(`/images/${third.id}`)).status, 200);
  await web.get(`/posts/${second.post.id}`);
  assert.deepEqual(await idsOf({ unseen: '1' }, ada), [first.id]);
  await web.post('/seen/removal');
  assert.equal((await idsOf({ unseen: '1' }, ada)).length, 3, 'it is forgotten on request');
});

test('models that may be sold are found among few such models and among very many', async (t) => {
  const { em, workAs, start } = await testNode(t);
  const owner = givenAccount(em);
  const model = (name: string, days: number, uses: CommercialUse[]) =>
    givenModel(em, { name, owner, listedAt: at(days), allowCommercialUse: uses });
  model('sold', 1, ['Image', 'Sell']);
  model('shown', 2, ['Image']);
  model('sold before', 3, ['Sell']);
  await em.flush();
  const address = await start('web');
  const found = async (use: string, program: string) => {
    const { items } = await loadModelsPage(workAs(null), ModelsQuery.parse({ may: use }), ENGINE);
    const answer = await fetch(new URL(`/api/v1/models?sort=Newest&allowCommercialUse=${program}`, address));
    const said = (await answer.json()) as { items: { name: string }[] };
    return [items.map(({ name }) => name), said.items.map(({ name }) => name)];
  };
  const check = async () => {
    assert.deepEqual(await found('sell', 'Sell'), [
      ['sold', 'sold before'],
      ['sold', 'sold before'],
    ]);
    assert.deepEqual(await found('rent', 'Rent'), [[], []]);
    const either = ['sold', 'shown', 'sold before'];
    assert.deepEqual(await found('sell-images', 'Image&allowCommercialUse=Sell'), [['sold', 'shown'], either]);
  };
  await check();
  // not listed, and counted all the same
  for (let n = 0; n < FEW; n += 1)
    givenModel(em, { owner, state: 'draft', listedAt: null, allowCommercialUse: ['Sell'] });
  await em.flush();
  await check();
});

test('pictures made with what very many use are found like those of few', async (t) => {
  const { em, workAs, start } = await testNode(t);
  const version = givenVersion(em, { model: givenModel(em, { name: 'popular' }) });
  const post = givenPost(em, {});
  const first = givenImage(em, { post, position: 0, listedAt: at(3) });
  const second = givenImage(em, { post, position: 1, listedAt: at(2) });
  givenImage(em, { post, position: 2, listedAt: at(1) });
  await em.flush();
  const uses = Array.from({ length: FEW }, (_, n) => [newId(), [first.id, second.id][n % 2], version.model.id]);
  await rows(
    em,
    `insert into resource_use (id, image_id, position, kind, model_id, version_id) values
      ${uses.map(([id, image, model]) => `('${id}', ${image}, 0, 'lora', ${model}, ${version.id})`).join(', ')}`,
  );
  const wanted = [second.id, first.id];
  const address = await start('web');
  for (const [page, program] of [
    [{ model: version.model.id }, `modelId=${version.model.id}`],
    [{ version: version.id }, `modelVersionId=${version.id}`],
  ] as const) {
    const { items } = await loadImagesPage(workAs(null), ImagesQuery.parse(page));
    assert.deepEqual(
      items.map(({ id }) => id),
      wanted,
    );
    const answer = await fetch(new URL(`/api/v1/images?sort=Newest&${program}`, address));
    assert.deepEqual(
      ((await answer.json()) as { items: { id: number }[] }).items.map(({ id }) => id),
      wanted,
    );
  }
});

test('the search of models and of images has the filters of the lists, the best first, and keeps them', async (t) => {
  const { em, start, settle } = await testNode(t);
  await givenMember(em, 'ada');
  const web = new Browser(await start('web', 'worker'));
  const lora = givenModel(em, { name: 'Brass fish', description: 'of brass', listedAt: at(40) });
  const newer = givenModel(em, { name: 'Carp', description: 'a fish of brass', type: 'Checkpoint', listedAt: at(1) });
  for (const model of [lora, newer]) givenFile(em, { version: givenVersion(em, { model }) });
  await em.flush();
  for (const { id } of [lora, newer]) await indexModel({ em }, id);
  await settle();
  const named = async (query: string) => {
    const { text, status } = await web.get(`/search?q=brass${query}`);
    assert.equal(status, 200);
    return {
      text,
      names: [...text.matchAll(/<article[^>]*>[\s\S]*?alt="[^"]*"|>(Brass fish|Carp)</g)].flatMap(
        ([, name]) => name ?? [],
      ),
    };
  };
  const all = await named('&kind=models');
  assert.deepEqual(all.names, ['Brass fish', 'Carp'], 'the best first');
  assert.match(all.text, /<option value="best" selected>/);
  assert.match(all.text, /<input type="hidden" name="q" value="brass">/);
  assert.deepEqual((await named('&kind=models&sort=newest')).names, ['Carp', 'Brass fish']);
  const some = await named('&kind=models&type=Checkpoint&period=week');
  assert.deepEqual(some.names, ['Carp']);
  // each filter can be taken away, and the words stay
  assert.match(some.text, /class="chip" href="\/search\?q=brass&amp;period=week&amp;kind=models"/);
  assert.match(some.text, /<input type="hidden" form="search-form" name="type" value="Checkpoint">/);
  const none = await named('&kind=models&type=VAE');
  assert.deepEqual(none.names, []);
  assert.match(none.text, /href="\/search\?q=brass&amp;kind=models"/);
  assert.doesNotMatch(none.text, /searches\/new/, 'visitors save nothing');
  await web.signIn('ada');
  assert.match(
    (await named('&kind=models&type=VAE')).text,
    /href="\/searches\/new\?q=brass&amp;type=VAE[^"]*kind=models/,
  );
  assert.match((await named('&kind=images&recipe=1')).text, /<input type="hidden" name="kind" value="images">/);
  // odd values are none
  assert.deepEqual((await named('&kind=models&type=odd&period=odd&sort=odd&cursor=best9999')).names, []);
  assert.deepEqual((await named('&kind=models&type=odd&sort=odd')).names, ['Brass fish', 'Carp']);
});
