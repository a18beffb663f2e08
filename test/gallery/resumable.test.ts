import assert from 'node:assert/strict';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Image } from '../../src/gallery/model.ts';
import { sweepPictures } from '../../src/gallery/posts/resumable.ts';
import type { Browser } from '../accounts/browser.ts';
import { idOf, Tus } from '../catalogue/publisher.ts';
import { type Painter, painter, picture, sendFiles } from './painter.ts';

const PATH = '/uploads/pictures';

/** Ada's draft with one picture, and the way to send more. */
async function begun(t: Parameters<typeof painter>[0], options: Parameters<typeof painter>[1] = {}) {
  const all = await painter(t, options);
  const sent = await sendFiles(all.browser, '/upload/images', [{ bytes: await picture(), name: 'first.png' }]);
  const postId = Number(/posts\/(\d+)/.exec(sent.location)?.[1]);
  return { ...all, postId, tus: new Tus(all.address, all.browser, PATH) };
}

/** Names uploads in the form of the post, as the script does. */
async function give({ address }: Pick<Painter, 'address'>, browser: Browser, postId: number, ...uploads: string[]) {
  const body = new FormData();
  for (const upload of uploads) body.append('upload', upload);
  const cookie = [...browser.cookies].map((pair) => pair.join('=')).join('; ');
  const answer = await fetch(new URL(`/posts/${postId}/images`, address), {
    method: 'POST',
    headers: { cookie, accept: 'application/json', 'sec-fetch-site': 'same-origin' },
    body,
  });
  const said = (await answer.json()) as { error?: string; images?: { id: number; name: string }[] };
  return { status: answer.status, ...said };
}

const countOf = ({ node }: Pick<Painter, 'node'>, postId: number) => node.orm.em.fork().count(Image, { post: postId });

test('a picture whose connection broke goes on where it was, and stands in its post', async (t) => {
  const { tus, browser, postId, ...all } = await begun(t);
  const bytes = await picture({ width: 300 });
  const { location, status } = await tus.create(bytes.length, 'dusk.png');
  assert.equal(status, 201);
  const half = Math.floor(bytes.length / 2);
  await tus.patch(location, 0, bytes.subarray(0, half));
  const early = await give(all, browser, postId, location);
  assert.deepEqual(
    [early.status, early.error],
    [410, 'This upload is no longer here, or not whole. Please send the picture again.'],
  );
  assert.equal((await tus.head(location)).offset, half);
  await tus.patch(location, half, bytes.subarray(half));
  const given = await give(all, browser, postId, location);
  assert.equal(given.status, 200, given.error);
  assert.deepEqual(
    given.images?.map(({ name }) => name),
    ['dusk.png'],
  );
  assert.equal(await countOf(all, postId), 2);
  // what was taken is not kept a second time
  assert.equal((await tus.head(location)).status, 404);
  assert.equal((await give(all, browser, postId, location)).status, 410);
});

test('an upload is its owner’s alone, and no larger than pictures are', async (t) => {
  const { tus, browser, postId, other, visitor, address, ...all } = await begun(t, { env: { MAX_IMAGE_MB: '1' } });
  const bytes = await picture();
  const location = await tus.send(bytes, 'mine.png');
  const { browser: mallory } = await other();
  const theirs = new Tus(address, mallory, PATH);
  assert.equal((await theirs.head(location)).status, 404);
  assert.equal((await theirs.patch(location, 0, bytes)).status, 404);
  assert.equal((await theirs.remove(location)).status, 404);
  const hers = await sendFiles(mallory, '/upload/images', [{ bytes: await picture({ height: 9 }), name: 'hers.png' }]);
  const stolen = await give({ address }, mallory, Number(/posts\/(\d+)/.exec(hers.location)?.[1]), location);
  assert.equal(stolen.status, 404);
  assert.equal((await give({ address }, browser, postId, `${PATH}/../../secret`)).status, 404);
  const visiting = await new Tus(address, visitor, PATH).create(10, 'x.png');
  assert.ok(visiting.status === 401 || visiting.status === 303, String(visiting.status));
  assert.equal((await tus.create(1_000_001, 'large.png')).status, 413);
  assert.equal((await browser.get(location)).status, 404);
  assert.equal((await give({ address }, browser, postId, location)).status, 200);
  assert.equal(await countOf(all, postId), 2);
});

test('what is no picture is refused and forgotten; so is what nobody comes back for', async (t) => {
  const { tus, browser, postId, ...all } = await begun(t);
  const words = await tus.send(Buffer.from('these are words'), 'words.png');
  const refused = await give(all, browser, postId, words);
  assert.equal(refused.status, 422);
  assert.match(refused.error ?? '', /^words\.png: /);
  assert.equal((await tus.head(words)).status, 404);
  const locations: string[] = [];
  for (let n = 0; n < 40; n += 1) locations.push((await tus.create(10, `${n}.png`)).location);
  const past = await tus.create(10, 'past.png');
  assert.equal(past.status, 409);
  assert.match(past.text, /^40 of your uploads wait/);
  assert.equal((await tus.remove(locations[0] ?? '')).status, 204);
  assert.equal((await tus.create(10, 'again.png')).status, 201);
  assert.equal(await countOf(all, postId), 1);
});

test('uploads that nobody went on with for a day are forgotten', async (t) => {
  const { tus, node, postId, address, browser } = await begun(t);
  const old = await tus.send(await picture(), 'old.png');
  const fresh = await tus.send(await picture({ height: 9 }), 'fresh.png');
  const before = new Date(Date.now() - 25 * 3_600_000);
  const folder = join(node.config.dataDir, 'uploads', 'pictures');
  await utimes(join(folder, idOf(old)), before, before);
  await sweepPictures(join(node.config.dataDir, 'uploads'));
  assert.equal((await tus.head(old)).status, 404);
  assert.equal((await give({ address }, browser, postId, fresh)).status, 200);
});

test('who sends too many is told so in words and not in a page, and when to come back', async (t) => {
  const { tus, node, ada, address, browser } = await begun(t);
  const { location } = await tus.create(10, 'one.png');
  for (let n = 0; n < 399; n += 1)
    node.limits.takeFor(`picture-upload a${ada.id}`, { name: 'picture-upload', max: 400, perMs: 3_600_000 });
  const cookie = [...browser.cookies].map((pair) => pair.join('=')).join('; ');
  const headers = { cookie, 'tus-resumable': '1.0.0', 'upload-length': '10', 'sec-fetch-site': 'same-origin' };
  const post = (more: Record<string, string> = {}) =>
    fetch(new URL(PATH, address), { method: 'POST', headers: { ...headers, ...more } });
  const refused = await post();
  assert.equal(refused.status, 429);
  assert.match(refused.headers.get('content-type') ?? '', /^text\/plain/);
  assert.ok(Number(refused.headers.get('retry-after')) > 0);
  assert.match(await refused.text(), /^That was too often\. Please try again in \d+ seconds\.$/);
  const asJson = (await (await post({ accept: 'application/json' })).json()) as { error: string };
  assert.match(asJson.error, /^That was too often/);
  // what was begun goes on, and what is not there is told in words too
  assert.equal((await tus.patch(location, 0, new Uint8Array(10))).status, 204);
  const gone = await tus.patch(`${PATH}/${ada.id}-${'0'.repeat(8)}`, 0, new Uint8Array(4));
  assert.deepEqual([gone.status, gone.text], [404, 'There is no such upload.']);
});
