import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isBlurhashValid } from 'blurhash';
import sharp from 'sharp';
import { AppError, type ErrorKind } from '../../src/kit/errors.ts';
import { inspectImage } from '../../src/kit/storage/images.ts';
import { cleanCopy } from '../../src/kit/storage/images-clean.ts';
import { makePlaceholder, renderJpeg, renderSizes } from '../../src/kit/storage/images-render.ts';
import { png, pngOfSize, textChunk, zTextChunk } from '../gallery/recipe/carriers.ts';

const isKind =
  (kind: ErrorKind) =>
  (error: unknown): boolean =>
    error instanceof AppError && error.kind === kind;
const noise = (width: number, height: number) =>
  sharp({
    create: { width, height, channels: 3, background: '#808080', noise: { type: 'gaussian', mean: 128, sigma: 40 } },
  });
const CAMERA = {
  IFD0: { Make: 'Canon', Model: 'EOS R5', Artist: 'Jane Doe' },
  IFD2: { UserComment: 'settings: kept' },
  IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '51/1 30/1 0/1' },
};
const animation = () => {
  const frames = [1, 2, 3].map((level) => Buffer.alloc(40 * 30 * 3, level * 60));
  return sharp(Buffer.concat(frames), { raw: { width: 40, height: 90, channels: 3, pageHeight: 30 } });
};

test('the content decides what a file is, not its name', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'images-'));
  t.after(() => rm(folder, { recursive: true }));
  for (const format of ['png', 'jpeg', 'webp', 'avif', 'gif'] as const) {
    const bytes = await noise(40, 30).toFormat(format).toBuffer();
    await writeFile(join(folder, 'x.html'), bytes);
    for (const input of [bytes, join(folder, 'x.html')]) {
      const { format: found, width, height, frames } = await inspectImage(input);
      assert.deepEqual([found, width, height, frames], [format, 40, 30, 1]);
    }
  }
  for (const text of [
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    '<!doctype html><p>hi',
    '%PDF-1.7',
    '',
    'GIF',
    '\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic',
  ]) {
    await assert.rejects(inspectImage(Buffer.from(text, 'latin1')), isKind('invalid'), text);
  }
  await assert.rejects(inspectImage(await noise(40, 30).tiff().toBuffer()), isKind('invalid'));
  await assert.rejects(inspectImage((await noise(40, 30).webp().toBuffer()).subarray(0, 20)), isKind('invalid'));
});

test('width and height are those that are seen, and frames are counted', async () => {
  const turned = await noise(40, 30).withMetadata({ orientation: 6 }).jpeg().toBuffer();
  assert.deepEqual(await inspectImage(turned), {
    format: 'jpeg',
    width: 30,
    height: 40,
    frames: 1,
    orientation: 6,
    hasAlpha: false,
  });
  const moving = await inspectImage(await animation().gif().toBuffer());
  assert.deepEqual([moving.width, moving.height, moving.frames], [40, 30, 3]);
});

test('a bomb is refused by its header, at once and without memory', async () => {
  const bomb = pngOfSize(60_000, 60_000);
  const before = process.memoryUsage.rss();
  const start = performance.now();
  await assert.rejects(inspectImage(bomb), isKind('too_large'));
  await assert.rejects(renderSizes(bomb), isKind('too_large'));
  await assert.rejects(makePlaceholder(bomb), isKind('too_large'));
  await assert.rejects(
    cleanCopy(bomb, () => true),
    isKind('too_large'),
  );
  assert.ok(performance.now() - start < 200);
  assert.ok(process.memoryUsage.rss() - before < 20 * 1024 * 1024);
  await assert.rejects(inspectImage(await noise(40, 30).jpeg().toBuffer(), 1000), isKind('too_large'));
});

test('a PNG of many compressed texts is opened without unpacking them', async () => {
  const text = zTextChunk('x', ' '.repeat(4_000_000));
  const start = performance.now();
  assert.equal((await inspectImage(png(Array.from({ length: 100 }, () => text)))).width, 4);
  assert.ok(performance.now() - start < 500);
});

test('sizes are upright, never enlarged, and say nothing of the camera', async () => {
  const original = await noise(1000, 700).withExif(CAMERA).withMetadata({ orientation: 6 }).jpeg().toBuffer();
  const sizes = await renderSizes(original);
  assert.deepEqual(
    sizes.map(({ widthName, format, width, height }) => [widthName, format, width, height]),
    [
      [320, 'webp', 320, 457],
      [320, 'avif', 320, 457],
      [640, 'webp', 640, 914],
      [640, 'avif', 640, 914],
      [1280, 'webp', 700, 1000],
      [1280, 'avif', 700, 1000],
      ['full', 'webp', 700, 1000],
      ['full', 'avif', 700, 1000],
    ],
  );
  for (const { bytes, format, width } of sizes) {
    const header = await sharp(bytes).metadata();
    assert.deepEqual(
      [header.format, header.width, header.exif, header.xmp, header.orientation],
      [format === 'avif' ? 'heif' : 'webp', width, undefined, undefined, undefined],
    );
    assert.equal(bytes.indexOf('Canon'), -1);
  }
});

