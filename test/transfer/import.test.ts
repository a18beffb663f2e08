import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Account, Block, Follow } from '../../src/accounts/model.ts';
import { Model, ModelFile, ModelVersion } from '../../src/catalogue/model.ts';
import { listModelTags } from '../../src/catalogue/tags.ts';
import { Collection, CollectionItem } from '../../src/gallery/collections/model.ts';
import { Comment, Image, Post, ResourceUse } from '../../src/gallery/model.ts';
import { listPins } from '../../src/gallery/pins.ts';
import { listPostTags } from '../../src/gallery/posts/tags.ts';
import { Review } from '../../src/gallery/reviews/model.ts';
import { Transfer, TransferItem } from '../../src/transfer/import/model.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { follow } from '../federation/cast.ts';
import { type Peer, peerNode, settleAll } from '../federation/nodes.ts';
import { aLife } from './life.ts';

const fork = ({ node }: Peer) => node.orm.em.fork();

/** What two nodes must agree on about somebody's things, without numbers, addresses and times that are a node's own. */
async function contentOf(peer: Peer, owner: Account) {
  const em = fork(peer);
  const models = await em.find(Model, { owner: owner.id, state: { $ne: 'deleted' } }, { orderBy: { name: 1 } });
  const posts = await em.find(
    Post,
    { owner: owner.id, state: { $ne: 'deleted' } },
    { orderBy: { title: 1, talkKind: 1 } },
  );
  return {
    models: await Promise.all(models.map((model) => modelOf(peer, model))),
    posts: await Promise.all(posts.map((post) => postOf(peer, post))),
    comments: (await em.find(Comment, { author: owner.id }, { orderBy: { text: 1 }, populate: ['parent'] })).map(
      ({ text, parent }) => [text, parent?.$.text ?? null],
    ),
    reviews: (await em.find(Review, { author: owner.id })).map(({ text, isRecommended }) => [text, isRecommended]),
    collections: await Promise.all(
      (await em.find(Collection, { owner: owner.id })).map(async ({ id, name, description, visibility }) => {
        const items = await em.find(
          CollectionItem,
          { collection: id },
          { orderBy: { position: 1 }, populate: ['model', 'post'] },
        );
        return { name, description, visibility, items: items.map(({ model, post }) => model?.$.name ?? post?.$.title) };
      }),
    ),
  };
}

async function modelOf(peer: Peer, model: Model) {
  const em = fork(peer);
  const versions = await em.find(ModelVersion, { model: model.id }, { orderBy: { position: 1 } });
  const { name, type, description, state, visibility, level, baseModel, licenseId } = model;
  const { allowNoCredit, allowCommercialUse, allowDerivatives, isPoi } = model;
  return {
    ...{ name, type, description, state, visibility, level, baseModel, licenseId },
    ...{ allowNoCredit, allowCommercialUse, allowDerivatives, isPoi, tags: await listModelTags(em, model.id) },
    versions: await Promise.all(
      versions.map(async (version) => {
        const files = await em.find(ModelFile, { version: version.id }, { orderBy: { name: 1 } });
        return {
          ...{ name: version.name, baseModel: version.baseModel, changelog: version.changelog, state: version.state },
          ...{ trainedWords: version.trainedWords, trainingSettings: version.trainingSettings },
          ...{ recommendedWeight: version.recommendedWeight, publishedAt: version.publishedAt },
          files: await Promise.all(
            files.map(async ({ name, originalName, kind, format, totalBytes, sha256, tensorSha256, blake3, crc32 }) => {
              assert.equal(await digestOf(peer, sha256), sha256);
              return { name, originalName, kind, format, totalBytes, sha256, tensorSha256, blake3, crc32 };
            }),
          ),
        };
      }),
    ),
  };
}

