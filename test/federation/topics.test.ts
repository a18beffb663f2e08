import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blockAccount } from '../../src/accounts/block.ts';
import { Account } from '../../src/accounts/model.ts';
import { modelPublished, modelUpdated, versionPublished } from '../../src/catalogue/events.ts';
import { Model, ModelVersion, Tag } from '../../src/catalogue/model.ts';
import { ACTIVITY_JSON } from '../../src/federation/fetch-document.ts';
import { OutboxItem } from '../../src/federation/model.ts';
import { createCollection, deleteCollection, editCollection } from '../../src/gallery/collections/edit.ts';
import { collect, uncollect } from '../../src/gallery/collections/together/put.ts';
import { ImageSize } from '../../src/gallery/model.ts';
import { TopicFollow } from '../../src/gallery/topics/model.ts';
import { rows } from '../../src/kit/database/sql.ts';
import { record } from '../../src/kit/events/events.ts';
import { givenImage, givenModel, givenPost, givenVersion, NOW } from '../factories/content.ts';
import { nextId, post, type StrangeActor } from './strangers.ts';
import { PUBLIC, world } from './world.ts';

type World = Awaited<ReturnType<typeof world>>;
type Json = Record<string, unknown>;

async function read(origin: string, path: string) {
  const reply = await fetch(new URL(path, origin), { headers: { accept: ACTIVITY_JSON }, redirect: 'manual' });
  return { status: reply.status, body: (await reply.json().catch(() => ({}))) as Json };
}

async function given(t: Parameters<typeof world>[0]) {
  const it = await world(t);
  const work = it.em();
  const owner = work.getReference(Account, it.alice.id);
  const model = givenModel(work, { owner, name: 'Ink', description: 'Wet *ink*' });
  givenVersion(work, { model });
  const tag = work.create(Tag, { name: 'ink' });
  await work.persist(tag).flush();
  await rows(work, 'insert into model_tag (model_id, tag_id) values (?, ?) returning model_id', [model.id, tag.id]);
  const collection = await createCollection(it.n.workAs(it.alice), {
    name: 'Wash',
    description: '',
    visibility: 'public',
  });
  const uris = {
    model: `${it.n.origin}/models/${model.id}/actor`,
    tag: `${it.n.origin}/tags/ink/actor`,
    collection: `${it.n.origin}/collections/${collection.id}/actor`,
  };
  const follow = async (actor: StrangeActor, uri: string) => {
    const status = await post(it.n, actor, { type: 'Follow', object: uri }, { path: `${new URL(uri).pathname}/inbox` });
    await it.n.settle();
    return status;
  };
  const heard = (type: string) => it.v.received.filter(({ body }) => body.type === type).map(({ body }) => body);
  return { ...it, model, tag, collection, uris, follow, heard };
}

/** A new model of alice's with the tag. */
async function publish({ em, alice, n }: World, tagId: number, more: object = {}): Promise<Model> {
  const work = em();
  const model = givenModel(work, { owner: work.getReference(Account, alice.id), ...more });
  givenVersion(work, { model });
  await work.flush();
  await rows(work, 'insert into model_tag (model_id, tag_id) values (?, ?) returning model_id', [model.id, tagId]);
  record(work, modelPublished, { modelId: model.id });
  await work.flush();
  await n.settle();
  return model;
}

