import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { OutboxMail } from '../../src/accounts/mail/model.ts';
import { Comment } from '../../src/gallery/model.ts';
import { Review } from '../../src/gallery/reviews/model.ts';
import { deleteReview, writeReview } from '../../src/gallery/reviews/write.ts';
import { addComment, deleteComment } from '../../src/gallery/talk/comments.ts';
import { executeDecision } from '../../src/moderation/queue/execute.ts';
import { QueueDecision, QueueRow } from '../../src/moderation/queue/model.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenModel, givenVersion } from '../factories/content.ts';
import { testNode } from '../node.ts';
import { deskOf } from './desk.ts';

const WORDS = 'Buy my course at once.';

/** A comment and a review of Ben's under Ada's model, and two moderators. */
async function site(t: TestContext) {
  const its = await testNode(t);
  const { em, node, workAs } = its;
  const [mia, noor] = [
    await givenMember(em, 'mia', { role: 'moderator' }),
    await givenMember(em, 'noor', { role: 'moderator' }),
  ];
  const [ada, ben] = [await givenMember(em, 'ada'), await givenMember(em, 'ben')];
  const model = givenModel(em, { owner: ada });
  const version = givenVersion(em, { model });
  await em.flush();
  const address = await its.start('web', 'worker');
  const desk = deskOf(its);
  const commentId = await addComment(workAs(ben), ben, { kind: 'model', id: model.id }, { text: WORDS });
  const reviewId = await writeReview(workAs(ben), ben, version.id, { isRecommended: true, text: WORDS });
  const executed = async (decisionId: string) => {
    await executeDecision(workAs(null), node.desks, decisionId);
    await its.settle();
  };
  const open = async (name: string) => {
    const browser = new Browser(address);
    await browser.signIn(name);
    return browser;
  };
  const withheldAt = async (kind: 'comment' | 'review') => {
    const found =
      kind === 'comment'
        ? await desk.fork().findOneOrFail(Comment, commentId)
        : await desk.fork().findOneOrFail(Review, reviewId);
    return found.withheldAt ?? null;
  };
  const decisionOf = async (kind: 'comment' | 'review') => {
    const row = await desk.rowOf(kind, { id: kind === 'comment' ? commentId : reviewId });
    return desk.fork().findOneOrFail(QueueDecision, { rowId: row.id });
  };
  const letters = async () =>
    (await desk.fork().find(OutboxMail, { toAddress: 'ben@example.org' }))
      .map(({ text }) => text)
      .filter((text) => /decided about something of yours/.test(text));
  return { ...its, ...desk, mia, noor, ada, ben, commentId, reviewId, executed, open, withheldAt, decisionOf, letters };
}

for (const kind of ['comment', 'review'] as const) {
  test(`who wrote a ${kind} that was withheld reads why, appeals, and has it back when somebody else agrees`, async (t) => {
    const desk = await site(t);
    const id = kind === 'comment' ? desk.commentId : desk.reviewId;
    await desk.report(desk.ada, kind, { id });
    const row = await desk.rowOf(kind, { id });
    const { decisionId } = await desk.lockAndDecide(desk.mia, row, 'withhold');
    await desk.executed(decisionId);
    assert.notEqual(await desk.withheldAt(kind), null);
    assert.equal((await desk.letters()).length, 1, 'told once');
    assert.equal(await desk.fork().count(QueueDecision, {}), 1, 'and decided once');

    const ben = await desk.open('ben');
    const page = await ben.get(`/decisions/${decisionId}`);
    assert.match(textOf(page.text), /It was withheld/);
    assert.match(textOf(page.text), new RegExp(WORDS), 'which of their words');
    assert.doesNotMatch(page.text, new RegExp(`href="/${kind}s/`), 'no link to what says that there is nothing');
    assert.equal((await ben.post(`/decisions/${decisionId}/appeal`, { text: 'It is no course.' })).status, 302);
    const appeal = await desk.fork().findOneOrFail(QueueRow, { kind: 'appeal' });
    const noor = await desk.open('noor');
    assert.match(
      textOf((await noor.get(`/moderation/queue/${appeal.id}`)).text),
      new RegExp(`It is no course.*${WORDS}`, 's'),
    );
    const given = { rule: '', facts: 'They are right.' };
    await assert.rejects(desk.lockAndDecide(desk.mia, appeal, 'overturn', given), { kind: 'forbidden' });
    await desk.executed((await desk.lockAndDecide(desk.noor, appeal, 'overturn', given)).decisionId);
    assert.equal(await desk.withheldAt(kind), null, 'it is back');
    assert.match(textOf((await ben.get(`/decisions/${decisionId}`)).text), /the decision was taken back/);
    const shown = await ben.get(`/${kind}s/${id}`);
    assert.ok([200, 302].includes(shown.status));
  });

  test(`a moderator who withholds a ${kind} on its page has decided, and its author is told and can appeal`, async (t) => {
    const desk = await site(t);
    const work = desk.workAs(desk.mia);
    if (kind === 'comment') await deleteComment(work, desk.mia, desk.commentId);
    else await deleteReview(work, desk.mia, desk.reviewId);
    await desk.settle();
    const { id, choice, decidedById, ownerId } = await desk.decisionOf(kind);
    assert.deepEqual([choice, decidedById, ownerId], ['withhold', desk.mia.id, desk.ben.id]);
    assert.equal((await desk.letters()).length, 1);
    const ben = await desk.open('ben');
    assert.match(textOf((await ben.get(`/decisions/${id}`)).text), /on the page where it stood/);
    assert.equal((await ben.post(`/decisions/${id}/appeal`, { text: 'Why?' })).status, 302);
    assert.equal(await desk.fork().count(QueueRow, { kind: 'appeal', state: 'open' }), 1);
  });
}

test('who deletes their own words is told nothing, and what they deleted after a decision stays away', async (t) => {
  const desk = await site(t);
  await deleteReview(desk.workAs(desk.ben), desk.ben, desk.reviewId);
  await desk.report(desk.ada, 'comment', { id: desk.commentId });
  const row = await desk.rowOf('comment', { id: desk.commentId });
  const { decisionId } = await desk.lockAndDecide(desk.mia, row, 'withhold');
  await desk.executed(decisionId);
  assert.equal((await desk.letters()).length, 1, 'about the comment alone');
  const ben = await desk.open('ben');
  await ben.post(`/decisions/${decisionId}/appeal`, { text: 'Why?' });
  await desk.fork().nativeUpdate(Comment, { id: desk.commentId }, { deletedAt: desk.node.now(), text: '' });
  const appeal = await desk.fork().findOneOrFail(QueueRow, { kind: 'appeal' });
  await assert.rejects(desk.lockAndDecide(desk.noor, appeal, 'overturn', { rule: '', facts: 'Yes.' }), {
    kind: 'invalid',
  });
});
