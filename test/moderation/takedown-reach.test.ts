import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Image, ImageSize } from '../../src/gallery/model.ts';
import type { Answer, Browser } from '../accounts/browser.ts';
import { bytesAt, painter } from '../gallery/painter.ts';
import { assertBare, givenThings, hasPlace, listGetPaths, MARK, type Things } from './reach.ts';
import { ROUTES, SIZES } from './reach-table.ts';
import { blobsOf, carryOut } from './takedowns.ts';

const PEER = { accept: 'application/activity+json' };

test('every address with a place in it is in the table that says how it asks moderation', async (t) => {
  const { node } = await painter(t);
  const paths = listGetPaths(node).filter(hasPlace);
  assert.deepEqual(
    paths.filter((path) => !(path in ROUTES)),
    [],
    'a route that the table does not know',
  );
  assert.deepEqual(
    Object.keys(ROUTES).filter((path) => !paths.includes(path)),
    [],
    'a line of the table without a route',
  );
});

interface Expected {
  readonly thing: number;
  readonly document: readonly number[];
}

/** Asks for everything as a stranger, as the owner and as a peer. */
async function askAll(
  site: { readonly visitor: Browser; readonly browser: Browser; readonly paths: readonly string[] },
  things: Things,
  expected: Expected,
): Promise<void> {
  const { visitor, browser, paths } = site;
  const etags = { 'if-none-match': `"${things.sha256}"`, 'if-modified-since': 'Thu, 01 Jan 2099 00:00:00 GMT' };
  for (const [route, rule] of Object.entries(ROUTES)) {
    if (rule.how === 'apart') continue;
    for (const url of rule.urls(things)) {
      const label = `${route} ${url}`;
      if (rule.how === 'document') {
        let answer = await visitor.get(url, PEER);
        // a version is part of its model
        if (answer.status === 302) answer = await visitor.get(new URL(answer.location, 'http://x').pathname, PEER);
        assert.ok(expected.document.includes(answer.status), `${label} for a peer: ${answer.status}`);
        assertBare(answer.text, label, things);
        continue;
      }
      if (rule.how === 'list') {
        for (const who of [visitor, browser])
          for (const headers of [{}, PEER]) assertBare((await who.get(url, headers)).text, label, things);
        continue;
      }
      const askers: readonly Browser[] = rule.how === 'owner' ? [browser] : [visitor, browser];
      for (const asker of askers) {
        for (const headers of [{}, { range: 'bytes=0-15' }, etags, { ...etags, range: 'bytes=0-' }]) {
          const answer: Answer = await asker.get(url, headers as Record<string, string>);
          assert.equal(answer.status, expected.thing, `${label} ${JSON.stringify(headers)}`);
          assert.match(answer.headers.get('content-type') ?? '', /^(?:text\/html|application\/json)/, label);
          assertBare(answer.text, label, things);
        }
      }
      if (rule.how === 'owner') assert.ok((await visitor.get(url)).status >= 300, label);
    }
  }
  // lists, feeds, search, suggestions, Open Graph cards: every page without a place in its address
  const searches = [`/search?q=${MARK}`, `/search?q=${MARK}&kind=models`, `/search?q=${MARK}&kind=images`];
  const queries = [
    ...searches,
    `/search?q=${things.sha256}`,
    '/models?sort=likes',
    '/images?sort=likes',
    '/?scope=here',
    ...['/api/v1/models?scope=known&nsfw=true&sort=Newest', '/api/v1/images?withMeta=true&withTags=true&sort=Oldest'],
    ...[`/api/v1/models?query=${MARK}`, `/api/v1/images?modelId=${things.modelId}`, '/api/v1/models?tag=fishes'],
  ];
  for (const url of [...paths.filter((path) => !hasPlace(path)), ...queries]) {
    for (const who of [visitor, browser]) {
      const answer = await who.get(url.replace(/[{}]/g, ''));
      assertBare(
        answer.text.replaceAll(url, '').replaceAll(`${MARK}"`, '').replaceAll(encodeURIComponent(url), ''),
        url,
        things,
      );
    }
  }
}

async function begin(t: TestContext) {
  const site = await painter(t);
  const things = await givenThings(site);
  const paths = listGetPaths(site.node).filter((path) => !/^\/(?:healthz|readyz|sw\.js)/.test(path));
  const targets = [
    { kind: 'model', id: things.modelId },
    { kind: 'post', id: things.postId },
  ] as const;
  return { site, things, targets, ask: { ...site, paths } };
}

test('before any decision all of it is there, so that the questions below mean something', async (t) => {
  const { site, things } = await begin(t);
  const { visitor } = site;
  for (const [route, rule] of Object.entries(ROUTES)) {
    if (rule.how !== 'thing') continue;
    for (const url of rule.urls(things)) {
      const { status } = await visitor.get(url);
      const isThere =
        status === 200 || (status === 302 && /comments|reviews/.test(route)) || url.endsWith('workflow.json');
      assert.ok(isThere, `${route} ${url}: ${status}`);
    }
  }
  for (const url of ['/', '/models', '/images', `/search?q=${MARK}`, '/@ada', `/collections/${things.collectionId}`])
    assert.match((await visitor.get(url)).text, new RegExp(`${MARK}|/media/320/${things.imageId}\\.`), url);
});

test('after a quarantine nothing of it can be reached by a stranger, by its owner or by a peer', async (t) => {
  const { site, things, targets, ask } = await begin(t);
  for (const target of targets) await carryOut(site, { target, outcome: 'quarantine', category: 'ncii' });
  await askAll(ask, things, { thing: 451, document: [404] });
  // the bytes are there for those who decide
  assert.ok((await blobsOf(site)).has(things.sha256));
});

test('after a removal nothing of it can be reached, and no blob of it is left outside the vault', async (t) => {
  const { site, things, targets, ask } = await begin(t);
  const { em, visitor } = site;
  const image = await em.fork().findOneOrFail(Image, things.imageId);
  const sizes = await em.fork().find(ImageSize, { image: things.imageId });
  for (const target of targets) await carryOut(site, { target, outcome: 'remove' });

  await askAll(ask, things, { thing: 410, document: [404, 410] });

  const left = await blobsOf(site);
  const own = [things.sha256, image.sha256, image.cleanSha256, ...sizes.map(({ sha256 }) => sha256)];
  for (const sha256 of own) assert.ok(sha256 && !left.has(sha256));

  for (const target of targets) {
    const [last] = await em
      .fork()
      .getConnection()
      .execute<{ id: string }[]>(
        `select id from takedown where target_kind = '${target.kind}' and outcome = 'remove' and target_id = ${target.id}`,
      );
    await carryOut(site, { target, outcome: 'undo', parameters: { undoes: last?.id ?? '' } });
  }
  for (const url of [...SIZES(things.imageId).slice(0, 3), `/models/${things.modelId}`, `/posts/${things.postId}`])
    assert.equal((await visitor.get(url)).status, 200, url);
  const download = await bytesAt(visitor, `/api/download/models/${things.versionId}`);
  assert.equal(download.status, 200);
  assert.match((await visitor.get(`/search?q=${MARK}&kind=models`)).text, new RegExp(`${MARK} lora`));
});