test('a public model, collection and tag are actors with ends of their own, found by WebFinger both ways', async (t) => {
  const { n, uris, model, collection } = await given(t);
  const names = { model: `model-${model.id}`, tag: 'tag-ink', collection: `collection-${collection.id}` };
  for (const kind of ['model', 'tag', 'collection'] as const) {
    const uri = uris[kind];
    const { status, body } = await read(n.origin, uri);
    assert.equal(status, 200, kind);
    assert.deepEqual([body.id, body.preferredUsername], [uri, names[kind]]);
    assert.equal(body.type, kind === 'model' ? 'Service' : 'Group');
    assert.deepEqual([body.inbox, body.outbox, body.followers], [`${uri}/inbox`, `${uri}/outbox`, `${uri}/followers`]);
    assert.equal((body.endpoints as Json).sharedInbox, `${n.origin}/inbox`);
    const node = (await read(n.origin, '/actor')).body.publicKey as Json;
    const key = body.publicKey as Json;
    assert.deepEqual([key.id, key.owner, key.publicKeyPem], [`${uri}#main-key`, uri, node.publicKeyPem]);
    for (const resource of [`acct:${names[kind]}@${n.host}`, uri, String(body.url)]) {
      if (kind === 'model' && resource === body.url) continue; // its page is the Note
      const finger = await fetch(`${n.origin}/.well-known/webfinger?resource=${encodeURIComponent(resource)}`);
      assert.equal(finger.status, 200, resource);
      const jrd = (await finger.json()) as { subject: string; links: { rel: string; href?: string }[] };
      assert.equal(jrd.subject, `acct:${names[kind]}@${n.host}`);
      assert.equal(jrd.links.find(({ rel }) => rel === 'self')?.href, uri);
    }
    const followers = await read(n.origin, `${uri}/followers`);
    assert.deepEqual([followers.body.type, followers.body.totalItems], ['OrderedCollection', 0]);
    assert.equal((await read(n.origin, `${uri}/outbox`)).body.type, 'OrderedCollection');
    assert.equal((await read(n.origin, `${uri}/outbox?page=true`)).status, 200);
  }
  assert.equal((await read(n.origin, `/models/${model.id}`)).body.feed, uris.model);
  const list = await read(n.origin, `/collections/${collection.id}`);
  assert.deepEqual(
    [list.body.type, list.body.kind, list.body.feed],
    ['OrderedCollection', 'Collection', uris.collection],
  );
});

test('a topic has the face of what is public in it, and none of what is not for everybody’s eyes', async (t) => {
  const { n, em, alice, model, tag, collection, uris } = await given(t);
  const work = em();
  const owner = work.getReference(Account, alice.id);
  const picture = (given: Parameters<typeof givenImage>[1]) => {
    const post = givenPost(work, { owner });
    const image = givenImage(work, { post, owner, ...given });
    const size = { sha256: '0'.repeat(64), totalBytes: 1, width: 320, height: 480 };
    work.create(ImageSize, { image, targetWidth: 320, format: 'webp', ...size }, { persist: true });
    return image;
  };
  const [fine, mature, hidden] = [picture({}), picture({ level: 4 }), picture({ listedAt: null })];
  await work.flush();
  const show = async (imageId: number) => {
    await em().nativeUpdate(Model, { id: model.id }, { coverImageId: imageId });
  };
  const faces = async () =>
    Promise.all(
      Object.values(uris).map(async (uri) => ((await read(n.origin, uri)).body.icon as Json | undefined)?.url),
    );
  assert.deepEqual(await faces(), [undefined, undefined, undefined]);
  await collect(n.workAs(alice), collection.id, { kind: 'model', id: model.id });
  for (const { id } of [mature, hidden]) {
    await show(id);
    assert.deepEqual(await faces(), [undefined, undefined, undefined]);
  }
  await show(fine.id);
  const face = `${n.origin}/media/320/${fine.id}.webp`;
  assert.deepEqual(await faces(), [face, face, face], `the tag ${tag.name} too`);
});

test('what is not public has no actor, and says the same as what never was', async (t) => {
  const { n, em, alice, vic, follow } = await given(t);
  const work = em();
  const owner = work.getReference(Account, alice.id);
  const few = givenModel(work, { owner, visibility: 'followers', listedAt: null });
  const unlisted = givenModel(work, { owner, visibility: 'unlisted', listedAt: null });
  work.create(Tag, { name: 'unused' }, { persist: true });
  await work.flush();
  const secret = await createCollection(n.workAs(alice), { name: 'S', description: '', visibility: 'private' });
  const known = await createCollection(n.workAs(alice), { name: 'S', description: '', visibility: 'unlisted' });
  const never = (await read(n.origin, '/models/99999/actor')).body;
  for (const path of [
    ...[`/models/${few.id}/actor`, `/models/${unlisted.id}/actor`, '/tags/unused/actor', '/tags/never/actor'],
    ...[`/collections/${secret.id}/actor`, `/collections/${known.id}/actor`, '/collections/999/actor'],
  ]) {
    for (const end of ['', '/followers', '/outbox']) {
      const reply = await read(n.origin, `${path}${end}`);
      assert.deepEqual([reply.status, reply.body], [404, never], `${path}${end}`);
    }
    assert.equal(await follow(vic, `${n.origin}${path}`), 404, path);
  }
  for (const id of [secret.id, known.id]) assert.equal((await read(n.origin, `/collections/${id}`)).status, 404);
  assert.equal(await em().count(TopicFollow), 0);
});

