import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { createToken } from '../../src/accounts/access/tokens.ts';
import { NodeClient } from '../../src/compute/runner/client.ts';
import { RunnerFiles } from '../../src/compute/runner/files.ts';
import { RunnerFile, RunnerOrder } from '../../src/compute/runners/model.ts';
import { offerOrder, takeOrder } from '../../src/compute/runners/orders.ts';
import { actOnRunner, createRunner } from '../../src/compute/runners/owner.ts';
import { Order, type OrderFile } from '../../src/compute/runners/protocol.ts';
import { rows } from '../../src/kit/database/sql.ts';
import type { AppError } from '../../src/kit/errors.ts';
import { givenMember } from '../factories/accounts.ts';
import { temporaryFolder } from '../kit/temporary-folder.ts';
import { type TestNode, testNode } from '../node.ts';
import { BACK_OFF, net } from './runners.ts';
import { ROOT } from './studio.ts';

interface Door extends TestNode {
  readonly address: URL;
  readonly token: string;
  readonly runnerId: string;
  ask(path: string, init?: RequestInit, token?: string): Promise<{ status: number; body: Record<string, unknown> }>;
}

async function door(t: TestContext): Promise<Door> {
  const its = await testNode(t, { realTime: true });
  const address = await its.start('web');
  const { id: runnerId, token } = await createRunner(its.workAs(null), { name: 'attic' });
  const ask: Door['ask'] = async (where, init = {}, as = token) => {
    const headers = { authorization: `Bearer ${as}`, 'content-type': 'application/json', ...init.headers };
    const answer = await fetch(new URL(`/api/v1/runner${where}`, address), { ...init, headers });
    const text = await answer.text();
    return { status: answer.status, body: text.startsWith('{') ? JSON.parse(text) : { text } };
  };
  return { ...its, address, token, runnerId, ask };
}

/** An order that the runner works on, of a job that runs. */
async function givenOrder(its: Door, files: readonly OrderFile[] = [], runnerId = its.runnerId): Promise<Order> {
  const em = its.node.orm.em.fork();
  const jobId = randomUUID();
  its.node.jobs.enqueue(em, its.node.generator.job, { generationId: randomUUID() });
  await em.flush();
  await rows(
    em,
    `update job set id = ?, state = 'running', fence = 3
    where name = 'compute.generate' and state = 'queued' returning id`,
    [jobId],
  );
  const now = new Date();
  const asked = { runnerId, device: '', jobId, fence: 3, type: 'generate', params: { count: 1 }, files } as const;
  await offerOrder(em.fork(), asked, now);
  return Order.parse(await takeOrder(em.fork(), runnerId, '', now));
}

const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const picture = (side: number, background = '#a33') =>
  sharp({ create: { width: side, height: side, channels: 3, background } })
    .png()
    .toBuffer();

const put = (its: Door, order: Order, sha256: string, bytes: Uint8Array, [from, total]: [number, number]) =>
  its.ask(`/orders/${order.id}/returns/${sha256}`, {
    ...{ method: 'PUT', body: new Uint8Array(bytes) },
    headers: { 'content-range': `bytes ${from}-${from + bytes.length - 1}/${total}` },
  });

const done = (order: Order, sha256: string, side: number, file = `${order.jobId}-0.png`) => ({
  method: 'PUT',
  body: JSON.stringify({
    state: 'done',
    images: [{ index: 0, file, w: side, h: side, seed: 1, sha256, infotext: '', ms: 1 }],
  }),
});

const outcomeOf = async (its: Door, { id }: Order) =>
  (await its.node.orm.em.fork().findOneOrFail(RunnerOrder, id)).outcome as { state: string; message?: string } | null;

test('the door opens to the token of a runner alone, and shuts the moment that it is revoked', async (t) => {
  const its = await door(t);
  const claim = { method: 'POST', body: JSON.stringify({ device: 'x' }) };
  const ada = await givenMember(its.em, 'ada', { role: 'owner' });
  const account = await createToken(its.workAs(null), ada, { label: 'all', scopes: ['read'], expiresAt: null });
  const forged = `${its.token.slice(0, -4)}AAAA`;
  for (const token of [account.secret, forged, 'nonsense', `tessera-runner_${randomUUID()}.x`]) {
    const { status, body } = await its.ask('/claim', claim, token);
    assert.deepEqual([status, body.error], [401, 'This is not the token of a runner of this node.'], token);
  }
  // and a runner's token opens nothing else
  const other = await fetch(new URL('/api/v1/models', its.address), {
    headers: { authorization: `Bearer ${its.token}` },
  });
  assert.equal(other.status, 401);
  const order = await givenOrder(its);
  const events = { method: 'POST', body: JSON.stringify({ from: 0, events: [] }) };
  assert.equal((await its.ask(`/orders/${order.id}/events`, events)).status, 200);
  await actOnRunner(its.workAs(null), { runner: its.runnerId, act: 'revoke' });
  const refused = await its.ask(`/orders/${order.id}/events`, events);
  assert.deepEqual([refused.status, refused.body.error], [401, 'The owner of this node has revoked this runner.']);
  assert.equal((await outcomeOf(its, order))?.state, 'failed');
});

