import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import sharp from 'sharp';
import { readRecipe } from '../../../src/gallery/recipe/read.ts';
import {
  chunk,
  exifSegment,
  gif,
  jpegWith,
  png,
  pngTexts,
  textChunk,
  tiff,
  userComment,
  webpWith,
  zTextChunk,
} from './carriers.ts';

// Whatever a stranger uploads: less is found, nothing is thrown, and a second is never spent.

const INFOTEXT =
  'a cat <lora:x:1>\nNegative prompt: dog\nSteps: 20, Sampler: "Euler, a", CFG scale: 7, Seed: 1, Hashes: {"model": "aabbccddee"}, Size: 64x64';

async function survives(name: string, bytes: Uint8Array, mostMs = 1000): Promise<void> {
  // processor time: other work of a busy machine is none of the parser's
  const start = process.cpuUsage();
  await readRecipe(bytes);
  const { user, system } = process.cpuUsage(start);
  const ms = (user + system) / 1000;
  assert.ok(ms < mostMs, `${name} took ${Math.round(ms)} ms`);
}

const fill = (unit: string, totalBytes: number): string => unit.repeat(Math.floor(totalBytes / unit.length));
const MEGABYTES = 1024 * 1024;

test('long texts built to make a parser go back and forth', async () => {
  const size = 1.9 * MEGABYTES;
  const units = [
    'a:"',
    '{:"" ',
    'a:{,',
    'a:[{"b":',
    '<lora:',
    '<lora:x:',
    'Steps: 1, a: b, c: d\n',
    'Negative prompt:',
    'embedding:',
    'x: "\\',
    ' [a',
    ': ',
    ', ,',
    '((((',
    'Steps: 2',
    '\n',
    'Lora hashes: "a: b, ',
  ];
  for (const unit of units) {
    await survives(
      `parameters of ${JSON.stringify(unit)}`,
      pngTexts({ parameters: `x\nSteps: 1, Sampler: a, Seed: 2, ${fill(unit, size)}` }),
    );
    await survives(
      `prompt of ${JSON.stringify(unit)}`,
      pngTexts({ parameters: `${fill(unit, size)}\nSteps: 1, Sampler: a, Seed: 2` }),
    );
    await survives(`Dream of ${JSON.stringify(unit)}`, pngTexts({ Dream: `"${fill(unit, size)}` }));
  }
  for (const text of [fill('[', size), fill('-s 5 ', size), `${fill('[a', size)}]`, fill(' -', size), fill('-a', size)])
    await survives('Dream', pngTexts({ Dream: `"x" ${text}` }));
  for (const unit of ['&lt;', '<exif:UserComment', '<exif:UserComment>', '&#x', 'exif:UserComment="'])
    await survives(`XMP of ${unit}`, pngTexts({ 'XML:com.adobe.xmp': fill(unit, size) }));
});

test('deep and wide JSON', async () => {
  const size = 1.9 * MEGABYTES;
  for (const text of [
    fill('[', size),
    fill('{"a":', size),
    `{"a":"${fill('\\', size)}"}`,
    `{"a":${fill('9', size)}}`,
    `{"prompt":{${fill('"prompt":{', 1000)}`,
    fill('"', size),
    fill('-', size),
  ]) {
    await survives(`JSON ${text.slice(0, 20)}`, pngTexts({ prompt: text, parameters: text }));
  }
});

test('graphs whose links fork, join and run in circles', async () => {
  const nodes = 3000;
  const join = Object.fromEntries(
    Array.from({ length: nodes }, (_, at) => [
      String(at),
      {
        class_type: 'Text Concatenate',
        inputs: {
          text_a: [String((at + 1) % nodes), 0],
          text_b: [String((at + 2) % nodes), 0],
          text_c: [String((at + 3) % nodes), 0],
        },
      },
    ]),
  );
  const samplers = Object.fromEntries(
    Array.from({ length: nodes }, (_, at) => [
      String(at),
      {
        class_type: 'KSampler',
        inputs: {
          seed: [String(at + 1), 0],
          steps: 1,
          cfg: ['0', 0],
          positive: [String(at + 1), 0],
          negative: [String(at + 2), 0],
          model: [String(at + 1), 0],
          latent_image: [String(at + 1), 0],
        },
      },
    ]),
  );
  const wide = {
    '1': {
      class_type: 'LoraLoader',
      inputs: Object.fromEntries(Array.from({ length: 60_000 }, (_, at) => [`ckpt_name_${at}`, ['2', 0]])),
    },
    '2': {
      class_type: 'Text Concatenate',
      inputs: Object.fromEntries(Array.from({ length: 30_000 }, (_, at) => [`text${at}`, ['1', 0]])),
    },
  };
  const conditioning = Object.fromEntries(
    Array.from({ length: nodes }, (_, at) => [
      String(at),
      {
        class_type: 'ConditioningCombine',
        inputs: {
          conditioning_1: [String((at * 7 + 1) % nodes), 0],
          conditioning_2: [String((at * 5 + 2) % nodes), 0],
        },
      },
    ]),
  );
  const start = {
    s: {
      class_type: 'KSampler',
      inputs: {
        seed: 1,
        steps: ['0', 0],
        positive: ['0', 0],
        negative: ['1', 0],
        model: ['0', 0],
        latent_image: ['0', 0],
      },
    },
    o: { class_type: 'SaveImage', inputs: { images: ['s', 0] } },
    e: { class_type: 'CLIPTextEncode', inputs: { text: ['0', 0] } },
  };
  for (const [name, graph] of Object.entries({ join, samplers, wide, conditioning }))
    await survives(`graph ${name}`, pngTexts({ prompt: JSON.stringify({ ...graph, ...start }) }));
});

