import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { readRecipe } from '../../../src/gallery/recipe/read.ts';
import type { ReadRecipe } from '../../../src/gallery/recipe/recipe.ts';
import { hide, pngTexts } from './carriers.ts';

// One test for each row of the table of tools: files of the same structure as the tools write.

const CORE = [
  'tool',
  'prompt',
  'negativePrompt',
  'sampler',
  'scheduler',
  'steps',
  'cfgScale',
  'seed',
  'width',
  'height',
  'modelName',
  'modelHash',
] as const;
const core = ({ recipe }: ReadRecipe): unknown[] => CORE.map((field) => recipe?.[field]);
const readTexts = (texts: Readonly<Record<string, unknown>>): Promise<ReadRecipe> =>
  readRecipe(
    pngTexts(
      Object.fromEntries(
        Object.entries(texts).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
      ),
    ),
  );

test('InvokeAI of today', async () => {
  const found = await readTexts({
    invokeai_metadata: {
      app_version: '5.6.0',
      generation_mode: 'sdxl_txt2img',
      positive_prompt: 'a cat',
      negative_prompt: 'a dog',
      positive_style_prompt: 'ink',
      seed: 3951921344,
      steps: 24,
      cfg_scale: 6,
      scheduler: 'euler_a',
      width: 1024,
      height: 768,
      clip_skip: 1,
      model: {
        key: 'x',
        hash: 'blake3:7c1631b481e1566448f49db7e3b67a8a9d04742fa3c7d4548a0c81b619160c56',
        name: 'wai',
        base: 'sdxl',
        type: 'main',
      },
      vae: { name: 'sdxl-vae', hash: 'blake3:aabbccddeeff' },
      loras: [{ model: { name: 'ink', hash: 'blake3:0011223344' }, weight: 0.75 }],
    },
    invokeai_graph: { nodes: {} },
  });
  assert.deepEqual(core(found), [
    'InvokeAI',
    'a cat\nink',
    'a dog',
    'euler_a',
    undefined,
    24,
    6,
    '3951921344',
    1024,
    768,
    'wai',
    '7c1631b481e1566448f49db7e3b67a8a9d04742fa3c7d4548a0c81b619160c56',
  ]);
  assert.equal(found.recipe?.clipSkip, 2);
  assert.deepEqual(
    found.resources.filter(({ kind }) => kind !== 'checkpoint'),
    [
      { kind: 'vae', name: 'sdxl-vae', hash: 'aabbccddeeff' },
      { kind: 'lora', name: 'ink', hash: '0011223344', weight: 0.75 },
    ],
  );
});

test('InvokeAI 3, 2 and 1', async () => {
  const three = await readTexts({
    invokeai_metadata: {
      app_version: '3.4.0',
      positive_prompt: 'a cat',
      model: { model_name: 'sd15', base_model: 'sd-1' },
      loras: [{ lora: { model_name: 'ink' }, weight: 0.5 }],
      steps: 10,
    },
  });
  assert.deepEqual([three.recipe?.modelName, three.resources[1]], ['sd15', { kind: 'lora', name: 'ink', weight: 0.5 }]);

  const two = await readTexts({
    'sd-metadata': {
      model_weights: 'deliberate',
      model_hash: 'abcdef0123456789',
      app_id: 'invoke-ai/InvokeAI',
      app_version: '2.3.0',
      image: {
        prompt: [{ prompt: 'a cat [dog, blurry]', weight: 1 }],
        steps: 50,
        cfg_scale: 7.5,
        width: 512,
        height: 768,
        seed: 5,
        sampler: 'k_lms',
      },
    },
  });
  assert.deepEqual(core(two), [
    'InvokeAI',
    'a cat',
    'dog, blurry',
    'k_lms',
    undefined,
    50,
    7.5,
    '5',
    512,
    768,
    'deliberate',
    'abcdef0123456789',
  ]);

  const one = await readTexts({
    Dream: '"a \\"big\\" cat [dog]" -s 50 -S 2980747362 -W 512 -H 768 -C 7.5 -A k_lms -G 0.9',
  });
  assert.deepEqual(core(one), [
    'InvokeAI',
    'a "big" cat',
    'dog',
    'k_lms',
    undefined,
    50,
    7.5,
    '2980747362',
    512,
    768,
    undefined,
    undefined,
  ]);
});

