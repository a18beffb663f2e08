import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Model, ModelVersion } from '../../src/catalogue/model.ts';
import { NoticePeer, ReceivedNotice } from '../../src/federation/notices/model.ts';
import { Image, Post } from '../../src/gallery/model.ts';
import { Job } from '../../src/kit/queue/job.ts';
import type { Outcome } from '../../src/moderation/takedown/model.ts';
import type { TakedownParameters } from '../../src/moderation/takedown/start.ts';
import { PolicyState, type PolicyTarget, RESTRICTION } from '../../src/safety/policy.ts';
import { carryOut } from '../moderation/takedowns.ts';
import { peerNode, settleAll } from './nodes.ts';
import { followAccount, postPicture, publishLora } from './people.ts';

const AP = { accept: 'application/activity+json' };

/** Alice has a model with a picture in its gallery, both for everybody; Bob follows her on another node. */
async function given(t: TestContext) {
  const [home, away] = [await peerNode(t, '127.0.0.1'), await peerNode(t, '127.0.0.2')];
  const [alice, bob] = [await home.member('alice'), await away.member('bob')];
  await followAccount(away, bob.browser, home, 'alice', [home, away]);
  const versionId = await publishLora(alice.browser, [home, away], { name: 'Ink wash', level: '1' });
  const postId = await postPicture(alice.browser, [home, away], 'A valley');
  const { model } = await home.em.fork().findOneOrFail(ModelVersion, versionId);
  const image = await home.em.fork().findOneOrFail(Image, { post: postId });
  const atAway = () => away.em.fork();
  const copies = {
    model: await atAway().findOneOrFail(Model, { uri: `${home.origin}/models/${model.id}` }),
    post: await atAway().findOneOrFail(Post, { uri: `${home.origin}/posts/${postId}` }),
    image: await atAway().findOneOrFail(Image, { uri: `${home.origin}/images/${image.id}` }),
  };
  const levels = async () => {
    const image = await atAway().findOne(Image, { uri: copies.image.uri });
    return [
      await atAway().findOneOrFail(Model, copies.model.id),
      await atAway().findOneOrFail(Post, copies.post.id),
      image,
    ].map((row) => row?.level ?? null);
  };
  const pass = async (target: PolicyTarget, outcome: Outcome, parameters: TakedownParameters = {}) => {
    for (const peer of [home, away]) peer.clock.pass(60_000);
    const id = await carryOut(home, { target, outcome, category: 'other', parameters });
    await settleAll(home, away);
    return id;
  };
  /** Where a stranger meets them on the other node, and Bob in the feed of those whom he follows. */
  const seen = async () => {
    const image = await atAway().findOne(Image, { uri: copies.image.uri });
    const model = new RegExp(`/models/${copies.model.id}/`);
    const picture = new RegExp(`/media/\\d+/${image?.id ?? 0}\\.`);
    const text = async (path: string) => (await fetch(`${away.origin}${path}`)).text();
    const profile = `/@alice@${home.host}`;
    return {
      model: [
        ...[model.test(await text('/models')), model.test(await text('/search?q=ink&kind=models'))],
        model.test(await text(`${profile}?show=models`)),
        model.test((await bob.browser.get('/?scope=following')).text),
      ],
      picture: [
        ...[picture.test(await text('/images')), picture.test(await text('/search?q=valley&kind=images'))],
        picture.test(await text(profile)),
        picture.test((await bob.browser.get('/?scope=following')).text),
      ],
    };
  };
  const all = [true, true, true, true];
  const none = [false, false, false, false];
  const targets = {
    model: { kind: 'model', id: model.id },
    post: { kind: 'post', id: postId },
    image: { kind: 'image', id: image.id },
  } as const satisfies Record<string, PolicyTarget>;
  const documentOf = async (path: string) =>
    (await (await fetch(`${home.origin}${path}`, { headers: AP })).json()) as Record<string, unknown>;
  return { home, away, copies, levels, pass, seen, targets, all, none, documentOf };
}

type World = Awaited<ReturnType<typeof given>>;

