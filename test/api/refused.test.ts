import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createToken } from '../../src/accounts/access/tokens.ts';
import type { Account } from '../../src/accounts/model.ts';
import { guardSettings } from '../../src/safety/settings.ts';
import { painter } from '../gallery/painter.ts';
import { givenThings } from '../moderation/reach.ts';
import { carryOut } from '../moderation/takedowns.ts';
import { Caller } from './calls.ts';

/** Refused in a name, held in talk. */
const DENIED = 'nude loli';
const HELD = 'this looks like a naked child';

type Call = readonly [name: string, call: Parameters<Caller['send']>[1]];

test('words and decisions count for programs as for pages', async (t) => {
  const site = await painter(t);
  const { ada, em, node, workAs, visitor } = site;
  await node.settings.write(em, guardSettings, guardSettings.schema.parse({ refusalsBeforeFreeze: 100 }), node.now());
  await em.flush();
  const things = await givenThings(site);
  const { modelId, versionId, postId, imageId, collectionId, reviewId, comments } = things;
  const tokenOf = async (account: Account) =>
    (await createToken(workAs(null), account, { label: 'x', scopes: ['all'], expiresAt: null })).secret;
  const address = site.browser.address;
  const owner = await Caller.open(address, await tokenOf(ada));
  const other = await Caller.open(
    address,
    await tokenOf((await em.findOneOrFail('Account', { name: 'eve' })) as Account),
  );

  // whoever asks, each call that puts words before others has them read
  const said: readonly (readonly [Caller, ...Call])[] = [
    [owner, 'editModel', { with: { id: modelId }, body: { tags: [DENIED] } }],
    [owner, 'editVersion', { with: { id: versionId }, body: { trainedWords: [DENIED] } }],
    [owner, 'editPost', { with: { id: postId }, body: { title: DENIED } }],
    [owner, 'editImage', { with: { id: imageId }, body: { alt: DENIED } }],
    [other, 'commentOnModel', { with: { id: modelId }, body: { text: HELD } }],
    [other, 'commentOnPost', { with: { id: postId }, body: { text: HELD } }],
    [other, 'commentOnImage', { with: { id: imageId }, body: { text: HELD } }],
    [other, 'commentOnReview', { with: { id: reviewId }, body: { text: HELD } }],
    [other, 'editComment', { with: { id: comments.post }, body: { text: HELD } }],
    [other, 'reviewVersion', { with: { id: versionId }, body: { recommended: true, text: HELD } }],
    [other, 'createCollection', { body: { name: DENIED } }],
    [other, 'editCollection', { with: { id: collectionId }, body: { name: DENIED } }],
  ];
  for (const [who, name, call] of said) {
    const answer = await who.send(name, call);
    const json = (await answer.json()) as { waiting?: boolean; error?: string };
    assert.ok(answer.status === 400 || json.waiting === true, `${name}: ${answer.status} ${JSON.stringify(json)}`);
  }
  for (const path of [`/models/${modelId}`, `/posts/${postId}`, `/api/v1/models/${modelId}/comments`]) {
    const { text } = await visitor.get(path);
    for (const words of [DENIED, HELD]) assert.ok(!text.includes(words), path);
  }

  const adds: readonly (readonly [Caller, ...Call])[] = [
    ...(['Model', 'Post', 'Image'] as const).flatMap((kind): [Caller, ...Call][] => {
      const id = { Model: modelId, Post: postId, Image: imageId }[kind];
      return [
        [other, `like${kind}`, { with: { id } }],
        [other, `commentOn${kind}`, { with: { id }, body: { text: 'More of it' } }],
      ];
    }),
    [other, 'followModel', { with: { id: modelId } }],
    [other, 'shareModel', { with: { id: modelId } }],
    [other, 'collect', { with: { id: collectionId, kind: 'post', thing: postId } }],
    [other, 'reviewVersion', { with: { id: versionId }, body: { recommended: false } }],
    [owner, 'pinModel', { with: { id: modelId } }],
    [owner, 'createVersion', { with: { id: modelId }, body: {} }],
    [owner, 'editModel', { with: { id: modelId }, body: { name: 'Again' } }],
    [owner, 'editVersion', { with: { id: versionId }, body: { name: 'Again' } }],
    [owner, 'unpublishVersion', { with: { id: versionId } }],
    [owner, 'publishVersion', { with: { id: versionId }, body: {} }],
    [owner, 'getOwnVersion', { with: { id: versionId } }],
    [owner, 'editPost', { with: { id: postId }, body: { title: 'Again' } }],
    [owner, 'unpublishPost', { with: { id: postId } }],
    [owner, 'publishPost', { with: { id: postId }, body: {} }],
    [owner, 'getOwnPost', { with: { id: postId } }],
    [owner, 'editImage', { with: { id: imageId }, body: { caption: 'Again' } }],
  ];
  for (const target of [{ kind: 'model', id: modelId } as const, { kind: 'post', id: postId } as const])
    await carryOut(site, { target, outcome: 'quarantine' });
  for (const [who, name, call] of adds) {
    const answer = await who.send(name, call);
    const text = await answer.text();
    assert.ok([403, 404, 409, 410, 451].includes(answer.status), `${name}: ${answer.status} ${text.slice(0, 200)}`);
    assert.ok(!text.includes('zebrafisch'), name);
  }
});
