import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Account, Follow } from '../../src/accounts/model.ts';
import { OutboxItem, RemoteActor } from '../../src/federation/model.ts';
import { announcePin } from '../../src/federation/outbox/announce-pin.ts';
import { Comment, Reaction } from '../../src/gallery/model.ts';
import { listPins, pin, unpin } from '../../src/gallery/pins.ts';
import { Share } from '../../src/gallery/shares.ts';
import { newId } from '../../src/kit/ids.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenAccount, givenImage, givenModel, givenPost, givenVersion, NOW } from '../factories/content.ts';
import { peerNode } from './nodes.ts';
import { nextId, post, stranger } from './strangers.ts';

const AP = 'application/activity+json';

interface Collection {
  readonly id: string;
  readonly type: string;
  readonly totalItems?: number;
  readonly first?: string | Collection;
  readonly next?: string;
  readonly partOf?: string;
  readonly items?: string[];
  readonly orderedItems?: (string | { object: { id: string } })[];
}

async function given(t: TestContext) {
  const node = await peerNode(t, '127.0.0.1');
  const alice = await givenMember(node.em, 'alice');
  const em = node.node.orm.em.fork();
  const owner = em.getReference(Account, alice.id);
  const get = (path: string, accept = AP) =>
    fetch(new URL(path, node.origin), { headers: { accept }, redirect: 'manual' });
  const read = async (path: string) => {
    const answer = await get(path);
    assert.equal(answer.status, 200, path);
    assert.equal(answer.headers.get('content-type'), `${AP}; charset=utf-8`, path);
    return (await answer.json()) as Collection;
  };
  /** Every item of all pages. */
  const walk = async (path: string) => {
    const { first } = await read(path);
    assert.ok(first, 'the collection has pages');
    const items: Collection['orderedItems'] = [];
    let page = typeof first === 'string' ? await read(first) : first;
    for (let pages = 1; ; pages += 1) {
      items.push(...(page.orderedItems ?? []), ...(page.items ?? []));
      if (page.next === undefined) return { items, pages };
      assert.ok(pages < 20, 'the pages end');
      page = await read(page.next);
    }
  };
  return { node, alice, em, owner, get, read, walk };
}

test('an outbox of many things, some of one moment, gives each once and in order, page by page', async (t) => {
  const { em, owner, read, walk } = await given(t);
  const at = (n: number) => new Date(NOW.getTime() - Math.floor(n / 4) * 1_000);
  for (let n = 0; n < 23; n += 1) givenModel(em, { owner, listedAt: at(n), publishedAt: at(n) });
  for (let n = 0; n < 22; n += 1) {
    const post = givenPost(em, { owner, listedAt: at(n), publishedAt: at(n) });
    givenImage(em, { post, owner });
  }
  givenPost(em, { owner, visibility: 'followers', listedAt: null });
  givenPost(em, { owner, visibility: 'unlisted', listedAt: null });
  await em.flush();
  const head = await read('/users/alice/outbox');
  assert.deepEqual([head.type, head.totalItems], ['OrderedCollection', 45]);
  const { items, pages } = await walk('/users/alice/outbox');
  const ids = items.map((item) => (typeof item === 'string' ? item : item.object.id));
  assert.equal(pages, 3);
  assert.equal(ids.length, 45);
  assert.equal(new Set(ids).size, 45);
});

test('P04 who follows whom is a number, until the person shows it', async (t) => {
  const { em, alice, owner, read, walk } = await given(t);
  const uris: string[] = [];
  for (let n = 0; n < 25; n += 1) {
    const uri = `https://v.example/users/fan${n}`;
    uris.push(uri);
    const follower = givenAccount(em, { name: `fan${n}`, host: 'v.example', uri });
    em.create(
      Follow,
      { id: newId(), follower, target: owner, state: n === 24 ? 'pending' : 'accepted', createdAt: NOW },
      { persist: true },
    );
  }
  await em.flush();
  for (const path of ['/users/alice/followers', '/users/alice/following', '/users/alice/liked']) {
    const head = await read(path);
    assert.equal(head.totalItems, path.endsWith('followers') ? 24 : 0);
    assert.equal(head.first, undefined, 'no page is promised');
    assert.deepEqual((await read(`${path}?page=true`)).orderedItems, [], 'and who guesses gets nothing');
  }
  await em.nativeUpdate(Account, { id: alice.id }, { isNetworkShown: true });
  const { items, pages } = await walk('/users/alice/followers');
  assert.equal(pages, 2);
  assert.deepEqual(new Set(items), new Set(uris.slice(0, 24)));
});

