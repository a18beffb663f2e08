import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ModelFile } from '../../src/catalogue/model.ts';
import { HolderAnswer } from '../../src/federation/holders/model.ts';
import { PeerHost } from '../../src/federation/model.ts';
import { DomainPolicy } from '../../src/federation/peers/model.ts';
import { ResourceUse } from '../../src/gallery/model.ts';
import { newId } from '../../src/kit/ids.ts';
import { Browser } from '../accounts/browser.ts';
import { NOW } from '../factories/content.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { type Peer, peerNode, settleAll } from './nodes.ts';
import { followAccount, postPicture } from './people.ts';
import { stranger } from './strangers.ts';

const AP = { accept: 'application/activity+json' };
const fork = ({ node }: Peer) => node.orm.em.fork();

/** Uploads a LoRA and publishes it. Returns the row of its file. */
async function publish(home: Peer, browser: Browser, more: Record<string, string> = {}, rank = 8): Promise<ModelFile> {
  const form = new FormData();
  form.append('files', new Blob([new Uint8Array(kohyaLoraSd1({ name: 'inkwash', rank }))]), 'inkwash.safetensors');
  const uploaded = await browser.postForm('/upload', form);
  const [, versionId] = /\/versions\/(\d+)\/edit/.exec(uploaded.location) ?? [];
  assert.ok(versionId, uploaded.text.slice(0, 300));
  await settleAll(home);
  home.clock.pass(60_000);
  const saved = await browser.post(`/versions/${versionId}/edit`, {
    ...{ act: 'publish', name: 'Ink Wash', type: 'LORA', versionName: 'v1.0', baseModel: 'SD 1.5' },
    ...{ tags: 'ink', description: 'Sumi-e.', trainedWords: 'inkwash', ...more },
  });
  assert.equal(saved.status, 302, saved.text.slice(0, 2000));
  await settleAll(home);
  return fork(home).findOneOrFail(ModelFile, { version: Number(versionId) });
}

/** Bob's node; he is followed by alice of one node, and follows carl of another. */
async function given(t: TestContext) {
  const [bobs, alices, carls] = [
    await peerNode(t, '127.0.0.1'),
    await peerNode(t, '127.0.0.2'),
    await peerNode(t, '127.0.0.3'),
  ];
  const bob = await bobs.member('bob');
  const alice = await alices.member('alice');
  const carl = await carls.member('carl');
  await followAccount(alices, alice.browser, bobs, 'bob', [bobs, alices]);
  await followAccount(bobs, bob.browser, carls, 'carl', [bobs, carls]);
  return { bobs, alices, carls, bob: bob.browser, alice: alice.browser, carl: carl.browser };
}

test('the nodes that people here follow, and are followed from, are asked who has a file; what they say is shown with its permissions', async (t) => {
  const { bobs, alices, carls, bob, alice, carl } = await given(t);
  const file = await publish(alices, alice, { allowDerivatives: '1', licenseId: 'MIT' });
  await publish(carls, carl, {}, 16);
  const hash = file.sha256;
  assert.equal(await fork(bobs).count(ModelFile, { sha256: hash }), 0, 'bob’s node does not know it');

  const visitor = new Browser(new URL(bobs.origin));
  assert.match((await visitor.get(`/hashes/${hash}`)).text, /Sign in, and this node asks/);
  assert.equal((await visitor.post(`/hashes/${hash}/question`)).status, 401);
  const before = await bob.get(`/search?q=${hash.toUpperCase()}`);
  assert.match(before.text, new RegExp(`hx-get="/hashes/${hash}"`));
  assert.match((await bob.get(`/hashes/${hash}`)).text, /Ask other nodes/);
  assert.equal(await fork(bobs).count(HolderAnswer, {}), 0, 'a look asks nobody');

  const asked = await bob.post(`/hashes/${hash}/question`);
  assert.deepEqual([asked.status, asked.location], [302, `/hashes/${hash}`]);
  const asking = await bob.get(`/hashes/${hash}`);
  assert.match(asking.text, /0 of 2 answered/);
  assert.match(asking.text, /hx-trigger="every/);
  await settleAll(bobs);
  const answered = await bob.get(`/hashes/${hash}`);
  assert.doesNotMatch(answered.text, /hx-trigger="every/);
  assert.match(answered.text, /Ink Wash/);
  assert.match(answered.text, new RegExp(alices.host));
  assert.match(answered.text, /MIT/);
  assert.match(answered.text, /You may share merges/);
  assert.match(answered.text, new RegExp(`href="${alices.origin}/api/download/models/[^"]*"[^>]*>.*Get from`, 's'));
  const states = await fork(bobs).find(HolderAnswer, { hash }, { orderBy: { host: 1 } });
  assert.deepEqual(
    states.map(({ host, state }) => [host, state]),
    [
      [alices.host, 'has'],
      [carls.host, 'has-not'],
    ],
  );
  const open = /href="(\/search\?q=[^"]+)"/.exec(answered.text)?.[1] ?? '';
  const opened = await bob.get(open.replaceAll('&amp;', '&'));
  assert.match(opened.location, /^\/models\/\d+$/);
  assert.match((await visitor.get(`/search?q=${hash.slice(0, 10)}`)).text, /Ink Wash/, 'and then it is known to all');
  assert.match((await visitor.get(`/hashes/${hash}`)).text, /Sign in, and this node asks/);

  // AutoV2, in its own question; and the answer that stands is not asked for again
  await bob.post(`/hashes/${hash.slice(0, 10)}/question`);
  await settleAll(bobs);
  assert.match((await bob.get(`/hashes/${hash.slice(0, 10)}`)).text, /Get from/);
  await fork(alices).nativeUpdate(ModelFile, { id: file.id }, { isStored: false });
  await bob.post(`/hashes/${hash}/question`);
  await settleAll(bobs);
  assert.match((await bob.get(`/hashes/${hash}`)).text, /Get from/);
  bobs.clock.pass(25 * 3_600_000);
  await bob.post(`/hashes/${hash}/question`);
  await settleAll(bobs);
  const late = await bob.get(`/hashes/${hash}`);
  assert.doesNotMatch(late.text, /Get from/, 'an old word is not shown as a new one');
});

