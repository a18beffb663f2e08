import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { OutboxMail } from '../../src/accounts/mail/model.ts';
import { Account } from '../../src/accounts/model.ts';
import { ActorKeyPair, NODE_ACTOR } from '../../src/federation/model.ts';
import { NoticePeer, ReceivedNotice, SentNotice } from '../../src/federation/notices/model.ts';
import { isProven } from '../../src/federation/notices/proof.ts';
import { Receipt } from '../../src/federation/notices/wire.ts';
import { Image, Post } from '../../src/gallery/model.ts';
import { verifyAudit } from '../../src/kit/audit/verify.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { ClaimCase } from '../../src/moderation/cases/model/case.ts';
import { Takedown } from '../../src/moderation/takedown/model.ts';
import { PolicyRestriction } from '../../src/safety/policy.ts';
import { peerNode } from '../federation/nodes.ts';
import { followAccount, postPicture } from '../federation/people.ts';
import { stepsOf } from '../moderation/takedowns.ts';
import { fileClaim, HOUR, later, openClaim } from './cases.ts';
import { DESKTOP, PHONE, signIn, skip, withChromium } from './chromium.ts';

const browser = withChromium();

/** Ada posts a picture; Bob, who follows her on another node, has it. */
async function given(t: TestContext) {
  const home = await peerNode(t, '127.0.0.1', {}, { realTime: true });
  const away = await peerNode(t, '127.0.0.2', {}, { realTime: true });
  const peers = [home, away] as const;
  const ada = await home.member('ada');
  await home.member('mod', 'moderator');
  const bob = await away.member('bob');
  await followAccount(away, bob.browser, home, 'ada', peers);
  const postId = await postPicture(ada.browser, peers, 'A valley');
  const image = await home.em.fork().findOneOrFail(Image, { post: postId });
  const post = await away.em.fork().findOneOrFail(Post, { uri: `${home.origin}/posts/${postId}` });
  const copy = await away.em.fork().findOneOrFail(Image, { post });
  return { home, away, peers, image, copy };
}

const statusOf = async (url: string): Promise<number> => (await fetch(url)).status;

