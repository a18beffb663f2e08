import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { Follow } from '../../src/accounts/model.ts';
import { Model, ModelFile, ModelVersion } from '../../src/catalogue/model.ts';
import { Comment, Image, ImageSize, Post, Reaction, ResourceUse } from '../../src/gallery/model.ts';
import { Job } from '../../src/kit/queue/job.ts';
import type { Browser } from '../accounts/browser.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { type Peer, peerNode, settleAll } from './nodes.ts';
import { followAccount, postPicture } from './people.ts';

/** Alice publishes on one node, Bob reads on the other. */
async function given(t: TestContext) {
  const [home, away] = [await peerNode(t, '127.0.0.1'), await peerNode(t, '127.0.0.2')];
  const alice = await home.member('alice');
  const bob = await away.member('bob');
  return { home, away, alice, bob };
}

const follow = (away: Peer, browser: Browser, home: Peer, name: string) =>
  followAccount(away, browser, home, name, [home, away]);

test('a person follows another on the other node, and is accepted', async (t) => {
  const { home, away, alice, bob } = await given(t);
  await follow(away, bob.browser, home, 'alice');
  const there = await home.node.orm.em
    .fork()
    .findOneOrFail(Follow, { target: alice.account.id }, { populate: ['follower'] });
  const here = await away.node.orm.em.fork().findOneOrFail(Follow, { follower: bob.account.id });
  assert.equal(there.state, 'accepted');
  assert.equal(here.state, 'accepted');
  assert.equal(there.follower.$.uri, `${away.origin}/users/bob`);
  assert.equal(there.uri, here.uri);
});

test('a picture that is posted arrives, is fetched and resized, and stands in the feed; a like and a comment go back; its deletion too', async (t) => {
  const { home, away, alice, bob } = await given(t);
  await follow(away, bob.browser, home, 'alice');
  const postId = await postPicture(alice.browser, [home, away], 'Made **today**');

  const em = () => away.node.orm.em.fork();
  const post = await em().findOneOrFail(Post, { uri: `${home.origin}/posts/${postId}` });
  const image = await em().findOneOrFail(Image, { post });
  assert.equal(post.isLocal, false);
  assert.equal(image.level, 1);
  assert.equal(image.altText, 'A misty valley');
  assert.equal(image.recipe?.prompt, 'misty valley, ink wash');
  assert.equal(image.recipe?.seed, '42');
  assert.ok(image.renderedAt, 'it was resized like our own');
  assert.ok((await em().count(ImageSize, { image })) >= 4);

  const feed = await bob.browser.get('/?scope=following');
  assert.match(feed.text, new RegExp(`/posts/${post.id}`));
  assert.match(feed.text, new RegExp(`/media/\\d+/${image.id}\\.`));
  assert.match(feed.text, new RegExp(home.host));
  const page = await bob.browser.get(`/posts/${post.id}`);
  assert.equal(page.status, 200);
  assert.match(page.text, /<strong>today<\/strong>/);
  const there = await fetch(`${home.origin}/posts/${postId}`, { headers: { accept: 'application/activity+json' } });
  const [sent] = ((await there.json()) as { attachment: { url: string; mediaType: string }[] }).attachment;
  assert.match(sent?.url ?? '', /\/media\/full\/\d+\.jpg$/, 'as JPEG, which every server shows');
  const bytes = await fetch(sent?.url ?? '');
  assert.deepEqual([bytes.headers.get('content-type'), sent?.mediaType], ['image/jpeg', 'image/jpeg']);
  assert.equal((await sharp(Buffer.from(await bytes.arrayBuffer())).metadata()).format, 'jpeg');
  const picture = await fetch(`${away.origin}/media/320/${image.id}.webp`);
  assert.equal(picture.status, 200);
  assert.equal(picture.headers.get('content-type'), 'image/webp');

  assert.equal((await bob.browser.post(`/posts/${post.id}/likes`, { on: '1' })).status, 302);
  assert.equal((await bob.browser.post(`/posts/${post.id}/comments`, { text: 'How *lovely*' })).status, 302);
  await settleAll(away, home);
  const back = home.node.orm.em.fork();
  const comment = await back.findOneOrFail(Comment, { post: postId }, { populate: ['author'] });
  assert.equal(comment.author.$.uri, `${away.origin}/users/bob`);
  assert.match(comment.text, /<em>lovely<\/em>/);
  assert.equal(await back.count(Reaction, { post: postId }), 1);
  const liked = await back.findOneOrFail(Post, postId);
  assert.deepEqual([liked.likeCount, liked.commentCount], [1, 1]);
  assert.match((await alice.browser.get(`/posts/${postId}`)).text, /<em>lovely<\/em>/);

  await bob.browser.post(`/posts/${post.id}/likes`, { on: '0' });
  await settleAll(away, home);
  assert.equal(await home.node.orm.em.fork().count(Reaction, { post: postId }), 0);

  await alice.browser.post(`/posts/${postId}/removal`);
  for (const peer of [home, away]) peer.clock.pass(16_000);
  await settleAll(home, away);
  assert.equal((await em().findOneOrFail(Post, post.id)).state, 'deleted');
  assert.equal(await em().count(Image, { post: post.id }), 0);
  assert.doesNotMatch((await bob.browser.get('/?scope=following')).text, new RegExp(`/posts/${post.id}"`));
  assert.equal((await bob.browser.get(`/posts/${post.id}`)).status, 410);
  const gone = await fetch(`${home.origin}/posts/${postId}`, { headers: { accept: 'application/activity+json' } });
  assert.equal(gone.status, 410);
  assert.equal(((await gone.json()) as { type: string }).type, 'Tombstone');
  assert.equal(await away.node.orm.em.fork().count(Job, { state: 'failed' }), 0);
});

