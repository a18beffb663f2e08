import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { test } from 'node:test';
import { ACTIVITY_JSON } from '../../src/federation/fetch-document.ts';
import { InboxItem, PeerReport } from '../../src/federation/model.ts';
import { signCavage } from '../../src/federation/signatures/sign.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { QueueRow } from '../../src/moderation/queue/model.ts';
import { textOf } from '../accounts/browser.ts';
import type { Peer } from './nodes.ts';
import { nextId, post, type StrangeActor, stranger } from './strangers.ts';
import { world } from './world.ts';

const PARALLEL = 8;

interface Signed {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function signed(node: Peer, actor: StrangeActor, activity: object, by: StrangeActor = actor): Signed {
  const body = JSON.stringify({ id: nextId(actor), actor: actor.id, ...activity });
  const message = {
    method: 'POST',
    url: new URL('/inbox', node.origin),
    body: Buffer.from(body),
    now: node.clock.now(),
  };
  const key = { keyId: actor.keyId, type: 'rsa', privateKeyPem: by.keys.rsaPrivatePem } as const;
  return { headers: { 'content-type': ACTIVITY_JSON, ...signCavage({ ...message, method: 'POST' }, key) }, body };
}

/** Posts over a few connections that stay open, as a flood does. Resolves with how often each status came. */
async function flood(node: Peer, count: number, make: (n: number) => Signed): Promise<ReadonlyMap<number, number>> {
  const agent = new Agent({ keepAlive: true, maxSockets: PARALLEL });
  const statuses = new Map<number, number>();
  const send = ({ headers, body }: Signed) =>
    new Promise<void>((done, fail) => {
      const outgoing = request(new URL('/inbox', node.origin), { method: 'POST', headers, agent }, (response) => {
        const { statusCode = 0 } = response;
        statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
        response.resume().on('end', done);
      });
      outgoing.on('error', fail).end(body);
    });
  let next = 0;
  const lines = Array.from({ length: PARALLEL }, async () => {
    while (next < count) {
      next += 1;
      await send(make(next));
    }
  });
  await Promise.all(lines);
  agent.destroy();
  return statuses;
}

test('scenario 19: of ten thousand forged, replayed and repeated Flags a few become reports, and the queue stays usable', async (t) => {
  const { n, v, vic, e, mallory, aliceUri, em } = await world(t);
  const mod = await n.member('mod', 'moderator');
  const other = await stranger(t, '127.0.0.4');
  const good = await other.actor('good');
  const flag = { type: 'Flag', object: [aliceUri], content: 'x' };
  const hostOf = (origin: string) => new URL(origin).host;
  const reportsOf = (origin: string) => em().count(PeerReport, { host: hostOf(origin) });

  const first = signed(n, vic, flag);
  const taken = await flood(n, 1, () => first);
  assert.deepEqual([...taken], [[202, 1]]);
  await n.settle();

  // signed by a key that is not vic's: none passes, however often
  const forgeries = Array.from({ length: 300 }, () => signed(n, vic, flag, mallory));
  const forged = await flood(n, 4_000, (i) => forgeries[i % 300] ?? first);
  assert.equal(forged.get(202), undefined);
  assert.equal((forged.get(401) ?? 0) + (forged.get(429) ?? 0), 4_000);
  assert.ok((forged.get(401) ?? 0) > 0);

  // the very bytes of a true one, again and again: known, and soon too often
  const replayed = await flood(n, 3_000, () => first);
  assert.equal((replayed.get(202) ?? 0) + (replayed.get(429) ?? 0), 3_000);
  assert.ok((replayed.get(202) ?? 0) < 30);

  // true ones with three hundred ids
  const honest = Array.from({ length: 300 }, (_, i) => signed(n, mallory, { ...flag, content: `${i}` }));
  const repeated = await flood(n, 3_000, (i) => honest[i % 300] ?? first);
  assert.deepEqual([repeated.get(202), repeated.get(429)], [30, 2_970]);
  await n.settle();

  assert.equal(await em().count(InboxItem, { type: 'Flag' }), 31, 'what is refused leaves no row');
  assert.deepEqual([await reportsOf(v.origin), await reportsOf(e.origin)], [1, 30]);
  assert.equal(await em().count(QueueRow, { kind: 'peer', state: 'open' }), 31);

  // a report of a server that did nothing wrong stands in the queue, and a moderator works on
  assert.equal(await post(n, good, { ...flag, content: 'true', reportCode: 'minor' }), 202);
  await n.settle();
  const report = await em().findOneOrFail(PeerReport, { host: hostOf(other.origin) });
  const queue = await mod.browser.get('/moderation?kind=peer');
  assert.equal(queue.status, 200);
  assert.match(textOf(queue.text), new RegExp(`${hostOf(other.origin)}: minor`));
  const closed = await mod.browser.post(`/admin/peer-reports/${report.id}/closure`, { outcome: 'noAction' });
  assert.equal(closed.status, 302);
  const row = await em().findOneOrFail(QueueRow, { kind: 'peer', subjectId: `report:${report.id}` });
  assert.equal(row.state, 'done');
  assert.equal(await em().count(Job, { state: 'failed' }), 0);

  // an hour later both are heard again
  n.clock.pass(3_700_000);
  for (const actor of [vic, mallory]) assert.equal(await post(n, actor, { ...flag, content: 'later' }), 202);
  await n.settle();
  assert.deepEqual([await reportsOf(v.origin), await reportsOf(e.origin)], [2, 31]);
});
