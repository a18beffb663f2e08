import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelVersion } from '../../src/catalogue/model.ts';
import { Comment, Post } from '../../src/gallery/model.ts';
import { Review } from '../../src/gallery/reviews/model.ts';
import { deleteReview, restoreReview } from '../../src/gallery/reviews/write.ts';
import { deleteComment, restoreComment } from '../../src/gallery/talk/comments.ts';
import { givenMember } from '../factories/accounts.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { peerNode, settleAll } from './nodes.ts';
import { followAccount, postPicture } from './people.ts';

test('a review that a moderator withholds goes elsewhere too, and comes back there as often as it is given back', async (t) => {
  const [home, away] = [await peerNode(t, '127.0.0.1'), await peerNode(t, '127.0.0.2')];
  const all = [home, away];
  const [alice, bob] = [await home.member('alice'), await away.member('bob')];
  const moderator = await givenMember(away.em, 'maud', { role: 'moderator' });
  await followAccount(away, bob.browser, home, 'alice', all);
  const form = new FormData();
  form.append('files', new Blob([new Uint8Array(kohyaLoraSd1({ name: 'inkwash' }))]), 'inkwash.safetensors');
  const [, id] = /\/versions\/(\d+)\/edit/.exec((await alice.browser.postForm('/upload', form)).location) ?? [];
  await settleAll(...all);
  await alice.browser.post(`/versions/${id}/edit`, {
    ...{ act: 'publish', name: 'Ink Wash', type: 'LORA', versionName: 'v1.0', baseModel: 'SD 1.5' },
    ...{ tags: 'ink', description: 'Sumi-e.', trainedWords: 'inkwash' },
  });
  await settleAll(...all);
  const here = away.node.orm.em.fork();
  const version = await here.findOneOrFail(ModelVersion, { uri: `${home.origin}/versions/${id}` });
  await bob.browser.post(`/versions/${version.id}/reviews`, { verdict: 'up', text: 'Fine.' });
  await settleAll(...all);
  const review = await here.findOneOrFail(Review, { version });
  const atHome = async () => (await home.node.orm.em.fork().findOneOrFail(ModelVersion, Number(id))).thumbsUpCount;
  assert.equal(await atHome(), 1);

  for (let round = 1; round <= 2; round += 1) {
    for (const peer of all) peer.clock.pass(60_000);
    await deleteReview(away.workAs(moderator), moderator, review.id);
    await settleAll(...all);
    assert.equal(await atHome(), 0, `withheld, ${round}`);
    for (const peer of all) peer.clock.pass(60_000);
    await restoreReview(away.workAs(moderator), review.id);
    await settleAll(...all);
    assert.equal(await atHome(), 1, `given back, ${round}`);
  }
});

test('a comment that a moderator withholds goes elsewhere too, and comes back there as often as it is given back; what the owner of the page took away stays away', async (t) => {
  const [home, away] = [await peerNode(t, '127.0.0.1'), await peerNode(t, '127.0.0.2')];
  const third = await peerNode(t, '127.0.0.3');
  const all = [home, away, third];
  const [alice, bob, cleo] = [await home.member('alice'), await away.member('bob'), await third.member('cleo')];
  const moderator = await givenMember(away.em, 'maud', { role: 'moderator' });
  await followAccount(away, bob.browser, home, 'alice', all);
  await followAccount(third, cleo.browser, home, 'alice', all);
  const postId = await postPicture(alice.browser, all, 'Misty');
  const at = (peer: typeof home) =>
    peer.node.orm.em.fork().findOneOrFail(Post, { uri: `${home.origin}/posts/${postId}` });
  const [atAway, atThird] = [await at(away), await at(third)];
  await bob.browser.post(`/posts/${atAway.id}/comments`, { text: 'Fine *lines*.' });
  await settleAll(...all);
  const comment = await away.node.orm.em.fork().findOneOrFail(Comment, { isLocal: true });
  const seen = async () => [
    /<em>lines/.test((await alice.browser.get(`/posts/${postId}`)).text),
    /<em>lines/.test((await cleo.browser.get(`/posts/${atThird.id}`)).text),
    (await home.node.orm.em.fork().findOneOrFail(Post, postId)).commentCount,
  ];
  assert.deepEqual(await seen(), [true, true, 1]);

  const pass = async (act: () => Promise<unknown>) => {
    for (const peer of all) peer.clock.pass(60_000);
    await act();
    await settleAll(...all);
  };
  for (let round = 1; round <= 2; round += 1) {
    await pass(() => deleteComment(away.workAs(moderator), moderator, comment.id));
    assert.deepEqual(await seen(), [false, false, 0], `withheld, ${round}`);
    await pass(() => restoreComment(away.workAs(moderator), comment.id));
    assert.deepEqual(await seen(), [true, true, 1], `given back, ${round}`);
  }

  const there = await home.node.orm.em.fork().findOneOrFail(Comment, { isLocal: false });
  await pass(() => alice.browser.post(`/comments/${there.id}/removal`));
  await pass(() => deleteComment(away.workAs(moderator), moderator, comment.id));
  await pass(() => restoreComment(away.workAs(moderator), comment.id));
  assert.deepEqual(
    (await seen()).filter((_, n) => n !== 1),
    [false, 0],
    'by the word of whose page it is',
  );
});