test('compressed text stops at its cap, however often it is tried', async () => {
  const bomb = zTextChunk('parameters', ' '.repeat(40 * MEGABYTES));
  const { problems } = await readRecipe(png(Array.from({ length: 200 }, () => bomb)));
  assert.ok(problems.length > 0);
  await survives('200 bombs', png(Array.from({ length: 200 }, () => bomb)));
});

test('damaged containers', async () => {
  const picture = sharp({ create: { width: 16, height: 12, channels: 3, background: 'red' } });
  const block = tiff([], [userComment('UNICODE', Buffer.from(INFOTEXT, 'utf16le'))]);
  const seeds = [
    png([textChunk('parameters', INFOTEXT), chunk('eXIf', block)]),
    jpegWith(await picture.clone().jpeg().toBuffer(), [exifSegment(block)]),
    webpWith(await picture.clone().webp().toBuffer(), [{ type: 'EXIF', data: block }]),
    gif(INFOTEXT),
    await picture
      .clone()
      .withExif({ IFD2: { UserComment: 'x' } })
      .avif()
      .toBuffer(),
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...seeds),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 12 }),
      fc.nat(),
      async (seed, edits, cut) => {
        const bytes = Buffer.from(seed);
        for (const [at, value] of edits) bytes[at % bytes.length] = value;
        await survives('a damaged file', bytes.subarray(0, cut % 3 === 0 ? cut % bytes.length : bytes.length));
      },
    ),
    { numRuns: 300 },
  );
});

test('any text in any known place', async () => {
  const word = fc.constantFrom(
    'Steps: 20',
    ', ',
    'Sampler: x',
    'Seed: 99999999999999999999',
    '"',
    '{',
    '}',
    '\\',
    ':',
    '\n',
    'Negative prompt: ',
    '<lora:a:1>',
    'Hashes: {',
    'NaN',
    '[',
    ']',
    'Size: 1x1',
    'Template: ',
    '猫',
    '\0',
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(word, { maxLength: 40 }).map((words) => words.join('')),
    fc.json(),
    fc.jsonValue().map((value) => JSON.stringify({ prompt: value, seed: value, steps: value, sampler: value })),
  );
  const key = fc.constantFrom(
    'parameters',
    'prompt',
    'workflow',
    'Comment',
    'Dream',
    'sd-metadata',
    'invokeai_metadata',
    'generation_data',
    'parameters-json',
    'Description',
  );
  await fc.assert(
    fc.asyncProperty(fc.dictionary(key, text), async (texts) => {
      const { recipe } = await readRecipe(pngTexts(texts));
      for (const value of [recipe?.steps, recipe?.cfgScale, recipe?.width])
        assert.ok(value === undefined || Number.isFinite(value));
      assert.ok(recipe?.seed === undefined || /^-?\d+$/.test(recipe.seed));
    }),
    { numRuns: 500 },
  );
});

test('graphs of any shape', async () => {
  const input = fc.oneof(
    fc.tuple(fc.constantFrom('1', '2', '3', '4', 'x'), fc.nat(3)),
    fc.string(),
    fc.double(),
    fc.constant(null),
    fc.jsonValue(),
  );
  const inputs = fc.dictionary(
    fc.constantFrom(
      'seed',
      'steps',
      'cfg',
      'model',
      'positive',
      'negative',
      'latent_image',
      'text',
      'ckpt_name',
      'lora_name',
      'lora_1',
      'loras',
      'guider',
      'sigmas',
      'images',
      '__proto__',
    ),
    input,
  );
  const node = fc.record({
    class_type: fc.constantFrom('KSampler', 'CLIPTextEncode', 'LoraLoader', 'SaveImage', 'Text Concatenate', 'Switch'),
    inputs,
  });
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(fc.constantFrom('1', '2', '3', '4', 'extra', 'extraMetadata'), fc.oneof(node, fc.jsonValue())),
      async (graph) => {
        await readRecipe(pngTexts({ prompt: JSON.stringify(graph) }));
      },
    ),
    { numRuns: 500 },
  );
});