test('a runner gets the files of its own work, with ranges, and no others', async (t) => {
  const its = await door(t);
  const mine = await its.node.files.put(Buffer.from('mine, and mine alone'));
  const foreign = await its.node.files.put(Buffer.from('of somebody else'));
  const other = await createRunner(its.workAs(null), { name: 'cellar' });
  const order = await givenOrder(its, [{ ...mine, input: null }]);
  const theirs = await givenOrder(its, [{ ...foreign, input: null }], other.id);
  const whole = await its.ask(`/orders/${order.id}/files/${mine.sha256}`);
  assert.deepEqual([whole.status, whole.body.text], [200, 'mine, and mine alone']);
  const part = await its.ask(`/orders/${order.id}/files/${mine.sha256}`, { headers: { range: 'bytes=6-' } });
  assert.deepEqual([part.status, part.body.text], [206, 'and mine alone']);
  assert.equal((await its.ask(`/orders/${order.id}/files/${foreign.sha256}`)).status, 404);
  assert.equal((await its.ask(`/orders/${theirs.id}/files/${foreign.sha256}`)).status, 404);
  assert.equal((await its.ask(`/orders/${theirs.id}/files/${foreign.sha256}`, {}, other.token)).status, 200);
});

test('a result that broke off goes on where it stopped, and counts when it is whole', async (t) => {
  const its = await door(t);
  const order = await givenOrder(its);
  const bytes = await picture(32);
  const sha256 = sha256Of(bytes);
  const at = 50;
  assert.deepEqual((await put(its, order, sha256, bytes.subarray(0, at), [0, bytes.length])).body, {
    ...{ offset: at, isWhole: false },
  });
  assert.equal((await its.ask(`/orders/${order.id}/outcome`, done(order, sha256, 32))).status, 422, 'it is not whole');
  const next = await givenOrder(its);
  assert.equal((await put(its, next, sha256, bytes.subarray(0, at), [0, bytes.length])).status, 200);
  assert.equal((await put(its, next, sha256, bytes.subarray(at + 1), [at + 1, bytes.length])).status, 409);
  assert.deepEqual((await its.ask(`/orders/${next.id}/returns/${sha256}`)).body, { offset: at, isWhole: false });
  const rest = await put(its, next, sha256, bytes.subarray(at), [at, bytes.length]);
  assert.deepEqual(rest.body, { offset: bytes.length, isWhole: true });
  const again = await put(its, next, sha256, bytes.subarray(at), [at, bytes.length]);
  assert.deepEqual(again.body, rest.body, 'the same again changes nothing');
  assert.equal((await its.ask(`/orders/${next.id}/outcome`, done(next, sha256, 32))).status, 200);
  assert.equal((await outcomeOf(its, next))?.state, 'done');
  assert.equal(await its.em.count(RunnerFile, { orderId: next.id }), 1);
});