test('a cursor that this node did not write is 400 and never 500', async (t) => {
  const { em, owner, alice, get } = await given(t);
  const post = givenPost(em, { owner });
  givenImage(em, { post, owner });
  await em.flush();
  await em.nativeUpdate(Account, { id: alice.id }, { isNetworkShown: true });
  const write = (text: string) => Buffer.from(text).toString('base64url');
  const cursors = [
    ...['', 'abc', '1', '-1', '%00', 'true%00', 'x'.repeat(5_000), '999999999999999999999', '../..', "1'--", '💥'],
    ...[write('1 post 99999999999'), write('99999999999999999999 post 1'), write('1 post'), write('\0 post 1')],
    ...[write('not-a-uuid'), write('00000000-0000-0000-0000-00000000000g'), write('1 00000000')],
  ];
  for (const path of [
    '/users/alice/outbox',
    '/users/alice/followers',
    '/users/alice/following',
    `/posts/${post.id}/replies`,
  ]) {
    for (const cursor of cursors) {
      const answer = await get(`${path}?page=${encodeURIComponent(cursor).replaceAll('%2500', '%00')}`);
      assert.equal(answer.status, 400, `${path} ${cursor.slice(0, 40)}`);
      assert.match(answer.headers.get('content-type') ?? '', /^application\/json/);
    }
    assert.equal((await get(`${path}?page=true&page=true`)).status, 400, 'twice is none');
  }
  assert.equal((await get('/users/alice%00/outbox')).status, 404);
  assert.equal((await get('/users/%00')).status, 404);
});

test('replies, likes and shares stand in every object and answer with the numbers that they say', async (t) => {
  const { node, em, owner, read, walk } = await given(t);
  const post = givenPost(em, { owner, likeCount: 1 });
  const image = givenImage(em, { post, owner });
  const model = givenModel(em, { owner });
  await em.flush();
  const comments: Comment[] = [];
  for (let n = 0; n < 45; n += 1) {
    comments.push(
      em.create(
        Comment,
        {
          ...{ id: newId(), author: owner, post, text: `Number ${n}` },
          createdAt: new Date(NOW.getTime() + Math.floor(n / 10)),
          ...(n === 44 ? { deletedAt: NOW } : {}),
          ...(n === 43 ? { isLocal: false, uri: 'https://v.example/notes/1' } : {}),
        },
        { persist: true },
      ),
    );
  }
  await em.flush();
  em.create(
    Comment,
    { id: newId(), author: owner, post, parent: comments[0] ?? null, text: 'An answer', createdAt: NOW },
    { persist: true },
  );
  em.create(Reaction, { id: newId(), account: owner, post, createdAt: NOW }, { persist: true });
  await em.flush();

  for (const path of [
    `/posts/${post.id}`,
    `/images/${image.id}`,
    `/models/${model.id}`,
    `/comments/${comments[0]?.id}`,
  ]) {
    const object = (await read(path)) as unknown as Record<string, Collection>;
    for (const name of ['replies', 'likes', 'shares']) {
      const said = object[name];
      assert.equal(said?.id, `${node.origin}${path}/${name}`);
      const served = await read(new URL(said?.id ?? '').pathname);
      assert.deepEqual([served.id, served.totalItems], [said?.id, said?.totalItems], `${path} ${name}`);
    }
  }
  const { items, pages } = await walk(`/posts/${post.id}/replies`);
  assert.equal(pages, 2);
  assert.equal(items.length, 44);
  assert.equal(new Set(items).size, 44);
  assert.equal(items.at(-1), 'https://v.example/notes/1', 'oldest first, each by its own id');
  const inline = ((await read(`/posts/${post.id}`)) as unknown as { replies: Collection }).replies.first as Collection;
  assert.equal((await read(inline.next ?? '')).items?.length, 40, 'what a note brings along leads to the items');
  assert.equal((await read(`/posts/${post.id}/likes`)).totalItems, 1);
});

