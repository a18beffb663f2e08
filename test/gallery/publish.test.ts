import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { Image, ImageSize, Post, ResourceUse } from '../../src/gallery/model.ts';
import { RecordedEvent } from '../../src/kit/events/model.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { givenFile, givenModel, givenVersion } from '../factories/content.ts';
import { A1111, bytesAt, generated, painter, picture, sendFiles } from './painter.ts';
import { png, pngOfSize, textChunk } from './recipe/carriers.ts';

test('a dropped picture is read, rated, published, and shown with its recipe', async (t) => {
  const { browser, visitor, settle, em, ada } = await painter(t);
  const model = givenModel(em, { owner: ada, name: 'Brass' });
  const version = givenVersion(em, { model });
  givenFile(em, { version, sha256: `6ce0161689${'a'.repeat(54)}` });
  await em.flush();

  const first = await browser.get('/upload/images');
  assert.equal(first.status, 200);
  const sent = await sendFiles(browser, '/upload/images', [{ bytes: await generated(A1111), name: 'dusk.png' }]);
  assert.equal(sent.status, 302);
  const editor = await browser.get(sent.location);
  assert.match(textOf(editor.text), /a lighthouse at dusk/);
  const imageId = Number(/id="picture-(\d+)"/.exec(editor.text)?.[1]);
  const postId = Number(/posts\/(\d+)/.exec(sent.location)?.[1]);

  const unrated = await browser.post(`/posts/${postId}/publication`, { title: 'Dusk' });
  assert.equal(unrated.status, 422);
  assert.match(unrated.text, /Choose a rating for this picture/);
  assert.equal((await visitor.get(`/images/${imageId}`)).status, 404);

  const fields = {
    title: 'Dusk',
    tags: 'Lighthouse,  Sea',
    [`rating-${imageId}`]: '1',
    [`alt-${imageId}`]: 'A lighthouse.',
  };
  const published = await browser.post(`/posts/${postId}/publication`, fields);
  assert.equal(published.location, `/posts/${postId}`);
  await settle();

  const page = await visitor.get(`/images/${imageId}`);
  assert.equal(page.status, 200);
  const text = textOf(page.text);
  for (const word of [
    'a lighthouse at dusk',
    'blurry',
    'DPM++ 2M',
    '123456789',
    '512 × 768',
    'Dusk',
    'not on this node yet',
  ]) {
    assert.ok(text.includes(word), word);
  }
  assert.match(page.text, new RegExp(`href="/models/${model.id}\\?version=${version.id}"`));
  assert.match(page.text, /alt="A lighthouse\."/);
  assert.match((await visitor.get(`/posts/${postId}`)).text, /\/tags\/lighthouse/);
  assert.match((await visitor.get('/images')).text, new RegExp(`/media/320/${imageId}\\.webp`));
  for (const size of ['320', '640', '1280', 'full']) {
    for (const format of ['webp', 'avif']) {
      const { status, headers, bytes } = await bytesAt(visitor, `/media/${size}/${imageId}.${format}`);
      assert.deepEqual([status, headers.get('content-type')], [200, `image/${format}`]);
      assert.equal((await sharp(bytes).metadata()).width, 64);
    }
  }
  const names = (await em.fork().find(RecordedEvent, {})).map(({ name }) => name);
  assert.ok(names.includes('post.published') && names.includes('image.rendered'));
});