test('what is hidden is no answer: drafts, followers’ models, unlisted ones and those without their bytes look like nothing', async (t) => {
  const node = await peerNode(t, '127.0.0.1');
  const { browser } = await node.member('alice');
  const open = await publish(node, browser);
  const narrow = await publish(node, browser, { visibility: 'followers' }, 12);
  const quiet = await publish(node, browser, { visibility: 'unlisted' }, 16);
  const draft = await publish(node, browser, { act: 'save' }, 20);
  const visitor = new Browser(new URL(node.origin));
  const ask = async (hash: string) => {
    const answer = await visitor.get(`/hashes/${hash}`, AP);
    return { ...answer, body: JSON.parse(answer.text) as Record<string, unknown> };
  };
  const found = await ask(open.sha256);
  assert.equal(found.status, 200);
  assert.match(found.headers.get('content-type') ?? '', /activity\+json/);
  assert.equal(found.body.id, `${node.origin}/hashes/${open.sha256}`);
  assert.equal(found.body.totalItems, 1);
  const none = await ask('0'.repeat(64));
  for (const { sha256 } of [narrow, quiet, draft]) {
    for (const hash of [sha256, sha256.slice(0, 10)]) {
      const { status, body } = await ask(hash);
      assert.deepEqual({ ...body, id: '' }, { ...none.body, id: '' }, 'the same as for a file that is nowhere');
      assert.equal(status, 200);
      // its page neither, also for the owner of another
      const page = await visitor.get(`/hashes/${hash}`);
      assert.doesNotMatch(page.text, /Ink Wash/);
      assert.doesNotMatch((await visitor.get(`/search?q=${hash}`)).text, /Ink Wash/);
    }
  }
  for (const path of [
    '/hashes/xyz',
    '/hashes/abc',
    `/hashes/${open.sha256}0`,
    '/hashes/e3b0c44298fc1c149afbf4c8996fb924',
  ]) {
    assert.equal((await visitor.get(path, AP)).status, 404, path);
    assert.equal((await visitor.get(path)).status, 404, path);
  }
  await fork(node).nativeUpdate(ModelFile, { id: open.id }, { isStored: false });
  assert.equal((await ask(open.sha256)).body.totalItems, 0);
});

