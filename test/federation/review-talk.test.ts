import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Model, ModelVersion } from '../../src/catalogue/model.ts';
import { Comment, Reaction } from '../../src/gallery/model.ts';
import { Review } from '../../src/gallery/reviews/model.ts';
import { deleteReview, writeReview } from '../../src/gallery/reviews/write.ts';
import { Browser } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenModel, givenVersion, NOW } from '../factories/content.ts';
import { type Peer, peerNode, settleAll } from './nodes.ts';
import { followAccount } from './people.ts';
import { post } from './strangers.ts';
import { note, PUBLIC, world } from './world.ts';

const ACTIVITY = { accept: 'application/activity+json' };

async function read(uri: string): Promise<Record<string, unknown>> {
  const answer = await fetch(uri, { headers: ACTIVITY });
  assert.equal(answer.status, 200, uri);
  assert.match(answer.headers.get('content-type') ?? '', /activity\+json/);
  return (await answer.json()) as Record<string, unknown>;
}
const totalOf = async (uri: string) => (await read(uri)).totalItems;

/** A published model of alice's with one version; the row of the version. */
async function givenPublished(peer: Peer, owner: Awaited<ReturnType<Peer['member']>>['account']) {
  const model = givenModel(peer.em, { owner, name: 'Ink' });
  const version = givenVersion(peer.em, { model });
  await peer.em.flush();
  return { model, version };
}

