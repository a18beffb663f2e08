import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Model } from '../../src/catalogue/model.ts';
import { ApObject, OutboxItem, Tombstone } from '../../src/federation/model.ts';
import { DigestTombstone, NoticePeer, ReceivedNotice } from '../../src/federation/notices/model.ts';
import { DomainPolicy } from '../../src/federation/peers/model.ts';
import { Post } from '../../src/gallery/model.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { QueueRow } from '../../src/moderation/queue/model.ts';
import { Takedown, TakedownStep } from '../../src/moderation/takedown/model.ts';
import { TakedownTrace } from '../../src/moderation/takedown/trace.ts';
import { openNode } from '../../src/node.ts';
import { PolicyRestriction, PolicyState } from '../../src/safety/policy.ts';
import { NOW } from '../factories/content.ts';
import { carryOut } from '../moderation/takedowns.ts';
import { post } from './strangers.ts';
import { note, PUBLIC, world } from './world.ts';

const HOUR = 3_600_000;
const DIGEST = 'ab'.repeat(32);

/** Vic, whom alice follows, has a post here. */
async function given(t: TestContext) {
  const w = await world(t);
  const { n, v, vic, follows, em } = w;
  await follows(vic);
  const told = note(vic.id, '/p/1');
  v.documents.set('/p/1', told);
  v.documents.set('/notices/1', {});
  assert.equal(await post(n, vic, { type: 'Create', to: [PUBLIC], object: told }), 202);
  await n.settle();
  const uri = told.id;
  const state = async () => (await em().findOne(Post, { uri }))?.state ?? 'never';
  const takedown = (more: object = {}) => ({ code: 'copyright', effects: ['purge'], objects: [uri], ...more });
  const remove = (more: object = {}) =>
    post(n, vic, {
      type: 'Delete',
      object: { id: uri, type: 'Tombstone', takedown: takedown(more) },
      id: `${vic.id}#gone`,
    });
  const say = async (activity: object) => {
    assert.equal(await post(n, vic, activity), 202);
    await n.settle();
  };
  return { ...w, told, uri, state, remove, say, takedown };
}

test('scenario 14: what a notice took down comes back by no late Create, Announce, Update or re-fetch, seven hours later too', async (t) => {
  const { n, v, e, vic, mallory, told, uri, state, remove, say, follows, em } = await given(t);
  await follows(mallory);
  assert.equal(await state(), 'published');
  assert.equal(await remove(), 202);
  await n.settle();
  assert.equal(await state(), 'deleted');
  // its home goes on serving it, younger than the notice
  for (const hours of [0, 7]) {
    n.clock.pass(hours * HOUR);
    const later = { ...told, updated: n.clock.now().toISOString() };
    v.documents.set('/p/1', later);
    await say({ type: 'Create', to: [PUBLIC], object: later });
    await say({ type: 'Create', to: [PUBLIC], object: uri });
    await say({ type: 'Update', to: [PUBLIC], object: later });
    await say({ type: 'Announce', to: [PUBLIC], object: uri });
    assert.equal(await post(n, mallory, { type: 'Announce', to: [PUBLIC], object: uri }), 202);
    // and a relay passes on what it kept
    assert.equal(
      await post(n, mallory, {
        type: 'Announce',
        to: [PUBLIC],
        object: { id: `${vic.id}#c`, type: 'Create', actor: vic.id, object: later },
      }),
      202,
    );
    await n.settle();
    assert.equal(await state(), 'deleted', `after ${hours} hours`);
  }
  assert.equal((await em().findOneOrFail(Tombstone, uri)).noticeUri, `${vic.id}#gone`);
  assert.equal(new URL(e.origin).host !== new URL(v.origin).host, true);
});

test('scenario 14: a notice that comes before the thing itself wins, also over a plain Delete that was forgotten', async (t) => {
  const { n, v, vic, follows, em } = await world(t);
  await follows(vic);
  const told = note(vic.id, '/p/2');
  v.documents.set('/p/2', told);
  const takedown = { code: 'ncii', effects: ['purge'], hashes: [DIGEST] };
  assert.equal(await post(n, vic, { type: 'Delete', object: { id: told.id, type: 'Tombstone', takedown } }), 202);
  await n.settle();
  n.clock.pass(7 * HOUR);
  assert.equal(await post(n, vic, { type: 'Create', to: [PUBLIC], object: told }), 202);
  await n.settle();
  assert.equal(await em().count(Post, { uri: told.id }), 0);
  assert.equal((await em().findOneOrFail(ReceivedNotice, { objectUri: told.id })).result, 'not_held');
  assert.equal(await em().count(DigestTombstone, { digest: DIGEST }), 1);
});