test('what was deleted is a tombstone, also its collections; what never was is 404', async (t) => {
  const { em, alice, owner, get } = await given(t);
  const gone = givenPost(em, { owner, state: 'deleted', listedAt: null, deletedAt: NOW, caption: 'secret' });
  const hidden = givenPost(em, {
    ...{ owner, state: 'deleted', visibility: 'followers', listedAt: null, deletedAt: NOW },
  });
  const thrownAway = givenPost(em, { owner, state: 'deleted', publishedAt: null, listedAt: null, deletedAt: NOW });
  await em.flush();
  const answer = await get(`/posts/${gone.id}`);
  assert.equal(answer.status, 410);
  const tombstone = (await answer.json()) as Record<string, unknown>;
  assert.deepEqual([tombstone.type, tombstone.formerType, tombstone.deleted], ['Tombstone', 'Note', NOW.toISOString()]);
  assert.equal((await get(`/posts/${gone.id}/replies`)).status, 410);
  assert.equal((await get(`/posts/${hidden.id}`)).status, 404);
  assert.equal((await get(`/posts/${thrownAway.id}`)).status, 404);

  await em.nativeUpdate(Account, { id: alice.id }, { state: 'deleted', deletedAt: NOW });
  for (const path of ['/users/alice', '/@alice', '/users/alice/outbox', '/users/alice/featured']) {
    const left = await get(path);
    assert.equal(left.status, 410, path);
    const body = (await left.json()) as Record<string, unknown>;
    assert.equal(body.type, 'Tombstone', path);
    if (!path.includes('/outbox') && !path.includes('/featured')) assert.equal(body.formerType, 'Person');
  }
  assert.equal((await get('/users/nobody/outbox')).status, 404);
});

test('what its owner pins is featured: at most five, public, their own; followers elsewhere are told', async (t) => {
  const { node, em, alice, owner, read } = await given(t);
  const member = await givenMember(node.em, 'bob');
  const models = Array.from({ length: 5 }, () => givenModel(em, { owner }));
  const post = givenPost(em, { owner });
  givenImage(em, { post, owner });
  const draft = givenModel(em, { owner, state: 'draft', listedAt: null, publishedAt: null });
  const fan = givenAccount(em, { name: 'fan', host: 'v.example', uri: 'https://v.example/users/fan' });
  em.create(
    Follow,
    { id: newId(), follower: fan, target: owner, state: 'accepted', createdAt: NOW },
    { persist: true },
  );
  em.create(
    RemoteActor,
    {
      ...{ account: fan, inboxUri: 'https://v.example/inbox', keys: [], document: {}, fetchedAt: NOW },
    },
    { persist: true },
  );
  await em.flush();
  assert.deepEqual((await read('/users/alice/featured')).orderedItems, []);
  const actor = (await read('/users/alice')) as unknown as { featured: string };
  assert.equal(actor.featured, `${node.origin}/users/alice/featured`);

  const as = () => node.workAs(alice);
  await pin(as(), { kind: 'post', id: post.id });
  node.clock.pass(1_000);
  for (const model of models.slice(0, 4)) await pin(as(), { kind: 'model', id: model.id });
  await pin(as(), { kind: 'post', id: post.id });
  await assert.rejects(pin(as(), { kind: 'model', id: models[4]?.id ?? 0 }), { kind: 'conflict' });
  await assert.rejects(pin(as(), { kind: 'model', id: draft.id }), { kind: 'not_found' });
  await assert.rejects(pin(node.workAs(member), { kind: 'model', id: models[4]?.id ?? 0 }), { kind: 'not_found' });
  const featured = await read('/users/alice/featured');
  assert.equal(featured.totalItems, 5);
  assert.equal(featured.orderedItems?.at(-1), `${node.origin}/posts/${post.id}`);

  const { browser } = await node.member('carol');
  const page = (await browser.get('/@alice')).text;
  assert.match(page, /id="pinned"/);
  assert.match(page, new RegExp(`href="/posts/${post.id}"`));
  await unpin(as(), { kind: 'post', id: post.id });
  await unpin(as(), { kind: 'post', id: post.id });
  assert.equal((await listPins(node.node.orm.em.fork(), alice.id)).length, 4);

  const change = { pinId: newId(), accountId: alice.id, kind: 'post', targetId: post.id, isPinned: false } as const;
  for (let times = 0; times < 2; times += 1) await announcePin(node.node.openWork(null), node.node.federation, change);
  const said = await node.node.orm.em.fork().find(OutboxItem, { uri: { $like: `%#unpin-${change.pinId}` } });
  assert.equal(said.length, 1, 'a change that is told twice is said once');
  const { type, object, target } = (said[0]?.document ?? {}) as Record<string, unknown>;
  assert.deepEqual(
    [type, object, target],
    ['Remove', `${node.origin}/posts/${post.id}`, `${node.origin}/users/alice/featured`],
  );
});

