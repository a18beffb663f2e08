import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelTag, Tag } from '../../src/catalogue/model.ts';
import { indexAccount, indexModel, indexPost } from '../../src/discovery/index/keep.ts';
import { searchWords } from '../../src/discovery/index/terms.ts';
import { loadSearchPage } from '../../src/discovery/search.ts';
import { givenAccount, givenImage, givenModel, givenPost, givenVersion } from '../factories/content.ts';
import { testNode } from '../node.ts';

const search = (work: Parameters<typeof loadSearchPage>[0], q: string) =>
  loadSearchPage(work, { q, kind: undefined }, null);

test('a model is found by its name, a tag, a trigger word, its maker and the beginning of a word', async (t) => {
  const { em, workAs } = await testNode(t);
  const model = givenModel(em, { name: 'Ink Wash Landscapes', owner: givenAccount(em, { name: 'sesshu' }) });
  givenVersion(em, { model, trainedWords: ['sumi-e style'] });
  const tag = em.create(Tag, { name: 'brush painting' });
  await em.flush();
  em.persist(em.create(ModelTag, { model, tag }));
  await em.flush();
  await indexModel(workAs(null), model.id);

  for (const q of ['ink wash', 'LANDSCAPES', 'brush', 'sumi-e', 'sesshu', 'landsc']) {
    const page = await search(workAs(null), q);
    assert.deepEqual(
      page.models.map(({ name }) => name),
      ['Ink Wash Landscapes'],
      q,
    );
  }
  assert.equal((await search(workAs(null), 'watercolour')).isEmpty, true);
});

test('a name that fits comes before a description that mentions it', async (t) => {
  const { em, workAs } = await testNode(t);
  const named = givenModel(em, { name: 'Neon City' });
  const mentions = givenModel(em, { name: 'Other', description: 'Goes well with neon signs.' });
  await em.flush();
  await indexModel(workAs(null), named.id);
  await indexModel(workAs(null), mentions.id);

  const page = await search(workAs(null), 'neon');

  assert.deepEqual(
    page.models.map(({ name }) => name),
    ['Neon City', 'Other'],
  );
});

test('what is no longer listed, or rated beyond the viewer, is not found', async (t) => {
  const { em, workAs } = await testNode(t);
  const hidden = givenModel(em, { name: 'Ink hidden', listedAt: null });
  const mature = givenModel(em, { name: 'Ink mature', level: 8 });
  await em.flush();
  for (const { id } of [hidden, mature]) await indexModel(workAs(null), id);

  assert.deepEqual((await search(workAs(null), 'ink')).models, []);
});

test('a picture is found by its prompt, unless its author keeps the recipe back', async (t) => {
  const { em, workAs } = await testNode(t);
  const post = givenPost(em);
  const open = givenImage(em, { post, recipe: { prompt: 'a quixotic windmill', others: {} } });
  givenImage(em, { post, recipe: { prompt: 'a quixotic knight', others: {} }, isRecipeHidden: true });
  await em.flush();
  await indexPost(workAs(null), post.id);

  const page = await search(workAs(null), 'quixotic');

  assert.deepEqual(
    page.images.map(({ id }) => id),
    [open.id],
  );
});

test('people are found by name, and signs of a query language are only text', async (t) => {
  const { em, workAs } = await testNode(t);
  const account = givenAccount(em, { name: 'hokusai', displayName: 'Katsushika' });
  await em.flush();
  await indexAccount(workAs(null), account.id);

  assert.deepEqual(
    (await search(workAs(null), 'katsu')).people.map(({ name }) => name),
    ['hokusai'],
  );
  for (const q of ['" OR 1', "'); drop table account; --", 'a:* & !b', 'NEAR(x y)', '*', '\u0000', ')'.repeat(200)]) {
    await search(workAs(null), q);
  }
  assert.deepEqual(searchWords('<lora:Ink-Wash:0.8> "x"'), ['lora', 'ink', 'wash', '0', '8', 'x']);
});
