import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { readRecipe } from '../../../src/gallery/recipe/read.ts';
import { AppError } from '../../../src/kit/errors.ts';
import { embedTexts } from '../../../src/kit/storage/carriers/embed.ts';
import {
  ascii,
  chunk,
  exifSegment,
  gif,
  iTextChunk,
  jpegWith,
  png,
  textChunk,
  tiff,
  userComment,
  utf16be,
  utf16le,
  webpWith,
  zTextChunk,
} from './carriers.ts';

const TEXT = 'a cat, 猫, café\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 64x64';
const picture = sharp({ create: { width: 16, height: 12, channels: 3, background: '#a03020' } });
const jpeg = await picture.clone().jpeg().toBuffer();
const webp = await picture.clone().webp().toBuffer();
const promptOf = async (bytes: Uint8Array): Promise<string | undefined> => (await readRecipe(bytes)).recipe?.prompt;

test('PNG text in all three kinds of chunk, before and after the picture', async () => {
  assert.equal(await promptOf(png([textChunk('parameters', TEXT)])), 'a cat, 猫, café');
  assert.equal(await promptOf(png([], [textChunk('parameters', TEXT)])), 'a cat, 猫, café');
  assert.equal(await promptOf(png([zTextChunk('parameters', TEXT)])), 'a cat, 猫, café');
  assert.equal(await promptOf(png([iTextChunk('parameters', TEXT)])), 'a cat, 猫, café');
  assert.equal(await promptOf(png([], [iTextChunk('parameters', TEXT, 'deflated')])), 'a cat, 猫, café');
  assert.equal(await promptOf(png([textChunk('parameters', TEXT.replace('猫, ', ''), 'latin1')])), 'a cat, café');
});

test('EXIF in a PNG, as its own chunk and as ImageMagick’s profile', async () => {
  const block = tiff([], [userComment('UNICODE', utf16be(TEXT))], 'MM');
  assert.equal(await promptOf(png([], [chunk('eXIf', block)])), 'a cat, 猫, café');
  const profile = `\nexif\n    ${block.length}\n${block.toString('hex').replace(/.{72}/g, '$&\n')}\n`;
  assert.equal(await promptOf(png([zTextChunk('Raw profile type exif', profile)])), 'a cat, 猫, café');
});

test('UserComment in every encoding that is met, in JPEG and WebP', async () => {
  const cases: Record<string, Buffer> = {
    'big-endian in a little-endian file, as piexif writes': tiff([], [userComment('UNICODE', utf16be(TEXT))], 'II'),
    'little-endian in a big-endian file': tiff([], [userComment('UNICODE', utf16le(TEXT))], 'MM'),
    'with a byte order mark': tiff(
      [],
      [userComment('UNICODE', Buffer.concat([Buffer.from([0xff, 0xfe]), utf16le(TEXT)]))],
      'MM',
    ),
    'UTF-8 that says it is UTF-16': tiff([], [userComment('UNICODE', Buffer.from(TEXT))]),
    'UTF-8 that says it is ASCII': tiff([], [userComment('ASCII', Buffer.from(`${TEXT}\0`))]),
    'eight zeros and UTF-8': tiff([], [userComment('', Buffer.from(TEXT))]),
    'no code at all': tiff([], [{ tag: 0x9286, type: 2, value: Buffer.from(`${TEXT}\0`) }]),
    'in the main directory': tiff([userComment('UNICODE', utf16be(TEXT))]),
  };
  for (const [name, block] of Object.entries(cases)) {
    assert.equal(await promptOf(jpegWith(jpeg, [exifSegment(block)])), 'a cat, 猫, café', `JPEG: ${name}`);
    assert.equal(await promptOf(webpWith(webp, [{ type: 'EXIF', data: block }])), 'a cat, 猫, café', `WebP: ${name}`);
    const prefixed = Buffer.concat([Buffer.from('Exif\0\0'), block]);
    assert.equal(
      await promptOf(webpWith(webp, [{ type: 'EXIF', data: prefixed }])),
      'a cat, 猫, café',
      `WebP with prefix: ${name}`,
    );
  }
});

test('AVIF, GIF and a JPEG comment', async () => {
  const avif = await picture
    .clone()
    .withExif({ IFD2: { UserComment: TEXT.replace('猫, ', '').replace('é', 'e') } })
    .avif()
    .toBuffer();
  assert.equal(await promptOf(avif), 'a cat, cafe');
  assert.equal(await promptOf(gif(TEXT + 'x'.repeat(300))), 'a cat, 猫, café');
  assert.equal(await promptOf(jpegWith(jpeg, [{ marker: 0xfe, data: Buffer.from(TEXT) }])), 'a cat, 猫, café');
});

