import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Block } from '../../src/accounts/model.ts';
import { Model, ModelVersion } from '../../src/catalogue/model.ts';
import { OutboxItem } from '../../src/federation/model.ts';
import { applyPolicy } from '../../src/federation/peers/apply.ts';
import { DomainPolicy } from '../../src/federation/peers/model.ts';
import { Comment } from '../../src/gallery/model.ts';
import { Review } from '../../src/gallery/reviews/model.ts';
import { newId } from '../../src/kit/ids.ts';
import { Job } from '../../src/kit/queue/job.ts';
import type { Browser } from '../accounts/browser.ts';
import { givenModel, givenVersion, NOW } from '../factories/content.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { type Peer, peerNode, settleAll } from './nodes.ts';
import { followAccount } from './people.ts';
import { post } from './strangers.ts';
import { note, PUBLIC, world } from './world.ts';

/** Publishes a LoRA; the id of its version. */
async function publishModel(browser: Browser, peers: readonly Peer[]): Promise<number> {
  const form = new FormData();
  form.append('files', new Blob([new Uint8Array(kohyaLoraSd1({ name: 'inkwash' }))]), 'inkwash.safetensors');
  const [, versionId] = /\/versions\/(\d+)\/edit/.exec((await browser.postForm('/upload', form)).location) ?? [];
  await settleAll(...peers);
  const published = await browser.post(`/versions/${versionId}/edit`, {
    ...{ act: 'publish', name: 'Ink Wash', type: 'LORA', versionName: 'v1.0', baseModel: 'SD 1.5' },
    ...{ tags: 'ink', description: 'Sumi-e.', trainedWords: 'inkwash' },
  });
  assert.equal(published.status, 302, published.text.slice(0, 2_000));
  await settleAll(...peers);
  return Number(versionId);
}

const thumbsAt = async (peer: Peer, where: { id: number } | { uri: string }) => {
  const version = await peer.node.orm.em.fork().findOneOrFail(ModelVersion, where);
  return [version.thumbsUpCount, version.thumbsDownCount];
};

test('a review given on one node stands on the page of the model at its home and on a third that follows it; changes and deletion reach them', async (t) => {
  const [a, b, c] = [await peerNode(t, '127.0.0.1'), await peerNode(t, '127.0.0.2'), await peerNode(t, '127.0.0.3')];
  const all = [a, b, c];
  const [alice, bob, cleo] = [await a.member('alice'), await b.member('bob'), await c.member('cleo')];
  await followAccount(b, bob.browser, a, 'alice', all);
  await followAccount(c, cleo.browser, a, 'alice', all);
  const versionId = await publishModel(alice.browser, all);
  const uri = `${a.origin}/versions/${versionId}`;
  const [atB, atC] = await Promise.all(
    [b, c].map((peer) => peer.node.orm.em.fork().findOneOrFail(ModelVersion, { uri })),
  );
  const home = await a.node.orm.em.fork().findOneOrFail(ModelVersion, versionId);
  const pages = [
    [alice.browser, `/models/${home.model.id}`],
    [bob.browser, `/models/${atB?.model.id}`],
    [cleo.browser, `/models/${atC?.model.id}`],
  ] as const;
  const thumbs = async () => [
    await thumbsAt(a, { id: versionId }),
    await thumbsAt(b, { uri }),
    await thumbsAt(c, { uri }),
  ];

  const said = await bob.browser.post(`/versions/${atB?.id}/reviews`, { verdict: 'up', text: 'Fine *lines*.' });
  assert.equal(said.status, 302);
  await settleAll(...all);
  assert.deepEqual(await thumbs(), [
    [1, 0],
    [1, 0],
    [1, 0],
  ]);
  for (const [browser, page] of pages) {
    const { text } = await browser.get(page);
    assert.match(text, /Fine <em>lines<\/em>/);
    assert.doesNotMatch(text, /Recommended: /, 'the words alone');
  }
  assert.match((await alice.browser.get(pages[0][1])).text, new RegExp(`@${b.host}`));
  const row = await a.node.orm.em.fork().findOneOrFail(Review, { version: versionId });
  const own = await b.node.orm.em.fork().findOneOrFail(Review, { isLocal: true });
  assert.equal(row.uri, `${b.origin}/reviews/${own.id}`);
  assert.match((await alice.browser.get(`/reviews/${row.id}`)).text, /Fine <em>lines<\/em>/);

  const accept = { accept: 'application/activity+json' };
  const document = (await (await fetch(row.uri ?? '', { headers: accept })).json()) as Record<string, unknown>;
  assert.deepEqual([document.type, document.kind, document.recommended], ['Note', 'Review', true]);
  assert.deepEqual([document.inReplyTo, document.context], [`${a.origin}/models/${home.model.id}`, uri]);
  assert.match(String(document.content), /Recommended: <a href="[^"]+">Ink Wash · v1\.0<\/a>/);
  assert.deepEqual(document.to, [PUBLIC]);
  for (const list of ['replies', 'likes', 'shares']) {
    const answer = await fetch(`${row.uri}/${list}`, { headers: accept });
    assert.equal(((await answer.json()) as { totalItems: number }).totalItems, 0, list);
  }

  for (const peer of all) peer.clock.pass(60_000);
  await bob.browser.post(`/versions/${atB?.id}/reviews`, { verdict: 'down', text: 'It *fades*.' });
  await settleAll(...all);
  assert.deepEqual(await thumbs(), [
    [0, 1],
    [0, 1],
    [0, 1],
  ]);
  for (const [browser, page] of pages) assert.match((await browser.get(page)).text, /It <em>fades<\/em>/);

  for (const peer of all) peer.clock.pass(60_000);
  await bob.browser.post(`/reviews/${own.id}/removal`);
  await settleAll(...all);
  assert.deepEqual(await thumbs(), [
    [0, 0],
    [0, 0],
    [0, 0],
  ]);
  for (const [browser, page] of pages) assert.doesNotMatch((await browser.get(page)).text, /<em>fades/);
  const gone = await fetch(row.uri ?? '', { headers: accept });
  assert.deepEqual([gone.status, ((await gone.json()) as { type: string }).type], [410, 'Tombstone']);

  // written anew, and deleted again
  for (const peer of all) peer.clock.pass(60_000);
  await bob.browser.post(`/versions/${atB?.id}/reviews`, { verdict: 'up' });
  await settleAll(...all);
  assert.deepEqual(await thumbs(), [
    [1, 0],
    [1, 0],
    [1, 0],
  ]);
  for (const peer of all) peer.clock.pass(60_000);
  await bob.browser.post(`/reviews/${own.id}/removal`);
  await settleAll(...all);
  assert.deepEqual(await thumbs(), [
    [0, 0],
    [0, 0],
    [0, 0],
  ]);
  for (const peer of all) assert.equal(await peer.node.orm.em.fork().count(Job, { state: 'failed' }), 0);
});