test('a model arrives with its versions, files and hashes; pictures made with it are linked on both nodes', async (t) => {
  const { home, away, alice, bob } = await given(t);
  await follow(away, bob.browser, home, 'alice');
  const form = new FormData();
  form.append('files', new Blob([new Uint8Array(kohyaLoraSd1({ name: 'inkwash' }))]), 'inkwash.safetensors');
  const uploaded = await alice.browser.postForm('/upload', form);
  const [, versionId] = /\/versions\/(\d+)\/edit/.exec(uploaded.location) ?? [];
  assert.ok(versionId, `the file was taken: ${uploaded.status} ${uploaded.text.slice(0, 300)}`);
  await settleAll(home);
  const published = await alice.browser.post(`/versions/${versionId}/edit`, {
    ...{ act: 'publish', name: 'Ink Wash', type: 'LORA', versionName: 'v1.0', baseModel: 'SD 1.5' },
    ...{ tags: 'ink, wash', description: 'Sumi-e *landscapes*.', trainedWords: 'inkwash' },
  });
  assert.equal(published.status, 302, published.text.slice(0, 3000));
  await settleAll(home, away);

  const em = away.node.orm.em.fork();
  const local = await home.node.orm.em.fork().findOneOrFail(ModelVersion, Number(versionId), { populate: ['model'] });
  const model = await em.findOneOrFail(Model, { uri: `${home.origin}/models/${local.model.id}` });
  assert.equal(model.name, 'Ink Wash');
  assert.equal(model.type, 'LORA');
  assert.equal(model.isLocal, false);
  assert.match(model.description, /<em>landscapes<\/em>/);
  const version = await em.findOneOrFail(ModelVersion, { model });
  assert.equal(version.baseModel, 'SD 1.5');
  const file = await em.findOneOrFail(ModelFile, { version });
  const original = await home.node.orm.em.fork().findOneOrFail(ModelFile, { version: local.id });
  assert.equal(file.sha256, original.sha256);
  assert.equal(file.isStored, false);
  assert.ok(file.remoteUrl?.startsWith(home.origin));
  assert.match((await bob.browser.get('/?scope=following')).text, /Ink Wash/);
  assert.equal((await bob.browser.get(`/models/${model.id}`)).status, 200);

  // a picture in the gallery of the version, made with it
  const picture = (width: number) =>
    sharp({ create: { width, height: 64, channels: 3, background: '#204080' } })
      .png()
      .toBuffer();
  const bytes = await picture(48);
  const pictures = new FormData();
  pictures.append('files', new Blob([new Uint8Array(bytes)]), 'wash.png');
  pictures.append('version', String(versionId));
  const [, postId] =
    /\/posts\/(\d+)\/edit/.exec((await alice.browser.postForm('/upload/images', pictures)).location) ?? [];
  const [, imageId] = /name="rating-(\d+)"/.exec((await alice.browser.get(`/posts/${postId}/edit`)).text) ?? [];
  const posted = await alice.browser.post(`/posts/${postId}/publication`, {
    ...{ title: '', caption: '', tags: '', visibility: 'public', version: String(versionId) },
    [`rating-${imageId}`]: '1',
  });
  assert.equal(posted.status, 302);
  await settleAll(home, away);
  const arrived = await away.node.orm.em.fork().findOneOrFail(Post, { uri: `${home.origin}/posts/${postId}` });
  assert.equal(arrived.version?.id, version.id, 'it stands in the gallery of the same version');
  const image = await away.node.orm.em.fork().findOneOrFail(Image, { post: arrived });
  const covered = await away.node.orm.em.fork().findOneOrFail(Model, model.id);
  assert.equal(covered.coverImageId, image.id, 'and is the cover of the model');
  const use = await away.node.orm.em.fork().findOne(ResourceUse, { image });
  assert.equal(use?.version?.id, version.id);

  // and one that somebody made with it on the other node, whom nobody here follows, on the page of the model at its home
  const others = new FormData();
  others.append('files', new Blob([new Uint8Array(await picture(90))]), 'theirs.png');
  others.append('version', String(version.id));
  const theirs = /\/posts\/(\d+)\/edit/.exec((await bob.browser.postForm('/upload/images', others)).location)?.[1];
  const [, theirImage] = /name="rating-(\d+)"/.exec((await bob.browser.get(`/posts/${theirs}/edit`)).text) ?? [];
  await bob.browser.post(`/posts/${theirs}/publication`, {
    ...{ title: '', caption: '', tags: '', visibility: 'public', version: String(version.id) },
    [`rating-${theirImage}`]: '1',
  });
  await settleAll(away, home);
  const back = await home.node.orm.em
    .fork()
    .findOneOrFail(Image, { post: { uri: `${away.origin}/posts/${theirs}` } }, { populate: ['owner'] });
  assert.equal(back.owner.$.host, away.host);
  const gallery = (await alice.browser.get(`/models/${local.model.id}`)).text;
  assert.match(gallery, new RegExp(`/media/\\d+/${back.id}\\.`), 'made with it, elsewhere');
  const told = (await alice.browser.get('/notifications')).text.replace(/<[^>]+>/g, '');
  assert.match(told, /bob posted pictures made with “Ink Wash”/);
  assert.doesNotMatch(told, /mentioned/, 'it was addressed to her server, and names nobody');

  // its author takes it back, and it is gone there too
  await bob.browser.post(`/posts/${theirs}/removal`);
  for (const peer of [home, away]) peer.clock.pass(16_000);
  await settleAll(away, home);
  assert.equal(await home.node.orm.em.fork().count(Image, { id: back.id }), 0);

  for (const peer of [home, away]) peer.clock.pass(60_000);
  await alice.browser.post(`/versions/${versionId}/edit`, {
    ...{ act: 'save', name: 'Ink Wash II', type: 'LORA', versionName: 'v1.0', baseModel: 'SD 1.5' },
    ...{ tags: 'ink', description: 'Better.', trainedWords: 'inkwash' },
  });
  await settleAll(home, away);
  assert.equal((await away.node.orm.em.fork().findOneOrFail(Model, model.id)).name, 'Ink Wash II');

  await alice.browser.post(`/models/${local.model.id}/delete`);
  for (const peer of [home, away]) peer.clock.pass(11 * 60_000);
  await settleAll(home, away);
  const gone = await away.node.orm.em.fork().findOneOrFail(Model, model.id);
  assert.deepEqual([gone.state, gone.listedAt, gone.description], ['deleted', null, '']);
  assert.equal((await bob.browser.get(`/models/${model.id}`)).status, 410);
  assert.equal(await away.node.orm.em.fork().count(Job, { state: 'failed' }), 0);
});