test('an animation keeps its frames and comes as WebP', async () => {
  const sizes = await renderSizes(await animation().gif().toBuffer(), [20, 'full']);
  assert.deepEqual(
    sizes.map(({ widthName, format, width, height }) => [widthName, format, width, height]),
    [
      [20, 'webp', 20, 15],
      ['full', 'webp', 40, 30],
    ],
  );
  for (const { bytes } of sizes) assert.equal((await sharp(bytes, { animated: true }).metadata()).pages, 3);
});

test('as JPEG there is every picture that JPEG can hold: upright, whole, without a word of the camera', async () => {
  const original = await noise(1000, 700).withExif(CAMERA).withMetadata({ orientation: 6 }).webp().toBuffer();
  const jpeg = await renderJpeg(original);
  const header = await sharp(jpeg?.bytes).metadata();
  assert.deepEqual([header.format, header.width, header.height, header.exif], ['jpeg', 700, 1000, undefined]);
  assert.deepEqual([jpeg?.width, jpeg?.height], [700, 1000]);

  const alpha = (value: number) => noise(40, 30).ensureAlpha(value).png().toBuffer();
  assert.equal(await renderJpeg(await alpha(0.5)), null, 'it can be seen through');
  assert.ok(await renderJpeg(await alpha(254 / 255)), 'what a tool hides in the lowest bit is no transparency');
  assert.equal(await renderJpeg(await animation().gif().toBuffer()), null);
  await assert.rejects(renderJpeg((await noise(64, 64).webp().toBuffer()).subarray(0, 60)), isKind('invalid'));
});

test('a picture that ends early is drawn as far as it goes, and one that cannot be decoded is refused', async () => {
  const whole = await noise(200, 200).jpeg().toBuffer();
  assert.equal((await renderSizes(whole.subarray(0, whole.length - 500), [100])).length, 2);
  const broken = await noise(64, 64).webp().toBuffer();
  await assert.rejects(renderSizes(broken.subarray(0, 60), [32]), isKind('invalid'));
});

test('the placeholder is a BlurHash and a picture short enough to stand in a page', async () => {
  const { blurHash, dataUri } = await makePlaceholder(await noise(300, 200).png().toBuffer());
  assert.ok(isBlurhashValid(blurHash).result);
  assert.equal(blurHash.length, 28);
  assert.ok(dataUri.length <= 220, `${dataUri.length}`);
  const tiny = await sharp(Buffer.from(dataUri.split(',')[1] ?? '', 'base64')).metadata();
  assert.ok(tiny.width <= 16 && tiny.height <= 16);
});

test('a clean copy has the same pixels, the kept texts, the orientation, and no camera or place', async () => {
  for (const format of ['png', 'jpeg', 'webp', 'avif'] as const) {
    const original = await noise(64, 48)
      .withMetadata({ orientation: 6 })
      .withExifMerge(CAMERA)
      .toFormat(format)
      .toBuffer();
    assert.ok(original.includes('Canon'), format);
    const pixels = (bytes: Buffer): Promise<Buffer> => sharp(bytes).raw().toBuffer();

    const kept = await cleanCopy(original, ({ text }) => text === 'settings: kept');
    const dropped = await cleanCopy(original, () => false);

    for (const copy of [kept, dropped]) {
      assert.equal(copy.indexOf('Canon'), -1, format);
      assert.equal(copy.indexOf('Jane'), -1, format);
      assert.ok((await pixels(copy)).equals(await pixels(original)), format);
    }
    assert.ok(kept.includes(Buffer.from('settings: kept', 'utf16le').swap16()), format);
    assert.ok(
      !dropped.includes(Buffer.from('settings: kept', 'utf16le').swap16()) && !dropped.includes('settings: kept'),
      format,
    );
    if (format !== 'avif') assert.equal((await sharp(kept).metadata()).orientation, 6, format);
  }
});

test('a clean PNG keeps the texts that are asked for and loses what follows its end', async () => {
  const original = Buffer.concat([
    png([textChunk('parameters', 'a cat')], [textChunk('Location', 'home')]),
    Buffer.from('trailer'),
  ]);
  const copy = await cleanCopy(original, ({ key }) => key === 'parameters');
  assert.deepEqual([copy.includes('a cat'), copy.includes('home'), copy.includes('trailer')], [true, false, false]);
});

test('a clean GIF keeps its frames', async () => {
  const original = await animation().gif().toBuffer();
  assert.equal((await inspectImage(await cleanCopy(original, () => false))).frames, 3);
});
