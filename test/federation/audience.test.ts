import assert from 'node:assert/strict';
import { request } from 'node:http';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { Account, Follow } from '../../src/accounts/model.ts';
import { Model, ModelFile, ModelVersion } from '../../src/catalogue/model.ts';
import { loadSigningKey } from '../../src/federation/actors/keys.ts';
import { NODE_ACTOR, OutboxItem } from '../../src/federation/model.ts';
import { type SigningKey, signCavage } from '../../src/federation/signatures/sign.ts';
import { Comment, Image, Post, Reaction } from '../../src/gallery/model.ts';
import { Job } from '../../src/kit/queue/job.ts';
import type { Browser } from '../accounts/browser.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { type Peer, peerNode, settleAll } from './nodes.ts';
import { post, type StrangeActor, type Stranger, stranger } from './strangers.ts';

const AP = 'application/activity+json';
const PUBLIC = 'https://www.w3.org/ns/activitystreams#Public';
const AWAY_ID = 2_000_000;

/**
 * Alice publishes at home. Away, Bob follows her, Carol is named by her, Dave is neither. A server of another kind has
 * Fan, who follows her, and Mallory, who does not.
 */
async function given(t: TestContext) {
  const home = await peerNode(t, '127.0.0.1');
  const away = await peerNode(t, '127.0.0.2');
  const other = await stranger(t, '127.0.0.3');
  const alice = await home.member('alice');
  const [bob, carol, dave] = [await away.member('bob'), await away.member('carol'), await away.member('dave')];
  const [fan, mallory] = [await other.actor('fan'), await other.actor('mallory')];
  await follow(away, bob.browser, home, 'alice');
  assert.equal(await post(home, fan, { type: 'Follow', object: `${home.origin}/users/alice` }), 202);
  // the home node has to have heard of whom it names
  await alice.browser.get(`/search?q=${encodeURIComponent(`@carol@${away.host}`)}`);
  await settleAll(home, away);
  const keys = {
    bob: await loadSigningKey(away.node.federation, away.node.orm.em.fork(), bob.account.id),
    carol: await loadSigningKey(away.node.federation, away.node.orm.em.fork(), carol.account.id),
    dave: await loadSigningKey(away.node.federation, away.node.orm.em.fork(), dave.account.id),
    node: await loadSigningKey(away.node.federation, away.node.orm.em.fork(), NODE_ACTOR),
    fan: keyOf(fan),
    mallory: keyOf(mallory),
  };
  return { home, away, other, alice, bob, carol, dave, fan, mallory, keys };
}

type Cast = Awaited<ReturnType<typeof given>>;

const keyOf = ({ keyId, keys }: StrangeActor): SigningKey => ({
  keyId,
  type: 'rsa',
  privateKeyPem: keys.rsaPrivatePem,
});

async function follow(away: Peer, browser: Browser, home: Peer, name: string): Promise<Account> {
  await browser.get(`/search?q=${encodeURIComponent(`@${name}@${home.host}`)}`);
  const account = await away.node.orm.em.fork().findOneOrFail(Account, { host: home.host, name });
  assert.equal((await browser.post(`/accounts/${account.id}/follow`, { on: '1' })).status, 302);
  await settleAll(home, away);
  return account;
}

interface Got {
  readonly status: number;
  readonly text: string;
  readonly cacheControl: string;
}

/** A GET, signed by this key at the node's own time; null asks as a stranger. */
function get(node: Peer, path: string, key: SigningKey | null, accept = AP): Promise<Got> {
  const url = new URL(path, node.origin);
  const signed = key ? signCavage({ method: 'GET', url, body: null, now: node.clock.now() }, key) : {};
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers: { accept, ...signed }, agent: false }, async (response) => {
      const text = Buffer.concat(await response.toArray()).toString('latin1');
      const cacheControl = response.headers['cache-control'] ?? '';
      resolve({ status: response.statusCode ?? 0, text, cacheControl });
    });
    asked.on('error', reject).end();
  });
}

let shade = 0;