/** Alice's model with one version on N, and what makes a review of it. */
async function given(t: Parameters<typeof world>[0]) {
  const all = await world(t);
  const { n, em } = all;
  const model = givenModel(n.em, { owner: all.alice, name: 'Ink' });
  const version = givenVersion(n.em, { model });
  await n.em.flush();
  const place = { inReplyTo: `${n.origin}/models/${model.id}`, context: `${n.origin}/versions/${version.id}` };
  const review = (actor: { id: string }, path: string, more: object = {}) =>
    note(actor.id, path, {
      kind: 'Review',
      recommended: true,
      attachment: [],
      content: '<p>ok</p>',
      ...place,
      ...more,
    });
  const say = async (actor: typeof all.vic, type: string, object: unknown) => {
    assert.equal(await post(n, actor, { type, object, to: [PUBLIC] } as object), 202);
    await n.settle();
  };
  return {
    ...all,
    model,
    version,
    review,
    say,
    count: () => em().count(Review),
    row: () => em().findOneOrFail(Review, { version: version.id }),
  };
}

test('two by one actor count as one, the later; stars are no verdict; no other actor changes or deletes it', async (t) => {
  const { n, vic, mallory, version, review, say, count, row, em } = await given(t);
  for (const recommended of [9, -1, '5', 'true', null, 1, [true, false].slice(2)]) {
    await say(vic, 'Create', review(vic, '/r/0', { recommended }));
  }
  assert.equal(await count(), 0);
  assert.equal(await em().count(Comment), 0, 'nor is it a remark then');
  await say(vic, 'Create', review(vic, '/r/1'));
  await say(vic, 'Create', review(vic, '/r/2', { recommended: false, content: '<p>second</p>' }));
  assert.deepEqual([await count(), (await row()).isRecommended, (await row()).text], [1, false, '<p>second</p>']);
  assert.deepEqual(await thumbsAt(n, { id: version.id }), [0, 1]);

  const taken = review(vic, '/r/2', { recommended: true, updated: n.clock.now().toISOString() });
  assert.equal(await post(n, mallory, { type: 'Update', object: taken }), 403);
  assert.equal(await post(n, mallory, { type: 'Delete', object: taken.id }), 202);
  await n.settle();
  await say(vic, 'Delete', `${new URL(vic.id).origin}/r/1`);
  assert.deepEqual([(await row()).isRecommended, (await row()).deletedAt], [false, null]);
  await say(vic, 'Update', review(vic, '/r/2', { recommended: true, updated: n.clock.now().toISOString() }));
  assert.deepEqual(await thumbsAt(n, { id: version.id }), [1, 0]);
  await say(vic, 'Delete', `${new URL(vic.id).origin}/r/2`);
  assert.deepEqual(await thumbsAt(n, { id: version.id }), [0, 0]);
  await say(vic, 'Create', review(vic, '/r/2'));
  assert.deepEqual(await thumbsAt(n, { id: version.id }), [0, 0], 'a Create that comes late brings nothing back');
});

