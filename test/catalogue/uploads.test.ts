import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { createModel } from '../../src/catalogue/create.ts';
import { Upload } from '../../src/catalogue/uploads/model.ts';
import { textOf } from '../accounts/browser.ts';
import { kohyaLoraSd1, withHeader } from '../factories/safetensors.ts';
import { idOf, publisher } from './publisher.ts';

const DAY_MS = 86_400_000;

test('a broken upload goes on where it stopped, and its hashes are those of the whole file', async (t) => {
  const { tus, node, settle, em } = await publisher(t);
  const bytes = kohyaLoraSd1();
  const { location } = await tus().create(bytes.length, 'brass.safetensors');

  await tus().patch(location, 0, bytes.subarray(0, 1_000));
  const paused = await tus().head(location);
  assert.equal(paused.offset, 1_000);
  const wrong = await tus().patch(location, 500, bytes.subarray(500));
  assert.equal(wrong.status, 409);
  const rest = await tus().patch(location, 1_000, bytes.subarray(1_000));
  await settle();

  assert.equal(rest.status, 204);
  const upload = await em.findOneOrFail(Upload, idOf(location));
  assert.equal(upload.state, 'ready');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  assert.equal(upload.sha256, sha256);
  assert.equal(upload.hashes?.sha256, sha256);
  assert.ok(await node.files.has(sha256));
  assert.deepEqual(await readdir(node.uploads.receiving.folder), []);
});

test('nobody but its owner sees, continues or removes an upload', async (t) => {
  const { tus, other, visitor, em } = await publisher(t);
  const { browser: mallory } = await other();
  const bytes = kohyaLoraSd1();
  const { location } = await tus().create(bytes.length, 'brass.safetensors');

  assert.equal((await tus(mallory).head(location)).status, 404);
  assert.equal((await tus(mallory).patch(location, 0, bytes)).status, 404);
  assert.equal((await tus(mallory).remove(location)).status, 404);
  assert.equal((await tus(visitor).create(10, 'x.safetensors')).status, 401);
  assert.equal((await tus(visitor).head(location)).status, 401);
  assert.equal((await mallory.post(`/uploads/${idOf(location)}/remove`)).status, 404);
  const form = new FormData();
  form.append('upload', location);
  await mallory.postForm('/upload', form);

  const upload = await em.findOneOrFail(Upload, idOf(location));
  assert.deepEqual([upload.receivedBytes, upload.version ?? null], [0, null]);
});

test('a refusal before the first byte is told in words and not in a page', async (t) => {
  const { tus, node, ada, visitor } = await publisher(t);
  for (let n = 0; n < 200; n += 1)
    node.limits.takeFor(`upload a${ada.id}`, { name: 'upload', max: 200, perMs: 3_600_000 });

  const often = await tus().create(10, 'x.safetensors');
  const unknown = await tus(visitor).create(10, 'x.safetensors');

  assert.equal(often.status, 429);
  assert.match(often.text, /^That was too often\. Please try again in \d+ seconds\.$/);
  assert.deepEqual([unknown.status, unknown.text], [401, 'Please sign in to upload.']);
});

test('a path in place of an id leads nowhere', async (t) => {
  const { tus } = await publisher(t);

  for (const path of ['..%2f..%2fsecret.key', '..', '%00', 'x'.repeat(300)]) {
    const answer = await tus().patch(`/uploads/files/${path}`, 0, new Uint8Array(4));
    assert.ok([400, 404, 405].includes(answer.status), `${path}: ${answer.status}`);
  }
});

test('a file name is only a name: no folder, no control character, and no broken UTF-8', async (t) => {
  const { tus, em } = await publisher(t);

  const made = await tus().create(8, '../../etc/passwd\u0000.safetensors');
  const broken = await tus().create(8, new Uint8Array([0xff, 0xfe, 0x41]));

  assert.equal(made.status, 201);
  const upload = await em.findOneOrFail(Upload, idOf(made.location));
  assert.doesNotMatch(upload.fileName, /[/\\\p{Cc}]/u);
  assert.equal(broken.status, 422);
  assert.match(broken.text, /not valid UTF-8/);
});

test('limits of file and account hold before the first byte', async (t) => {
  const { tus } = await publisher(t, { env: { MAX_UPLOAD_MB: '2', ACCOUNT_QUOTA_MB: '3' } });

  const tooLarge = await tus().create(2_000_001, 'a.safetensors');
  const fits = await tus().create(2_000_000, 'a.safetensors');
  const overQuota = await tus().create(1_500_000, 'b.safetensors');
  await tus().remove(fits.location);
  const again = await tus().create(1_500_000, 'b.safetensors');

  assert.deepEqual([tooLarge.status, fits.status, overQuota.status, again.status], [413, 201, 413, 201]);
  assert.match(tooLarge.text, /at most 2 MB/);
  assert.match(overQuota.text, /you have 1 MB left of your 3 MB/);
});