const NOVEL = {
  prompt: 'two girls',
  uc: 'blurry',
  steps: 28,
  scale: 5.5,
  seed: 2156638429,
  sampler: 'k_euler_ancestral',
  noise_schedule: 'karras',
  width: 832,
  height: 1216,
  strength: 0.7,
  v4_prompt: {
    caption: {
      base_caption: 'two girls',
      char_captions: [
        { char_caption: 'girl, red hair', centers: [] },
        { char_caption: 'girl, blue hair', centers: [] },
      ],
    },
  },
};
const NOVEL_CORE = [
  'NovelAI',
  'two girls\ngirl, red hair\ngirl, blue hair',
  'blurry',
  'k_euler_ancestral',
  'karras',
  28,
  5.5,
  '2156638429',
  832,
  1216,
  'NovelAI Diffusion V4',
  '37442fca',
];

test('NovelAI with a prompt for each character; the strength of a picture from nothing means nothing', async () => {
  const found = await readTexts({
    Title: 'NovelAI generated image',
    Software: 'NovelAI',
    Source: 'NovelAI Diffusion V4 37442FCA',
    Description: 'two girls',
    Comment: NOVEL,
  });
  assert.deepEqual(core(found), NOVEL_CORE);
  assert.equal(found.recipe?.denoisingStrength, undefined);
});

test('hidden data: NovelAI in alpha with gzip, A1111 plain, and in the colours', async () => {
  const envelope = JSON.stringify({
    Description: 'two girls',
    Software: 'NovelAI',
    Source: 'NovelAI Diffusion V4 37442FCA',
    Comment: JSON.stringify(NOVEL),
  });
  const infotext = 'a cat, 猫\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 64x64';
  const hidden = async (magic: string, payload: Buffer): Promise<ReadRecipe> => {
    const pixels = hide(magic, payload, 120, 90);
    return readRecipe(
      await sharp(pixels, { raw: { width: 120, height: 90, channels: 4 } })
        .png()
        .toBuffer(),
    );
  };
  const novel = await hidden('stealth_pngcomp', gzipSync(envelope));
  assert.deepEqual(core(novel), NOVEL_CORE);
  assert.deepEqual(novel.provenance.seed, { carrier: 'stealth:alpha', tool: 'NovelAI' });
  assert.equal((await hidden('stealth_pnginfo', Buffer.from(infotext))).recipe?.prompt, 'a cat, 猫');
  assert.equal((await hidden('stealth_rgbinfo', Buffer.from(infotext))).provenance.prompt?.carrier, 'stealth:rgb');
  assert.equal((await hidden('stealth_rgbcomp', gzipSync(infotext))).recipe?.seed, '1');
  assert.equal((await hidden('stealth_pngcomp', Buffer.from('no gzip'))).recipe, null);
  assert.equal((await hidden('stealth_pngcomp', gzipSync(Buffer.alloc(40_000_000)).subarray(0, 1000))).recipe, null);
});

test('Fooocus in JSON, with labels as keys, and in A1111’s words', async () => {
  const code = await readTexts({
    parameters: {
      base_model: 'juggernautXL',
      base_model_hash: 'aeb7e9e689',
      clip_skip: 2,
      guidance_scale: 4,
      loras: [['offset.safetensors', 0.1, '4852686128']],
      metadata_scheme: 'fooocus',
      negative_prompt: '',
      performance: 'Speed',
      prompt: 'a fish',
      resolution: '(768, 1280)',
      sampler: 'dpmpp_2m_sde_gpu',
      scheduler: 'karras',
      seed: '6952411511246973023',
      steps: 30,
      styles: "['Fooocus V2']",
      version: 'Fooocus v2.4.3',
      refiner_model: 'None',
    },
    fooocus_scheme: 'fooocus',
  });
  assert.deepEqual(core(code), [
    'Fooocus',
    'a fish',
    '',
    'dpmpp_2m_sde_gpu',
    'karras',
    30,
    4,
    '6952411511246973023',
    768,
    1280,
    'juggernautXL',
    'aeb7e9e689',
  ]);
  assert.deepEqual(code.resources[1], { kind: 'lora', name: 'offset', hash: '4852686128', weight: 0.1 });

  const labels = await readTexts({
    Comment: {
      Prompt: 'a fish',
      'Negative Prompt': 'x',
      Styles: '[]',
      Performance: 'Speed',
      Resolution: '(896, 1152)',
      Sharpness: 2,
      'Guidance Scale': 4,
      'Base Model': 'base.safetensors',
      'LoRA 1': 'sdxl_offset.safetensors : 0.5',
      Sampler: 'dpmpp',
      Seed: 7,
      Version: 'v2.1.824',
    },
  });
  assert.deepEqual(
    [labels.recipe?.tool, labels.recipe?.modelName, labels.recipe?.width, labels.recipe?.seed],
    ['Fooocus', 'base', 896, '7'],
  );
  assert.deepEqual(labels.resources[1], { kind: 'lora', name: 'sdxl_offset', weight: 0.5 });

  const text = await readTexts({
    parameters:
      'a fish\nNegative prompt: x\nSteps: 30, Sampler: DPM++ 2M SDE, Seed: 7, Size: 896x1152, CFG scale: 4, Model hash: aeb7e9e689, Model: jugg, Version: Fooocus v2.4.3',
    fooocus_scheme: 'a1111',
  });
  assert.deepEqual([text.recipe?.tool, text.recipe?.modelName], ['Fooocus', 'jugg']);
});