test('ComfyUI in the EXIF of a WebP: Make, Model and ImageDescription', async () => {
  const graph = {
    '6': { class_type: 'CLIPTextEncode', inputs: { text: 'a cat' } },
    '3': { class_type: 'KSampler', inputs: { seed: 5, steps: 9, cfg: 1, positive: ['6', 0] } },
  };
  const plain = webpWith(webp, [
    {
      type: 'EXIF',
      data: tiff([ascii(0x010f, 'workflow:{"nodes":[]}'), ascii(0x0110, `prompt:${JSON.stringify(graph)}`)]),
    },
  ]);
  const extended = webpWith(webp, [
    {
      type: 'EXIF',
      data: tiff([ascii(0x010e, 'Workflow: {"nodes":[]}'), ascii(0x010f, `Prompt: ${JSON.stringify(graph)}`)]),
    },
  ]);
  for (const bytes of [plain, extended]) {
    const { recipe } = await readRecipe(bytes);
    assert.deepEqual([recipe?.tool, recipe?.prompt, recipe?.seed, recipe?.steps], ['ComfyUI', 'a cat', '5', 9]);
  }
});

test('Fooocus in EXIF: the scheme in MakerNote, the program in Software', async () => {
  const parameters = JSON.stringify({
    prompt: 'a fish',
    base_model: 'jugg',
    performance: 'Speed',
    seed: '3',
    steps: 30,
    version: 'Fooocus v2.4.3',
  });
  const block = tiff(
    [ascii(0x0131, 'Fooocus v2.4.3')],
    [userComment('', Buffer.from(parameters)), { tag: 0x927c, type: 2, value: Buffer.from('fooocus\0') }],
  );
  const { recipe, raw } = await readRecipe(jpegWith(jpeg, [exifSegment(block)]));
  assert.deepEqual([recipe?.tool, recipe?.prompt, recipe?.modelName], ['Fooocus', 'a fish', 'jugg']);
  assert.equal(raw['exif:MakerNote'], 'fooocus');
});

test('NovelAI in WebP: one JSON of all texts', async () => {
  const envelope = JSON.stringify({
    Software: 'NovelAI',
    Source: 'NovelAI Diffusion V3',
    Comment: JSON.stringify({ prompt: 'a cat', uc: 'dog', scale: 5, steps: 28, seed: 1, sampler: 'k_euler' }),
  });
  const { recipe } = await readRecipe(
    webpWith(webp, [{ type: 'EXIF', data: tiff([], [userComment('', Buffer.from(envelope))]) }]),
  );
  assert.deepEqual(
    [recipe?.tool, recipe?.prompt, recipe?.negativePrompt, recipe?.modelName],
    ['NovelAI', 'a cat', 'dog', 'NovelAI Diffusion V3'],
  );
});

test('a photograph says nothing, and nothing of it is kept', async () => {
  const { recipe, resources, raw } = await readRecipe(
    jpegWith(jpeg, [
      exifSegment(
        tiff([ascii(0x010f, 'Canon'), ascii(0x0110, 'EOS R5'), ascii(0x010e, 'At the lake: us, and the dog')]),
      ),
    ]),
  );
  assert.deepEqual([recipe, resources, raw], [null, [], {}]);
});

test('files are read from disk; a missing one is not found', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'recipe-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'x.txt'), png([textChunk('parameters', TEXT)]));
  assert.equal((await readRecipe(join(folder, 'x.txt'))).recipe?.seed, '1');
  await assert.rejects(
    readRecipe(join(folder, 'y.png')),
    (error) => error instanceof AppError && error.kind === 'not_found',
  );
});

test('what we put into a PNG or JPEG is read from it again, in place of what stood there', async () => {
  const old = png([textChunk('parameters', 'old\nSteps: 1, Sampler: a, Seed: 2'), textChunk('workflow', '{}')]);
  for (const image of [old, jpegWith(jpeg, [exifSegment(tiff([ascii(0x010f, 'Canon')]))])]) {
    const made = embedTexts(image, { parameters: TEXT });
    assert.equal(await promptOf(made), 'a cat, 猫, café');
    assert.ok((await sharp(made).raw().toBuffer()).equals(await sharp(image).raw().toBuffer()));
    assert.deepEqual([made.includes('old'), made.includes('Canon')], [false, false]);
  }
  assert.throws(
    () => embedTexts(webp, { parameters: TEXT }),
    (error) => error instanceof AppError && error.kind === 'invalid',
  );
  assert.throws(
    () => embedTexts(jpeg, { parameters: 'x'.repeat(70_000) }),
    (error) => error instanceof AppError && error.kind === 'too_large',
  );
});