test('a review can be liked and answered from another node: its page there, at its author’s and at the model’s home shows it with its counts', async (t) => {
  const [a, b, c] = [await peerNode(t, '127.0.0.1'), await peerNode(t, '127.0.0.2'), await peerNode(t, '127.0.0.3')];
  const all = [a, b, c];
  const [alice, bob, cleo] = [await a.member('alice'), await b.member('bob'), await c.member('cleo')];
  await followAccount(b, bob.browser, a, 'alice', all);
  await followAccount(c, cleo.browser, a, 'alice', all);
  const { model } = await givenPublished(a, alice.account);
  for (const [peer, browser] of [[b, bob.browser] as const, [c, cleo.browser] as const]) {
    const found = await browser.get(`/search?q=${encodeURIComponent(`${a.origin}/models/${model.id}`)}`);
    assert.match(found.location, /^\/models\/\d+$/, peer.host);
  }
  await settleAll(...all);
  const there = await b.node.orm.em.fork().findOneOrFail(ModelVersion, { uri: { $ne: null } });
  await bob.browser.post(`/versions/${there.id}/reviews`, { verdict: 'up', text: 'Fine lines.' });
  await settleAll(...all);
  const own = await b.node.orm.em.fork().findOneOrFail(Review, { isLocal: true });
  const uri = `${b.origin}/reviews/${own.id}`;
  const at = (peer: Peer) => peer.node.orm.em.fork().findOneOrFail(Review, { uri });
  const [atA, atC] = [await at(a), await at(c)];

  assert.equal((await cleo.browser.post(`/reviews/${atC.id}/likes`, { on: '1' })).status, 302);
  const said = await cleo.browser.post(`/reviews/${atC.id}/comments`, { text: 'For *me* too' });
  assert.equal(
    said.location,
    `/reviews/${atC.id}#comment-${(await c.node.orm.em.fork().findOneOrFail(Comment, { isLocal: true })).id}`,
  );
  await settleAll(...all);

  for (const [browser, id] of [
    [bob.browser, own.id],
    [alice.browser, atA.id],
    [cleo.browser, atC.id],
  ] as const) {
    const page = await browser.get(`/reviews/${id}`);
    assert.equal(page.status, 200);
    assert.match(page.text, /For <em>me<\/em> too/);
    assert.match(page.text, /id="comments"[\s\S]*tab-count">1</);
  }
  assert.match((await bob.browser.get(`/reviews/${own.id}`)).text, /id="likes"[\s\S]*?>1</);
  const home = await b.node.orm.em.fork().findOneOrFail(Review, own.id);
  assert.deepEqual([home.likeCount, home.commentCount], [1, 1]);

  const document = await read(uri);
  assert.equal((document.likes as { totalItems: number }).totalItems, 1);
  assert.equal((document.replies as { totalItems: number }).totalItems, 1);
  assert.equal(await totalOf(`${uri}/likes`), 1);
  const replies = await read(`${uri}/replies`);
  const comment = await b.node.orm.em.fork().findOneOrFail(Comment, { review: own.id });
  assert.deepEqual((replies.first as { items: string[] }).items, [comment.uri]);

  // an answer to the answer, and all of it taken back
  await bob.browser.post(`/reviews/${own.id}/comments`, { text: 'Glad of it', parent: comment.id });
  await settleAll(...all);
  assert.match((await cleo.browser.get(`/reviews/${atC.id}`)).text, /Glad of it/);
  assert.match((await alice.browser.get(`/reviews/${atA.id}`)).text, /Glad of it/);
  await cleo.browser.post(`/reviews/${atC.id}/likes`, { on: '0' });
  const mine = await c.node.orm.em.fork().findOneOrFail(Comment, { isLocal: true });
  await cleo.browser.post(`/comments/${mine.id}/removal`);
  await settleAll(...all);
  assert.equal(await totalOf(`${uri}/likes`), 0);
  for (const [browser, id] of [[bob.browser, own.id] as const, [alice.browser, atA.id] as const]) {
    assert.doesNotMatch((await browser.get(`/reviews/${id}`)).text, /For <em>me/);
  }
});

/** A review by bea, who is of N, of alice's model. */
async function given(t: Parameters<typeof world>[0]) {
  const all = await world(t);
  const { n, em } = all;
  const bea = await givenMember(n.em, 'bea');
  const model = givenModel(n.em, { owner: all.alice, name: 'Ink' });
  const version = givenVersion(n.em, { model });
  await n.em.flush();
  const id = await writeReview(n.workAs(bea), bea, version.id, { isRecommended: true, text: 'Fine.' });
  await n.settle();
  const say = async (actor: typeof all.vic, activity: object) => {
    assert.equal(await post(n, actor, { to: [PUBLIC], ...activity }), 202);
    await n.settle();
  };
  const row = () => em().findOneOrFail(Review, id);
  return { ...all, bea, model, version, id, uri: `${n.origin}/reviews/${id}`, say, row };
}

const answer = (actorId: string, path: string, inReplyTo: string, more: object = {}) =>
  note(actorId, path, { attachment: [], content: '<p>So it is</p>', inReplyTo, ...more });

test('Like, EmojiReact and an answer of a server of another kind count once each, and are undone', async (t) => {
  const { n, vic, mallory, uri, id, say, row, em } = await given(t);
  const like = { id: `${vic.id}#like-1`, type: 'Like', object: uri };
  await say(vic, like);
  await say(vic, { type: 'EmojiReact', content: '🔥', object: uri });
  await say(mallory, { type: 'EmojiReact', content: '🔥', object: uri });
  assert.equal((await row()).likeCount, 2, 'one for each account');
  const told = answer(vic.id, '/a/1', uri);
  await say(vic, { type: 'Create', object: told });
  await say(vic, { type: 'Create', object: told });
  assert.equal((await row()).commentCount, 1);
  const page = await new Browser(new URL(n.origin)).get(`/reviews/${id}`);
  assert.match(page.text, /So it is/);
  const narrow = answer(mallory.id, '/a/2', uri, { to: [`${mallory.id}/followers`] });
  await say(mallory, { type: 'Create', object: narrow, to: [`${mallory.id}/followers`] });
  assert.equal(await em().count(Comment), 2);
  assert.equal((await row()).commentCount, 1, 'what few see is in no number');
  assert.doesNotMatch((await new Browser(new URL(n.origin)).get(`/reviews/${id}`)).text, /mallory/);
  await say(vic, { type: 'Announce', object: uri });
  await say(vic, { type: 'Undo', object: like });
  await say(vic, { type: 'Delete', object: told.id });
  assert.deepEqual([(await row()).likeCount, (await row()).commentCount], [1, 0]);
});

test('a model’s list of answers, and its version’s, names the reviews that everybody sees beside the comments, in pages', async (t) => {
  const { n, alice, bea, model, version, id, uri, em } = await given(t);
  const list = `${n.origin}/models/${model.id}/replies`;
  const walk = async (start: string) => {
    const first = (await read(start)).first as { items: string[]; next?: string };
    const items = [...first.items];
    for (let next = first.next; next !== undefined; ) {
      const page = (await read(next)) as { items: string[]; next?: string };
      items.push(...page.items);
      next = page.next;
    }
    return items;
  };
  const other = givenVersion(n.em, { model });
  const draft = givenVersion(n.em, { model, state: 'draft', publishedAt: null });
  await n.em.flush();
  const comments: string[] = [];
  for (let count = 0; count < 45; count += 1) {
    n.clock.pass(1_000);
    const row = n.em.create(
      Comment,
      {
        ...{ id: `018f0000-0000-7000-8000-${String(count).padStart(12, '0')}`, author: alice.id, model: model.id },
        ...{ text: 'x', createdAt: n.clock.now() },
      },
      { persist: true },
    );
    comments.push(`${n.origin}/comments/${row.id}`);
  }
  await n.em.flush();
  const cat = await givenMember(n.em, 'cat');
  const second = await writeReview(n.workAs(cat), cat, other.id, { isRecommended: false, text: '' });
  assert.deepEqual(await walk(list), [uri, ...comments, `${n.origin}/reviews/${second}`]);
  assert.equal(await totalOf(list), 47);
  assert.equal(((await read(`${n.origin}/models/${model.id}`)).replies as { totalItems: number }).totalItems, 47);
  assert.deepEqual(await walk(`${n.origin}/versions/${version.id}/replies`), [uri]);
  assert.equal((await fetch(`${n.origin}/versions/${draft.id}/replies`, { headers: ACTIVITY })).status, 404);

  const maud = await givenMember(n.em, 'maud', { role: 'moderator' });
  await deleteReview(n.workAs(maud), maud, second);
  assert.equal(await totalOf(list), 46, 'withheld');
  await em().nativeUpdate(ModelVersion, { id: version.id }, { state: 'draft' });
  assert.equal(await totalOf(list), 45, 'of a version that is not public any more');
  await em().nativeUpdate(ModelVersion, { id: version.id }, { state: 'published' });
  await deleteReview(n.workAs(bea), bea, id);
  assert.equal(await totalOf(list), 45, 'deleted');
});

test('of a review that strangers do not see, nothing is answered and nothing is taken', async (t) => {
  const { n, vic, follows, model, uri, say, row, em, bea } = await given(t);
  await follows(vic);
  const ends = ['', '/replies', '/likes', '/shares', '/replies?page=true'];
  const statuses = async () =>
    Promise.all(ends.map(async (end) => (await fetch(`${uri}${end}`, { headers: ACTIVITY })).status));
  assert.deepEqual(await statuses(), [200, 200, 200, 200, 200], 'control');
  for (const hidden of [
    { visibility: 'followers', listedAt: null } as const,
    { visibility: 'public', state: 'draft', listedAt: null } as const,
  ]) {
    await em().nativeUpdate(Model, { id: model.id }, hidden);
    assert.deepEqual(await statuses(), [404, 404, 404, 404, 404], JSON.stringify(hidden));
    await say(vic, { type: 'Like', object: uri });
    await say(vic, { type: 'Create', object: answer(vic.id, `/h/${hidden.visibility}`, uri) });
    assert.equal(await em().count(Reaction), 0);
    assert.equal(await em().count(Comment), 0);
  }
  await em().nativeUpdate(Model, { id: model.id }, { visibility: 'public', state: 'published', listedAt: NOW });
  await say(vic, { type: 'Like', object: uri });
  assert.equal((await row()).likeCount, 1);
  await deleteReview(n.workAs(bea), bea, (await row()).id);
  assert.deepEqual(await statuses(), [410, 410, 410, 410, 410]);
  await say(vic, { type: 'Create', object: answer(vic.id, '/h/late', uri) });
  assert.equal(await em().count(Comment), 0);
});