test('a Follow is accepted in the topic’s own name, counted, repeated and undone', async (t) => {
  const { n, v, vic, uris, follow, heard, em } = await given(t);
  for (const uri of Object.values(uris)) assert.equal(await follow(vic, uri), 202, uri);
  assert.deepEqual(
    heard('Accept')
      .map(({ actor }) => actor)
      .sort(),
    Object.values(uris).sort(),
  );
  assert.equal((await read(n.origin, `${uris.tag}/followers`)).body.totalItems, 1);
  assert.equal(await em().count(TopicFollow), 3);
  await follow(vic, uris.tag);
  assert.equal(heard('Accept').length, 4, 'a peer that forgot is answered again');
  assert.equal(await em().count(TopicFollow), 3);
  await post(n, vic, { type: 'Undo', object: { type: 'Follow', actor: vic.id, object: uris.tag, id: nextId(vic) } });
  const { uri } = await em().findOneOrFail(TopicFollow, { model: { $ne: null } });
  await post(n, vic, { type: 'Undo', object: uri });
  await n.settle();
  assert.equal(await em().count(TopicFollow), 1);
  await post(n, vic, { type: 'Block', object: uris.collection });
  await n.settle();
  assert.equal(await em().count(TopicFollow), 0);
  assert.ok(v.received.length > 0);
});

test('a tag tells of what is new and public, once, within a budget, and takes back what is hidden', async (t) => {
  const it = await given(t);
  const { n, vic, alice, uris, follow, heard, tag, em } = it;
  await follow(vic, uris.tag);
  const fresh = await publish(it, tag.id);
  const told = heard('Announce');
  assert.equal(told.length, 1);
  assert.deepEqual(
    [told[0]?.actor, told[0]?.object, told[0]?.to],
    [uris.tag, `${n.origin}/models/${fresh.id}`, [PUBLIC]],
  );
  await publish(it, tag.id, { visibility: 'followers', listedAt: null });
  await publish(it, tag.id, { visibility: 'unlisted', listedAt: null });
  await publish(it, tag.id, { listedAt: new Date(NOW.getTime() - 72 * 3_600_000) });
  const again = em();
  record(again, modelUpdated, { modelId: fresh.id });
  await again.flush();
  await n.settle();
  assert.equal(heard('Announce').length, 1, 'neither again, nor what is old, nor what is not for all');

  const hide = em();
  await hide.nativeUpdate(Model, { id: fresh.id }, { listedAt: null, visibility: 'followers' });
  record(hide, modelUpdated, { modelId: fresh.id });
  await hide.flush();
  await n.settle();
  assert.deepEqual(
    heard('Undo').map(({ actor, object }) => [actor, (object as Json).id]),
    [[uris.tag, told[0]?.id]],
  );

  for (let index = 0; index < 35; index += 1) await publish(it, tag.id);
  assert.equal(heard('Announce').length, 30, 'no flood');
  n.clock.pass(2 * 3_600_000);
  await publish(it, tag.id, { listedAt: n.clock.now() });
  assert.equal(heard('Announce').length, 31);

  const account = await em().findOneOrFail(Account, { uri: vic.id });
  await blockAccount(n.workAs(alice), account.id, 'block');
  await publish(it, tag.id, { listedAt: n.clock.now() });
  assert.equal(heard('Announce').length, 31, 'nothing across a block');
  assert.equal(await follow(vic, uris.model), 202);
  assert.equal(await em().count(TopicFollow, { model: it.model.id }), 0, 'nor a follow');
});

test('a busy tag leaves those alone whose names are like its own', async (t) => {
  const it = await given(t);
  const { n, vic, heard, em } = it;
  const work = em();
  const [busy, like] = [work.create(Tag, { name: 'wetxink' }), work.create(Tag, { name: 'wet_ink' })];
  await work.persist([busy, like]).flush();
  for (const { id, name } of [busy, like]) {
    await publish(it, id);
    await it.follow(vic, `${n.origin}/tags/${name}/actor`);
  }
  for (let index = 0; index < 30; index += 1) await publish(it, busy.id);
  assert.equal(heard('Announce').length, 30);
  await publish(it, like.id);
  assert.equal(heard('Announce').length, 31);
});

