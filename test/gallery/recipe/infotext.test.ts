import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readInfotext, splitInfotext } from '../../../src/gallery/recipe/infotext.ts';
import { writeInfotext } from '../../../src/gallery/recipe/write.ts';

const SETTINGS = 'Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 18446744073709551615, Size: 512x768';
const read = (text: string) => {
  const finding = readInfotext(text, 'test');
  assert.ok(finding);
  return finding;
};

test('the negative prompt may have several lines and the prompt the words of the settings', () => {
  const { prompt, negativePrompt, settings } = splitInfotext(
    `a sign that says Steps: 3, Sampler: none, Seed: 5\nSteps: to the temple, at noon\nNegative prompt: blurry,\nugly\n\nSteps: wrong\n${SETTINGS}`,
  );
  assert.equal(prompt, 'a sign that says Steps: 3, Sampler: none, Seed: 5\nSteps: to the temple, at noon');
  assert.equal(negativePrompt, 'blurry,\nugly\n\nSteps: wrong');
  assert.equal(settings.get('Steps'), '20');
});

test('a seed of 64 bits stays exact', () => {
  const { recipe } = read(`a cat\n${SETTINGS}`);
  assert.equal(recipe.seed, '18446744073709551615');
  assert.deepEqual([recipe.width, recipe.height], [512, 768]);
  assert.equal(recipe.negativePrompt, undefined);
});

test('quoted values keep their commas, colons and newlines', () => {
  const { recipe } = read(
    `a cat\n${SETTINGS}, ADetailer prompt: "a face, \\"smiling\\": yes\\nSteps: 3", ADetailer prompt 2nd: "b <lora:face:0.4>", Version: v1.10.1`,
  );
  assert.equal(recipe.others['ADetailer prompt'], 'a face, "smiling": yes\nSteps: 3');
  assert.equal(recipe.version, 'v1.10.1');
});

test('LoRAs take their weight from the prompt and their hash from the settings', () => {
  const { resources } = read(
    `a cat <lora:Detail Tweaker:0.8:0.5>, <lyco:style:te=1:unet=0.3> <hypernet:hn:0.7>\n${SETTINGS}, Model hash: c0d1994c73, Model: real, Lora hashes: "Detail Tweaker: 47aaaf0d2945, style: 0123456789ab, unused: ABCDEF012345", TI hashes: "easynegative: c74b4e810b03"`,
  );
  assert.deepEqual(resources, [
    { kind: 'checkpoint', name: 'real', hash: 'c0d1994c73' },
    { kind: 'lora', name: 'Detail Tweaker', hash: '47aaaf0d2945', weight: 0.8 },
    { kind: 'locon', name: 'style', hash: '0123456789ab', weight: 0.3 },
    { kind: 'hypernet', name: 'hn', weight: 0.7 },
    { kind: 'lora', name: 'unused', hash: 'abcdef012345' },
    { kind: 'embedding', name: 'easynegative', hash: 'c74b4e810b03' },
  ]);
});

test('bare JSON of Hashes and Civitai resources is cut out before the commas', () => {
  const { recipe, resources } = read(
    `<lora:x:1>\n${SETTINGS}, Hashes: {"vae": "63aeecb90f", "model": "15012c538f", "lora:x": "0x11223344", "embed:bad, hands": "aabbccddee"}, VAE: kl-f8.ckpt, Civitai resources: [{"type":"checkpoint","modelVersionId":128713,"modelName":"DreamShaper","modelVersionName":"8"},{"type":"lora","weight":0.7,"air":"urn:air:sd1:lora:civitai:82098@87153"}], Civitai metadata: {"remixOfId":5}`,
  );
  assert.equal(recipe.modelHash, '15012c538f');
  assert.equal(recipe.modelName, 'DreamShaper');
  assert.equal(recipe.vae, 'kl-f8.ckpt');
  assert.equal(recipe.others['Civitai metadata'], '{"remixOfId":5}');
  assert.deepEqual(
    resources.map(({ kind, name, hash, modelVersionId, air, weight }) => [
      kind,
      name,
      hash,
      modelVersionId,
      air,
      weight,
    ]),
    [
      ['vae', 'kl-f8', '63aeecb90f', undefined, undefined, undefined],
      ['lora', 'x', '11223344', undefined, undefined, 1],
      ['embedding', 'bad, hands', 'aabbccddee', undefined, undefined, undefined],
      ['checkpoint', 'DreamShaper', undefined, 128713, undefined, undefined],
      ['lora', 'civitai:82098@87153', undefined, 87153, 'urn:air:sd1:lora:civitai:82098@87153', 0.7],
    ],
  );
});