async function postOf(peer: Peer, post: Post) {
  const em = fork(peer);
  const images = await em.find(Image, { post: post.id, deletedAt: null }, { orderBy: { position: 1 } });
  const { title, caption, state, visibility, publishedAt, level } = post;
  const version = post.version && (await em.findOne(ModelVersion, post.version.id));
  return {
    ...{ title, caption, state, visibility, publishedAt, level, tags: await listPostTags(em, post.id) },
    version: version?.name,
    images: await Promise.all(
      images.map(async (image) => {
        const uses = await em.find(
          ResourceUse,
          { image: image.id },
          { orderBy: { position: 1 }, populate: ['version'] },
        );
        assert.equal(await digestOf(peer, image.sha256 ?? ''), image.sha256);
        const { sha256, mediaType, totalBytes, width, height, altText, recipe, pdq, isRecipeHidden } = image;
        return {
          ...{ sha256, mediaType, totalBytes, width, height, altText, recipe, pdq, isRecipeHidden, level: image.level },
          uses: uses.map(({ kind, name, hash, weight, version: used }) => [kind, name, hash, weight, used?.$.name]),
        };
      }),
    ),
  };
}

async function digestOf({ node }: Peer, sha256: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of node.files.open(sha256)) hash.update(piece as Buffer);
  return hash.digest('hex');
}

/** What stands on a page, without what is around every page. */
const mainOf = async (browser: Browser, path: string) =>
  textOf((await browser.get(path)).text.replace(/^.*<main/s, '<main'));

