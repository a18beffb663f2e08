import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Follow } from '../../src/accounts/model.ts';
import { type AUTHORISED_FETCH, readingSettings } from '../../src/federation/pages/asker.ts';
import { generated } from '../gallery/painter.ts';
import { assertBare, hasPlace, listGetPaths, MARK } from './reach.ts';
import { reachSite } from './reach-site.ts';
import { ROUTES, SIZES } from './reach-table.ts';
import { carryOut } from './takedowns.ts';

type Mode = (typeof AUTHORISED_FETCH)[number];

/**
 * Ada's things, one more post that is for her followers alone, and three servers with a follower of hers each: one as
 * any other, one that is limited here, one that is blocked.
 */
async function begin(t: TestContext) {
  const { site, things, follower } = await reachSite(t);
  const { em, clock, ada } = site;
  const bytes = await generated(`a ${MARK} at night\nSteps: 4, Seed: 2, Size: 64x48`);
  const hushed = await site.post(ada, [{ bytes, altText: `A ${MARK}` }], { visibility: 'followers' });
  const peers = {
    peer: await follower('127.0.0.2'),
    limited: await follower('127.0.0.3', { isLimited: true }),
    blocked: await follower('127.0.0.4', { stance: 'blocked' }),
  };
  assert.equal(await em.fork().count(Follow, { target: ada }), 3);
  const setMode = async (authorisedFetch: Mode) => {
    const work = em.fork();
    await site.node.settings.write(work, readingSettings, { authorisedFetch }, clock.now());
    await work.flush();
  };
  const paths = listGetPaths(site.node).filter((path) => !hasPlace(path) && !/^\/(?:healthz|readyz|sw\.js)/.test(path));
  const [imageId = 0] = hushed.imageIds;
  return { site, things, paths, peers, setMode, hushed: { postId: hushed.postId, imageId } };
}

type World = Awaited<ReturnType<typeof begin>>;

/** What is for followers alone, which only a signature opens. */
const hushedUrls = ({ hushed: { postId, imageId } }: World): string[] => [
  ...[`/posts/${postId}`, `/posts/${postId}/replies`, `/posts/${postId}/likes`, `/images/${imageId}`],
  ...SIZES(imageId),
];

test('before any decision a follower’s server reads what is for followers, and a server that is blocked does not', async (t) => {
  const world = await begin(t);
  const { peers, things, setMode, hushed, site } = world;
  const document = `/models/${things.modelId}`;
  const [post, picture] = [`/posts/${hushed.postId}`, `/media/full/${hushed.imageId}.webp`];
  const statuses = async (url: string) =>
    Promise.all([peers.peer, peers.limited, peers.blocked].map(async (one) => (await one.get(url)).status));
  for (const url of [post, picture]) assert.deepEqual(await statuses(url), [200, 200, 404], url);
  assert.deepEqual(await statuses(document), [200, 200, 200], 'what everybody reads is not asked for its signature');
  await setMode('everything');
  for (const url of [post, document]) assert.deepEqual(await statuses(url), [200, 200, 401], url);
  assert.equal((await site.visitor.get(document, { accept: 'application/activity+json' })).status, 401);
  assert.match((await peers.peer.get(document)).text, new RegExp(MARK));
});

interface Expected {
  readonly thing: number;
  readonly document: readonly number[];
}

/** Every address of the table and every one without a place in it, asked with a signature: as ActivityPub and as a page. */
async function askSigned(world: World, who: keyof World['peers'], mode: Mode, { thing, document }: Expected) {
  const { peers, things, paths } = world;
  const peer = peers[who];
  // who signs with a key that counts for nothing is a stranger, and strangers read nothing then
  const isStranger = who === 'blocked' && mode === 'everything';
  const may = (...statuses: readonly number[]) => (isStranger ? [...statuses, 401] : statuses);
  const ask = async (url: string, statuses: readonly number[] | null, headers: Record<string, string> = {}) => {
    const label = `${who}, ${mode}: ${url} ${JSON.stringify(headers)}`;
    const { status, text } = await peer.get(url, headers);
    if (statuses) assert.ok(statuses.includes(status), `${label}: ${status}`);
    assertBare(text.replaceAll(url, ''), label, things);
    assertBare(text, label, { imageId: world.hushed.imageId });
  };
  for (const rule of Object.values(ROUTES)) {
    if (rule.how === 'apart') continue;
    for (const url of rule.urls(things)) {
      if (rule.how === 'list') await ask(url, null);
      // a version leads to its model
      else if (rule.how === 'document')
        await ask(url, may(...document, ...(/^\/versions\/\d+$/.test(url) ? [302] : [])));
      else if (rule.how === 'owner') await ask(url, may(302, 303, 401, 403, 404, thing));
      else {
        await ask(url, may(...document, thing));
        for (const more of [{}, { range: 'bytes=0-15' }, { 'if-none-match': `"${things.sha256}"` }])
          await ask(url, may(thing), { accept: 'text/html', ...more });
      }
    }
  }
  for (const url of hushedUrls(world)) {
    await ask(url, may(...document, thing));
    await ask(url, may(...document, thing), { accept: 'text/html' });
  }
  for (const url of paths) await ask(url.replace(/[{}]/g, ''), null);
}

for (const { outcome, expected } of [
  { outcome: 'quarantine', expected: { thing: 451, document: [404] } },
  { outcome: 'remove', expected: { thing: 410, document: [404, 410] } },
] as const) {
  test(`after “${outcome}” no server that signs can reach anything of it, whether it is known, limited or blocked`, async (t) => {
    const world = await begin(t);
    const { site, things, hushed, setMode } = world;
    const targets = [
      { kind: 'model', id: things.modelId },
      { kind: 'post', id: things.postId },
      { kind: 'post', id: hushed.postId },
    ] as const;
    for (const target of targets) await carryOut(site, { target, outcome, category: 'ncii' });
    for (const who of ['peer', 'limited', 'blocked'] as const) await askSigned(world, who, 'followers', expected);
    await setMode('everything');
    for (const who of ['peer', 'blocked'] as const) await askSigned(world, who, 'everything', expected);
  });
}