test('an intimate picture is hidden when it is claimed, removed at 47 hours with nobody acting, and gone on the other node', {
  skip,
}, async (t) => {
  const { home, away, peers, image, copy } = await given(t);
  const page = `${home.origin}/images/${image.id}`;
  const media = [`${home.origin}/media/320/${image.id}.webp`, `${home.origin}/media/full/${image.id}.jpg`];
  const copyPage = `${away.origin}/images/${copy.id}`;
  const copyMedia = `${away.origin}/media/320/${copy.id}.webp`;
  for (const url of [page, ...media, copyPage, copyMedia]) assert.equal(await statusOf(url), 200, url);

  const mia = await browser.open({ viewport: PHONE, expected: /^4(?:51|10) \/(?:images|media)\// });
  const filed = await fileClaim({ page: mia.page, peers, origin: home.origin }, 'ncii', page, {
    ...{ email: 'mia@example.net', name: 'Mia', signature: 'Mia' },
  });
  const load = () => home.em.fork().findOneOrFail(ClaimCase, filed.caseId);
  const at = (await load()).submittedAt.getTime();
  assert.equal((await load()).state, 'open', 'no letter is waited for');
  for (const url of [page, ...media]) assert.equal(await statusOf(url), 451, url);
  await mia.page.goto(page);
  assert.equal(await mia.page.locator('main img').count(), 0);

  // the other node heard of it, and hides it
  const sent = () => home.em.fork().find(SentNotice, {}, { orderBy: { createdAt: 'asc' } });
  assert.deepEqual(
    (await sent()).map(({ kind }) => kind),
    ['provisional'],
  );
  for (const url of [copyPage, copyMedia]) assert.equal(await statusOf(url), 451, url);
  assert.equal(await away.em.fork().count(Image, { id: copy.id }), 1, 'nothing is purged yet');

  const mailsTo = async (toAddress: string) => home.em.fork().count(OutboxMail, { toAddress });
  const before = await mailsTo('mod@example.org');
  await later(peers, at + 44 * HOUR - 60_000 - home.clock.now().getTime());
  assert.equal(await mailsTo('mod@example.org'), before);
  await later(peers, 2 * 60_000);
  assert.equal(await mailsTo('mod@example.org'), before + 1, 'staff are paged at 44 hours');
  assert.equal((await load()).state, 'open');
  await later(peers, 3 * HOUR);
  for (let n = 0; n < 5 && (await load()).state === 'decided'; n += 1) await later(peers, 10 * 60_000);

  // nobody acted
  const kase = await load();
  assert.deepEqual([kase.state, kase.outcome, kase.deciderId], ['executed', 'remove', null]);
  const takedown = await home.em.fork().findOneOrFail(Takedown, { caseId: filed.caseId, outcome: 'remove' });
  const open = Object.entries(await stepsOf(home.em, takedown.id)).filter(([, state]) => state !== 'done');
  assert.deepEqual(open, []);
  for (const url of [page, ...media]) assert.equal(await statusOf(url), 410, url);
  assert.equal(await home.node.files.stat(image.sha256 ?? ''), null, 'the store has it no more');
  assert.ok((await readdir(join(home.node.dataDir, 'vault'))).length > 0, 'its bytes lie in the vault');
  const holds = await home.em.fork().find(PolicyRestriction, { targetKind: 'image', targetId: image.id });
  assert.ok(holds.some(({ source }) => source === `decision:${takedown.id}`));
  assert.ok(!holds.some(({ source }) => source === `case:${filed.caseId}`), 'the outcome holds in place of the case');

  // nor on the other node, whose receipt verifies
  assert.deepEqual(
    (await sent()).map(({ kind, endedAt }) => [kind, endedAt != null]),
    [
      ['provisional', true],
      ['removal', false],
    ],
  );
  assert.equal(await away.em.fork().count(Image, { id: copy.id }), 0);
  for (const url of [copyPage, copyMedia]) assert.ok([404, 410].includes(await statusOf(url)), url);
  assert.equal(await away.node.files.stat(copy.sha256 ?? ''), null, 'its bytes are gone there');
  const removal = (await sent())[1];
  const row = () => home.em.fork().findOneOrFail(NoticePeer, { noticeId: removal?.id ?? '', host: away.host });
  assert.equal((await row()).isReceiptProven, true);
  const receipt = Receipt.parse((await row()).receipt);
  assert.deepEqual([receipt.result, receipt.by], ['done', `${away.origin}/actor`]);
  const { ed25519PublicMultibase } = await away.em.fork().findOneOrFail(ActorKeyPair, NODE_ACTOR);
  assert.equal(isProven(receipt, ed25519PublicMultibase), true);
  assert.equal(await away.em.fork().count(ReceivedNotice, { host: home.host }), 2);
  await later(peers, 3 * HOUR);
  assert.equal((await row()).state, 'verified', 'it was looked at again, and shows nothing');

  // who may know reads it
  const mod = await browser.open({ viewport: DESKTOP });
  await signIn(mod.page, new URL(home.origin), 'mod');
  await mod.page.goto(`${home.origin}/moderation/takedowns/${takedown.id}/peers`);
  assert.match((await mod.page.locator('main').textContent()) ?? '', new RegExp(`${away.host}[\\s\\S]*verified`, 'i'));
  await openClaim(mia.page, filed);
  await mia.page.getByText('Removed').first().waitFor();
  // six points suspend the uploader, who reads why and appeals by the link in their letter
  const ada = await browser.open({ viewport: PHONE });
  const [suspended] = await home.em.fork().find(Account, { name: 'ada', host: '' });
  assert.equal(suspended?.state, 'suspended');
  const letters = await home.em.fork().find(OutboxMail, { toAddress: 'ada@example.org' });
  const link = letters.map(({ text }) => /http\S+\/cases\/\S+token=\S+/.exec(text)?.[0]).find(Boolean);
  await ada.page.goto(link ?? '');
  assert.equal(new URL(ada.page.url()).search, '', 'the key does not stay in the address');
  const reasons = (await ada.page.locator('.case-reasons').textContent()) ?? '';
  assert.match(reasons, /Removed[\s\S]*Nobody had decided in time[\s\S]*What you can do/);
  assert.doesNotMatch((await ada.page.locator('main').textContent()) ?? '', /mia/i, 'who claimed it stands nowhere');
  await ada.page.locator('summary', { hasText: 'Appeal' }).click();
  await ada.page.locator('#appeal-text').fill('It is a valley.');
  await ada.page.locator('form[action$="/appeal"] button').click();
  await ada.page.waitForURL((url) => url.search === '?said=appealed');
  assert.equal((await load()).state, 'appealed');

  for (const window of [mia, mod, ada]) assert.deepEqual(window.problems(), []);
  for (const peer of peers) {
    assert.ok((await verifyAudit(peer.em.fork())).isWhole);
    assert.equal(await peer.em.fork().count(Job, { state: 'failed' }), 0);
  }
});
