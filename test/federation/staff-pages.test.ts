import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account } from '../../src/accounts/model.ts';
import { mediaSettings } from '../../src/federation/ingest/evict-media.ts';
import { PeerReport } from '../../src/federation/model.ts';
import { givenComment, givenModel, givenPost } from '../factories/content.ts';
import { post } from './strangers.ts';
import { world } from './world.ts';

test('moderators see what peers report, with what it is about, and close it; members see nothing of it', async (t) => {
  const { n, v, vic, alice, aliceUri, em } = await world(t);
  const work = em();
  const owner = work.getReference(Account, alice.id);
  const model = givenModel(work, { owner, name: 'Ink <b>wash</b>' });
  const open = givenPost(work, { owner, title: 'Valley' });
  const comment = givenComment(work, { author: owner, post: open, text: 'Mine' });
  await work.flush();
  const flag = {
    type: 'Flag',
    object: [
      aliceUri,
      ...[`/models/${model.id}`, `/posts/${open.id}`, `/comments/${comment.id}`].map((path) => `${n.origin}${path}`),
    ],
    content: '<script>alert(1)</script>\nCopied from me',
    reportCode: 'copyright',
  };
  assert.equal(await post(n, vic, flag), 202);
  await n.settle();

  const bob = await n.member('bob');
  assert.equal((await bob.browser.get('/admin/peer-reports')).status, 403);
  const { id } = await em().findOneOrFail(PeerReport, { host: new URL(v.origin).host });
  assert.equal((await bob.browser.post(`/admin/peer-reports/${id}/closure`, {})).status, 403);

  const mod = await n.member('mod', 'moderator');
  const page = (await mod.browser.get('/admin/peer-reports')).text;
  for (const shown of [
    '&lt;script&gt;',
    'Copied from me',
    'Copyright',
    'Ink &lt;b&gt;wash',
    'Valley',
    'Mine',
    '@alice',
  ]) {
    assert.ok(page.includes(shown), shown);
  }
  assert.doesNotMatch(page, /<script>alert/);
  assert.match(page, /href="\/admin\/peer-reports"[^>]*aria-current="page"[\s\S]*?1/);

  assert.equal((await mod.browser.post(`/admin/peer-reports/${id}/closure`, {})).status, 302);
  const closed = await em().findOneOrFail(PeerReport, id, { populate: ['closedBy'] });
  assert.deepEqual([closed.closedAt !== null, closed.closedBy?.$.name], [true, 'mod']);
  assert.match((await mod.browser.get('/admin/peer-reports')).text, /Nothing waits/);
  assert.match((await mod.browser.get('/admin/peer-reports?show=closed')).text, /Closed by mod/);
  assert.equal((await mod.browser.post(`/admin/peer-reports/${id}/closure/removal`, {})).status, 302);
  assert.match((await mod.browser.get('/admin/peer-reports?before=nonsense')).text, /Copied from me/);
});

test('whoever manages the settings says how much of peers’ pictures is kept; numbers out of range are refused', async (t) => {
  const { n, em } = await world(t);
  const bob = await n.member('bob');
  assert.equal((await bob.browser.get('/admin/peer-media')).status, 403);
  const admin = await n.member('root', 'admin');
  const page = (await admin.browser.get('/admin/peer-media')).text;
  assert.match(page, /name="keepDays"[^>]*value="90"/);
  assert.match(page, /No picture of another server lies here/);
  const refused = await admin.browser.post('/admin/peer-media', { keepDays: '-3', mostGib: 'much' });
  assert.equal(refused.status, 422);
  assert.match(refused.text, /name="keepDays"[^>]*value="-3"/);
  const answer = await admin.browser.post('/admin/peer-media', { keepDays: '7', mostGib: '0.5' });
  assert.equal(answer.status, 302);
  assert.deepEqual(await n.node.federation.settings.read(em(), mediaSettings), { keepDays: 7, mostGib: 0.5 });
});
