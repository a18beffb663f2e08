import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { blockAccount } from '../../src/accounts/block.ts';
import { HideForm, hideThing, listHidden, showAgain } from '../../src/catalogue/hidden/hide.ts';
import { ModelTag, Tag } from '../../src/catalogue/model.ts';
import { loadCollectionPage } from '../../src/discovery/collection.ts';
import { indexAccount } from '../../src/discovery/index/keep.ts';
import { loadSearchPage } from '../../src/discovery/search.ts';
import { Collection, CollectionItem } from '../../src/gallery/collections/model.ts';
import { listCollectionsOf, listHolders } from '../../src/gallery/collections/queries.ts';
import { collect } from '../../src/gallery/collections/together/put.ts';
import { PostTag, ResourceUse } from '../../src/gallery/model.ts';
import { loadConversation } from '../../src/gallery/talk/conversation.ts';
import { eyesOf } from '../../src/gallery/views.ts';
import { newId } from '../../src/kit/ids.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenAccount, givenComment, givenImage, givenModel, givenPost, givenVersion } from '../factories/content.ts';
import { testNode } from '../node.ts';

/** Two people whose names begin alike, one of elsewhere, and who looks for them. */
async function people(t: TestContext) {
  const node = await testNode(t);
  const { em, workAs } = node;
  const ada = await givenMember(em, 'ada');
  const near = givenAccount(em, { name: 'paula' });
  const far = givenAccount(em, { name: 'paul', host: 'elsewhere.example' });
  await em.flush();
  for (const { id } of [near, far]) await indexAccount(workAs(null), id);
  const found = async (viewer: typeof ada | null) =>
    (await loadSearchPage(workAs(viewer), { q: 'paul', kind: 'people' }, null)).people.map(({ name }) => name).sort();
  return { ...node, ada, near, far, found };
}

test('the search for people leaves out whom the viewer mutes or blocks, and who is of a domain that they hide', async (t) => {
  const { ada, near, far, found, workAs } = await people(t);
  assert.deepEqual(await found(ada), ['paul', 'paula']);
  await hideThing(workAs(ada), HideForm.parse({ kind: 'domain', key: 'elsewhere.example' }));
  assert.deepEqual(await found(ada), ['paula']);
  await blockAccount(workAs(ada), near.id, 'mute');
  assert.deepEqual(await found(ada), []);
  assert.deepEqual(await found(null), ['paul', 'paula'], 'for others nothing changes');
  const [hidden] = await listHidden(workAs(ada));
  await showAgain(workAs(ada), hidden?.id ?? '');
  assert.deepEqual(await found(ada), ['paul']);
  await blockAccount(workAs(ada), far.id, 'block');
  assert.deepEqual(await found(ada), []);
});

test('what somebody of a hidden domain says is not in the conversation of whoever hides it', async (t) => {
  const { em, ada, near, far, workAs } = await people(t);
  const post = givenPost(em);
  for (const author of [near, far]) givenComment(em, { post, author, text: 'Fine.' });
  await em.flush();
  const said = async (viewer: typeof ada | null) =>
    (await loadConversation(workAs(viewer), { kind: 'post', id: post.id }, 0)).items.length;
  await hideThing(workAs(ada), HideForm.parse({ kind: 'domain', key: 'elsewhere.example' }));
  assert.deepEqual([await said(ada), await said(null)], [1, 2]);
});

