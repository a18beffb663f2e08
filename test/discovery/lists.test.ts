import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listModelCards } from '../../src/discovery/cards.ts';
import { listFeed } from '../../src/discovery/feed.ts';
import { listTiles } from '../../src/discovery/images.ts';
import { ImagesQuery, loadImagesPage } from '../../src/discovery/lists/images.ts';
import { loadModelsPage, ModelsQuery } from '../../src/discovery/lists/models.ts';
import { ResourceUse } from '../../src/gallery/model.ts';
import { newId } from '../../src/kit/ids.ts';
import { givenAccount, givenImage, givenModel, givenPost, givenVersion, NOW } from '../factories/content.ts';
import { testNode } from '../node.ts';

const at = (minutes: number) => new Date(NOW.getTime() - minutes * 60_000);
const VISITOR = { levels: 1, blurLevels: 0 };

test('the feed gives each model and post once, newest first, however it is cut into pages', async (t) => {
  const { em } = await testNode(t);
  const owner = givenAccount(em);
  for (let index = 0; index < 7; index += 1) {
    givenModel(em, { owner, name: `model ${index}`, listedAt: at(index * 2) });
    // the same minute as the next model, so that ids and kinds have to decide
    const post = givenPost(em, { owner, title: `post ${index}`, listedAt: at(index * 2 + (index % 2)) });
    givenImage(em, { post });
  }
  await em.flush();

  const whole = await listFeed(em, VISITOR, { scope: 'here', viewerId: null, limit: 50 });
  const parts: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await listFeed(em, VISITOR, { scope: 'here', viewerId: null, limit: 3, cursor });
    parts.push(...page.items.map(({ title }) => title));
    cursor = page.nextCursor ?? undefined;
  } while (cursor);

  assert.equal(whole.items.length, 14);
  assert.deepEqual(
    parts,
    whole.items.map(({ title }) => title),
  );
});

for (const sort of ['newest', 'likes'] as const) {
  test(`lists sorted by ${sort} give each model and picture once, however they are cut into pages`, async (t) => {
    const { em } = await testNode(t);
    const owner = givenAccount(em);
    for (let index = 0; index < 7; index += 1) {
      // two share each place, so that ids have to decide
      const place = { listedAt: at(Math.floor(index / 2)) };
      givenModel(em, { owner, name: `model ${index}`, thumbsUpCount: Math.floor(index / 2), ...place });
      givenImage(em, { post: givenPost(em, { owner }), likeCount: Math.floor(index / 2), ...place });
    }
    await em.flush();

    for (const list of [
      (limit: number, cursor?: string) => listModelCards(em, VISITOR, {}, { sort, limit, cursor }),
      (limit: number, cursor?: string) => listTiles(em, VISITOR, {}, { sort, limit, cursor }),
    ]) {
      const whole = await list(50);
      const parts: number[] = [];
      let cursor: string | undefined;
      do {
        const page = await list(3, cursor);
        parts.push(...page.items.map(({ id }) => id));
        cursor = page.nextCursor ?? undefined;
      } while (cursor && parts.length < 50);

      assert.equal(whole.items.length, 7);
      assert.deepEqual(
        parts,
        whole.items.map(({ id }) => id),
      );
    }
  });
}

test('the feed of those one follows holds their things and one’s own, and nobody else’s', async (t) => {
  const { em } = await testNode(t);
  const { Follow } = await import('../../src/accounts/model.ts');
  const [me, friend, stranger] = [givenAccount(em), givenAccount(em), givenAccount(em)];
  for (const owner of [me, friend, stranger]) givenModel(em, { owner, name: `of ${owner.name}` });
  await em.flush();
  em.persist(em.create(Follow, { id: newId(), follower: me, target: friend, state: 'accepted', createdAt: NOW }));
  await em.flush();

  const { items } = await listFeed(em, VISITOR, { scope: 'following', viewerId: me.id });

  assert.deepEqual(new Set(items.map(({ title }) => title)), new Set([`of ${me.name}`, `of ${friend.name}`]));
});

test('model lists filter by type and base model, and sort by downloads', async (t) => {
  const { em, workAs } = await testNode(t);
  givenModel(em, { name: 'few', downloadCount: 1 });
  givenModel(em, { name: 'many', downloadCount: 9 });
  givenModel(em, { name: 'other type', type: 'Checkpoint', downloadCount: 99 });
  givenModel(em, { name: 'other base', baseModel: 'SDXL 1.0', downloadCount: 50 });
  await em.flush();

  const page = await loadModelsPage(
    workAs(null),
    ModelsQuery.parse({ type: 'LORA', base: 'SD 1.5', sort: 'downloads' }),
  );

  assert.deepEqual(
    page.items.map(({ name }) => name),
    ['many', 'few'],
  );
});

test('a filter that nobody offers counts as none, so an old link still shows something', async (t) => {
  const { em, workAs } = await testNode(t);
  givenModel(em, { name: 'here' });
  await em.flush();

  const query = ModelsQuery.parse({ type: 'Nonsense', sort: 'x', cursor: "1' or 1=1", period: 'aeon' });

  assert.deepEqual(
    (await loadModelsPage(workAs(null), query)).items.map(({ name }) => name),
    ['here'],
  );
});

test('a card shows a picture that its viewer browses, not the cover rated otherwise', async (t) => {
  const { em } = await testNode(t);
  const model = givenModel(em, { level: 9 });
  const version = givenVersion(em, { model });
  const post = givenPost(em, { owner: model.owner, version, level: 9 });
  const mature = givenImage(em, { post, level: 8, position: 0 });
  const mild = givenImage(em, { post, level: 1, position: 1 });
  await em.flush();
  model.coverImageId = mature.id;
  await em.flush();

  const [forVisitor] = (await listModelCards(em, VISITOR, {})).items;
  const [forAdult] = (await listModelCards(em, { levels: 31, blurLevels: 8 }, {})).items;

  assert.equal(forVisitor?.cover?.id, mild.id);
  assert.equal(forAdult?.cover?.id, mature.id);
  assert.equal(forAdult?.cover?.sensitive, true);
});

test('the images of a version are those made with it', async (t) => {
  const { em, workAs } = await testNode(t);
  const version = givenVersion(em);
  const made = givenImage(em);
  givenImage(em);
  em.persist(em.create(ResourceUse, { id: newId(), image: made, kind: 'lora', version, model: version.model }));
  await em.flush();

  const page = await loadImagesPage(workAs(null), ImagesQuery.parse({ version: String(version.id) }));

  assert.deepEqual(
    page.items.map(({ id }) => id),
    [made.id],
  );
});