test('RuinedFooocus', async () => {
  const found = await readTexts({
    parameters: {
      Prompt: 'a cat',
      Negative: 'a dog',
      steps: 30,
      cfg: 8,
      width: 1024,
      height: 768,
      seed: 20,
      sampler_name: 'dpmpp_2m',
      scheduler: 'karras',
      base_model_name: 'wai.safetensors',
      base_model_hash: 'BEFC694A296F75E9',
      loras: [['aabbccddee', '0.5 - ink.safetensors']],
      denoise: null,
      clip_skip: 1,
      software: 'RuinedFooocus',
    },
  });
  assert.deepEqual(core(found), [
    'RuinedFooocus',
    'a cat',
    'a dog',
    'dpmpp_2m',
    'karras',
    30,
    8,
    '20',
    1024,
    768,
    'wai',
    'befc694a296f75e9',
  ]);
  assert.deepEqual(found.resources[1], { kind: 'lora', name: 'ink', hash: 'aabbccddee', weight: 0.5 });
});

test('SwarmUI, whose models carry hashes', async () => {
  const found = await readTexts({
    parameters: {
      sui_image_params: {
        prompt: 'a cat',
        negativeprompt: 'a dog',
        model: 'wai',
        seed: 20,
        steps: 20,
        cfgscale: 7,
        width: 1024,
        height: 768,
        sampler: 'euler',
        scheduler: 'karras',
        loras: ['ink'],
        loraweights: ['0.6'],
        swarm_version: '0.9.7',
      },
      sui_extra_data: { date: '2026-01-03' },
      sui_models: [
        { name: 'wai.safetensors', param: 'model', hash: '0x22d8cb95b807b0c2' },
        { name: 'ink.safetensors', param: 'loras', hash: '0x1122334455' },
      ],
    },
  });
  assert.deepEqual(core(found), [
    'SwarmUI',
    'a cat',
    'a dog',
    'euler',
    'karras',
    20,
    7,
    '20',
    1024,
    768,
    'wai',
    '22d8cb95b807b0c2',
  ]);
  assert.deepEqual(found.resources, [
    { kind: 'checkpoint', name: 'wai', hash: '22d8cb95b807b0c2' },
    { kind: 'lora', name: 'ink', hash: '1122334455', weight: 0.6 },
  ]);
});

test('Draw Things in XMP', async () => {
  const settings = JSON.stringify({
    c: 'a <cat> & "dog"',
    uc: 'blurry',
    model: 'sd_xl.ckpt',
    sampler: 'Euler A',
    scale: 7,
    seed: 9,
    size: '768x1024',
    steps: 20,
    strength: 1,
    lora: [{ model: 'ink.ckpt', weight: 0.4 }],
    v2: { seed: 9 },
  });
  const escaped = settings.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
  const xmp = `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description><xmp:CreatorTool>Draw Things</xmp:CreatorTool><exif:UserComment><rdf:Alt><rdf:li xml:lang="x-default">${escaped}</rdf:li></rdf:Alt></exif:UserComment></rdf:Description></rdf:RDF></x:xmpmeta>`;
  const found = await readTexts({ 'XML:com.adobe.xmp': xmp });
  assert.deepEqual(core(found), [
    'Draw Things',
    'a <cat> & "dog"',
    'blurry',
    'Euler A',
    undefined,
    20,
    7,
    '9',
    768,
    1024,
    'sd_xl',
    undefined,
  ]);
  assert.deepEqual(found.resources[1], { kind: 'lora', name: 'ink', weight: 0.4 });
});