/** A post of Alice's with one picture, by the forms. */
async function publish({ home, away, alice }: Cast, fields: Record<string, string>) {
  // each picture another one: the same twice is asked about
  shade += 1;
  const background = { r: 160, g: 64, b: shade };
  const bytes = await sharp({ create: { width: 64, height: 48, channels: 3, background } })
    .png()
    .toBuffer();
  const form = new FormData();
  form.append('files', new Blob([new Uint8Array(bytes)]), 'valley.png');
  const uploaded = await alice.browser.postForm('/upload/images', form);
  const postId = Number(/\/posts\/(\d+)\/edit/.exec(uploaded.location)?.[1]);
  const imageId = Number(/name="rating-(\d+)"/.exec((await alice.browser.get(`/posts/${postId}/edit`)).text)?.[1]);
  const answer = await alice.browser.post(`/posts/${postId}/publication`, {
    ...{ title: 'Hushed valley', tags: 'hush', [`rating-${imageId}`]: '1', ...fields },
  });
  assert.equal(answer.status, 302, answer.text.slice(0, 2_000));
  await settleAll(home, away);
  return { postId, imageId, uri: `${home.origin}/posts/${postId}` };
}

async function change({ home, away, alice }: Cast, postId: number, fields: Record<string, string>): Promise<void> {
  for (const peer of [home, away]) peer.clock.pass(60_000);
  const answer = await alice.browser.post(`/posts/${postId}/draft`, { title: 'Hushed valley', ...fields });
  assert.equal(answer.status, 302, answer.text.slice(0, 2_000));
  await settleAll(home, away);
}

/** What arrived at the other server about a thing, by type, in order. */
const heard = (other: Stranger, uri: string): string[] =>
  other.received
    .map(({ body }) => body as { type: string; object?: string | { id?: string } })
    .filter(({ object }) => object === uri || (typeof object === 'object' && object.id === uri))
    .map(({ type }) => type);

test('P02 P03 P13 a post for followers is read by them and whom it names, signed, and is nothing to everybody else', async (t) => {
  const cast = await given(t);
  const { home, away, other, alice, bob, keys } = cast;
  const { postId, imageId, uri } = await publish(cast, { visibility: 'followers', caption: `for @carol@${away.host}` });
  const em = () => away.node.orm.em.fork();
  const arrived = await em().findOneOrFail(Post, { uri });
  assert.equal((await bob.browser.post(`/posts/${arrived.id}/comments`, { text: 'A word' })).status, 302);
  await settleAll(away, home);
  await alice.browser.post(`/posts/${postId}/comments`, { text: 'Thanks' });
  await settleAll(home, away);
  const comment = await home.node.orm.em.fork().findOneOrFail(Comment, { post: postId, isLocal: true });

  const paths: [path: string, missing: string][] = [
    ...['', '/replies', '/likes', '/shares'].flatMap((end): [string, string][] => [
      [`/posts/${postId}${end}`, `/posts/${AWAY_ID}${end}`],
      [`/images/${imageId}${end}`, `/images/${AWAY_ID}${end}`],
    ]),
    [`/comments/${comment.id}`, '/comments/00000000-0000-4000-8000-000000000000'],
    [`/media/full/${imageId}.webp`, `/media/full/${AWAY_ID}.webp`],
    [`/media/320/${imageId}.avif`, `/media/320/${AWAY_ID}.avif`],
    [`/media/original/${imageId}.png`, `/media/original/${AWAY_ID}.png`],
  ];
  for (const [path, missing] of paths) {
    const accept = path.startsWith('/media') ? 'image/*' : AP;
    for (const name of ['bob', 'carol', 'node', 'fan'] as const) {
      const { status, cacheControl } = await get(home, path, keys[name], accept);
      assert.deepEqual([status, cacheControl], [200, 'private, no-store'], `${path} signed by ${name}`);
    }
    for (const key of [null, keys.dave, keys.mallory]) {
      const [answer, nothing] = [await get(home, path, key, accept), await get(home, missing, key, accept)];
      assert.equal(answer.status, 404, `${path} ${key?.keyId}`);
      assert.equal(withoutIds(answer.text), withoutIds(nothing.text), `${path} ${key?.keyId}`);
    }
    // a signature of somebody else's request, and a cookie of who may (R11), are worth nothing
    const stolen = { ...keys.bob, privateKeyPem: keys.mallory.privateKeyPem };
    assert.equal((await get(home, path, stolen, accept)).status, 404, path);
  }
  assert.equal((await alice.browser.get(`/posts/${postId}`, { accept: AP })).status, 404);
  for (const key of [null, keys.bob]) {
    assert.equal(JSON.parse((await get(home, '/users/alice/outbox', key)).text).totalItems, 0);
    assert.doesNotMatch((await get(home, '/users/alice/outbox?page=true', key)).text, /Hushed/);
  }

  const document = JSON.parse((await get(home, `/posts/${postId}`, keys.bob)).text);
  assert.deepEqual(document.to, [`${home.origin}/users/alice/followers`]);
  assert.deepEqual(document.cc, [`${away.origin}/users/carol`]);
  assert.ok(!JSON.stringify(document).includes(PUBLIC));
  assert.deepEqual(document.tag.at(-1), {
    type: 'Mention',
    name: `@carol@${away.host}`,
    href: `${away.origin}/users/carol`,
  });
  assert.deepEqual(heard(other, uri), ['Create'], 'Fan’s server was told');
});