/** A collection of Ben's with a model, a post and a picture that Ada may hide, and one of each that she does not. */
async function collected(t: TestContext) {
  const node = await testNode(t);
  const { em, workAs } = node;
  const ada = await givenMember(em, 'ada');
  const ben = await givenMember(em, 'ben');
  const far = givenAccount(em, { name: 'far', host: 'elsewhere.example' });
  const tag = em.create(Tag, { name: 'horror' }, { persist: true });
  const [model, otherModel] = [givenModel(em, { owner: far }), givenModel(em)];
  for (const one of [model, otherModel]) givenVersion(em, { model: one });
  const [post, otherPost] = [givenPost(em, { owner: far }), givenPost(em)];
  const image = givenImage(em, { post, owner: far });
  const otherImage = givenImage(em, { post: otherPost });
  em.create(ModelTag, { model, tag }, { persist: true });
  em.create(PostTag, { post, tag }, { persist: true });
  const version = givenVersion(em, { model });
  em.create(ResourceUse, { id: newId(), image, kind: 'lora', version, model }, { persist: true });
  const now = node.clock.now();
  const given = { owner: ben, description: '', visibility: 'public' as const, createdAt: now, updatedAt: now };
  const collection = em.create(Collection, { ...given, name: 'All' }, { persist: true });
  await em.flush();
  const work = () => workAs(ben);
  for (const [kind, things] of [
    ['model', [otherModel, model]],
    ['post', [otherPost, post]],
    ['image', [otherImage, image]],
  ] as const) {
    for (const { id } of things) await collect(work(), collection.id, { kind, id });
  }
  const seen = async (viewer: typeof ada | null) => {
    const page = await loadCollectionPage(workAs(viewer), collection.id, { cursor: undefined });
    const eyes = await eyesOf(workAs(viewer).em, workAs(viewer).viewer);
    const [row] = await listCollectionsOf(workAs(viewer), ben.id, eyes);
    return [page.items.length, page.itemCount, row?.itemCount, row?.cover?.id];
  };
  const hide = (who: typeof ada, kind: string, key: string) => hideThing(workAs(who), HideForm.parse({ kind, key }));
  return { ...node, ada, ben, far, tag, model, collection, image, otherImage, seen, hide };
}

test('a collection shows, counts and is covered by what its reader does not hide, by tag, model, domain and person', async (t) => {
  const { ada, ben, far, image, otherImage, model, hide, seen, workAs } = await collected(t);
  const all = [6, 6, 6, image.id];
  assert.deepEqual(await seen(ada), all);
  for (const [kind, key, left] of [
    ['tag', 'horror', 3],
    ['domain', 'elsewhere.example', 3],
    ['model', String(model.id), 3],
  ] as const) {
    await hide(ada, kind, key);
    assert.deepEqual(await seen(ada), [left, left, left, otherImage.id], kind);
    const [hidden] = await listHidden(workAs(ada));
    await showAgain(workAs(ada), hidden?.id ?? '');
  }
  await blockAccount(workAs(ada), far.id, 'mute');
  assert.deepEqual(await seen(ada), [3, 3, 3, otherImage.id], 'a muted person');
  assert.deepEqual(await seen(null), all, 'for others nothing changes');
  await hide(ben, 'tag', 'horror');
  assert.deepEqual(await seen(ben), all, 'who put it in sees it there');
});

test('whoever looks for collections with something of theirs is told of none by people whom they mute or whose domain they hide', async (t) => {
  const { em, ada, ben, collection, workAs, clock } = await collected(t);
  const mine = givenModel(em, { owner: ada });
  givenVersion(em, { model: mine });
  const host = givenAccount(em, { name: 'curator', host: 'museum.example' });
  const now = clock.now();
  const given = { owner: host, description: '', visibility: 'public' as const, createdAt: now, updatedAt: now };
  const theirs = em.create(Collection, { ...given, name: 'Far', uri: 'https://museum.example/c/1' }, { persist: true });
  await em.flush();
  const thing = { kind: 'model', id: mine.id } as const;
  await collect(workAs(ben), collection.id, thing);
  const item = { id: newId(), collection: theirs, model: mine, post: null, image: null, addedAt: now };
  em.create(CollectionItem, item, { persist: true });
  await em.flush();
  const holders = async () => {
    const work = workAs(ada);
    return (await listHolders(work, thing, await eyesOf(work.em, work.viewer))).map(({ name }) => name).sort();
  };
  assert.deepEqual(await holders(), ['All', 'Far']);
  await hideThing(workAs(ada), HideForm.parse({ kind: 'domain', key: 'museum.example' }));
  assert.deepEqual(await holders(), ['All']);
  await blockAccount(workAs(ada), ben.id, 'mute');
  assert.deepEqual(await holders(), []);
});
