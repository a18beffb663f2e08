import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelTag, Tag } from '../../src/catalogue/model.ts';
import { indexAccount } from '../../src/discovery/index/keep.ts';
import { givenAccount, givenModel } from '../factories/content.ts';
import { emptyShelf, furnishedShelf, type Json, ORIGIN } from './shelf.ts';

test('creators are those who have models in the lists, page by page', async (t) => {
  const { ask, em, node } = await furnishedShelf(t);
  const zoe = givenAccount(em, { name: 'zoe' });
  givenModel(em, { owner: zoe });
  givenAccount(em, { name: 'empty' });
  await em.flush();
  await indexAccount({ em: node.orm.em.fork() }, zoe.id);

  const { json } = await ask('/api/v1/creators');
  assert.deepEqual(json, {
    items: [
      { username: 'ada', modelCount: 1, link: `${ORIGIN}/api/v1/models?username=ada` },
      { username: 'zoe', modelCount: 1, link: `${ORIGIN}/api/v1/models?username=zoe` },
    ],
    metadata: { currentPage: 1, pageSize: 20, totalItems: 2, totalPages: 1 },
  });
  const first = (await ask('/api/v1/creators?limit=1')).json;
  assert.equal(first.metadata.nextPage, `${ORIGIN}/api/v1/creators?limit=1&page=2`);
  const second = (await ask('/api/v1/creators?limit=1&page=2')).json;
  assert.deepEqual(
    [second.items[0].username, second.metadata.prevPage],
    ['zoe', `${ORIGIN}/api/v1/creators?limit=1&page=1`],
  );
  const byCursor = (await ask(`/api/v1/creators?limit=1&cursor=${first.metadata.nextCursor}`)).json;
  assert.equal(byCursor.items[0].username, 'zoe');
  assert.deepEqual(
    (await ask('/api/v1/creators?query=zo')).json.items.map((item: Json) => item.username),
    ['zoe'],
  );
  assert.equal((await ask('/api/v1/creators?limit=0')).json.items.length, 2);
  assert.equal((await ask('/api/v1/creators?limit=201')).status, 400);
  assert.equal((await ask('/api/v1/creators?cursor=%21')).status, 400);
});

test('tags are those that models in the lists bear', async (t) => {
  const { ask, em } = await furnishedShelf(t);
  em.create(Tag, { name: 'secret' });
  await em.flush();
  assert.deepEqual((await ask('/api/v1/tags')).json, {
    items: [{ name: 'style', link: `${ORIGIN}/api/v1/models?tag=style` }],
    metadata: { currentPage: 1, pageSize: 20, totalItems: 1, totalPages: 1 },
  });
  assert.equal((await ask('/api/v1/tags?query=TYL')).json.items.length, 1);
  for (const query of ['secret', '%25', '_']) {
    assert.equal((await ask(`/api/v1/tags?query=${query}`)).json.items.length, 0, query);
  }
});

test('that there are more than pages reach is believed for a minute, and a number that is said is never old', async (t) => {
  const { ask, em, clock } = await furnishedShelf(t);
  const total = async () => (await ask('/api/v1/tags')).json.metadata.totalItems;
  const [styled] = await em.find(ModelTag, {}, { limit: 1 });
  assert.ok(styled);
  assert.equal(await total(), 1);
  const tags = Array.from({ length: 1_100 }, (_, n) => em.create(Tag, { name: `tag ${n}` }));
  for (const tag of tags) em.create(ModelTag, { model: styled.model, tag });
  await em.flush();
  assert.equal(await total(), undefined);
  await em.nativeDelete(ModelTag, { tag: { $in: tags.slice(5) } });
  assert.equal(await total(), undefined);
  clock.pass(61_000);
  assert.equal(await total(), 6);
});

test('users are found by id and by the words of their names', async (t) => {
  const { ask, ada, node } = await emptyShelf(t);
  await indexAccount({ em: node.orm.em.fork() }, ada.id);
  const items = [{ id: ada.id, username: 'ada', avatarNsfw: 'None' }];
  assert.deepEqual((await ask(`/api/v1/users?ids=${ada.id},99999`)).json, { items });
  assert.deepEqual((await ask('/api/v1/users?query=ad')).json, { items });
  assert.deepEqual((await ask('/api/v1/users')).json, { items: [] });
  await node.orm.em.fork().nativeUpdate('Account', { id: ada.id }, { state: 'suspended' });
  assert.deepEqual((await ask(`/api/v1/users?ids=${ada.id}`)).json, { items: [] });
});

test('me is whose token it is, by header or in the address', async (t) => {
  const { ask, ada, tokenOf } = await emptyShelf(t);
  const token = await tokenOf(ada);
  const me = {
    ...{ id: ada.id, username: 'ada', tier: 'free', status: 'active', isMember: false, subscriptions: [] },
  };
  assert.deepEqual((await ask('/api/v1/me', { token })).json, me);
  assert.deepEqual((await ask(`/api/v1/me?token=${token}`)).json, me);
  for (const answer of [
    await ask('/api/v1/me'),
    await ask('/api/v1/me', { token: 'wrong' }),
    await ask('/api/v1/me?token=no'),
  ]) {
    assert.deepEqual([answer.status, answer.json], [401, { error: 'Unauthorized' }]);
    assert.equal(answer.headers.get('access-control-allow-origin'), '*');
  }
  const narrow = await tokenOf(ada, ['write:models']);
  assert.equal((await ask('/api/v1/me', { token: narrow })).status, 403);
});

test('enums hold the words that programs parse', async (t) => {
  const { ask, node } = await emptyShelf(t);
  await node.orm.em.fork().nativeUpdate('BaseModel', { name: 'Pony' }, { isHidden: true });
  const { json } = await ask('/api/v1/enums');
  assert.deepEqual(Object.keys(json), ['ModelType', 'ModelFileType', 'ActiveBaseModel', 'BaseModel', 'BaseModelType']);
  assert.ok(json.ModelType.includes('LORA') && json.ModelFileType.includes('Pruned Model'));
  assert.ok(json.BaseModel.includes('Pony') && !json.ActiveBaseModel.includes('Pony'));
  assert.ok(json.ActiveBaseModel.includes('SD 1.5'));
});