test('the additional networks extension, ControlNet, the refiner and the upscaler name their models', () => {
  const { recipe, resources } = read(
    `a\n${SETTINGS}, Denoising strength: 0.4, Hires upscale: 2, Hires steps: 10, Hires upscaler: 4x-UltraSharp, Refiner: sd_xl_refiner_1.0 [7440042bbd], Refiner switch at: 0.8, AddNet Enabled: True, AddNet Module 1: LoRA, AddNet Model 1: pastel(8bb9bb0da1b0), AddNet Weight A 1: 0.6, AddNet Weight B 1: 0.6, ControlNet 0: "Module: openpose_full, Model: control_v11p_sd15_openpose [cab727d4], Weight: 0.9, Resize Mode: Crop and Resize"`,
  );
  assert.deepEqual(
    resources.map(({ kind, name, hash, weight }) => [kind, name, hash, weight]),
    [
      ['lora', 'pastel', '8bb9bb0da1b0', 0.6],
      ['upscaler', '4x-UltraSharp', undefined, undefined],
      ['checkpoint', 'sd_xl_refiner_1.0', '7440042bbd', undefined],
      ['controlnet', 'control_v11p_sd15_openpose', 'cab727d4', 0.9],
    ],
  );
  assert.deepEqual(
    [recipe.hiresUpscale, recipe.hiresSteps, recipe.hiresUpscaler, recipe.denoisingStrength],
    [2, 10, '4x-UltraSharp', 0.4],
  );
});

test('one senseless number leaves the rest', () => {
  const { recipe, problems } = read(
    'a\nSteps: 20, Sampler: Euler a, CFG scale: NaN, Seed: none, Size: 0x0, Clip skip: 2',
  );
  assert.deepEqual([recipe.steps, recipe.sampler, recipe.clipSkip], [20, 'Euler a', 2]);
  assert.deepEqual([recipe.cfgScale, recipe.seed, recipe.width], [undefined, undefined, undefined]);
  assert.equal(problems.length, 4);
});

test('templates below the settings are kept apart', () => {
  const { recipe } = read(
    `a red cat\nNegative prompt: dog\n${SETTINGS}\nTemplate: a {red|blue} cat,\nSteps\nNegative Template: dog`,
  );
  assert.equal(recipe.negativePrompt, 'dog');
  assert.equal(recipe.others.Template, 'a {red|blue} cat,\nSteps');
  assert.equal(recipe.others['Negative Template'], 'dog');
});

test('a text whose newlines became spaces is still taken apart', () => {
  const { recipe } = read(`a cat, masterpiece Negative prompt: dog, blurry ${SETTINGS}`);
  assert.deepEqual([recipe.prompt, recipe.negativePrompt, recipe.steps], ['a cat, masterpiece', 'dog, blurry', 20]);
});

test('a text without settings is no infotext', () => {
  assert.equal(readInfotext('just a caption: nice, isn’t it?', 'test'), null);
});

test('the heirs of A1111 are told by their version', () => {
  const tool = (more: string): string => read(`a\n${SETTINGS}, ${more}`).tool;
  assert.equal(tool('Version: v1.10.1'), 'AUTOMATIC1111');
  assert.equal(tool('Version: f2.0.1v1.10.1-previous-634-gecd4d28a'), 'Forge');
  assert.equal(tool('Version: f1.0.0v2-v1.10.1RC-latest-2177-gd13d1a4b'), 'reForge');
  assert.equal(tool('App: SD.Next, Version: 0eb4a98'), 'SD.Next');
  assert.equal(tool('Version: Fooocus v2.5.5'), 'Fooocus');
  assert.equal(tool('Version: ComfyUI'), 'ComfyUI');
});

test('what we write reads back the same', () => {
  const recipe = {
    prompt: 'a cat <lora:x:0.5>,\nSteps: high',
    negativePrompt: 'dog,\nblurry',
    sampler: 'Euler a',
    scheduler: 'Karras',
    steps: 30,
    cfgScale: 5.5,
    seed: '18446744073709551615',
    width: 832,
    height: 1216,
    clipSkip: 2,
    modelName: 'real, v2',
    modelHash: '0123456789',
    others: { 'ADetailer prompt': 'a, b\n"c": d' },
  };
  const resources = [
    { kind: 'checkpoint', name: 'real, v2', hash: '0123456789', uri: 'https://node.example/versions/7' },
    {
      kind: 'lora',
      name: 'x',
      hash: 'aabbccddeeff',
      weight: 0.5,
      air: 'urn:air:sdxl:lora:civitai:1@2',
      modelVersionId: 2,
    },
  ] as const;

  const back = read(writeInfotext(recipe, resources));

  const { others, ...fields } = back.recipe;
  const { others: written, ...expected } = recipe;
  assert.deepEqual(fields, expected);
  assert.equal(others['ADetailer prompt'], written['ADetailer prompt']);
  assert.deepEqual(back.resources, resources);
});