test('bytes that are not what they should be are refused, and the work goes to somebody else', async (t) => {
  const its = await door(t);
  const good = await picture(32);
  const lora = await readFile(path.join(ROOT, 'test/fixtures/tiny-style-lora.safetensors'));
  const wrong: [string, Uint8Array, string, RegExp][] = [
    ['another hash', good, sha256Of(await picture(16)), /./],
    ['no picture', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), '', /./],
    ['half a picture', good.subarray(0, 30), '', /damaged/],
    ['a LoRA that is cut short', lora.subarray(0, lora.length - 8), '', /cut short/],
    ['a pickle', Buffer.from('\x80\x02}q\x00.', 'latin1'), '', /./],
  ];
  for (const [what, bytes, sha256, why] of wrong) {
    const order = await givenOrder(its);
    const { status, body } = await put(its, order, sha256 || sha256Of(bytes), bytes, [0, bytes.length]);
    assert.equal(status, 422, what);
    assert.match(String(body.error), why, what);
    assert.equal((await outcomeOf(its, order))?.state, 'failed', what);
    assert.equal(await its.node.files.has(sha256Of(bytes)), false, what);
  }
  const order = await givenOrder(its);
  const sha256 = sha256Of(good);
  await put(its, order, sha256, good, [0, good.length]);
  const lie = await its.ask(`/orders/${order.id}/outcome`, done(order, sha256, 64));
  assert.deepEqual(
    [lie.status, lie.body.error],
    [...[422, 'A picture of 64 × 64 pixels was announced, and one of 32 × 32 came.']],
  );
  const named = await givenOrder(its);
  await put(its, named, sha256, good, [0, good.length]);
  assert.equal((await its.ask(`/orders/${named.id}/outcome`, done(named, sha256, 32, '../x.png'))).status, 422);
  const large = await put(its, await givenOrder(its), sha256, good, [0, 5_000_000_000]);
  assert.equal(large.status, 413);
});

test('a run that was overtaken can return nothing', async (t) => {
  const its = await door(t);
  const order = await givenOrder(its);
  const bytes = await picture(32);
  const sha256 = sha256Of(bytes);
  await put(its, order, sha256, bytes, [0, bytes.length]);
  await rows(its.em, 'update job set fence = fence + 1 where id = ? returning id', [order.jobId]);
  const { status, body } = await its.ask(`/orders/${order.id}/outcome`, done(order, sha256, 32));
  assert.deepEqual([status, body.error], [410, 'This work is over: it was cancelled, or somebody else does it now.']);
  assert.equal((await put(its, order, sha256Of(bytes), bytes, [0, bytes.length])).status, 410);
  assert.equal(await outcomeOf(its, order), null);
});

test('a download that broke off goes on from its bytes, and one that was changed begins anew', async (t) => {
  const its = await door(t);
  const bytes = Buffer.alloc(300_000, 'a model, ');
  const { sha256, totalBytes } = await its.node.files.put(bytes);
  const order = await givenOrder(its, [{ sha256, totalBytes, input: null }]);
  const dataDir = await temporaryFolder(t);
  const client = new NodeClient({ net: net(), node: its.address, token: its.token, backOff: BACK_OFF });
  const files = new RunnerFiles({ client, dataDir, jobDir: path.join(dataDir, 'jobs'), cacheBytes: 1e9 });
  await files.open();
  const { signal } = new AbortController();
  const part = path.join(dataDir, 'incoming', `${sha256}.part`);
  await writeFile(part, bytes.subarray(0, 100_001));
  (await files.bring(order, signal))();
  const kept = path.join(files.cache.folder, `${sha256.slice(0, 2)}/${sha256}.safetensors`);
  assert.deepEqual(await readFile(kept), bytes);

  const other = Buffer.alloc(300_000, 'another, ');
  const second = await its.node.files.put(other);
  const next = await givenOrder(its, [{ ...second, input: null }]);
  const spoilt = path.join(dataDir, 'incoming', `${second.sha256}.part`);
  await writeFile(spoilt, other.subarray(0, 100_001));
  await truncate(spoilt, 50_000);
  await writeFile(spoilt, Buffer.alloc(50_000, 'x'));
  await assert.rejects(
    () => files.bring(next, signal),
    (error: AppError) => error.kind === 'invalid',
  );
  (await files.bring(next, signal))();
  assert.equal(await files.cache.has(second.sha256), true);
});

test('the cache of a runner keeps to its size, and lets go what was unused for longest', async (t) => {
  const its = await door(t);
  const dataDir = await temporaryFolder(t);
  const client = new NodeClient({ net: net(), node: its.address, token: its.token, backOff: BACK_OFF });
  const files = new RunnerFiles({ client, dataDir, jobDir: path.join(dataDir, 'jobs'), cacheBytes: 250_000 });
  await files.open();
  const { signal } = new AbortController();
  const hashes: string[] = [];
  for (const letter of ['a', 'b', 'c']) {
    const { sha256, totalBytes } = await its.node.files.put(Buffer.alloc(100_000, letter));
    hashes.push(sha256);
    (await files.bring(await givenOrder(its, [{ sha256, totalBytes, input: null }]), signal))();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.deepEqual(await Promise.all(hashes.map((sha256) => files.cache.has(sha256))), [false, true, true]);
});