test('each kind of picture is taken, and an animation moves', async (t) => {
  const { browser, settle, em } = await painter(t);
  const frames = [1, 2, 3].map((level) => Buffer.alloc(40 * 30 * 3, level * 60));
  const moving = await sharp(Buffer.concat(frames), { raw: { width: 40, height: 90, channels: 3, pageHeight: 30 } })
    .gif()
    .toBuffer();
  const files: { bytes: Uint8Array; name: string }[] = [{ bytes: moving, name: 'moving.gif' }];
  for (const format of ['png', 'jpeg', 'webp', 'avif'] as const) {
    files.push({ bytes: await picture({ format }), name: `still.${format}` });
  }
  const sent = await sendFiles(browser, '/upload/images', files);
  assert.equal(sent.status, 302);
  await settle();
  const images = await em.find(Image, {}, { orderBy: { position: 1 } });
  assert.deepEqual(
    images.map(({ mediaType, frameCount }) => [mediaType, frameCount]),
    [
      ['image/gif', 3],
      ['image/png', 1],
      ['image/jpeg', 1],
      ['image/webp', 1],
      ['image/avif', 1],
    ],
  );
  const [first] = images;
  const { bytes, headers } = await bytesAt(browser, `/media/320/${first?.id}.avif`);
  assert.equal(headers.get('content-type'), 'image/webp');
  assert.equal((await sharp(bytes, { animated: true }).metadata()).pages, 3);
});

test('what is no picture, damaged or a bomb is refused with its reason, and nothing of it stays', async (t) => {
  const { browser, em, node } = await painter(t, { env: { MAX_IMAGE_MB: '2' } });
  const whole = await picture({ width: 400, height: 300 });
  const jpeg = await picture({ width: 400, height: 300, format: 'jpeg' });
  const cases: [string, Uint8Array, number, RegExp][] = [
    [
      'drawing.png',
      Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
      422,
      /drawing\.png: This is not an image/,
    ],
    ['page.jpg', Buffer.from('<!doctype html><script>alert(1)</script>'), 422, /page\.jpg: This is not an image/],
    ['bomb.png', pngOfSize(60_000, 60_000), 413, /too many pixels/],
    ['cut.png', whole.subarray(0, whole.length / 2), 422, /damaged/],
    ['cut.jpg', jpeg.subarray(0, jpeg.length / 2), 422, /damaged/],
    ['empty.png', Buffer.alloc(0), 422, /not an image/],
    ['large.png', Buffer.concat([whole, Buffer.alloc(2_100_000)]), 413, /at most 2 MB/],
  ];
  for (const [name, bytes, status, message] of cases) {
    const sent = await sendFiles(browser, '/upload/images', [{ bytes, name }]);
    assert.equal(sent.status, status, name);
    assert.match(textOf(sent.text), message, name);
    assert.ok(!sent.text.includes('<script>alert'), name);
  }
  assert.deepEqual(
    [await em.count(Post), await em.count(Image), await em.count(Job, { name: 'gallery.render-image' })],
    [0, 0, 0],
  );
  for (const folder of [node.uploadsDir, join(node.dataDir, 'files')]) {
    const kept = await readdir(folder, { recursive: true, withFileTypes: true });
    assert.deepEqual(
      kept.filter((entry) => entry.isFile()),
      [],
    );
  }
});

test('a good picture is taken although the one beside it is bad', async (t) => {
  const { browser, em } = await painter(t);
  const files = [
    { bytes: Buffer.from('hello'), name: 'note.png' },
    { bytes: await picture(), name: 'good.png' },
  ];
  const sent = await sendFiles(browser, '/upload/images', files);
  assert.equal(sent.status, 200);
  assert.match(textOf(sent.text), /note\.png: This is not an image/);
  assert.equal(await em.count(Image), 1);
});

test('a prompt of three megabytes and broken characters are kept as far as they make sense', async (t) => {
  const { browser, em, settle } = await painter(t);
  const long = `${'word '.repeat(600_000)}\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1`;
  const broken = Buffer.concat([
    Buffer.from('parameters\0a cat \xff\xfe\xc3( \u0001', 'latin1'),
    Buffer.from('\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 2'),
  ]);
  const whole = await picture();
  const brokenPng = Buffer.concat([whole.subarray(0, 33), pngChunk('tEXt', broken), whole.subarray(33)]);
  const longPng = Buffer.concat([whole.subarray(0, 33), textChunk('parameters', long), whole.subarray(33)]);
  for (const bytes of [longPng, brokenPng]) {
    const sent = await sendFiles(browser, '/upload/images', [{ bytes, name: 'x.png' }]);
    assert.ok(sent.status === 302 || sent.status === 422, `status ${sent.status}`);
    if (sent.status === 302) assert.equal((await browser.get(sent.location)).status, 200);
  }
  await settle();
  for (const { id, renderedAt } of await em.find(Image, {})) {
    assert.ok(renderedAt);
    const page = await browser.get(`/images/${id}`);
    assert.equal(page.status, 200);
    assert.ok(page.text.length < 2_000_000);
  }
});

