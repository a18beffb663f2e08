import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { Account, Follow } from '../../src/accounts/model.ts';
import { InboxItem } from '../../src/federation/model.ts';
import { Comment, Image, Post, Reaction } from '../../src/gallery/model.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { type FedifyReceived, fedifyPeer, fedifySkip, type SignatureScheme } from './fedify/start.ts';
import { peerNode, settleAll } from './nodes.ts';
import { followAccount, postPicture } from './people.ts';

// Fedify is another reading of the same specifications: its own signatures, JSON-LD, WebFinger and vocabulary. Each
// test speaks one kind of signature in both directions, and the peer refuses the other kind.
const SCHEMES: readonly SignatureScheme[] = ['draft-cavage-http-signatures-12', 'rfc9421'];
const skip = fedifySkip();

async function given(t: TestContext, scheme: SignatureScheme) {
  const picture = await sharp({ create: { width: 64, height: 48, channels: 3, background: '#208040' } })
    .png()
    .toBuffer();
  const node = await peerNode(t, '127.0.0.1', {}, { realTime: true });
  const vic = await fedifyPeer(t, '127.0.0.2', scheme, picture);
  const alice = await node.member('alice');
  return { node, vic, alice, aliceUri: `${node.origin}/users/alice` };
}

type Given = Awaited<ReturnType<typeof given>>;

const settle = ({ node }: Given) => settleAll(node);
const em = ({ node }: Given) => node.node.orm.em.fork();

/** The newest of a type that Fedify verified and understood. */
async function newest({ vic }: Given, type: string): Promise<FedifyReceived> {
  const found = (await vic.received()).filter((one) => one.type === type).at(-1);
  assert.ok(found, `Fedify took a ${type}`);
  return found;
}

/** Every activity that the peer sent was carried out, every request to it came through, in one kind of signature. */
async function assertNothingWasLost(all: Given, scheme: SignatureScheme): Promise<void> {
  const posts = (await all.vic.sent()).filter(({ method }) => method === 'POST');
  assert.ok(posts.length > 0);
  assert.deepEqual(
    posts.filter((one) => one.status !== 202 || one.scheme !== scheme),
    [],
    'the node took each of its requests at the first knock',
  );
  const knocks = await all.vic.knocks();
  const refused = knocks.filter(({ status }) => status >= 400);
  assert.ok(
    refused.every((one) => one.status === 401 && one.scheme !== scheme),
    `Fedify refused nothing in its own kind of signature: ${JSON.stringify(refused)}`,
  );
  assert.ok(refused.length <= 1, 'the node remembers which kind this host takes');
  const items = await em(all).find(InboxItem, {});
  assert.equal(items.length, posts.length);
  assert.deepEqual(
    items.filter(({ processedAt, outcome }) => processedAt == null || outcome.startsWith('refused')),
    [],
  );
  assert.equal(await em(all).count(Job, { state: 'failed' }), 0);
}