/** Ids of requests and of things, which differ anyway. */
const withoutIds = (text: string): string =>
  text.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '').replaceAll(/(?:media|next)[=/][^"]*/g, '');

test('a post for followers arrives with its pictures, and there too only they and whom it names see it', async (t) => {
  const cast = await given(t);
  const { home, away, bob, carol, dave } = cast;
  const { uri } = await publish(cast, { visibility: 'followers', caption: `for @carol@${away.host}` });
  const arrived = await away.node.orm.em.fork().findOneOrFail(Post, { uri });
  const image = await away.node.orm.em.fork().findOneOrFail(Image, { post: arrived });
  assert.ok(image.renderedAt, 'its picture was fetched, signed by somebody whom it is for');
  assert.deepEqual([arrived.visibility, arrived.listedAt, image.listedAt], ['followers', null, null]);
  for (const [browser, status] of [
    [bob.browser, 200],
    [carol.browser, 200],
    [dave.browser, 404],
  ] as const) {
    for (const path of [`/posts/${arrived.id}`, `/images/${image.id}`, `/media/640/${image.id}.webp`]) {
      assert.equal((await browser.get(path)).status, status, path);
    }
  }
  const secrets = new RegExp(`/posts/${arrived.id}\\b|/media/\\d+/${image.id}\\.|Hushed`);
  for (const path of [`/media/320/${image.id}.webp`, `/posts/${arrived.id}`, `/images/${image.id}`]) {
    assert.equal((await get(away, path, null, 'text/html')).status, 404, path);
    // a copy is not served on for its author
    assert.equal((await get(away, path, null)).status, 404, path);
  }
  const profile = `/@alice@${home.host}`;
  for (const path of ['/', '/images', '/?scope=known', '/search?q=hushed', profile]) {
    assert.doesNotMatch((await get(away, path, null, 'text/html')).text, secrets, path);
    assert.doesNotMatch((await dave.browser.get(path)).text, secrets, path);
  }
  assert.match((await bob.browser.get('/?scope=following')).text, secrets);
  assert.match((await bob.browser.get(profile)).text, secrets);
  assert.match((await carol.browser.get('/?scope=named')).text, secrets);
  assert.equal(await away.node.orm.em.fork().count(Job, { state: 'failed' }), 0);
});

test('a direct post goes to whom it names, and to nobody who only follows', async (t) => {
  const cast = await given(t);
  const { home, away, other, bob, carol, keys } = cast;
  const { postId, imageId, uri } = await publish(cast, { visibility: 'direct', caption: `for @carol@${away.host}` });
  const arrived = await away.node.orm.em.fork().findOneOrFail(Post, { uri });
  assert.equal(arrived.visibility, 'direct');
  assert.equal((await carol.browser.get(`/posts/${arrived.id}`)).status, 200);
  assert.equal((await bob.browser.get(`/posts/${arrived.id}`)).status, 404);
  assert.match((await carol.browser.get('/?scope=named')).text, /Hushed/);
  assert.doesNotMatch((await bob.browser.get('/?scope=following')).text, /Hushed/);
  assert.deepEqual(heard(other, uri), []);
  for (const path of [`/posts/${postId}`, `/media/full/${imageId}.webp`]) {
    for (const key of [null, keys.bob, keys.fan, keys.dave]) assert.equal((await get(home, path, key)).status, 404);
    assert.equal((await get(home, path, keys.carol, path.startsWith('/media') ? 'image/*' : AP)).status, 200);
  }
  const said = await home.node.orm.em.fork().findOneOrFail(OutboxItem, { uri: `${uri}#create` });
  const { to, cc } = said.document as { to: string[]; cc: string[] };
  assert.deepEqual([to, cc], [[`${away.origin}/users/carol`], []]);
});

test('what is made narrower is taken from those whom it is no longer for, and given to whom it becomes for', async (t) => {
  const cast = await given(t);
  const { away, other, bob, carol } = cast;
  const caption = `with @carol@${away.host}`;
  const { postId, uri } = await publish(cast, { visibility: 'public', caption });
  const there = () => away.node.orm.em.fork().findOneOrFail(Post, { uri });
  const { id } = await there();
  assert.equal((await get(away, `/posts/${id}`, null, 'text/html')).status, 200);
  assert.equal((await bob.browser.post(`/posts/${id}/comments`, { text: 'Fine' })).status, 302);

  await change(cast, postId, { visibility: 'followers', caption });
  assert.equal((await there()).visibility, 'followers');
  assert.equal((await get(away, `/posts/${id}`, null, 'text/html')).status, 404);
  assert.match((await bob.browser.get(`/posts/${id}`)).text, /Fine/, 'on a server of our kind its talk stays');
  assert.deepEqual(heard(other, uri).slice(0, 2), ['Create', 'Delete'], 'others would leave it public');

  await change(cast, postId, { visibility: 'direct', caption });
  assert.equal((await bob.browser.get(`/posts/${id}`)).status, 404);
  assert.equal((await carol.browser.get(`/posts/${id}`)).status, 200);

  await change(cast, postId, { visibility: 'public', caption });
  assert.equal((await get(away, `/posts/${id}`, null, 'text/html')).status, 200);
  assert.equal(heard(other, uri).at(-1), 'Create');
});

test('a model for followers arrives for them alone; its file goes to who signs as one of them', async (t) => {
  const cast = await given(t);
  const { home, away, other, alice, bob, dave, keys } = cast;
  const form = new FormData();
  form.append('files', new Blob([new Uint8Array(kohyaLoraSd1({ name: 'hush' }))]), 'hush.safetensors');
  const versionId = Number(
    /\/versions\/(\d+)\/edit/.exec((await alice.browser.postForm('/upload', form)).location)?.[1],
  );
  await settleAll(home);
  const words = { name: 'Hushed Wash', type: 'LORA', versionName: 'v1.0', baseModel: 'SD 1.5' };
  const edit = (fields: Record<string, string>) =>
    alice.browser.post(`/versions/${versionId}/edit`, { ...words, ...fields });
  assert.equal((await edit({ act: 'publish', visibility: 'followers' })).status, 302);
  await settleAll(home, away);
  const { model } = await home.node.orm.em.fork().findOneOrFail(ModelVersion, versionId);
  const uri = `${home.origin}/models/${model.id}`;
  const there = () => away.node.orm.em.fork().findOneOrFail(Model, { uri });
  const arrived = await there();
  assert.deepEqual([arrived.visibility, arrived.listedAt], ['followers', null]);
  assert.equal((await bob.browser.get(`/models/${arrived.id}`)).status, 200);
  assert.equal((await dave.browser.get(`/models/${arrived.id}`)).status, 404);
  assert.match((await bob.browser.get('/?scope=following')).text, /Hushed Wash/);
  assert.doesNotMatch((await dave.browser.get('/models')).text, /Hushed Wash/);
  assert.equal(await away.node.orm.em.fork().count(ModelFile, { version: { model: arrived } }), 1);
  for (const path of [`/models/${model.id}`, `/models/${model.id}/likes`, `/api/download/models/${versionId}`]) {
    for (const key of [null, keys.dave, keys.mallory]) {
      assert.equal((await get(home, path, key)).status, 404, `${path} ${key?.keyId}`);
    }
    for (const key of [keys.bob, keys.node]) {
      assert.deepEqual(
        Object.values(await get(home, path, key)).filter((value) => value === 200 || value === 'private, no-store'),
        [200, 'private, no-store'],
        path,
      );
    }
  }
  assert.equal((await get(home, `/versions/${versionId}`, keys.dave)).status, 404);
  assert.equal((await get(home, `/versions/${versionId}`, keys.bob)).status, 302);
  assert.deepEqual(heard(other, uri), ['Create']);

  for (const peer of [home, away]) peer.clock.pass(60_000);
  await edit({ act: 'save', visibility: 'unlisted' });
  await settleAll(home, away);
  assert.deepEqual([(await there()).visibility, (await there()).listedAt], ['unlisted', null]);
  assert.equal((await get(home, `/models/${model.id}`, null)).status, 200);
  assert.equal((await get(away, `/models/${arrived.id}`, null, 'text/html')).status, 200);
  assert.equal(JSON.parse((await get(home, '/users/alice/outbox', null)).text).totalItems, 0);
});

test('O18 a locked account’s posts are for nobody before the Accept, at home and where they lie', async (t) => {
  const cast = await given(t);
  const { home, away, other, alice, bob, dave, mallory, keys } = cast;
  await home.node.orm.em.fork().nativeUpdate(Account, { id: alice.account.id }, { isLocked: true });
  await follow(away, dave.browser, home, 'alice');
  assert.equal(await post(home, mallory, { type: 'Follow', object: `${home.origin}/users/alice` }), 202);
  await settleAll(home, away);
  const before = other.received.length;
  const { postId, imageId, uri } = await publish(cast, { visibility: 'followers', caption: '' });
  // it lies there, because Bob follows
  const arrived = await away.node.orm.em.fork().findOneOrFail(Post, { uri });
  assert.equal((await bob.browser.get(`/posts/${arrived.id}`)).status, 200);
  assert.equal((await dave.browser.get(`/posts/${arrived.id}`)).status, 404);
  assert.doesNotMatch((await dave.browser.get('/?scope=following')).text, /Hushed/);
  for (const path of [`/posts/${postId}`, `/media/full/${imageId}.webp`]) {
    for (const key of [keys.dave, keys.mallory]) assert.equal((await get(home, path, key)).status, 404, path);
  }
  const inboxes = other.received.slice(before).map(({ path }) => path);
  assert.ok(!inboxes.includes('/users/mallory/inbox'), 'a request brings nothing');

  const asked = await home.node.orm.em.fork().findOneOrFail(Follow, { state: 'pending', follower: { name: 'dave' } });
  await alice.browser.post(`/follows/${asked.id}/acceptance`);
  await settleAll(home, away);
  assert.equal((await dave.browser.get(`/posts/${arrived.id}`)).status, 200);
  assert.equal((await get(home, `/posts/${postId}`, keys.dave)).status, 200);
});

test('O20 likes, boosts, quotes and answers of strangers to it do what they do to a missing id; those of followers count', async (t) => {
  const cast = await given(t);
  const { home, away, fan, mallory } = cast;
  const { postId, uri } = await publish(cast, { visibility: 'followers', caption: '' });
  const note = (actor: StrangeActor, inReplyTo: string, to: string[], n: number) => ({
    type: 'Create',
    to,
    object: {
      ...{ id: `${actor.id}/notes/${n}`, type: 'Note', attributedTo: actor.id, content: '<p>Hm</p>', inReplyTo, to },
      published: home.clock.now().toISOString(),
    },
  });
  const em = () => home.node.orm.em.fork();
  for (const [n, object] of [uri, `${home.origin}/posts/${AWAY_ID}`].entries()) {
    for (const activity of [
      { type: 'Like', object },
      { type: 'Announce', object, to: [PUBLIC] },
      { type: 'EmojiReact', object, content: '🔥' },
      { type: 'QuoteRequest', object, instrument: `${mallory.id}/quote` },
      note(mallory, object, [PUBLIC], n),
    ]) {
      assert.equal(await post(home, mallory, activity), 202);
    }
  }
  await settleAll(home, away);
  assert.equal(await em().count(Comment, {}), 0);
  assert.equal(await em().count(Reaction, {}), 0);

  assert.equal(await post(home, fan, { type: 'Like', object: uri }), 202);
  const followers = `${home.origin}/users/alice/followers`;
  assert.equal(await post(home, fan, note(fan, uri, [followers, `${home.origin}/users/alice`], 7)), 202);
  await settleAll(home, away);
  assert.equal(await em().count(Reaction, { post: postId }), 1);
  assert.equal((await em().findOneOrFail(Comment, { post: postId })).audience, 'page');
});

test('an answer that is for few is shown to them: whom it answers, whom it names, and its author’s followers if it says so', async (t) => {
  const cast = await given(t);
  const { home, away, other, alice, fan } = cast;
  const erin = await home.member('erin');
  const finn = await home.member('finn');
  const { postId, uri } = await publish(cast, { visibility: 'public', caption: '' });
  const answer = (text: string, to: string[], n: number) =>
    post(home, fan, {
      type: 'Create',
      to,
      object: {
        ...{ id: `${fan.id}/notes/${n}`, type: 'Note', attributedTo: fan.id, content: `<p>${text}</p>`, to },
        ...{ inReplyTo: uri, published: home.clock.now().toISOString() },
      },
    });
  await answer('Between us', [`${home.origin}/users/alice`, `${home.origin}/users/erin`], 1);
  await answer('Among friends', [`${fan.id}/followers`, `${home.origin}/users/alice`], 2);
  await answer('Aloud', [PUBLIC], 3);
  await settleAll(home, away);
  const pageOf = async (browser: Browser | null) => {
    const { text } = browser
      ? await browser.get(`/posts/${postId}`)
      : await get(home, `/posts/${postId}`, null, 'text/html');
    return ['Between us', 'Among friends', 'Aloud'].filter((words) => text.includes(words));
  };
  assert.deepEqual(await pageOf(null), ['Aloud']);
  assert.deepEqual(await pageOf(finn.browser), ['Aloud']);
  assert.deepEqual(await pageOf(erin.browser), ['Between us', 'Aloud']);
  assert.deepEqual(await pageOf(alice.browser), ['Between us', 'Among friends', 'Aloud']);
  const { commentCount } = await home.node.orm.em.fork().findOneOrFail(Post, postId);
  assert.equal(commentCount, 1, 'a number for everybody counts what everybody sees');
  const replies = JSON.parse((await get(home, `/posts/${postId}/replies`, null)).text);
  assert.equal(replies.totalItems, 1);

  // what Alice says to it goes back to its author, and to nobody's followers
  const quiet = await home.node.orm.em.fork().findOneOrFail(Comment, { uri: `${fan.id}/notes/1` });
  assert.equal((await finn.browser.post(`/posts/${postId}/comments`, { text: 'Me', parent: quiet.id })).status, 422);
  assert.equal((await finn.browser.get(`/comments/${quiet.id}`)).status, 404);
  const before = other.received.length;
  await alice.browser.post(`/posts/${postId}/comments`, { text: 'Quietly', parent: quiet.id });
  await settleAll(home, away);
  const sent = other.received.slice(before).map(({ body }) => body as { object: { to: string[]; cc: string[] } });
  assert.equal(sent.length, 1);
  assert.deepEqual(sent[0]?.object.to.toSorted(), [`${home.origin}/users/erin`, fan.id].toSorted());
  assert.ok(!JSON.stringify(sent).includes('/followers"]'));
  assert.ok(!(await get(home, `/posts/${postId}`, null, 'text/html')).text.includes('Quietly'));
});

test('P10 a deletion is told to those who had it by name; what is left is a bare 410 for them, and nothing for others', async (t) => {
  const cast = await given(t);
  const { home, away, other, alice, keys, mallory } = cast;
  const host = new URL(other.origin).host;
  await alice.browser.get(`/search?q=${encodeURIComponent(`@mallory@${host}`)}`);
  await settleAll(home);
  const caption = `for @mallory@${host} Hushed words`;
  const direct = await publish(cast, { visibility: 'direct', caption });
  const open = await publish(cast, { visibility: 'public', caption: 'Hushed words' });
  assert.deepEqual(heard(other, direct.uri), ['Create'], 'Mallory is named this time');
  for (const { postId } of [direct, open]) await alice.browser.post(`/posts/${postId}/removal`);
  for (const peer of [home, away]) peer.clock.pass(16_000);
  await settleAll(home, away);
  assert.deepEqual(heard(other, direct.uri), ['Create', 'Delete']);
  for (const path of [`/posts/${direct.postId}`, `/images/${direct.imageId}`]) {
    const gone = await get(home, path, keys.mallory);
    assert.deepEqual([gone.status, JSON.parse(gone.text).type], [410, 'Tombstone']);
    assert.doesNotMatch(gone.text, /Hushed/);
    for (const key of [null, keys.bob, keys.dave]) assert.equal((await get(home, path, key)).status, 404, path);
  }
  assert.equal((await get(home, `/media/full/${direct.imageId}.webp`, null, 'image/*')).status, 404);
  assert.equal((await get(home, `/media/full/${direct.imageId}.webp`, keys.mallory, 'image/*')).status, 410);
  assert.equal((await get(home, `/posts/${open.postId}`, null)).status, 410);
  assert.equal((await get(home, `/images/${open.imageId}`, null)).status, 410);
  assert.equal((await get(home, `/media/full/${open.imageId}.webp`, null, 'image/*')).status, 410);
  assert.equal(mallory.id, `${other.origin}/users/mallory`);
});
