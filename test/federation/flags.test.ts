import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account } from '../../src/accounts/model.ts';
import { SentFlag } from '../../src/federation/flags/model.ts';
import { sendFlag } from '../../src/federation/flags/send.ts';
import { OutboxItem, PeerReport } from '../../src/federation/model.ts';
import { DomainPolicy } from '../../src/federation/peers/model.ts';
import { Post } from '../../src/gallery/model.ts';
import { verifyAudit } from '../../src/kit/audit/verify.ts';
import { QueueRow } from '../../src/moderation/queue/model.ts';
import { NOW } from '../factories/content.ts';
import { peerNode, settleAll } from './nodes.ts';
import { followAccount, postPicture } from './people.ts';
import { post } from './strangers.ts';
import { world } from './world.ts';

test('a report goes to the home of a thing in the name of the node, waits there in the queue, and its outcome comes back', async (t) => {
  const [home, away] = [await peerNode(t, '127.0.0.1'), await peerNode(t, '127.0.0.2')];
  const alice = await home.member('alice');
  const mod = await home.member('mod', 'moderator');
  const bob = await away.member('bob', 'moderator');
  await followAccount(away, bob.browser, home, 'alice', [home, away]);
  const postId = await postPicture(alice.browser, [home, away], 'Whose is it');
  const uri = `${home.origin}/posts/${postId}`;

  const asked = { uri, comment: 'Looks *copied*', code: 'copyright' };
  assert.equal((await bob.browser.post('/admin/peer-reports/sent', asked)).status, 302);
  await settleAll(away, home);
  const [said] = await away.node.orm.em.fork().find(OutboxItem, { uri: { $like: '%#flag-%' } });
  const document = said?.document as { actor: string; object: string[] };
  assert.equal(document.actor, `${away.origin}/actor`);
  assert.deepEqual(document.object, [`${home.origin}/users/alice`, uri]);
  assert.doesNotMatch(JSON.stringify(document), /bob/, 'who reported is told to nobody');

  const em = home.node.orm.em.fork();
  const report = await em.findOneOrFail(PeerReport, { host: away.host });
  const row = await em.findOneOrFail(QueueRow, { kind: 'peer', subjectId: `report:${report.id}` });
  assert.deepEqual([row.state, row.aboutKind, row.aboutId, row.priority], ['open', 'post', String(postId), 2]);
  assert.equal((await em.findOneOrFail(Post, postId)).state, 'published', 'nothing follows from it by itself');

  const closed = await mod.browser.post(`/admin/peer-reports/${report.id}/closure`, { outcome: 'labelled' });
  assert.equal(closed.status, 302);
  await settleAll(home, away);
  assert.equal((await home.node.orm.em.fork().findOneOrFail(QueueRow, row.id)).state, 'done');
  const flag = await away.node.orm.em.fork().findOneOrFail(SentFlag, { host: home.host });
  assert.equal(flag.outcome, 'labelled');
  assert.match((await bob.browser.get('/admin/peer-reports?show=sent')).text, /Labelled or limited/);
  for (const peer of [home, away]) assert.ok((await verifyAudit(peer.node.orm.em.fork())).isWhole);
});

test('the outcome of a report counts from the host that it went to and from no other', async (t) => {
  const { n, e, vic, mallory, follows, em } = await world(t);
  const target = await follows(vic);
  await n.settle();
  const flag = await sendFlag(n.workAs(null), n.node.federation, { targets: [target.uri ?? ''], code: 'spam' });
  assert.equal(await post(n, mallory, { type: 'Accept', object: flag.uri, outcome: 'removed' }), 202);
  await n.settle();
  assert.equal((await em().findOneOrFail(SentFlag, flag.id)).outcome, null);
  assert.equal(await post(n, vic, { type: 'Reject', object: flag.uri, outcome: '<b>burn' }), 202);
  await n.settle();
  assert.equal((await em().findOneOrFail(SentFlag, flag.id)).outcome, 'rejected');
  const wrong = sendFlag(n.workAs(null), n.node.federation, { targets: [target.uri ?? '', `${e.origin}/notes/1`] });
  await assert.rejects(wrong, { kind: 'invalid' });
  const alice = await em().findOneOrFail(Account, { name: 'alice', host: '' });
  await assert.rejects(sendFlag(n.workAs(alice), n.node.federation, { targets: [target.uri ?? ''] }), {
    kind: 'forbidden',
  });
});

test('reports of a host that rejects them are dropped, severe ones of others come first', async (t) => {
  const { n, v, vic, mallory, aliceUri, em } = await world(t);
  const work = em();
  work.create(DomainPolicy, { host: new URL(v.origin).host, rejectsReports: true, since: NOW }, { persist: true });
  await work.flush();
  assert.equal(await post(n, vic, { type: 'Flag', object: [aliceUri], content: 'x' }), 202);
  assert.equal(await post(n, mallory, { type: 'Flag', object: [aliceUri], content: 'x', reportCode: 'minor' }), 202);
  await n.settle();
  assert.equal(await em().count(PeerReport), 1);
  assert.equal((await em().findOneOrFail(QueueRow, { kind: 'peer' })).priority, 0);
});