test('the same picture is refused twice in a post, and said where it is in another', async (t) => {
  const { browser, post, ada } = await painter(t);
  const bytes = await picture();
  const { imageIds } = await post(ada, [{ bytes }]);
  const sent = await sendFiles(browser, '/upload/images', [
    { bytes, name: 'again.png' },
    { bytes, name: 'twice.png' },
  ]);
  assert.equal(sent.status, 200);
  assert.match(sent.text, new RegExp(`href="/images/${imageIds[0]}"`));
  assert.match(textOf(sent.text), /twice\.png: This picture is in this post already/);
});

test('the twenty-first picture and what goes past the quota are refused', async (t) => {
  const { browser, em } = await painter(t, { env: { ACCOUNT_QUOTA_MB: '1' } });
  const small = await Promise.all(Array.from({ length: 20 }, (_, n) => picture({ width: 8, height: 8 + n })));
  const sent = await sendFiles(
    browser,
    '/upload/images',
    small.map((bytes, n) => ({ bytes, name: `${n}.png` })),
  );
  const postId = /posts\/(\d+)/.exec(sent.location)?.[1];
  const more = await sendFiles(browser, `/posts/${postId}/images`, [{ bytes: await picture(), name: 'more.png' }]);
  assert.equal(more.status, 413);
  assert.match(textOf(more.text), /at most 20 pictures/);
  const large = await picture({ width: 700, height: 700 });
  assert.ok(large.length > 1_000_000);
  const past = await sendFiles(browser, '/upload/images', [{ bytes: large, name: 'large.png' }]);
  assert.equal(past.status, 413);
  assert.match(textOf(past.text), /storage here is full/);
  assert.equal(await em.count(Post), 1);
});

test('order, descriptions and removal are kept as they were typed, also by the script that saves by itself', async (t) => {
  const { browser, em, post, ada } = await painter(t);
  const { postId, imageIds } = await post(ada, [{ level: 0 }, { level: 0 }, { level: 0 }], { isDraft: true });
  const [a = 0, b = 0, c = 0] = imageIds;
  const fields = {
    title: 'Three',
    [`order-${a}`]: '3',
    [`order-${b}`]: '1',
    [`order-${c}`]: '2',
    [`rating-${b}`]: '4',
    [`alt-${c}`]: 'Third',
  };
  const saved = await browser.post(`/posts/${postId}/draft`, fields, { accept: 'application/json' });
  assert.deepEqual([saved.status, JSON.parse(saved.text)], [200, { saved: true }]);
  const images = await em.find(Image, {}, { orderBy: { position: 1 } });
  assert.deepEqual(
    images.map(({ id, level, altText }) => [id, level, altText]),
    [
      [b, 4, ''],
      [c, 0, 'Third'],
      [a, 0, ''],
    ],
  );

  const removed = await browser.post(`/posts/${postId}/images/${c}/removal`, { title: 'Typed meanwhile' });
  const page = await browser.get(removed.location);
  assert.ok(!page.text.includes(`id="picture-${c}"`));
  assert.match(page.text, /Typed meanwhile/);
  await browser.post(`/posts/${postId}/images/${c}/restoration`);
  assert.match((await browser.get(`/posts/${postId}/edit`)).text, new RegExp(`id="picture-${c}"`));
});