const addressOf = (page: string): string =>
  /data-text="([^"]*\/exports\/archive\?key=[^"]+)"/.exec(page)?.[1]?.replaceAll('&amp;', '&') ?? '';

test('an account goes to another node: row by row, byte by byte, nothing twice, and its pages lead on after the move', async (t) => {
  const [home, away] = [await peerNode(t, '127.0.0.1'), await peerNode(t, '127.0.0.2')];
  const ada = await home.member('ada');
  const made = await aLife(home, ada.account);
  const ally = await away.member('ally');
  const bob = await away.member('bob');
  // what ada reviewed is known away, because somebody there follows its maker
  await follow(away, bob.browser, home, 'bea');
  await bob.browser.get(`/search?q=${encodeURIComponent(`${home.origin}/models/${made.theirVersionId}`)}`);
  await settleAll(home, away);
  await ada.browser.post('/settings/export');
  await home.settle();
  const address = addressOf((await ada.browser.get('/settings/export')).text);

  assert.equal((await new Browser(new URL(away.origin)).get('/import')).status, 302);
  assert.equal((await ally.browser.get('/import')).status, 200);
  const wrong = await ally.browser.post('/import/tessera', { place: 'https://example.org/' });
  assert.equal(wrong.status, 422);
  assert.match(wrong.text, /value="https:\/\/example.org\/"/);
  const nothing = await ally.browser.post('/import/tessera', { place: `${home.origin}/exports/archive?key=no.thing` });
  await away.settle();
  assert.match(await mainOf(ally.browser, nothing.location), /This is no archive of a Tessera node/);

  const { location } = await ally.browser.post('/import/tessera', { place: address });
  await away.settle();
  assert.match(await mainOf(ally.browser, location), /Brass and ink/);
  assert.equal((await bob.browser.get(location)).status, 404);
  assert.equal(await fork(away).count(Model, { isLocal: true }), 0, 'a look takes nothing');
  assert.equal((await ally.browser.post(`${location}/choice`, {})).status, 422);
  const kinds = 'profile model post review comment collection follow block mute'.split(' ');
  const chosen = await ally.browser.post(`${location}/choice`, { kind: kinds, publish: '1' });
  assert.equal(chosen.status, 302, chosen.text.slice(0, 1_000));
  await settleAll(away, home);
  const items = await fork(away).find(TransferItem, {}, { orderBy: { position: 1 } });
  assert.deepEqual(
    items.filter(({ state }) => state !== 'done').map(({ kind, title, message }) => [kind, title, message]),
    [],
  );
  assert.match(await mainOf(ally.browser, location), /That is all of it/);

  assert.deepEqual(await contentOf(away, ally.account), await contentOf(home, ada.account));
  const there = await fork(away).findOneOrFail(Account, ally.account.id);
  assert.deepEqual([there.displayName, there.bio], ['Ada L.', 'I engrave.']);
  const named = async (ids: number[]) =>
    (await fork(away).find(Account, { id: { $in: ids } }, { orderBy: { name: 1 } })).map(
      ({ name, host }) => `${name}@${host}`,
    );
  const follows = await fork(away).find(Follow, { follower: ally.account.id });
  assert.deepEqual(await named(follows.map(({ target }) => target.id)), [
    ...[`bea@${home.host}`, `model-${made.theirModelId}@${home.host}`, `tag-brass@${home.host}`],
  ]);
  const pinned = await listPins(fork(away), ally.account.id);
  const { id: postId } = await fork(away).findOneOrFail(Post, { owner: ally.account.id, title: 'Engravings' });
  const { id: modelId } = await fork(away).findOneOrFail(Model, { owner: ally.account.id });
  const byKind = pinned.sort((one, other) => one.kind.localeCompare(other.kind));
  assert.deepEqual(byKind, [
    { kind: 'model', id: modelId },
    { kind: 'post', id: postId },
  ]);
  const blocks = await fork(away).find(Block, { account: ally.account.id });
  assert.deepEqual(await named(blocks.map(({ target }) => target.id)), [`cy@${home.host}`, `dan@${home.host}`]);

  // the same once more: all of it is known
  const before = await contentOf(away, ally.account);
  const again = await ally.browser.post('/import/tessera', { place: address });
  await away.settle();
  await ally.browser.post(`${again.location}/choice`, { kind: kinds.slice(1), publish: '1' });
  await settleAll(away, home);
  const second = await fork(away).findOneOrFail(Transfer, again.location.split('/').at(-1) ?? '');
  assert.equal(second.state, 'done');
  assert.deepEqual(await contentOf(away, ally.account), before);
  assert.equal(await fork(away).count(TransferItem, { transfer: second.id, state: 'failed' }), 0);

  // the move, and the pages that lead on
  await ally.browser.post('/settings/moving/aliases', { handle: `@ada@${home.host}` });
  const list = (await ally.browser.get('/import/addresses.csv')).text;
  const early = await ada.browser.post('/settings/export/pages', { pages: list });
  assert.equal(early.status, 409);
  const moved = await ada.browser.post('/settings/moving/move', {
    ...{ handle: `@ally@${away.host}`, password: 'correct horse battery' },
  });
  assert.equal(moved.status, 302, moved.text.slice(0, 500));
  await settleAll(home, away);
  const visitor = new Browser(new URL(home.origin));
  assert.equal((await visitor.get(`/models/${made.modelId}`)).status, 200);
  const foreign = `${home.origin}/models/${made.modelId},https://evil.example/\n`;
  assert.equal((await ada.browser.post('/settings/export/pages', { pages: foreign })).status, 422);
  assert.equal((await ada.browser.post('/settings/export/pages', { pages: list })).status, 302);
  const model = await fork(away).findOneOrFail(Model, { owner: ally.account.id });
  const led = await visitor.get(`/models/${made.modelId}`);
  assert.deepEqual([led.status, led.location], [301, `${away.origin}/models/${model.id}`]);
  assert.match((await visitor.get(`/posts/${made.postId}`)).location, new RegExp(`^${away.origin}/posts/`));
  assert.equal((await ada.browser.get(`/models/${made.modelId}`)).status, 200, 'its owner still reaches it');
  const document = await visitor.get(`/models/${made.modelId}`, { accept: 'application/activity+json' });
  assert.equal(document.status, 200, 'peers read it as before');
  assert.equal((await ada.browser.post('/settings/export/pages/removal')).status, 302);
  assert.equal((await visitor.get(`/models/${made.modelId}`)).status, 200);
});
