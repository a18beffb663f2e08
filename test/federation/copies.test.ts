import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Account, Follow } from '../../src/accounts/model.ts';
import { Model, ModelFile, ModelVersion } from '../../src/catalogue/model.ts';
import { findOffersByVersion, LORA_TYPES } from '../../src/compute/models/offers.ts';
import { FileCopy } from '../../src/federation/copies/model.ts';
import { DigestTombstone, Exposure, HOW, NoticePeer } from '../../src/federation/notices/model.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { Browser } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { type Peer, peerNode, settleAll } from './nodes.ts';
import { takeDown } from './notices.ts';

/** Alice's model lives on one node; bob follows her from the other, which zoe runs. */
async function given(t: TestContext, rule: 'off' | 'request' | 'followed') {
  const [home, away] = [await peerNode(t, '127.0.0.1'), await peerNode(t, '127.0.0.2')];
  const alice = await home.member('alice');
  const bob = await away.member('bob');
  await givenMember(away.em, 'zoe', { role: 'admin' });
  const zoe = new Browser(new URL(away.origin));
  await zoe.signIn('zoe');
  const saved = await zoe.post('/admin/copies', { rule, mostGigabytes: '1' });
  assert.equal(saved.status, 302, saved.text.slice(0, 500));
  await bob.browser.get(`/search?q=${encodeURIComponent(`@alice@${home.host}`)}`);
  const account = await fork(away).findOneOrFail(Account, { host: home.host, name: 'alice' });
  await bob.browser.post(`/accounts/${account.id}/follow`, { on: '1' });
  await settleAll(home, away);
  assert.equal(await fork(away).count(Follow, { state: 'accepted' }), 1);
  return { home, away, alice: alice.browser, bob, zoe };
}

const fork = ({ node }: Peer) => node.orm.em.fork();

/** Alice publishes a LoRA; the other node hears of it. */
async function publish(
  home: Peer,
  away: Peer,
  alice: Browser,
  more: Record<string, string> = {},
): Promise<{ versionId: number; bytes: Buffer }> {
  const bytes = kohyaLoraSd1({ name: 'inkwash', rank: 64 });
  const form = new FormData();
  form.append('files', new Blob([new Uint8Array(bytes)]), 'inkwash.safetensors');
  const uploaded = await alice.postForm('/upload', form);
  const [, versionId] = /\/versions\/(\d+)\/edit/.exec(uploaded.location) ?? [];
  assert.ok(versionId, uploaded.text.slice(0, 300));
  await settleAll(home);
  await save(home, alice, Number(versionId), 'publish', more);
  await settleAll(home, away);
  return { versionId: Number(versionId), bytes };
}

async function save(home: Peer, alice: Browser, versionId: number, act: string, more: Record<string, string> = {}) {
  home.clock.pass(60_000);
  const saved = await alice.post(`/versions/${versionId}/edit`, {
    ...{ act, name: 'Ink Wash', type: 'LORA', versionName: 'v1.0', baseModel: 'SD 1.5' },
    ...{ tags: 'ink', description: 'Sumi-e.', trainedWords: 'inkwash', ...more },
  });
  assert.equal(saved.status, 302, saved.text.slice(0, 2000));
}

async function arrived(away: Peer) {
  const em = fork(away);
  const model = await em.findOneOrFail(Model, { isLocal: false });
  const version = await em.findOneOrFail(ModelVersion, { model });
  const file = await em.findOneOrFail(ModelFile, { version });
  return { model, version, file, copy: await em.findOne(FileCopy, file.id) };
}

async function offered(away: Peer, bob: Account): Promise<number> {
  const { viewer, em } = away.workAs(bob);
  assert.ok(viewer);
  const { version } = await arrived(away);
  return (await findOffersByVersion(em, viewer, [version.id], LORA_TYPES)).length;
}

