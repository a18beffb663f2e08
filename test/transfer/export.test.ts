import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { OutboxMail } from '../../src/accounts/mail/model.ts';
import { memoryBytes } from '../../src/catalogue/files/bytes.ts';
import { listZipEntries, readZipEntry } from '../../src/catalogue/files/zip.ts';
import { LicenceGrant, LicenceOffer } from '../../src/economy/licences/model.ts';
import { readCsv } from '../../src/kit/csv.ts';
import { newId } from '../../src/kit/ids.ts';
import { StoredZip } from '../../src/kit/web/download/stored-zip.ts';
import { RESTRICTION } from '../../src/safety/policy.ts';
import { restrict } from '../../src/safety/restrict.ts';
import { Manifest } from '../../src/transfer/format.ts';
import type { Browser } from '../accounts/browser.ts';
import { painter, picture, sendFiles } from '../gallery/painter.ts';
import { aLife } from './life.ts';

const BOUNTY = {
  ...{ key: '018f0000-0000-7000-8000-000000000001', title: 'A brass fish', text: 'Please.', subject: 'fictional' },
  ...{ kind: 'Other', mode: 'Individual', amount: '60', deadline: '2026-01-12', 'alt-new-1': 'A fin' },
};

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

test('an archive of an account holds all that is theirs and nothing of others, by ranges, for a week', async (t) => {
  const its = await painter(t);
  const made = await aLife(its, its.ada);
  const agreed = {
    title: 'For shops',
    uses: ['commercial' as const],
    text: 'Name me,\nplease.',
    forbids: '',
    revocation: '',
  };
  const [offer, at] = [newId(), its.clock.now()];
  const fork = its.em.fork();
  await fork.insert(LicenceOffer, { id: offer, model: made.modelId, owner: its.ada.id, ...agreed, createdAt: at });
  const grant = { id: newId(), offer, model: made.modelId, holder: made.bea.id, ...agreed, askedAt: at };
  await fork.insert(LicenceGrant, { ...grant, state: 'granted', decidedAt: at });
  assert.equal((await its.browser.get('/credits')).status, 200, 'the allowance of the day comes');
  assert.equal(
    (await its.browser.post('/searches', { kind: 'models', query: 'tag=brass', name: 'In brass', told: '1' })).status,
    302,
  );
  const asked = { bytes: await picture(), name: 'fin.png' };
  const bounty = await sendFiles(its.browser, '/bounties', [asked], BOUNTY);
  const page = () => its.browser.get('/settings/export');
  assert.match((await page()).text, /There is no archive yet/);
  assert.equal((await its.visitor.get('/settings/export')).status, 302);
  assert.equal((await its.browser.get('/settings/export/archive')).status, 404);

  assert.equal((await its.browser.post('/settings/export')).location, '/settings/export');
  assert.equal((await its.browser.post('/settings/export')).status, 409, 'one at a time');
  await its.settle();
  const ready = await page();
  assert.match(ready.text, /Your archive/);
  const mail = await its.em.fork().findOneOrFail(OutboxMail, { toAddress: 'ada@example.org' });
  assert.match(mail.text, /\/settings\/export/);

  const fetched = await fetchBytes(its.browser, '/settings/export/archive');
  assert.equal(fetched.status, 200);
  assert.equal(fetched.headers.get('content-type'), 'application/zip');
  const bytes = memoryBytes(fetched.bytes);
  const entries = await listZipEntries(bytes);
  const read = async (name: string) => {
    const entry = entries.find((one) => one.name === name);
    assert.ok(entry, name);
    return readZipEntry(bytes, entry, 100_000_000);
  };
  const manifest = Manifest.parse(JSON.parse((await read('tessera-export.json')).toString()));
  assert.deepEqual(
    entries.map(({ name }) => name).slice(1),
    manifest.entries.map(({ name }) => name),
  );
  for (const { name, sha256: told } of manifest.entries) assert.equal(sha256(await read(name)), told, name);
  const lines = async (name: string) =>
    (await read(name))
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const [model] = (await lines('models.jsonl')) as [
    { name: string; versions: { name: string; files: { path: string }[] }[] },
  ];
  assert.deepEqual([model.name, model.versions.map(({ name }) => name)], ['Brass and ink', ['v2.0', 'v1.0']]);
  const [post] = (await lines('posts.jsonl')) as [{ images: { path: string; recipe: { seed: string } | null }[] }];
  assert.equal(post.images[0]?.recipe?.seed, '123456789');
  for (const [n, { path }] of post.images.entries()) assert.deepEqual(await read(path), made.pictures[n]);
  assert.equal((await lines('comments.jsonl')).length, 2);
  assert.equal((await lines('reviews.jsonl')).length, 1);
  assert.equal((await lines('collections.jsonl')).length, 1);
  const [kept] = (await lines('bounties.jsonl')) as [{ uri: string; images: { path: string; altText: string }[] }];
  assert.equal(new URL(kept.uri).pathname, bounty.location);
  assert.deepEqual([kept.images.length, kept.images[0]?.altText], [1, 'A fin']);
  assert.deepEqual(await read(kept.images[0]?.path ?? ''), asked.bytes);
  const host = new URL(manifest.origin).host;
  assert.match(
    (await read('following_accounts.csv')).toString(),
    new RegExp(`^Account address,Show boosts.*\\nbea@${host},true`),
  );
  for (const topic of [`model-${made.theirModelId}`, 'tag-brass'])
    assert.match((await read('following_accounts.csv')).toString(), new RegExp(`\\n${topic}@${host},true,false,\n`));
  assert.match(
    (await read('saved_searches.csv')).toString(),
    new RegExp(`^Name,Address,.*\\nIn brass,${manifest.origin}/models\\?tag=brass,true\n$`),
  );
  assert.equal((await read('blocked_accounts.csv')).toString(), `cy@${host}\n`);
  assert.match((await read('muted_accounts.csv')).toString(), new RegExp(`\\ndan@${host},true\\n$`));
  const [, licence] = [...readCsv((await read('licences.csv')).toString())].map(({ cells }) => cells);
  const modelUri = `${manifest.origin}/models/${made.modelId}`;
  assert.deepEqual(licence?.slice(0, 7), ['given', "'@bea", modelUri, '', 'For shops', 'Commercial use', agreed.text]);
  const credits = (await read('credits.csv')).toString();
  for (const line of [/^At,Credits,/, /\dZ,600,Daily allowance,/, /\dZ,-60,Into the pot of,/])
    assert.match(credits, line);
  assert.doesNotMatch(fetched.bytes.toString('latin1'), /A secret of Bea|ada@example|bea@example/);
  for (const { name } of manifest.entries) assert.equal(crcOf(fetched.bytes, name), crc32(await read(name)), name);

  const part = await fetchBytes(its.browser, '/settings/export/archive', { range: 'bytes=100-20099' });
  assert.deepEqual([part.status, part.bytes], [206, fetched.bytes.subarray(100, 20_100)]);
  const address = /data-text="([^"]*\/exports\/archive\?key=[^"]+)"/.exec(ready.text)?.[1] ?? '';
  const key = new URL(address.replaceAll('&amp;', '&')).search;
  const elsewhere = await fetchBytes(its.visitor, `/exports/archive${key}&entry=models.jsonl`);
  assert.deepEqual(elsewhere.bytes, await read('models.jsonl'));
  assert.equal((await its.visitor.get('/exports/archive?key=x.y')).status, 404);
  assert.equal((await its.visitor.get(`/exports/archive${key}&entry=nothing`)).status, 404);

  // what a moderator decides later: the archive does not go out again, and a new one leaves it out and says so
  its.clock.pass(60_000);
  await its.em.fork().transactional(async (em) => {
    await restrict(em, { kind: 'image', id: made.imageIds[0] ?? 0 }, 'decision:1', RESTRICTION.view, its.clock.now());
  });
  await its.settle();
  assert.equal((await its.browser.get('/settings/export/archive')).status, 451);
  assert.equal((await its.visitor.get(`/exports/archive${key}&entry=models.jsonl`)).status, 451);
  its.clock.pass(60_000);
  await its.browser.post('/settings/export');
  await its.settle();
  assert.match((await page()).text, /One thing is not in it/);
  const second = await fetchBytes(its.browser, '/settings/export/archive');
  assert.equal(second.bytes.includes(made.pictures[0] ?? Buffer.alloc(1)), false);
  assert.equal(second.bytes.includes(made.pictures[1] ?? Buffer.alloc(1)), true);

  its.clock.pass(7 * 86_400_000 + 5_000);
  await its.settle();
  await its.browser.signIn('ada');
  assert.match((await page()).text, /There is no archive yet/);
  assert.equal((await its.browser.get('/settings/export/archive')).status, 404);
});