test('Easy Diffusion, as separate texts and as one JSON', async () => {
  const settings = {
    prompt: 'a cat',
    negative_prompt: 'a dog',
    seed: '5',
    num_inference_steps: '25',
    guidance_scale: '7.5',
    sampler_name: 'euler_a',
    width: '512',
    height: '640',
    use_stable_diffusion_model: '/models/sd-v1-5.ckpt',
    use_vae_model: 'vae-ft.ckpt',
    use_lora_model: 'ink',
    lora_alpha: '0.3',
  };
  const expected = [
    'Easy Diffusion',
    'a cat',
    'a dog',
    'euler_a',
    undefined,
    25,
    7.5,
    '5',
    512,
    640,
    'sd-v1-5',
    undefined,
  ];
  const separate = await readTexts(settings);
  assert.deepEqual(core(separate), expected);
  assert.deepEqual(separate.resources.slice(1), [
    { kind: 'vae', name: 'vae-ft' },
    { kind: 'lora', name: 'ink', weight: 0.3 },
  ]);
  assert.deepEqual(core(await readTexts({ metadata: settings })), expected);
});

test('TensorArt, Stability Matrix, Spaces and Civitai’s generator', async () => {
  const tensor = await readTexts({
    generation_data: {
      prompt: 'a cat',
      negativePrompt: 'a dog',
      width: 512,
      height: 640,
      steps: 25,
      cfgScale: 7,
      samplerName: 'Euler a',
      seed: '5',
      clipSkip: 2,
      baseModel: { modelId: '1', modelFileName: 'anything', hash: 'AABBCCDDEE' },
      models: [{ type: 'LORA', modelFileName: 'ink', weight: 0.8, hash: '1122334455' }],
    },
  });
  assert.deepEqual(core(tensor), [
    'TensorArt',
    'a cat',
    'a dog',
    'Euler a',
    undefined,
    25,
    7,
    '5',
    512,
    640,
    'anything',
    'aabbccddee',
  ]);

  const matrix = await readTexts({
    'parameters-json': {
      PositivePrompt: 'a cat',
      NegativePrompt: 'a dog',
      Steps: 20,
      Sampler: 'Euler',
      CfgScale: 5,
      Seed: 5,
      Height: 640,
      Width: 512,
      ModelHash: 'A5F58EB1C3',
      ModelName: 'wai.safetensors',
      ModelVersionId: 42,
    },
    smproj: { Version: 2 },
  });
  assert.deepEqual(core(matrix), [
    'Stability Matrix',
    'a cat',
    'a dog',
    'Euler',
    undefined,
    20,
    5,
    '5',
    512,
    640,
    'wai',
    'a5f58eb1c3',
  ]);
  assert.equal(matrix.resources[0]?.modelVersionId, 42);

  const space = await readTexts({
    parameters: {
      prompt: 'a cat',
      negative_prompt: 'a dog',
      resolution: '512 x 640',
      guidance_scale: 5.5,
      num_inference_steps: 24,
      seed: 4,
      sampler: 'DPM++',
      Model: 'WAI',
      'Model hash': 'BDB59BAC77',
    },
  });
  assert.deepEqual(core(space), [
    'Hugging Face Space',
    'a cat',
    'a dog',
    'DPM++',
    undefined,
    24,
    5.5,
    '4',
    512,
    640,
    'WAI',
    'bdb59bac77',
  ]);

  const exif = {
    IFD0: { Artist: 'ai', Software: '56c0ca36' },
    IFD2: {
      UserComment:
        'a cat\nNegative prompt: a dog\nSteps: 25, Sampler: Euler a, CFG scale: 5, Seed: 1, Size: 512x640, Civitai resources: [{"type":"checkpoint","modelVersionId":25,"modelName":"WAI","modelVersionName":"v16"}], Civitai metadata: {}',
    },
  };
  const civitai = await readRecipe(
    await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
      .withExif(exif)
      .jpeg()
      .toBuffer(),
  );
  assert.deepEqual(core(civitai), [
    'Civitai',
    'a cat',
    'a dog',
    'Euler a',
    undefined,
    25,
    5,
    '1',
    512,
    640,
    'WAI',
    undefined,
  ]);
});