test('of a draft, a hidden model, another model’s version, or across a block, a review is refused', async (t) => {
  const { n, vic, mallory, alice, model, version, review, say, count, em } = await given(t);
  const draft = givenVersion(n.em, { model, state: 'draft', publishedAt: null });
  const other = givenVersion(n.em, { model: givenModel(n.em, { owner: alice }) });
  const hidden = givenModel(n.em, { owner: alice, state: 'draft', listedAt: null, publishedAt: null });
  const inHidden = givenVersion(n.em, { model: hidden });
  await n.em.flush();
  const at = (id: number) => `${n.origin}/versions/${id}`;
  for (const context of [at(draft.id), at(other.id), at(999_999), `${n.origin}/models/${model.id}`, undefined]) {
    await say(vic, 'Create', review(vic, `/r/${newId()}`, { context }));
  }
  const shut = { inReplyTo: `${n.origin}/models/${hidden.id}`, context: at(inHidden.id) };
  await say(vic, 'Create', review(vic, '/r/shut', shut));
  const toFollowers = { to: [`${vic.id}/followers`] };
  await say(vic, 'Create', review(vic, '/r/narrow', toFollowers));
  assert.equal(await count(), 0, 'what is for fewer than see the page is on no page');

  await em().nativeUpdate(Model, { id: model.id }, { visibility: 'followers', listedAt: null });
  await say(vic, 'Create', review(vic, '/r/stranger'));
  assert.equal(await count(), 0);
  await em().nativeUpdate(Model, { id: model.id }, { visibility: 'public', listedAt: NOW });

  await say(vic, 'Create', review(vic, '/r/open'));
  assert.deepEqual(await thumbsAt(n, { id: version.id }), [1, 0], 'control');
  const later = { updated: n.clock.now().toISOString(), ...toFollowers };
  await say(vic, 'Update', review(vic, '/r/open', later));
  assert.deepEqual(await thumbsAt(n, { id: version.id }), [0, 0], 'made narrower it goes');

  await say(mallory, 'Create', review(mallory, '/r/1'));
  const before = await em().findOneOrFail(Review, { deletedAt: null });
  const ends = { account: alice.id, target: before.author.id };
  await em().insert(Block, { id: newId(), ...ends, kind: 'block', createdAt: NOW });
  const change = { recommended: false, updated: n.clock.now().toISOString() };
  await say(mallory, 'Update', review(mallory, '/r/1', change));
  assert.deepEqual(await thumbsAt(n, { id: version.id }), [1, 0], 'blocked, nothing changes any more');
});

test('nobody of elsewhere reviews their own model, which is known here', async (t) => {
  const { vic, v, say, em, follows, review, count } = await given(t);
  await follows(vic);
  const id = `${v.origin}/models/1`;
  const versions = [
    { id: `${id}/v1`, type: 'tessera:ModelVersion', versionName: 'v1', baseModel: 'SDXL 1.0', files: [] },
  ];
  const told = note(vic.id, '/models/1', {
    ...{ kind: 'Model', name: 'Ink', attachment: [] },
    model: { type: 'tessera:Model', modelType: 'LORA', rating: 1, versions },
  });
  await say(vic, 'Create', told);
  assert.equal(await em().count(ModelVersion, { uri: `${id}/v1` }), 1);
  await say(vic, 'Create', review(vic, '/r/own', { inReplyTo: id, context: `${id}/v1` }));
  assert.equal(await count(), 0);
  assert.equal(await em().count(OutboxItem), 0);
});

test('when its host is blocked a review is not shown nor counted, and comes back with it; who leaves takes theirs along', async (t) => {
  const { n, vic, v, version, model, review, say, count } = await given(t);
  await say(vic, 'Create', review(vic, '/r/1', { content: '<p>from vic</p>' }));
  const host = new URL(v.origin).host;
  const { em } = n.workAs(null);
  await em.insert(DomainPolicy, { host, stance: 'blocked', since: NOW });
  await applyPolicy(n.workAs(null), n.node.federation, host);
  assert.deepEqual(await thumbsAt(n, { id: version.id }), [0, 0]);
  const page = async () => (await fetch(`${n.origin}/models/${model.id}`)).text();
  assert.doesNotMatch(await page(), /from vic/);
  await em.nativeDelete(DomainPolicy, { host });
  await applyPolicy(n.workAs(null), n.node.federation, host);
  assert.deepEqual(await thumbsAt(n, { id: version.id }), [1, 0]);
  assert.match(await page(), /from vic/);
  await say(vic, 'Delete', vic.id);
  assert.deepEqual(await thumbsAt(n, { id: version.id }), [0, 0]);
  assert.equal(await count(), 1, 'its mark stays');
});