/** The last notice was heeded there, and nothing went wrong on either node. */
async function assertHeeded({ home, away }: World, objectUri: string): Promise<void> {
  const [notice] = await away.em.fork().find(ReceivedNotice, { objectUri }, { orderBy: { receivedAt: 'desc' } });
  assert.deepEqual([notice?.result, notice?.undoneAt ?? null], ['done', null]);
  const row = await home.em.fork().findOneOrFail(NoticePeer, { activityUri: notice?.uri ?? '' });
  assert.deepEqual([row.state, row.isReceiptProven], ['acknowledged', true]);
  for (const peer of [home, away]) assert.equal(await peer.em.fork().count(Job, { state: 'failed' }), 0);
}

for (const { kind, levelsThen, hides } of [
  { kind: 'model', levelsThen: [8, 1, 1], hides: 'model' },
  { kind: 'post', levelsThen: [1, 8, 8], hides: 'picture' },
  { kind: 'image', levelsThen: [1, 8, 8], hides: 'picture' },
] as const) {
  test(`the ${kind} that moderators rate anew is rated so on another node, in its lists, search and feeds, until they take it back`, async (t) => {
    const world = await given(t);
    const { home, copies, levels, pass, seen, targets, all, none, documentOf } = world;
    assert.deepEqual([await levels(), await seen()], [[1, 1, 1], { model: all, picture: all }]);

    const decision = await pass(targets[kind], 're_rate', { level: 8 });
    assert.deepEqual(await levels(), levelsThen);
    assert.deepEqual(await seen(), { model: all, picture: all, [hides]: none });
    const said = await documentOf(`/${kind}s/${targets[kind].id}`);
    assert.equal(said.sensitive, true, 'other software blurs it');
    await assertHeeded(world, `${home.origin}/${kind}s/${targets[kind].id}`);
    assert.equal(copies[kind].uri, said.id);

    await pass(targets[kind], 'undo', { undoes: decision });
    assert.deepEqual([await levels(), await seen()], [[1, 1, 1], { model: all, picture: all }]);
    assert.equal((await documentOf(`/${kind}s/${targets[kind].id}`)).sensitive, false);
  });
}

test('a model that is locked to PG is so on another node, and its page says it there too', async (t) => {
  const world = await given(t);
  const { home, away, copies, pass, targets } = world;
  const before = await pass(targets.model, 're_rate', { level: 4 });
  const lock = await pass(targets.model, 'age_lock');
  const atAway = async () => {
    const { level, isSfwOnly } = await away.em.fork().findOneOrFail(Model, copies.model.id);
    const state = await away.em.fork().findOne(PolicyState, { targetKind: 'model', targetId: copies.model.id });
    return [level, isSfwOnly, (state?.restrictions ?? 0) & RESTRICTION.explicit];
  };
  const page = async () => (await fetch(`${away.origin}/models/${copies.model.id}`)).text();
  assert.deepEqual(await atAway(), [1, true, RESTRICTION.explicit]);
  assert.match(await page(), /For safe pictures only/);
  await assertHeeded(world, `${home.origin}/models/${targets.model.id}`);

  await pass(targets.model, 'undo', { undoes: lock });
  assert.deepEqual(await atAway(), [4, false, 0]);
  await pass(targets.model, 'undo', { undoes: before });
  assert.deepEqual(await atAway(), [1, false, 0]);
});

test('a picture above PG that is locked leaves another node with its bytes, and comes back when the lock ends', async (t) => {
  const world = await given(t);
  const { home, away, copies, levels, pass, targets } = world;
  await pass(targets.image, 're_rate', { level: 4 });
  const old = await away.em.fork().findOneOrFail(Image, copies.image.id);
  assert.ok(old.sha256 && (await away.node.files.has(old.sha256)));
  const lock = await pass(targets.image, 'age_lock');
  assert.deepEqual(await levels(), [1, 0, null]);
  for (const [peer, id] of [[home, targets.image.id] as const, [away, old.id] as const]) {
    const { status } = await fetch(`${peer.origin}/media/full/${id}.webp`);
    assert.ok([404, 410, 451].includes(status), `${peer.host}: ${status}`);
  }
  await pass(targets.image, 'undo', { undoes: lock });
  assert.deepEqual(await levels(), [1, 4, 4]);
  const back = await away.em.fork().findOneOrFail(Image, { uri: copies.image.uri });
  assert.equal((await fetch(`${away.origin}/media/full/${back.id}.webp`)).status, 200);
  for (const peer of [home, away]) assert.equal(await peer.em.fork().count(Job, { state: 'failed' }), 0);
});