/** Stands between the nodes as a bad line does; it does to each answer of the home what `spoil` says. */
async function badLine(
  t: TestContext,
  home: Peer,
  spoil: (bytes: Buffer, asked: number) => Buffer | { readonly breakAfter: number },
) {
  const ranges: (string | undefined)[] = [];
  const server = createServer(async (request, response) => {
    const { range } = request.headers;
    ranges.push(range);
    const reply = await fetch(`${home.origin}${request.url}`, { headers: range ? { range } : {} });
    const bytes = Buffer.from(await reply.arrayBuffer());
    const spoilt = spoil(bytes, ranges.length);
    const headers = Object.fromEntries(
      ['content-type', 'content-range', 'etag'].flatMap((name) => {
        const value = reply.headers.get(name);
        return value === null ? [] : [[name, value]];
      }),
    );
    response.writeHead(reply.status, { ...headers, 'content-length': String(bytes.length) });
    if (Buffer.isBuffer(spoilt)) return response.end(spoilt);
    response.write(bytes.subarray(0, spoilt.breakAfter), () => setTimeout(() => response.destroy(), 50));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.3', done));
  t.after(() => server.close());
  return { origin: `http://127.0.0.3:${(server.address() as AddressInfo).port}`, ranges };
}

/** The file's address leads over the bad line from now on. */
async function reroute(home: Peer, away: Peer, line: { origin: string }): Promise<number> {
  const { file } = await arrived(away);
  const remoteUrl = (file.remoteUrl ?? '').replace(home.origin, line.origin);
  await fork(away).nativeUpdate(ModelFile, { id: file.id }, { remoteUrl });
  return file.id;
}

test('a page shows where a file is at home, and nothing is fetched unasked', async (t) => {
  const { home, away, alice, bob, zoe } = await given(t, 'off');
  const { bytes } = await publish(home, away, alice);
  const { model, file, copy } = await arrived(away);
  assert.equal(copy, null);
  assert.equal(file.isStored, false);
  const page = await bob.browser.get(`/models/${model.id}`);
  assert.match(
    page.text,
    new RegExp(`href="${file.remoteUrl?.replaceAll('?', '\\?')}"[^>]*>.*Get from ${home.host}`, 's'),
  );
  assert.doesNotMatch(page.text, /\/copy"/);
  const direct = await fetch(file.remoteUrl ?? '');
  assert.deepEqual(Buffer.from(await direct.arrayBuffer()), bytes, 'its home answers everybody');
  const refused = await zoe.post(`/files/${file.id}/copy`);
  assert.equal(refused.status, 422);
});

test('the owner asks for a copy; it is checked, offered to the engine and downloaded from here, and goes with the original', async (t) => {
  const { home, away, alice, bob, zoe } = await given(t, 'request');
  const { bytes, versionId } = await publish(home, away, alice);
  const { file, model, version } = await arrived(away);
  assert.equal(await offered(away, bob.account), 0);
  assert.equal((await bob.browser.post(`/files/${file.id}/copy`)).status, 403);
  const asked = await zoe.post(`/files/${file.id}/copy`);
  assert.equal(asked.status, 302, asked.text.slice(0, 300));
  await settleAll(away);
  const kept = await arrived(away);
  assert.deepEqual([kept.copy?.state, kept.copy?.reason, kept.file.isStored], ['kept', '', true]);
  assert.equal(kept.file.pickleScanResult, 'Success');
  assert.ok(kept.file.tensorSha256 && kept.file.blake3, 'it was hashed and read like an upload');
  assert.equal(await offered(away, bob.account), 1);
  const got = await fetch(`${away.origin}/api/download/models/${version.id}`);
  assert.deepEqual(Buffer.from(await got.arrayBuffer()), bytes);
  assert.match((await zoe.get(`/models/${model.id}`)).text, /checked copy kept here/);
  assert.match((await zoe.get('/admin/copies')).text, /inkwash\.safetensors/);

  // its author changes their mind about engines
  await save(home, alice, versionId, 'save', { forbidsGeneration: '1' });
  await settleAll(home, away);
  assert.equal(await offered(away, bob.account), 0);
  assert.deepEqual([(await arrived(away)).copy, (await arrived(away)).file.isStored], [null, false]);
  assert.equal(await away.node.files.has(file.sha256), false, 'the bytes are gone');
  assert.equal((await zoe.post(`/files/${file.id}/copy`)).status, 422);

  await save(home, alice, versionId, 'save');
  await settleAll(home, away);
  assert.equal((await zoe.post(`/files/${file.id}/copy`)).status, 302);
  await settleAll(away);
  assert.equal((await arrived(away)).copy?.state, 'kept');
  const local = await fork(home).findOneOrFail(ModelVersion, versionId);
  await alice.post(`/models/${local.model.id}/delete`);
  for (const peer of [home, away]) peer.clock.pass(11 * 60_000);
  await settleAll(home, away);
  assert.equal(await fork(away).count(FileCopy, {}), 0);
  assert.equal(await fork(away).count(ModelFile, {}), 0);
  assert.equal(await away.node.files.has(file.sha256), false);
  assert.equal((await fetch(`${away.origin}/api/download/models/${version.id}`)).status, 410);
  assert.equal(await fork(away).count(Job, { state: 'failed' }), 0);
});

test('by rule, what people who are followed publish is copied by itself, and nothing whose author forbids it', async (t) => {
  const { home, away, alice, zoe } = await given(t, 'followed');
  const { versionId } = await publish(home, away, alice, { forbidsGeneration: '1' });
  assert.equal((await arrived(away)).copy, null);
  await save(home, alice, versionId, 'save');
  await settleAll(home, away);
  const { copy, file } = await arrived(away);
  assert.equal(copy?.state, 'kept');
  assert.equal((await zoe.post(`/files/${file.id}/copy/removal`)).status, 302);
  assert.equal((await arrived(away)).file.isStored, false);
  assert.equal(await away.node.files.has(file.sha256), false);
});

test('a line that breaks costs what was under way: the rest is asked for, and the whole is checked', async (t) => {
  const { home, away, alice, zoe } = await given(t, 'request');
  const { bytes } = await publish(home, away, alice);
  const line = await badLine(t, home, (rest, asked) => (asked < 3 ? { breakAfter: 90_000 } : rest));
  const fileId = await reroute(home, away, line);
  await zoe.post(`/files/${fileId}/copy`);
  await settleAll(away);
  const broken = await arrived(away);
  assert.equal(broken.copy?.state, 'waiting');
  assert.notEqual(broken.copy?.reason, '');
  for (let n = 0; n < 4; n += 1) {
    away.clock.pass(3_600_000);
    await settleAll(away);
  }
  const { copy, file } = await arrived(away);
  assert.deepEqual([copy?.state, file.isStored], ['kept', true]);
  assert.equal(line.ranges.length, 3);
  assert.equal(line.ranges[0], undefined);
  assert.match(line.ranges[1] ?? '', /^bytes=[1-9]\d*-$/);
  const starts = line.ranges.slice(1).map((range) => Number(/\d+/.exec(range ?? '')?.[0]));
  assert.ok((starts[1] ?? 0) > (starts[0] ?? 0), 'each try begins where the one before ended');
  assert.equal(file.totalBytes, bytes.length);
});

test('X09 bytes that are not the promised ones are thrown away and noted, and nobody tries again by itself', async (t) => {
  const { home, away, alice, zoe, bob } = await given(t, 'request');
  await publish(home, away, alice);
  let isBad = true;
  const line = await badLine(t, home, (bytes) => {
    if (!isBad) return bytes;
    const other = Buffer.from(bytes);
    other[other.length - 1] = (other[other.length - 1] ?? 0) ^ 1;
    return other;
  });
  const fileId = await reroute(home, away, line);
  await zoe.post(`/files/${fileId}/copy`);
  await settleAll(away);
  away.clock.pass(24 * 3_600_000);
  await settleAll(away);
  const { copy, file, model } = await arrived(away);
  assert.equal(copy?.state, 'refused');
  assert.match(copy?.reason ?? '', /not the ones/);
  assert.equal(file.isStored, false);
  assert.equal(line.ranges.length, 1);
  assert.equal(await away.node.files.has(file.sha256), false);
  assert.equal(await offered(away, bob.account), 0);
  assert.match((await zoe.get(`/models/${model.id}`)).text, /refused: The bytes that came are not/);

  isBad = false;
  assert.equal((await zoe.post(`/files/${fileId}/copy`)).status, 302);
  await settleAll(away);
  assert.equal((await arrived(away)).copy?.state, 'kept', 'a person may try again');
});

test('a copy that would not fit into the space that the owner gave is not begun', async (t) => {
  const { home, away, alice, zoe } = await given(t, 'request');
  await publish(home, away, alice);
  const { file } = await arrived(away);
  await fork(away).nativeUpdate(ModelFile, { id: file.id }, { totalBytes: 1_100_000_000 });
  const refused = await zoe.post(`/files/${file.id}/copy`);
  assert.equal(refused.status, 413);
  assert.equal((await arrived(away)).copy, null);
});

test('what is for followers is copied in the name of one who is here, and only they have it from here', async (t) => {
  const { home, away, alice, bob, zoe } = await given(t, 'followed');
  const dave = await away.member('dave');
  const { bytes } = await publish(home, away, alice, { visibility: 'followers' });
  const { copy, file, model, version } = await arrived(away);
  assert.equal(model.visibility, 'followers');
  assert.deepEqual([copy?.state, copy?.reason, file.isStored], ['kept', '', true]);
  const path = `/api/download/models/${version.id}`;
  assert.equal((await fetch(file.remoteUrl ?? '')).status, 404, 'its home does not answer strangers');
  const got = await bob.browser.get(path);
  assert.equal(got.status, 200);
  assert.equal(got.headers.get('content-length'), String(bytes.length));
  assert.equal(await offered(away, bob.account), 1);
  assert.equal(await offered(away, dave.account), 0);
  const visitor = new Browser(new URL(away.origin));
  for (const browser of [dave.browser, visitor]) {
    assert.equal((await browser.get(path)).status, 404);
    assert.equal((await browser.get(`/models/${model.id}`)).status, 404);
    assert.equal((await browser.post(`/files/${file.id}/copy`)).status === 302, false);
  }
  const page = await bob.browser.get(`/models/${model.id}`);
  assert.doesNotMatch(page.text, new RegExp(`href="${home.origin}/api/download`), 'no link that its home would refuse');
  assert.equal((await zoe.get('/admin/copies')).status, 200);

  // its author narrows nothing, but takes the model back
  const local = await fork(home).findOneOrFail(Model, { name: 'Ink Wash' });
  await alice.post(`/models/${local.id}/delete`);
  for (const peer of [home, away]) peer.clock.pass(11 * 60_000);
  await settleAll(home, away);
  assert.equal(await fork(away).count(FileCopy, {}), 0);
  assert.equal(await away.node.files.has(file.sha256), false);
});

test('the ledger knows who keeps a copy; a removal takes it away, and its bytes are not taken again', async (t) => {
  const { home, away, alice } = await given(t, 'followed');
  const { versionId } = await publish(home, away, alice);
  const version = await fork(home).findOneOrFail(ModelVersion, versionId);
  const original = await fork(home).findOneOrFail(ModelFile, { version: versionId });
  const copy = await fork(away).findOneOrFail(ModelFile, { sha256: original.sha256 });
  assert.equal(copy.isStored, true);
  const ledger = await fork(home).findOneOrFail(Exposure, { subject: `version:${versionId}`, host: away.host });
  assert.equal(ledger.how & HOW.mirrored, HOW.mirrored, 'by the signature under its request');

  await takeDown(home, { kind: 'model', id: version.model.id }, 'remove', 'copyright', { block: true });
  await settleAll(home, away);
  assert.equal(await fork(away).count(FileCopy), 0);
  assert.equal(await fork(away).count(ModelFile, { sha256: original.sha256 }), 0);
  assert.equal(await away.node.files.stat(original.sha256), null, 'the bytes are gone');
  assert.equal(await fork(away).count(DigestTombstone, { digest: original.sha256 }), 1);
  const model = await fork(away).findOneOrFail(Model, { uri: `${home.origin}/models/${version.model.id}` });
  assert.equal((await fetch(`${away.origin}/models/${model.id}`)).status, 410);
  const row = await fork(home).findOneOrFail(NoticePeer, { host: away.host });
  assert.deepEqual([row.state, row.isReceiptProven], ['acknowledged', true]);
  home.clock.pass(2 * 3_600_000);
  await settleAll(home, away);
  assert.equal((await fork(home).findOneOrFail(NoticePeer, row.id)).state, 'verified');
});