test('scenario 14: a database from a backup takes down again what was taken down since, before it serves', async (t) => {
  const { n, uri, state, remove, em, told, say } = await given(t);
  assert.equal(await remove(), 202);
  await n.settle();
  const file = await readFile(join(n.node.dataDir, 'taken-down.jsonl'), 'utf8');
  assert.equal(file.trim().split('\n').length, 1);
  // as the backup of yesterday has it
  await em().nativeDelete(Tombstone, { uri });
  await em().nativeUpdate(Post, { uri }, { state: 'published', deletedAt: null });
  assert.equal(await n.node.takeDownAgain(), 1);
  assert.equal(await state(), 'deleted');
  await say({ type: 'Create', to: [PUBLIC], object: { ...told, updated: n.clock.now().toISOString() } });
  assert.equal(await state(), 'deleted');
  assert.equal(await n.node.takeDownAgain(), 0, 'once is enough');
});

test('scenario 14: nor does what this node itself removed come from its home again into a database that never knew it', async (t) => {
  const { n, v, vic, uri, state, em, told, say } = await given(t);
  const post = await em().findOneOrFail(Post, { uri });
  await carryOut(n, { target: { kind: 'post', id: post.id }, outcome: 'remove' });
  assert.match(await readFile(join(n.node.dataDir, 'taken-down.jsonl'), 'utf8'), new RegExp(uri));
  // as a backup has it from before the post came
  await em().nativeDelete(Takedown, {});
  await em().nativeDelete(TakedownStep, {});
  await em().nativeDelete(TakedownTrace, {});
  await em().nativeDelete(PolicyRestriction, {});
  await em().nativeDelete(PolicyState, {});
  await em().nativeDelete(ApObject, { uri });
  await em().nativeDelete(Post, { uri });
  assert.equal(await n.node.takeDownAgain(), 1);
  n.clock.pass(7 * HOUR);
  const later = { ...told, updated: n.clock.now().toISOString() };
  v.documents.set('/p/1', later);
  await say({ type: 'Create', to: [PUBLIC], object: later });
  await say({ type: 'Update', to: [PUBLIC], object: later });
  await say({ type: 'Announce', to: [PUBLIC], object: uri });
  assert.equal(await state(), 'never');
  const taken = await em().findOneOrFail(Takedown, { outcome: 'remove' });
  assert.deepEqual([taken.state, (await em().findOneOrFail(Tombstone, { uri })).actorUri], ['done', vic.id]);
  // and undone it may
  const target = { kind: 'post', id: post.id } as const;
  await carryOut(n, { target, outcome: 'undo', parameters: { undoes: taken.id } });
  await say({ type: 'Create', to: [PUBLIC], object: later });
  assert.equal(await state(), 'published');
});

test('scenario 14: nor does it come back after the node was stopped and started again', async (t) => {
  const { n, v, vic, told, uri, remove } = await given(t);
  assert.equal(await remove(), 202);
  await n.settle();
  await n.node.close();
  const again = await openNode(n.node.config, { now: n.clock.now, log: n.node.log, queueTimes: { lookEveryMs: 50 } });
  // before the database is given back
  try {
    await again.start(['web', 'worker']);
    n.clock.pass(7 * HOUR);
    const later = { ...told, updated: n.clock.now().toISOString() };
    v.documents.set('/p/1', later);
    for (const act of ['Create', 'Update', 'Announce']) {
      const object = act === 'Announce' ? uri : later;
      assert.equal(await post(n, vic, { type: act, to: [PUBLIC], object }), 202, act);
    }
    const open = () => again.orm.em.fork().count(Job, { lane: 'inbox', state: { $in: ['queued', 'running'] } });
    for (let tries = 0; tries < 200 && (await open()) > 0; tries += 1) {
      await again.queue.look();
      await new Promise((done) => setTimeout(done, 50));
    }
    assert.equal(await open(), 0);
    assert.equal((await again.orm.em.fork().findOneOrFail(Post, { uri })).state, 'deleted');
  } finally {
    await again.close();
  }
});

test('the Undo of a notice by its own host brings the thing back, by another host it does not', async (t) => {
  const { n, vic, mallory, uri, state, remove, say, em } = await given(t);
  assert.equal(await remove(), 202);
  await n.settle();
  assert.equal(await post(n, mallory, { type: 'Undo', object: `${vic.id}#gone` }), 202);
  await n.settle();
  assert.equal(await state(), 'deleted');
  await say({ type: 'Undo', object: { id: `${vic.id}#gone`, type: 'Delete', actor: vic.id, object: uri } });
  assert.equal(await em().count(Tombstone, { uri }), 0);
  assert.equal(await state(), 'published');
  const marks = await readFile(join(n.node.dataDir, 'taken-down.jsonl'), 'utf8');
  assert.match(marks, /"undone"/);
});

