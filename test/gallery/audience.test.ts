import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { viewerOf } from '../../src/accounts/access/identify.ts';
import { Account, Follow } from '../../src/accounts/model.ts';
import { Model, ModelFile, ModelVersion } from '../../src/catalogue/model.ts';
import { findOffersByVersion, LORA_TYPES, listOffers } from '../../src/compute/models/offers.ts';
import { Comment, Image, Post } from '../../src/gallery/model.ts';
import { newId } from '../../src/kit/ids.ts';
import { embedTexts } from '../../src/kit/storage/carriers/embed.ts';
import { Browser } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { NOW } from '../factories/content.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { bytesAt, type Painter, painter, picture, sendFiles } from './painter.ts';

const AP = 'application/activity+json';
const PEOPLE = ['visitor', 'stranger', 'follower', 'named', 'owner', 'moderator'] as const;
type Person = (typeof PEOPLE)[number];
type People = Readonly<Record<Person, Browser>>;

/** Ada publishes; Bob follows her, Carol is named, Mallory is nobody to her, and Mo moderates. */
async function given(t: TestContext) {
  const node = await painter(t);
  const { em, address, ada } = node;
  const member = async (name: string, role: 'member' | 'moderator' = 'member') => {
    const account = await givenMember(em, name, { role });
    const browser = new Browser(address);
    await browser.signIn(name);
    return { account, browser };
  };
  const [bob, carol, mallory, mo] = [
    await member('bob'),
    await member('carol'),
    await member('mallory'),
    await member('mo', 'moderator'),
  ];
  em.create(
    Follow,
    { id: newId(), follower: bob.account, target: ada, state: 'accepted', createdAt: NOW },
    { persist: true },
  );
  await em.flush();
  const people: People = {
    visitor: node.visitor,
    stranger: mallory.browser,
    follower: bob.browser,
    named: carol.browser,
    owner: node.browser,
    moderator: mo.browser,
  };
  return { ...node, people, bob: bob.account, mallory: mallory.account };
}

const WORKFLOW = JSON.stringify({ last_node_id: 1, nodes: [{ id: 1, type: 'KSampler' }], links: [], version: 0.4 });

/** A post with one picture, made by the forms as a person does. */
async function postOf(
  { browser, settle }: Painter,
  fields: Record<string, string>,
): Promise<{ postId: number; imageId: number }> {
  const bytes = embedTexts(await picture(), { workflow: WORKFLOW });
  const sent = await sendFiles(browser, '/upload/images', [{ bytes, name: 'secret.png' }]);
  const postId = Number(/posts\/(\d+)/.exec(sent.location)?.[1]);
  const imageId = Number(/id="picture-(\d+)"/.exec((await browser.get(`/posts/${postId}/edit`)).text)?.[1]);
  const answer = await browser.post(`/posts/${postId}/publication`, {
    ...{ title: 'Hushed valley', caption: 'for @carol', tags: 'hushhush', [`rating-${imageId}`]: '1' },
    [`alt-${imageId}`]: 'Unspeakable lantern',
    ...fields,
  });
  assert.equal(answer.status, 302, answer.text.slice(0, 2_000));
  await settle();
  return { postId, imageId };
}

async function modelOf({ browser, settle, em }: Painter, visibility: string) {
  const form = new FormData();
  form.append('files', new Blob([new Uint8Array(kohyaLoraSd1({ name: `hush-${visibility}` }))]), 'hush.safetensors');
  const uploaded = await browser.postForm('/upload', form);
  const versionId = Number(/\/versions\/(\d+)\/edit/.exec(uploaded.location)?.[1]);
  await settle();
  const published = await browser.post(`/versions/${versionId}/edit`, {
    ...{ act: 'publish', name: 'Hushed Wash', type: 'LORA', versionName: 'v1.0', baseModel: 'SD 1.5' },
    ...{ tags: 'hushmodel', description: 'Unspeakable.', visibility },
  });
  assert.equal(published.status, 302, published.text.slice(0, 3_000));
  await settle();
  const version = await em.fork().findOneOrFail(ModelVersion, versionId);
  return { versionId, modelId: version.model.id };
}