test('no upload begins when the disk would fall under its floor', async (t) => {
  const { tus, em } = await publisher(t, { env: { MIN_FREE_MB: '10000000' } });

  const answer = await tus().create(1_000, 'a.safetensors');

  assert.equal(answer.status, 503);
  assert.match(answer.text, /almost out of disk space/);
  assert.equal(await em.count(Upload), 0);
});

test('more bytes than were announced are refused', async (t) => {
  const { tus, node } = await publisher(t);
  const { location } = await tus().create(10, 'a.safetensors');

  const answer = await tus().patch(location, 0, new Uint8Array(20));

  assert.equal(answer.status, 413);
  const bytes = await node.uploads.receiving.bytesOf(idOf(location));
  assert.ok(bytes !== null && bytes <= 10);
});

const refused: readonly [string, Buffer, string, RegExp][] = [
  ['a truncated safetensors file', kohyaLoraSd1().subarray(0, 5_000), 'a.safetensors', /./],
  [
    'a header that lies about its tensors',
    withHeader({ a: { dtype: 'F32', shape: [4], data_offsets: [0, 400] } }, new Uint8Array(16)),
    'a.safetensors',
    /./,
  ],
  ['a zip renamed .safetensors', Buffer.from('504b0304140000000800', 'hex'), 'a.safetensors', /zip/i],
  ['a pickle, while the owner allows none', Buffer.from('80025d712e', 'hex'), 'a.ckpt', /pickle/],
  ['a program', Buffer.from('7f454c4602010100', 'hex'), 'a.exe', /takes safetensors/],
];
for (const [what, bytes, name, message] of refused) {
  test(`${what} is refused with a reason, and nothing of it stays but that`, async (t) => {
    const { tus, node, settle, em, browser } = await publisher(t);

    const location = await tus().send(bytes, name);
    await settle();

    const upload = await em.findOneOrFail(Upload, idOf(location));
    assert.equal(upload.state, 'refused');
    assert.match(upload.message ?? '', message);
    assert.deepEqual(await readdir(node.uploads.receiving.folder), []);
    for await (const blob of node.files.list()) assert.fail(`a blob is left: ${blob.sha256}`);
    const page = await browser.get('/upload');
    assert.match(textOf(page.text).replaceAll('&#39;', "'").replaceAll('&quot;', '"'), message);
    await browser.post(`/uploads/${idOf(location)}/remove`);
    assert.equal(await em.fork().count(Upload), 0);
  });
}

test('the same file a second time is told where it is already', async (t) => {
  const { tus, give, workAs, ada, settle, em, browser } = await publisher(t);
  const version = await createModel(workAs(ada), { name: 'Brass', baseModel: 'SD 1.5' });
  await give(version.id, kohyaLoraSd1(), 'brass.safetensors');

  const location = await tus().send(kohyaLoraSd1(), 'brass-again.safetensors');
  await settle();

  const upload = await em.findOneOrFail(Upload, idOf(location));
  assert.equal(upload.state, 'refused');
  assert.match(upload.message ?? '', /here already: Brass, v1.0/);
  assert.match((await browser.get('/upload')).text, new RegExp(`href="/versions/${version.id}/edit"`));
});

test("a file of somebody's draft is nobody else's business", async (t) => {
  const { give, workAs, ada, other, tus, settle, em } = await publisher(t);
  const version = await createModel(workAs(ada), { name: 'Secret', baseModel: 'SD 1.5' });
  await give(version.id, kohyaLoraSd1(), 'brass.safetensors');
  const { browser: mallory } = await other();

  const location = await tus(mallory).send(kohyaLoraSd1(), 'brass.safetensors');
  await settle();

  assert.equal((await em.findOneOrFail(Upload, idOf(location))).state, 'ready');
});

test('an abandoned upload is swept with its bytes, a young one stays', async (t) => {
  const { tus, clock, node, settle, em } = await publisher(t);
  const old = await tus().create(100, 'old.safetensors');
  await tus().patch(old.location, 0, randomBytes(50));
  clock.pass(2 * DAY_MS);
  const young = await tus().create(100, 'young.safetensors');
  await tus().patch(young.location, 0, randomBytes(50));

  clock.pass(2 * DAY_MS);
  await settle();

  assert.deepEqual(
    (await em.find(Upload, {})).map(({ id }) => id),
    [idOf(young.location)],
  );
  assert.deepEqual(await readdir(node.uploads.receiving.folder), [idOf(young.location)]);
});

test('an upload straight into a version of somebody else is refused', async (t) => {
  const { tus, other, workAs, ada } = await publisher(t);
  const version = await createModel(workAs(ada));
  const { browser: mallory } = await other();

  const answer = await tus(mallory).create(100, 'x.safetensors', { draft: String(version.id) });

  assert.equal(answer.status, 404);
});