test('a model tells of each new version, and is gone when it is not public any more', async (t) => {
  const { n, vic, uris, follow, heard, model, em } = await given(t);
  await follow(vic, uris.model);
  for (const name of ['v2', 'v3']) {
    const work = em();
    const version = givenVersion(work, { model: work.getReference(Model, model.id), name });
    await work.flush();
    for (let turn = 0; turn < 2; turn += 1)
      record(work, versionPublished, { modelId: model.id, versionId: version.id });
    await work.flush();
    await n.settle();
  }
  const said = heard('Announce');
  assert.equal(said.length, 2);
  assert.deepEqual(
    [...new Set(said.map(({ actor, object }) => `${actor} ${object}`))],
    [`${uris.model} ${n.origin}/models/${model.id}`],
  );
  assert.deepEqual(
    heard('Undo').map(({ object }) => (object as Json).id),
    [said[0]?.id],
  );
  assert.ok((await em().count(ModelVersion, { model: model.id })) >= 3);

  const work = em();
  await work.nativeUpdate(
    Model,
    { id: model.id },
    { listedAt: null, visibility: 'followers', updatedAt: n.clock.now() },
  );
  record(work, modelUpdated, { modelId: model.id });
  await work.flush();
  await n.settle();
  assert.deepEqual(
    heard('Delete')
      .filter(({ actor }) => actor === uris.model)
      .map(({ object }) => object),
    [uris.model],
  );
  assert.equal((await read(n.origin, uris.model)).status, 404, 'it is hidden and not deleted');
  assert.equal(await em().count(TopicFollow), 0);
});

test('a collection: its owner says Add and Remove, its actor tells of what is put in, all goes when it is shut', async (t) => {
  const { n, vic, alice, aliceUri, uris, follow, heard, model, collection, em } = await given(t);
  await follow(vic, uris.collection);
  const target = `${n.origin}/collections/${collection.id}`;
  const thing = { kind: 'model', id: model.id } as const;
  await collect(n.workAs(alice), collection.id, thing);
  await n.settle();
  const object = `${n.origin}/models/${model.id}`;
  const [added] = heard('Add');
  assert.deepEqual([added?.actor, added?.object, added?.target], [aliceUri, object, target]);
  assert.deepEqual(
    heard('Announce').map((one) => [one.actor, one.object]),
    [[uris.collection, object]],
  );
  const page = await read(n.origin, `${target}?page=true`);
  assert.deepEqual(page.body.orderedItems, [object]);
  assert.equal((await read(n.origin, target)).body.totalItems, 1);
  // what stops being public is not in it for anybody
  await em().nativeUpdate(Model, { id: model.id }, { listedAt: null });
  assert.equal((await read(n.origin, target)).body.totalItems, 0);
  assert.deepEqual((await read(n.origin, `${target}?page=true`)).body.orderedItems, []);
  await em().nativeUpdate(Model, { id: model.id }, { listedAt: NOW });

  await uncollect(n.workAs(alice), collection.id, thing);
  await n.settle();
  assert.equal(heard('Remove').length, 1);
  assert.equal(heard('Undo').length, 1);
  await editCollection(n.workAs(alice), collection.id, { name: 'Washes', description: '', visibility: 'public' });
  await n.settle();
  assert.deepEqual(
    heard('Update').map(({ object: one }) => (one as Json).name),
    ['Washes', 'Washes'],
  );
  await deleteCollection(n.workAs(alice), collection.id);
  await n.settle();
  assert.deepEqual(
    heard('Delete')
      .map(({ actor }) => actor)
      .sort(),
    [aliceUri, uris.collection].sort(),
  );
  assert.equal((await read(n.origin, uris.collection)).status, 410);
  assert.equal((await read(n.origin, target)).status, 410);
  assert.equal(await em().count(TopicFollow), 0);
});

test('authorised fetch is asked for actors of topics too', async (t) => {
  const { n, uris, collection, em } = await given(t);
  const { readingSettings } = await import('../../src/federation/pages/asker.ts');
  const work = em();
  await n.node.settings.write(work, readingSettings, { authorisedFetch: 'everything' }, NOW);
  await work.flush();
  for (const uri of [...Object.values(uris), `${n.origin}/collections/${collection.id}`]) {
    assert.equal((await read(n.origin, uri)).status, 401, uri);
  }
  assert.equal(await em().count(OutboxItem), 0);
});