test('a scheduled post comes out at its time, and a moved one not before', async (t) => {
  const { browser, visitor, clock, settle, post, ada } = await painter(t);
  const { postId, imageIds } = await post(ada, [{}], { isDraft: true });
  const at = (ms: number) => new Date(clock.now().getTime() + ms).toISOString().slice(0, 19);
  const later = await browser.post(`/posts/${postId}/schedule`, { publishAt: at(3_600_000) });
  assert.equal(later.location, `/posts/${postId}/edit?said=scheduled`);
  await browser.post(`/posts/${postId}/schedule`, { publishAt: at(7_200_000) });
  assert.equal((await browser.post(`/posts/${postId}/schedule`, { publishAt: at(-5_000) })).status, 422);
  clock.pass(3_700_000);
  await settle();
  assert.equal((await visitor.get(`/images/${imageIds[0]}`)).status, 404);
  clock.pass(3_600_000);
  await settle();
  assert.equal((await visitor.get(`/images/${imageIds[0]}`)).status, 200);
});

test('a deleted post can be taken back for a while, then it is gone with its pictures', async (t) => {
  const { browser, visitor, clock, settle, em, post, ada } = await painter(t);
  const { postId, imageIds } = await post(ada, [{}]);
  await browser.post(`/posts/${postId}/removal`);
  assert.equal((await visitor.get(`/posts/${postId}`)).status, 410);
  assert.equal((await bytesAt(visitor, `/media/320/${imageIds[0]}.webp`)).status, 410);
  await browser.post(`/posts/${postId}/restoration`);
  assert.equal((await visitor.get(`/posts/${postId}`)).status, 200);
  clock.pass(20_000);
  await settle();
  assert.equal((await visitor.get(`/posts/${postId}`)).status, 200);

  await browser.post(`/posts/${postId}/removal`);
  clock.pass(20_000);
  await settle();
  assert.equal((await browser.post(`/posts/${postId}/restoration`)).status, 410);
  assert.equal((await visitor.get(`/images/${imageIds[0]}`)).status, 410);
  assert.deepEqual([await em.count(Image), await em.count(ImageSize), await em.count(ResourceUse)], [0, 0, 0]);
  const [event] = await em.find(RecordedEvent, { name: 'post.deleted' });
  assert.deepEqual(event?.payload, { postId, ownerId: ada.id, uri: null });
});

test('a post that was taken back is its owner’s alone until it comes again', async (t) => {
  const { browser, visitor, post, ada } = await painter(t);
  const { postId, imageIds } = await post(ada, [{}]);
  await browser.post(`/posts/${postId}/unpublication`);
  assert.equal((await visitor.get(`/posts/${postId}`)).status, 404);
  assert.equal((await bytesAt(visitor, `/media/full/${imageIds[0]}.webp`)).status, 404);
  assert.equal((await bytesAt(browser, `/media/full/${imageIds[0]}.webp`)).status, 200);
  await browser.post(`/posts/${postId}/publication`, {});
  assert.equal((await visitor.get(`/posts/${postId}`)).status, 200);
});

test('a rating that the node does not allow is refused', async (t) => {
  const { browser, node, em, post, ada } = await painter(t);
  const { nodeSettings } = await import('../../src/accounts/node-settings.ts');
  const settings = nodeSettings.schema.parse({ allowedLevels: 3 });
  await node.settings.write(em, nodeSettings, settings, new Date());
  await em.flush();
  const { postId, imageIds } = await post(ada, [{ level: 0 }], { isDraft: true });
  const refused = await browser.post(`/posts/${postId}/draft`, { [`rating-${imageIds[0]}`]: '16' });
  assert.equal(refused.status, 422);
  assert.match(textOf(refused.text), /does not take pictures rated XXX/);
});

test('a visitor is sent to sign in before publishing', async (t) => {
  const { address } = await painter(t);
  const visitor = new Browser(address);
  assert.match((await visitor.get('/upload/images')).location, /^\/sign-in/);
  assert.equal((await sendFiles(visitor, '/upload/images', [{ bytes: png([]), name: 'x.png' }])).status, 401);
});

function pngChunk(type: string, data: Uint8Array): Buffer {
  // readers of texts do not look at the checksum
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  return Buffer.concat([length, Buffer.from(type), data, Buffer.alloc(4)]);
}