test('whoever owns a model or post pins it from its page', async (t) => {
  const { node, em, owner, read } = await given(t);
  const model = givenModel(em, { owner });
  givenVersion(em, { model });
  await em.flush();
  const { browser: visitor } = await node.member('bob');
  assert.doesNotMatch((await visitor.get(`/models/${model.id}`)).text, /\/pin"/);
  assert.equal((await visitor.post(`/models/${model.id}/pin`, { on: '1' })).status, 404);
  await visitor.post('/sign-out');
  await visitor.signIn('alice');
  assert.match((await visitor.get(`/models/${model.id}`)).text, new RegExp(`action="/models/${model.id}/pin"`));
  assert.equal((await visitor.post(`/models/${model.id}/pin`, { on: '1' })).status, 302);
  assert.deepEqual((await read('/users/alice/featured')).orderedItems, [`${node.origin}/models/${model.id}`]);
  assert.match((await visitor.get(`/models/${model.id}`)).text, /Unpin from your profile/);
  await visitor.post(`/models/${model.id}/pin`, { on: '0' });
  assert.deepEqual((await read('/users/alice/featured')).orderedItems, []);
});

test('a boost of ours is counted once for each who boosts, and taken back by its id or by what it was of; hidden things are not known', async (t) => {
  const { node: n, em, owner } = await given(t);
  const peer = await stranger(t, '127.0.0.3');
  const [fan, mallory] = [await peer.actor('fan'), await peer.actor('mallory')];
  const open = givenPost(em, { owner });
  givenImage(em, { post: open, owner });
  const hidden = givenPost(em, { owner, visibility: 'followers', listedAt: null });
  await em.flush();
  const object = `${n.origin}/posts/${open.id}`;
  const shares = async () => {
    await n.settle();
    const answer = await fetch(`${object}/shares`, { headers: { accept: 'application/activity+json' } });
    return ((await answer.json()) as { totalItems: number }).totalItems;
  };
  const first = nextId(fan);
  assert.equal(await post(n, fan, { id: first, type: 'Announce', object }), 202);
  assert.equal(await post(n, fan, { type: 'Announce', object }), 202);
  assert.equal(await post(n, mallory, { type: 'Announce', object }), 202);
  assert.equal(await post(n, fan, { type: 'Announce', object: `${n.origin}/posts/${hidden.id}` }), 202);
  assert.equal(await shares(), 2);
  const said = await fetch(object, { headers: { accept: 'application/activity+json' } });
  assert.equal(((await said.json()) as { shares: { totalItems: number } }).shares.totalItems, 2);
  assert.equal(await n.node.orm.em.fork().count(Share), 2);

  // somebody else's boost is not theirs to take back (O13)
  assert.equal(await post(n, mallory, { type: 'Undo', object: first }), 202);
  assert.equal(await shares(), 2);
  assert.equal(await post(n, fan, { type: 'Undo', object: first }), 202);
  assert.equal(await shares(), 1);
  const inline = { id: `${mallory.id}#unknown`, type: 'Announce', actor: mallory.id, object };
  assert.equal(await post(n, mallory, { type: 'Undo', object: inline }), 202);
  assert.equal(await shares(), 0);
});