test('an archive past four gigabytes and sixty thousand files is a ZIP64 that our reader reads', async () => {
  const large = { name: 'large', totalBytes: 5_000_000_000, crc32: 0 };
  const zip = new StoredZip([large, { name: 'after', totalBytes: 3, crc32: crc32('abc') }]);
  const open = ({ name }: { name: string }, { start = 0, end = 0 }) =>
    Readable.from([name === 'after' ? Buffer.from('abc').subarray(start, end + 1) : Buffer.alloc(end - start + 1)]);
  const bytes = {
    totalBytes: zip.totalBytes,
    read: (at: number, length: number) => buffer(zip.read({ start: at, end: at + length - 1 }, open)),
  };
  const [first, second] = await listZipEntries(bytes);
  assert.equal(first?.unpackedBytes, 5_000_000_000);
  assert.ok(second);
  assert.equal((await readZipEntry(bytes, second, 10)).toString(), 'abc');
});

async function fetchBytes(browser: Browser, path: string, headers: Record<string, string> = {}) {
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  const response = await fetch(new URL(path, browser.address), { headers: { cookie, ...headers } });
  return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) };
}

/** As the directory of the archive says, which our own reader does not ask. */
const crcOf = (zip: Buffer, name: string): number => zip.readUInt32LE(zip.lastIndexOf(Buffer.from(name)) - 46 + 16);