/** Without what differs from request to request. */
const bare = (text: string): string =>
  text
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '')
    .replaceAll(/next=[^"]*/g, '')
    .replaceAll(/\/(?:posts|images|models|versions|comments|media)\/[^"<]*/g, '');

/** Each path for each person: 200, or a redirect, for those whom it is for, and for the others what a missing id gives. */
async function walk(
  people: People,
  allowed: readonly Person[],
  paths: readonly (readonly [path: string, missing: string])[],
) {
  for (const [path, missing] of paths) {
    for (const person of PEOPLE) {
      const { status, bytes, headers } = await bytesAt(people[person], path);
      const isIn = allowed.includes(person);
      assert.ok(isIn ? status === 200 : status === 404, `${path} for ${person}: ${status}`);
      if (isIn) {
        if (/media|download/.test(path)) assert.equal(headers.get('cache-control'), 'private, no-store', path);
        continue;
      }
      const nothing = await bytesAt(people[person], missing);
      assert.equal(nothing.status, 404, missing);
      assert.equal(bare(bytes.toString()), bare(nothing.bytes.toString()), `${path} for ${person}`);
    }
  }
}

/** A peer that does not sign, with and without somebody's cookie (R11), learns nothing. */
async function walkUnsigned(people: People, paths: readonly (readonly [string, string])[]) {
  for (const [path, missing] of paths) {
    for (const person of PEOPLE) {
      const answer = await people[person].get(path, { accept: AP });
      const nothing = await people[person].get(missing, { accept: AP });
      assert.deepEqual([answer.status, answer.text], [404, nothing.text], `${path} for ${person}`);
    }
  }
}

const LISTS = [
  ...['/?scope=here', '/?scope=known', '/models', '/images', '/images?sort=likes', '/models?sort=downloads'],
  ...['/search?q=unspeakable', '/search?q=hushed', '/search?q=hush&kind=images', '/search?q=hushed&kind=models'],
];

const secretsOf = (postId: number, imageId: number): RegExp =>
  new RegExp(`/posts/${postId}\\b|/images/${imageId}\\b|/media/\\w+/${imageId}\\.|Hushed valley|Unspeakable lantern`);

async function assertInNoList(people: People, secrets: RegExp) {
  for (const path of LISTS) {
    for (const person of PEOPLE)
      assert.doesNotMatch((await people[person].get(path)).text, secrets, `${path} ${person}`);
  }
}

const AWAY = 2_000_000;
const NOBODY = '00000000-0000-4000-8000-000000000000';

test('a post for followers is for them and for whom it names, by every path', async (t) => {
  const all = await given(t);
  const { people, em, settle } = all;
  const { postId, imageId } = await postOf(all, { visibility: 'followers' });
  assert.equal((await people.follower.post(`/posts/${postId}/comments`, { text: 'A *word*' })).status, 302);
  assert.equal((await people.named.post(`/posts/${postId}/likes`, { on: '1' })).status, 302);
  await settle();
  const comment = await em.fork().findOneOrFail(Comment, { post: postId });
  const allowed = ['follower', 'named', 'owner', 'moderator'] as const;
  await walk(people, allowed, [
    [`/posts/${postId}`, `/posts/${AWAY}`],
    [`/images/${imageId}`, `/images/${AWAY}`],
    ...['320', '640', '1280', 'full'].flatMap((size) =>
      ['webp', 'avif'].map(
        (ending) => [`/media/${size}/${imageId}.${ending}`, `/media/${size}/${AWAY}.${ending}`] as const,
      ),
    ),
    [`/media/original/${imageId}.png`, `/media/original/${AWAY}.png`],
  ]);
  for (const person of PEOPLE) {
    const isIn = (allowed as readonly Person[]).includes(person);
    assert.equal((await people[person].get(`/comments/${comment.id}`)).status, isIn ? 302 : 404, person);
    assert.equal((await people[person].get(`/images/${imageId}/workflow.json`)).status, isIn ? 200 : 404, person);
    assert.equal(
      (await people[person].get(`/posts/${postId}/edit`)).status,
      person === 'owner' ? 200 : person === 'visitor' ? 302 : 404,
    );
  }
  await walkUnsigned(people, [
    ...['posts', 'images'].flatMap((folder) => {
      const id = folder === 'posts' ? postId : imageId;
      return ['', '/replies', '/likes', '/shares'].map(
        (end) => [`/${folder}/${id}${end}`, `/${folder}/${AWAY}${end}`] as const,
      );
    }),
    ...['', '/replies', '/likes'].map((end) => [`/comments/${comment.id}${end}`, `/comments/${NOBODY}${end}`] as const),
  ]);
  for (const path of [`/posts/${postId}/comments`, `/images/${imageId}/comments`]) {
    assert.equal((await people.stranger.post(path, { text: 'Me too' })).status, 404);
  }
  for (const path of [`/posts/${postId}/likes`, `/images/${imageId}/likes`, `/comments/${comment.id}/likes`]) {
    assert.equal((await people.stranger.post(path, { on: '1' })).status, 404);
  }

  const secrets = secretsOf(postId, imageId);
  await assertInNoList(people, secrets);
  // a tag that only this bears does not exist for anybody
  for (const person of PEOPLE) assert.equal((await people[person].get('/tags/hushhush')).status, 404);
  for (const person of ['visitor', 'stranger', 'named'] as const) {
    // whom it names finds it under what was sent to them, and not on a profile
    if (person !== 'named') assert.doesNotMatch((await people[person].get('/@ada')).text, secrets, person);
    assert.doesNotMatch((await people[person].get('/?scope=following')).text, secrets, person);
  }
  assert.match((await people.follower.get('/@ada')).text, secrets);
  assert.match((await people.follower.get('/?scope=following')).text, secrets);
  assert.match((await people.named.get('/?scope=named')).text, secrets);
  assert.doesNotMatch((await people.stranger.get('/?scope=named')).text, secrets);
  const page = await people.follower.get(`/posts/${postId}`);
  assert.match(page.text, /Followers only/);
  assert.doesNotMatch(page.text, /og:image/);
  assert.match(page.text, /<em>word<\/em>/);
  const outbox = await people.visitor.get('/users/ada/outbox', { accept: AP });
  assert.equal(JSON.parse(outbox.text).totalItems, 0);
  assert.doesNotMatch((await people.visitor.get('/users/ada/outbox?page=true', { accept: AP })).text, secrets);
  const liked = await people.visitor.get('/users/carol/liked', { accept: AP });
  assert.equal(JSON.parse(liked.text).totalItems, 0, 'what is private is not counted');
  assert.equal(JSON.parse((await people.visitor.get('/nodeinfo/2.1')).text).usage.localPosts, 0);
});

test('a post that is sent to named people is for them alone', async (t) => {
  const all = await given(t);
  const { people } = all;
  const { postId, imageId } = await postOf(all, { visibility: 'direct' });
  await walk(
    people,
    ['named', 'owner', 'moderator'],
    [
      [`/posts/${postId}`, `/posts/${AWAY}`],
      [`/images/${imageId}`, `/images/${AWAY}`],
      [`/media/640/${imageId}.webp`, `/media/640/${AWAY}.webp`],
      [`/media/original/${imageId}.png`, `/media/original/${AWAY}.png`],
    ],
  );
  await walkUnsigned(people, [
    [`/posts/${postId}`, `/posts/${AWAY}`],
    [`/posts/${postId}/replies`, `/posts/${AWAY}/replies`],
  ]);
  const secrets = secretsOf(postId, imageId);
  await assertInNoList(people, secrets);
  for (const person of PEOPLE) {
    assert.doesNotMatch((await people[person].get('/@ada')).text, secrets, person);
    assert.doesNotMatch((await people[person].get('/?scope=following')).text, secrets, person);
    const isTheirs = person === 'named' || person === 'owner';
    assert.equal(secrets.test((await people[person].get('/?scope=named')).text), isTheirs, person);
  }
  assert.match((await people.named.get(`/posts/${postId}`)).text, /href="\/@carol"/);
});

test('who sends to nobody, or to somebody who is not there, is told so', async (t) => {
  const all = await given(t);
  const { browser, em } = all;
  const bytes = await picture();
  const sent = await sendFiles(browser, '/upload/images', [{ bytes, name: 'x.png' }]);
  const postId = Number(/posts\/(\d+)/.exec(sent.location)?.[1]);
  const imageId = Number(/id="picture-(\d+)"/.exec((await browser.get(`/posts/${postId}/edit`)).text)?.[1]);
  const send = (caption: string) =>
    browser.post(`/posts/${postId}/publication`, { caption, visibility: 'direct', [`rating-${imageId}`]: '1' });
  const nobody = await send('a picture, me@example.org');
  assert.equal(nobody.status, 422);
  assert.match(nobody.text, /Name whom it is for/);
  const unknown = await send('for @carol and @crol');
  assert.equal(unknown.status, 422);
  assert.match(unknown.text, /nobody called @crol/);
  assert.equal((await em.fork().findOneOrFail(Post, postId)).state, 'draft');
  assert.equal((await send('for @Carol.')).status, 302);
});

test('an unlisted post is for whoever has its address, on its owner’s profile, and in no list of everybody', async (t) => {
  const all = await given(t);
  const { people } = all;
  const { postId, imageId } = await postOf(all, { visibility: 'unlisted', caption: '' });
  for (const person of PEOPLE) {
    assert.equal((await people[person].get(`/posts/${postId}`)).status, 200);
    assert.match((await people[person].get('/@ada')).text, secretsOf(postId, imageId), person);
  }
  const { status, headers } = await bytesAt(people.visitor, `/media/320/${imageId}.webp`);
  assert.deepEqual([status, headers.get('cache-control')], [200, 'public, max-age=3600']);
  assert.equal((await people.visitor.get(`/posts/${postId}`, { accept: AP })).status, 200);
  await assertInNoList(people, secretsOf(postId, imageId));
  assert.equal((await people.visitor.get('/tags/hushhush')).status, 404);
  assert.match((await people.visitor.get(`/posts/${postId}`)).text, /noindex/);
  assert.match((await people.follower.get('/?scope=following')).text, new RegExp(`/posts/${postId}`));
  assert.equal(JSON.parse((await people.visitor.get('/users/ada/outbox', { accept: AP })).text).totalItems, 0);
});

test('a model for followers is for them: page, versions, files, generation, and what was made with it', async (t) => {
  const all = await given(t);
  const { people, em, ada, bob, mallory, settle } = all;
  const { versionId, modelId } = await modelOf(all, 'followers');
  const cover = await postOf(all, { visibility: 'followers', version: String(versionId), caption: '', title: 'Cover' });
  const file = await em.fork().findOneOrFail(ModelFile, { version: versionId });
  const allowed = ['follower', 'owner', 'moderator'] as const;
  await walk(people, allowed, [
    [`/models/${modelId}`, `/models/${AWAY}`],
    [`/models/${modelId}?version=${versionId}`, `/models/${AWAY}?version=${AWAY}`],
    [`/api/download/models/${versionId}`, `/api/download/models/${AWAY}`],
    [`/api/download/models/${versionId}?fileId=${file.id}`, `/api/download/models/${AWAY}?fileId=${file.id}`],
    [`/images?version=${versionId}`, `/images?version=${AWAY}`],
    [`/images?model=${modelId}`, `/images?model=${AWAY}`],
  ]);
  for (const person of PEOPLE) {
    const isIn = (allowed as readonly Person[]).includes(person);
    assert.equal((await people[person].get(`/versions/${versionId}`)).status, isIn ? 302 : 404, person);
  }
  await walkUnsigned(people, [
    [`/models/${modelId}`, `/models/${AWAY}`],
    [`/versions/${versionId}`, `/versions/${AWAY}`],
    [`/models/${modelId}/replies`, `/models/${AWAY}/replies`],
    [`/models/${modelId}/likes`, `/models/${AWAY}/likes`],
  ]);
  assert.equal((await people.stranger.post(`/models/${modelId}/likes`, { on: '1' })).status, 404);
  assert.equal((await people.stranger.post(`/models/${modelId}/comments`, { text: 'Hm' })).status, 404);
  const secrets = new RegExp(`Hushed Wash|/models/${modelId}\\b|hushmodel`);
  for (const path of LISTS) {
    for (const person of PEOPLE)
      assert.doesNotMatch((await people[person].get(path)).text, secrets, `${path} ${person}`);
  }
  assert.equal((await people.follower.get('/tags/hushmodel')).status, 404);
  for (const person of PEOPLE) {
    const isIn = (allowed as readonly Person[]).includes(person);
    // moderators look at what they are led to; lists are as for everybody else
    if (person === 'moderator') continue;
    assert.equal(secrets.test((await people[person].get('/@ada?show=models')).text), isIn, person);
  }
  assert.match((await people.follower.get('/?scope=following')).text, secrets);
  const page = (await people.follower.get(`/models/${modelId}`)).text;
  assert.match(page, /Followers only/);
  assert.match(page, new RegExp(`/media/\\d+/${cover.imageId}\\.`), 'its cover is seen by who sees it');
  assert.doesNotMatch(page, /og:image/);

  const offered = (account: Account) =>
    findOffersByVersion(em.fork(), { ...viewerOf(account), levels: 31 }, [versionId], LORA_TYPES);
  const listed = async (account: Account) =>
    (await listOffers(em.fork(), { ...viewerOf(account), levels: 31 }, { types: LORA_TYPES, fitting: ['SD 1.5'] }))
      .length;
  assert.deepEqual([(await offered(bob)).length, await listed(bob)], [1, 1], 'followers generate with it');
  assert.deepEqual([(await offered(ada)).length, await listed(ada)], [1, 1]);
  assert.deepEqual([(await offered(mallory)).length, await listed(mallory)], [0, 0]);

  // P11: a public picture that was made with it
  const open = await postOf(all, { visibility: 'public', caption: '', title: 'Open', version: '0' });
  await people.owner.post(`/images/${open.imageId}/resources`, { version: String(versionId), weight: '0.7' });
  await settle();
  const short = file.sha256.slice(0, 10);
  for (const person of ['visitor', 'stranger'] as const) {
    const { text } = await people[person].get(`/images/${open.imageId}`);
    assert.doesNotMatch(text, secrets, person);
    assert.ok(!text.includes(short) && !text.includes(short.toUpperCase()), person);
    assert.match(text, /A model that is not public/);
  }
  const document = await people.visitor.get(`/posts/${open.postId}`, { accept: AP });
  assert.equal(document.status, 200);
  assert.ok(!document.text.includes(short) && !secrets.test(document.text));
  assert.match((await people.follower.get(`/images/${open.imageId}`)).text, /Hushed Wash/);
  // an address of it in a form of somebody else's leads nowhere
  const stranger = await people.stranger.post(`/images/${open.imageId}/resources`, { version: String(versionId) });
  assert.equal(stranger.status, 404);
});

test('what becomes narrower is gone for the others at once, and the choice is kept for the next post', async (t) => {
  const all = await given(t);
  const { people, em, browser, settle } = all;
  const { postId, imageId } = await postOf(all, { visibility: 'public', caption: '' });
  const media = `/media/320/${imageId}.webp`;
  assert.equal((await bytesAt(people.visitor, media)).headers.get('cache-control'), 'public, max-age=3600');
  assert.equal((await people.visitor.get('/tags/hushhush')).status, 200);
  const fields = { title: 'Hushed valley', caption: '', tags: 'hushhush' };
  await browser.post(`/posts/${postId}/draft`, { ...fields, visibility: 'followers' });
  await settle();
  assert.equal((await bytesAt(people.visitor, media)).status, 404);
  assert.equal((await bytesAt(people.follower, media)).headers.get('cache-control'), 'private, no-store');
  await assertInNoList(people, secretsOf(postId, imageId));
  assert.equal((await people.visitor.get('/tags/hushhush')).status, 404);
  // a form without the field, as an old page has it, changes nobody's audience
  await browser.post(`/posts/${postId}/draft`, fields);
  assert.equal((await em.fork().findOneOrFail(Post, postId)).visibility, 'followers');
  const next = await sendFiles(browser, '/upload/images', [{ bytes: await picture(), name: 'y.png' }]);
  const nextId = Number(/posts\/(\d+)/.exec(next.location)?.[1]);
  assert.equal((await em.fork().findOneOrFail(Post, nextId)).visibility, 'followers');
  await browser.post(`/posts/${postId}/draft`, { ...fields, visibility: 'public' });
  await settle();
  assert.equal((await bytesAt(people.visitor, media)).status, 200);
  assert.match((await people.visitor.get('/?scope=here')).text, new RegExp(`/posts/${postId}`));
});

test('who does not follow any more sees nothing more; who is blocked is not named', async (t) => {
  const all = await given(t);
  const { people, em, ada, bob } = all;
  const { postId } = await postOf(all, { visibility: 'followers' });
  assert.equal((await people.follower.get(`/posts/${postId}`)).status, 200);
  await people.follower.post(`/accounts/${ada.id}/follow`, { on: '0' });
  assert.equal((await people.follower.get(`/posts/${postId}`)).status, 404);
  const pending = { id: newId(), follower: bob, target: ada, state: 'pending' as const, createdAt: NOW };
  em.create(Follow, pending, { persist: true });
  await em.flush();
  assert.equal((await people.follower.get(`/posts/${postId}`)).status, 404, 'a request is no follow');
  const { id: carolId } = await em.findOneOrFail(Account, { name: 'carol' });
  await people.owner.post(`/accounts/${carolId}/block`, { kind: 'block' });
  await postOf(all, { visibility: 'followers', title: 'Later' });
  assert.doesNotMatch((await people.named.get('/?scope=named')).text, /Later/);
});

test('what was for some, once deleted, is a 410 for them and never was for the others', async (t) => {
  const all = await given(t);
  const { people, clock, settle, em } = all;
  const { postId, imageId } = await postOf(all, { visibility: 'followers' });
  const model = await modelOf(all, 'followers');
  await people.owner.post(`/posts/${postId}/removal`);
  await people.owner.post(`/models/${model.modelId}/delete`);
  for (const isOver of [false, true]) {
    if (isOver) clock.pass(11 * 60_000);
    await settle();
    for (const [path, missing] of [
      [`/posts/${postId}`, `/posts/${AWAY}`],
      [`/images/${imageId}`, `/images/${AWAY}`],
      [`/media/320/${imageId}.webp`, `/media/320/${AWAY}.webp`],
      [`/models/${model.modelId}`, `/models/${AWAY}`],
      [`/api/download/models/${model.versionId}`, `/api/download/models/${AWAY}`],
    ] as const) {
      for (const person of ['visitor', 'stranger'] as const) {
        const answer = await bytesAt(people[person], path);
        assert.equal(answer.status, 404, `${path} ${person}`);
        assert.equal(bare(answer.bytes.toString()), bare((await bytesAt(people[person], missing)).bytes.toString()));
      }
      assert.equal((await bytesAt(people.follower, path)).status, 410, `${path}, over: ${isOver}`);
    }
  }
  assert.equal(await em.fork().count(Image, { post: postId }), 0);
  assert.equal((await em.fork().findOneOrFail(Model, model.modelId)).description, '');
});