test('scenario 16: a notice for the thing of a third party removes nothing, is answered with a refusal and waits as advice', async (t) => {
  const { n, e, mallory, uri, state, takedown, em, follows } = await given(t);
  await follows(mallory);
  const forged = { type: 'Delete', object: { id: uri, type: 'Tombstone', takedown: takedown({ hashes: [DIGEST] }) } };
  assert.equal(await post(n, mallory, { ...forged, id: `${mallory.id}#forged` }), 202);
  await n.settle();
  assert.equal(await state(), 'published');
  assert.equal(await em().count(Tombstone), 0);
  assert.equal(await em().count(DigestTombstone), 0);
  const row = await em().findOneOrFail(ReceivedNotice, { uri: `${mallory.id}#forged` });
  assert.deepEqual([row.result, row.reason], ['refused', 'not_owner']);
  const advice = await em().findOneOrFail(QueueRow, { kind: 'peer', subjectId: `advice:${row.id}` });
  assert.deepEqual([advice.state, advice.aboutKind], ['open', 'post']);
  const answer = e.received.map(({ body }) => body).find(({ type }) => type === 'Reject');
  assert.ok(answer);
  assert.equal((answer.receipt as { result: string }).result, 'refused');
  assert.equal(answer.actor, `${n.origin}/actor`);
});

test('scenario 16: only in severe cases, and only of hosts whose hashes the owner trusts, are the files of advice refused', async (t) => {
  const { n, e, mallory, uri, state, takedown, em } = await given(t);
  const work = em();
  work.create(DomainPolicy, { host: new URL(e.origin).host, trustsDigests: true, since: NOW }, { persist: true });
  await work.flush();
  const say = async (code: string, digest: string) => {
    const object = { id: uri, type: 'Tombstone', takedown: takedown({ code, hashes: [digest] }) };
    assert.equal(await post(n, mallory, { type: 'Delete', object }), 202);
    await n.settle();
  };
  await say('copyright', 'cd'.repeat(32));
  await say('ncii', DIGEST);
  assert.deepEqual(
    (await em().find(DigestTombstone, {})).map(({ digest }) => digest),
    [DIGEST],
  );
  assert.equal(await state(), 'published');
});

test('a file that a notice took down is not taken in again under another id', async (t) => {
  const { n, v, vic, follows, em } = await world(t);
  await follows(vic);
  const model = (path: string) => ({
    ...note(vic.id, path, { attachment: [], kind: 'Model', name: `Model at ${path}` }),
    model: {
      ...{ type: 'tessera:Model', modelType: 'LORA', rating: 1, permissions: {} },
      versions: [
        {
          ...{ id: `${v.origin}${path}/v`, type: 'tessera:ModelVersion', versionName: 'v1', baseModel: 'SD 1.5' },
          files: [
            {
              ...{ type: 'Document', name: 'a.safetensors', url: `${v.origin}/f.safetensors`, size: 10 },
              hashes: { sha256: DIGEST },
            },
          ],
        },
      ],
    },
  });
  const first = model('/m/1');
  assert.equal(await post(n, vic, { type: 'Create', to: [PUBLIC], object: first }), 202);
  await n.settle();
  const files = async () => (await em().getConnection().execute('select sha256 from model_file')).length;
  assert.equal(await files(), 1);
  const takedown = { code: 'likeness', effects: ['purge', 'block_hash'] };
  assert.equal(await post(n, vic, { type: 'Delete', object: { id: first.id, type: 'Tombstone', takedown } }), 202);
  await n.settle();
  assert.equal((await em().findOneOrFail(Model, { uri: first.id })).state, 'deleted');
  assert.equal(await em().count(DigestTombstone, { digest: DIGEST }), 1, 'by the digest that was known here');
  const second = model('/m/2');
  assert.equal(await post(n, vic, { type: 'Create', to: [PUBLIC], object: second }), 202);
  await n.settle();
  assert.equal((await em().findOneOrFail(Model, { uri: second.id })).state, 'published');
  assert.equal(await files(), 0, 'the model is shown without the file');
});

test('nobody makes this node tell of notices that it never sent', async (t) => {
  const { n, vic, em } = await world(t);
  assert.equal(await post(n, vic, { type: 'Accept', object: `${n.origin}/posts/1#notice-1`, receipt: {} }), 202);
  await n.settle();
  assert.equal(await em().count(NoticePeer), 0);
  assert.equal(await em().count(OutboxItem), 0);
});