for (const scheme of SCHEMES) {
  test(`a person of a Fedify server follows one of ours, sees what is posted, likes, boosts and answers it (${scheme})`, {
    skip,
  }, async (t) => {
    const all = await given(t, scheme);
    const { node, vic, alice, aliceUri } = all;

    const seen = await vic.lookUp({ url: aliceUri });
    assert.equal(seen.subject, `acct:alice@${node.host}`);
    assert.equal(seen.self, aliceUri);
    assert.deepEqual([seen.type, seen.id, seen.name], ['Person', aliceUri, 'alice']);
    assert.deepEqual(seen.keys, [`${aliceUri}#main-key`]);

    const followId = await vic.follow({ to: aliceUri });
    await settle(all);
    const follow = await em(all).findOneOrFail(Follow, { target: alice.account.id }, { populate: ['follower'] });
    assert.deepEqual([follow.state, follow.uri, follow.follower.$.uri], ['accepted', followId, vic.actorUri]);
    assert.deepEqual(
      [(await newest(all, 'Accept')).objectType, (await newest(all, 'Accept')).innerObjectId],
      ['Follow', aliceUri],
    );

    const postId = await postPicture(alice.browser, [node], 'Made **today**');
    const postUri = `${node.origin}/posts/${postId}`;
    const told = await newest(all, 'Create');
    assert.deepEqual([told.actor, told.objectId, told.objectType], [aliceUri, postUri, 'Note']);
    assert.match(told.content ?? '', /<strong>today<\/strong>/);
    assert.ok(told.tags.includes('#landscape'));
    const [attached] = told.attachments;
    assert.deepEqual([attached?.type, attached?.name, attached?.size], ['Image', 'A misty valley', [64, 48]]);
    const file = await fetch(attached?.url ?? '');
    assert.deepEqual([file.status, file.headers.get('content-type')], [200, attached?.mediaType]);

    const likeId = await vic.like({ to: aliceUri, object: postUri });
    const boostId = await vic.announce({ to: aliceUri, object: postUri });
    const note = { to: aliceUri, id: 'answer', inReplyTo: postUri, publishedAt: new Date().toISOString() };
    const noteUri = await vic.create({ ...note, content: '<p>How <em>lovely</em></p>' });
    await settle(all);
    const liked = await em(all).findOneOrFail(Post, postId);
    assert.deepEqual([liked.likeCount, liked.commentCount], [1, 1]);
    const comment = await em(all).findOneOrFail(Comment, { uri: noteUri }, { populate: ['author'] });
    assert.deepEqual([comment.author.$.uri, comment.text], [vic.actorUri, '<p>How <em>lovely</em></p>']);
    assert.match((await alice.browser.get(`/posts/${postId}`)).text, /<em>lovely<\/em>/);

    const page = await vic.read({ url: postUri });
    assert.deepEqual([page.type, page.hasReplies], ['Note', true], 'Fedify follows the answers of a post');

    const updatedAt = new Date(Date.now() + 1_000).toISOString();
    await vic.update({ ...note, updatedAt, content: '<p>How <em>very</em> lovely</p>' });
    await vic.undo({ to: aliceUri, id: likeId });
    await vic.undo({ to: aliceUri, id: boostId });
    await settle(all);
    assert.match((await em(all).findOneOrFail(Comment, comment.id)).text, /<em>very<\/em>/);
    assert.equal(await em(all).count(Reaction, { post: postId }), 0);

    await vic.remove({ to: aliceUri, id: 'answer' });
    await settle(all);
    assert.ok((await em(all).findOneOrFail(Comment, comment.id)).deletedAt);
    assert.equal((await em(all).findOneOrFail(Post, postId)).commentCount, 0);

    node.clock.pass(2_000);
    const [image] = await em(all).find(Image, { post: postId });
    const edited = await alice.browser.post(`/posts/${postId}/draft`, {
      ...{ title: 'Valley', caption: 'Made *yesterday*', tags: 'landscape', visibility: 'public' },
      ...{ [`rating-${image?.id}`]: '1', [`alt-${image?.id}`]: 'A misty valley' },
    });
    assert.ok(edited.status < 400, `the change was taken: ${edited.status}`);
    await settle(all);
    const update = await newest(all, 'Update');
    assert.deepEqual([update.objectId, update.objectType], [postUri, 'Note']);
    assert.match(update.content ?? '', /<em>yesterday<\/em>/);

    await alice.browser.post(`/posts/${postId}/removal`);
    node.clock.pass(16_000);
    await settle(all);
    const gone = await newest(all, 'Delete');
    assert.deepEqual([gone.objectId, gone.objectType], [postUri, 'Tombstone']);

    await vic.undo({ to: aliceUri, id: followId });
    await settle(all);
    assert.equal(await em(all).count(Follow, { target: alice.account.id }), 0);
    await assertNothingWasLost(all, scheme);
  });

  test(`one of ours follows a person of a Fedify server, sees their pictures, likes and answers them (${scheme})`, {
    skip,
  }, async (t) => {
    const all = await given(t, scheme);
    const { node, vic, alice, aliceUri } = all;
    // what comes without a rating counts as PG-13
    await alice.browser.post('/settings/browsing', { shown: ['1', '2'], theme: 'system' });
    const account = await followAccount(node, alice.browser, vic, 'vic', [node]);
    assert.deepEqual([account.uri, account.displayName], [vic.actorUri, 'Vic of Fedify']);
    const asked = await newest(all, 'Follow');
    assert.deepEqual([asked.actor, asked.objectId], [aliceUri, vic.actorUri]);
    const follow = await em(all).findOneOrFail(Follow, { target: account });
    assert.equal(follow.state, 'accepted', 'Fedify’s Accept was understood');

    const note = { to: aliceUri, id: 'valley', withPicture: true, publishedAt: new Date().toISOString() };
    const noteUri = await vic.create({ ...note, content: '<p>A <strong>valley</strong></p>' });
    await settle(all);
    const post = await em(all).findOneOrFail(Post, { uri: noteUri });
    const image = await em(all).findOneOrFail(Image, { post });
    assert.deepEqual([post.owner.id, image.altText], [account.id, 'A valley of another make']);
    assert.ok(image.renderedAt, 'its picture was fetched and resized');
    assert.match((await alice.browser.get('/?scope=following')).text, new RegExp(`/posts/${post.id}`));
    assert.match((await alice.browser.get(`/posts/${post.id}`)).text, /<strong>valley<\/strong>/);

    assert.equal((await alice.browser.post(`/posts/${post.id}/likes`, { on: '1' })).status, 302);
    assert.equal((await alice.browser.post(`/posts/${post.id}/comments`, { text: 'How *lovely*' })).status, 302);
    await settle(all);
    const like = await newest(all, 'Like');
    assert.deepEqual([like.actor, like.objectId], [aliceUri, noteUri]);
    const answer = await newest(all, 'Create');
    assert.deepEqual([answer.inReplyTo, answer.objectType], [noteUri, 'Note']);
    assert.match(answer.content ?? '', /<em>lovely<\/em>/);

    node.clock.pass(2_000);
    const comment = await em(all).findOneOrFail(Comment, { author: alice.account.id });
    assert.equal((await alice.browser.post(`/comments/${comment.id}/edit`, { text: 'How *very* lovely' })).status, 302);
    assert.equal((await alice.browser.post(`/posts/${post.id}/likes`, { on: '0' })).status, 302);
    await settle(all);
    assert.match((await newest(all, 'Update')).content ?? '', /<em>very<\/em>/);
    const undone = await newest(all, 'Undo');
    assert.deepEqual([undone.objectType, undone.innerObjectId], ['Like', noteUri]);
    await alice.browser.post(`/comments/${comment.id}/removal`);
    await settle(all);
    const gone = await newest(all, 'Delete');
    assert.deepEqual([gone.objectId, gone.objectType], [answer.objectId, 'Tombstone']);

    const updatedAt = new Date(Date.now() + 1_000).toISOString();
    await vic.update({ ...note, updatedAt, content: '<p>A <strong>greener</strong> valley</p>' });
    await settle(all);
    assert.match((await alice.browser.get(`/posts/${post.id}`)).text, /<strong>greener<\/strong>/);

    await vic.remove({ to: aliceUri, id: 'valley' });
    node.clock.pass(16_000);
    await settle(all);
    assert.equal((await em(all).findOneOrFail(Post, post.id)).state, 'deleted');
    assert.equal((await alice.browser.get(`/posts/${post.id}`)).status, 410);

    assert.equal((await alice.browser.post(`/accounts/${account.id}/follow`, { on: '0' })).status, 302);
    await settle(all);
    const left = await newest(all, 'Undo');
    assert.deepEqual([left.objectType, left.innerObjectId], ['Follow', vic.actorUri]);
    assert.equal((await em(all).findOneOrFail(Account, account.id)).state, 'active');
    await assertNothingWasLost(all, scheme);
  });
}
