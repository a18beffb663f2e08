import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blockAccount } from '../../src/accounts/block.ts';
import { HideForm, hideThing, listHidden, showAgain } from '../../src/catalogue/hidden/hide.ts';
import { Hidden } from '../../src/catalogue/hidden/model.ts';
import { ModelTag, Tag } from '../../src/catalogue/model.ts';
import { listModelCards } from '../../src/discovery/cards.ts';
import { listFeed } from '../../src/discovery/feed.ts';
import { listTiles } from '../../src/discovery/images.ts';
import { PostTag, ResourceUse } from '../../src/gallery/model.ts';
import { eyesOf } from '../../src/gallery/views.ts';
import { newId } from '../../src/kit/ids.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenAccount, givenImage, givenModel, givenPost, givenVersion } from '../factories/content.ts';
import { testNode } from '../node.ts';

type Context = Parameters<typeof testNode>[0];

/** Two models and two posts with a picture each; the first of both is tagged, from elsewhere, and by one person. */
async function site(t: Context) {
  const node = await testNode(t);
  const { em } = node;
  const ada = await givenMember(em, 'ada');
  const far = givenAccount(em, { name: 'far', host: 'elsewhere.example' });
  const tag = em.create(Tag, { name: 'horror' }, { persist: true });
  const [model, otherModel] = [givenModel(em, { owner: far, name: 'A' }), givenModel(em, { name: 'B' })];
  const [post, otherPost] = [givenPost(em, { owner: far, title: 'a' }), givenPost(em, { title: 'b' })];
  const [image, otherImage] = [givenImage(em, { post }), givenImage(em, { post: otherPost })];
  const version = givenVersion(em, { model: otherModel });
  givenVersion(em, { model });
  em.create(ModelTag, { model, tag }, { persist: true });
  em.create(PostTag, { post, tag }, { persist: true });
  const use = { id: newId(), image: otherImage, kind: 'lora' as const, version, model: otherModel };
  em.create(ResourceUse, use, { persist: true });
  await em.flush();
  const work = () => node.workAs(ada);
  const seen = async () => {
    const eyes = await eyesOf(work().em, work().viewer);
    const feed = await listFeed(work().em, eyes, { scope: 'known', viewerId: ada.id });
    const models = await listModelCards(work().em, eyes, {});
    const images = await listTiles(work().em, eyes, {});
    return {
      feed: feed.items
        .map(({ title }) => title)
        .sort()
        .join(''),
      models: models.items
        .map(({ name }) => name)
        .sort()
        .join(''),
      images: images.items
        .map(({ id }) => (id === image.id ? 'a' : 'b'))
        .sort()
        .join(''),
    };
  };
  const hide = (kind: string, key: string) => hideThing(work(), HideForm.parse({ kind, key }));
  return { ...node, ada, far, model, otherModel, work, seen, hide };
}

const ALL = { feed: 'ABab', models: 'AB', images: 'ab' };
const WITHOUT_FIRST = { feed: 'Bb', models: 'B', images: 'b' };

test('a hidden tag, a hidden domain and a muted person are in no list of whoever hides them, until shown again', async (t) => {
  const { seen, hide, work, far } = await site(t);
  assert.deepEqual(await seen(), ALL);
  for (const [kind, key] of [
    ['tag', 'Horror'],
    ['domain', 'elsewhere.example'],
  ] as const) {
    await hide(kind, key);
    await hide(kind, key);
    assert.deepEqual(await seen(), WITHOUT_FIRST, kind);
    const [hidden] = await listHidden(work());
    await showAgain(work(), hidden?.id ?? '');
    assert.deepEqual(await seen(), ALL);
  }
  await blockAccount(work(), far.id, 'mute');
  assert.deepEqual(await seen(), WITHOUT_FIRST);
});

test('a hidden model goes with the pictures that were made with it', async (t) => {
  const { seen, hide, otherModel } = await site(t);
  await hide('model', String(otherModel.id));
  assert.deepEqual(await seen(), { feed: 'Aa', models: 'A', images: 'a' });
});

test('what somebody hides is hidden for them alone, and on the page of its author it stands still', async (t) => {
  const { em, hide, far, workAs, work } = await site(t);
  await hide('tag', 'horror');
  const ben = givenAccount(em);
  await em.flush();
  const theirs = await listModelCards(em.fork(), await eyesOf(em.fork(), workAs(ben).viewer), {});
  assert.equal(theirs.items.length, 2);
  const eyes = await eyesOf(work().em, work().viewer);
  assert.equal((await listModelCards(work().em, eyes, { ownerId: far.id })).items.length, 1);
});

test('nobody hides without end, nor what does not exist', async (t) => {
  const { em, ada, hide, clock, work } = await site(t);
  await assert.rejects(hide('tag', 'nothing'), { kind: 'not_found' });
  await assert.rejects(hide('model', '999'), { kind: 'not_found' });
  await assert.rejects(hide('domain', 'no domain/at all'), { kind: 'invalid' });
  for (let n = 0; n < 500; n += 1) {
    const row = { id: newId(), account: ada, tag: null, model: null, host: `h${n}.example`, createdAt: clock.now() };
    em.create(Hidden, row, { persist: true });
  }
  await em.flush();
  await assert.rejects(hide('domain', 'one-more.example'), { kind: 'conflict' });
  assert.equal((await listHidden(work())).length, 500);
});

test('hiding is a button on the page of a tag, a model and a person of elsewhere, and is undone in the settings', async (t) => {
  const { start, model } = await site(t);
  const ada = new Browser(await start('web'));
  await ada.signIn('ada');
  for (const path of ['/tags/horror', `/models/${model.id}`, '/@far@elsewhere.example']) {
    assert.match((await ada.get(path)).text, /action="\/hidden"/, path);
  }
  const done = await ada.post('/hidden', { kind: 'model', key: String(model.id) });
  const page = await ada.get(done.location);
  assert.match(textOf(page.text), /A Model Show again/);
  const id = /\/hidden\/([0-9a-f-]+)\/removal/.exec(page.text)?.[1] ?? '';
  await ada.post(`/hidden/${id}/removal`);
  assert.match(textOf((await ada.get('/settings/hidden')).text), /You hide nothing/);
});