test('a peer that lies, hangs or runs another program costs little and is not believed', async (t) => {
  const node = await peerNode(t, '127.0.0.1');
  const { browser } = await node.member('bob');
  const [e, m] = [await stranger(t, '127.0.0.4'), await stranger(t, '127.0.0.5')];
  const [eHost, mHost] = [new URL(e.origin).host, new URL(m.origin).host];
  const hash = 'a'.repeat(64);
  for (const [peer, name] of [
    [e, 'tessera'],
    [m, 'mastodon'],
  ] as const) {
    await peer.actor('vic');
    await followAccount(node, browser, { host: new URL(peer.origin).host }, 'vic', [node]);
    peer.documents.set('/.well-known/nodeinfo', {
      links: [{ rel: 'http://nodeinfo.diaspora.software/ns/schema/2.1', href: `${peer.origin}/nodeinfo/2.1` }],
    });
    peer.documents.set('/nodeinfo/2.1', { software: { name, version: '1' } });
  }
  // the follows count once they are accepted
  await node.node.orm.em.fork().getConnection().execute(`update follow set state = 'accepted'`);
  const file = (origin: string, sha256: string) => ({
    ...{ type: 'Document', name: '<b>x</b>.safetensors', mediaType: 'application/octet-stream', size: 5 },
    ...{ url: `${origin}/f`, hashes: { sha256 } },
  });
  const model = (
    id: string,
    fileOrigin: string,
    sha256: string,
    to = 'https://www.w3.org/ns/activitystreams#Public',
  ) => ({
    ...{
      id,
      type: 'Note',
      kind: 'Model',
      name: `Model ${id.slice(-1)} <script>`,
      attributedTo: `${e.origin}/users/vic`,
    },
    ...{ content: 'x', to: [to], published: '2026-01-01T00:00:00Z' },
    model: {
      ...{ type: 'tessera:Model', modelType: 'LORA', rating: 1, permissions: {} },
      versions: [{ id: `${id}/v`, type: 'tessera:ModelVersion', versionName: 'v1', files: [file(fileOrigin, sha256)] }],
    },
  });
  e.documents.set(`/hashes/${hash}`, {
    ...{ id: `${e.origin}/hashes/${hash}`, type: 'Collection', totalItems: 1e9 },
    items: [
      model('https://v.example/models/1', 'https://v.example', hash),
      model(`${e.origin}/models/2`, 'https://third.example', hash),
      model(`${e.origin}/models/3`, e.origin, 'b'.repeat(64)),
      model(`${e.origin}/models/4`, e.origin, hash),
    ],
  });
  m.documents.set(`/hashes/${hash}`, e.documents.get(`/hashes/${hash}`) ?? {});
  const before = m.asked.length;
  await browser.post(`/hashes/${hash}/question`);
  await settleAll(node);
  const page = await browser.get(`/hashes/${hash}`);
  assert.doesNotMatch(
    page.text,
    /Model [1234]|<script>alert|v\.example|third\.example/,
    'the fourth came after the most',
  );
  assert.deepEqual(m.asked.slice(before), ['/.well-known/nodeinfo', '/nodeinfo/2.1'], 'another program is not asked');
  assert.equal(await fork(node).count(HolderAnswer, { host: mHost }), 0);
  assert.equal((await fork(node).findOneOrFail(PeerHost, { host: mHost })).software, 'mastodon 1');

  const honest = 'c'.repeat(64);
  e.documents.set(`/hashes/${honest}`, {
    ...{ id: `${e.origin}/hashes/${honest}`, type: 'Collection', totalItems: 1 },
    items: [
      model(`${e.origin}/models/5`, e.origin, honest),
      model(`${e.origin}/models/6`, e.origin, honest, `${e.origin}/f`),
    ],
  });
  await browser.post(`/hashes/${honest}/question`);
  await settleAll(node);
  const found = await browser.get(`/hashes/${honest}`);
  assert.match(found.text, /Model 5 &lt;script&gt;/);
  assert.doesNotMatch(found.text, /Model 6/, 'what is for few is no answer');
  assert.equal(m.asked.length, before + 2, 'its program is known now');

  const broken = 'd'.repeat(64);
  e.statuses.set(`/hashes/${broken}`, 500);
  await browser.post(`/hashes/${broken}/question`);
  await settleAll(node);
  assert.match((await browser.get(`/hashes/${broken}`)).text, new RegExp(`No answer from ${eHost}`));

  node.em.create(DomainPolicy, { host: eHost, stance: 'blocked', since: NOW }, { persist: true });
  await node.em.flush();
  const asked = e.asked.length;
  await browser.post(`/hashes/${'f'.repeat(64)}/question`);
  await settleAll(node);
  assert.equal(e.asked.length, asked, 'a blocked host is not asked');
  assert.doesNotMatch((await browser.get(`/hashes/${honest}`)).text, /Model 5/, 'and what it said is not shown');
  assert.match((await browser.get(`/hashes/${'f'.repeat(64)}`)).text, /no node to ask/);

  let last = found;
  for (let n = 0; n < 21; n += 1) last = await browser.post(`/hashes/${String(n).padStart(64, '1')}/question`);
  assert.equal(last.status, 429);
});

test('a picture made with something that is not here says where to look, and names nothing that is hidden', async (t) => {
  const node = await peerNode(t, '127.0.0.1');
  const { browser } = await node.member('alice');
  const postId = await postPicture(browser, [node], 'Valley');
  const em = fork(node);
  const [image] = await em.getConnection().execute(`select id from image where post_id = ${postId}`);
  const hash = '1234567890';
  em.create(
    ResourceUse,
    { id: newId(), image: image.id, kind: 'lora', name: 'inkwash', hash, position: 0 },
    { persist: true },
  );
  await em.flush();
  const page = await browser.get(`/images/${image.id}`);
  assert.match(page.text, new RegExp(`href="/hashes/${hash}"`));
  assert.match((await browser.get(`/hashes/${hash}`)).text, /No public model here/);
});

test('a node that speaks with nobody asks nobody, and finds its own', async (t) => {
  const node = await peerNode(t, '127.0.0.1', { FEDERATION: 'off' });
  const { browser } = await node.member('alice');
  const { sha256 } = await publish(node, browser);
  const page = await browser.get(`/hashes/${sha256.slice(0, 10)}`);
  assert.match(page.text, /Ink Wash/);
  assert.match(page.text, /does not speak with others/);
  assert.equal((await browser.post(`/hashes/${sha256}/question`)).status, 404);
  assert.equal((await browser.get(`/search?q=${sha256}`)).status, 200);
});
