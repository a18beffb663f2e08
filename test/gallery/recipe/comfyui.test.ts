import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readComfyPrompt, readComfyWorkflow } from '../../../src/gallery/recipe/comfyui/read.ts';
import { readRecipe } from '../../../src/gallery/recipe/read.ts';
import { pngTexts } from './carriers.ts';

type Inputs = Readonly<Record<string, unknown>>;
const node = (class_type: string, inputs: Inputs, title = '') => ({ class_type, inputs, _meta: { title } });
const read = (graph: Readonly<Record<string, unknown>>) => {
  const finding = readComfyPrompt(graph, 'test');
  assert.ok(finding);
  return finding;
};

/** The picture that ComfyUI opens with, with changes. */
const simple = (changes: Readonly<Record<string, unknown>> = {}) => ({
  '3': node('KSampler', {
    seed: 1,
    steps: 20,
    cfg: 8,
    sampler_name: 'euler',
    scheduler: 'normal',
    denoise: 1,
    model: ['4', 0],
    positive: ['6', 0],
    negative: ['7', 0],
    latent_image: ['5', 0],
  }),
  '4': node('CheckpointLoaderSimple', { ckpt_name: 'SDXL\\base.safetensors' }),
  '5': node('EmptyLatentImage', { width: 512, height: 768, batch_size: 1 }),
  '6': node('CLIPTextEncode', { text: 'a cat', clip: ['4', 1] }),
  '7': node('CLIPTextEncode', { text: 'a dog, embedding:easynegative.pt', clip: ['4', 1] }),
  '8': node('VAEDecode', { samples: ['3', 0], vae: ['4', 2] }),
  '9': node('SaveImage', { filename_prefix: 'ComfyUI', images: ['8', 0] }),
  ...changes,
});

test('the simple graph gives everything', () => {
  const { recipe, resources } = read(simple());
  assert.deepEqual(recipe, {
    seed: '1',
    steps: 20,
    cfgScale: 8,
    sampler: 'euler',
    scheduler: 'normal',
    prompt: 'a cat',
    negativePrompt: 'a dog, embedding:easynegative.pt',
    modelName: 'base',
    width: 512,
    height: 768,
    others: {},
  });
  assert.deepEqual(resources, [
    { kind: 'checkpoint', name: 'base' },
    { kind: 'embedding', name: 'easynegative' },
  ]);
});

test('a chain of LoRAs is followed with strengths; what is not connected is left out', () => {
  const { recipe, resources } = read(
    simple({
      '3': node('KSampler', {
        seed: 1,
        steps: 20,
        cfg: 8,
        sampler_name: 'euler',
        scheduler: 'normal',
        denoise: 1,
        model: ['11', 0],
        positive: ['6', 0],
        negative: ['7', 0],
        latent_image: ['5', 0],
      }),
      '10': node('LoraLoader', {
        lora_name: 'one.safetensors',
        strength_model: 0.8,
        strength_clip: 1,
        model: ['4', 0],
        clip: ['4', 1],
      }),
      '11': node('LoraLoaderModelOnly', { lora_name: 'two.safetensors', strength_model: -0.5, model: ['10', 0] }),
      '12': node('LoraLoader', { lora_name: 'unused.safetensors', strength_model: 1, model: ['4', 0] }),
      '13': node('VAELoader', { vae_name: 'sdxl_vae.safetensors' }),
      '14': node('CLIPSetLastLayer', { stop_at_clip_layer: -2, clip: ['4', 1] }),
      '6': node('CLIPTextEncode', { text: 'a cat', clip: ['14', 0] }),
      '8': node('VAEDecode', { samples: ['3', 0], vae: ['13', 0] }),
    }),
  );
  assert.equal(recipe.modelName, 'base');
  assert.equal(recipe.vae, 'sdxl_vae');
  assert.equal(recipe.clipSkip, 2);
  assert.deepEqual(
    resources.filter(({ kind }) => kind === 'lora').sort((a, b) => a.name.localeCompare(b.name)),
    [
      { kind: 'lora', name: 'one', weight: 0.8 },
      { kind: 'lora', name: 'two', weight: -0.5 },
    ],
  );
});

test('Flux: custom sampler, guider, scheduler, noise and guidance', () => {
  const { recipe } = read({
    '1': node('SamplerCustomAdvanced', {
      noise: ['2', 0],
      guider: ['3', 0],
      sampler: ['4', 0],
      sigmas: ['5', 0],
      latent_image: ['6', 0],
    }),
    '2': node('RandomNoise', { noise_seed: '18446744073709551615' }),
    '3': node('BasicGuider', { model: ['7', 0], conditioning: ['8', 0] }),
    '4': node('KSamplerSelect', { sampler_name: 'euler' }),
    '5': node('BasicScheduler', { scheduler: 'simple', steps: 28, denoise: 1, model: ['7', 0] }),
    '6': node('EmptySD3LatentImage', { width: 1024, height: 1024, batch_size: 1 }),
    '7': node('UNETLoader', { unet_name: 'flux1-dev.safetensors', weight_dtype: 'default' }),
    '8': node('FluxGuidance', { guidance: 3.5, conditioning: ['9', 0] }),
    '9': node('CLIPTextEncode', { text: 'a fox', clip: ['10', 0] }),
    '10': node('DualCLIPLoader', { clip_name1: 't5xxl.safetensors', clip_name2: 'clip_l.safetensors', type: 'flux' }),
    '11': node('VAEDecode', { samples: ['1', 0], vae: ['12', 0] }),
    '12': node('VAELoader', { vae_name: 'ae.safetensors' }),
    '13': node('SaveImage', { images: ['11', 0] }),
  });
  assert.deepEqual(recipe, {
    seed: '18446744073709551615',
    steps: 28,
    sampler: 'euler',
    scheduler: 'simple',
    prompt: 'a fox',
    guidance: 3.5,
    modelName: 'flux1-dev',
    width: 1024,
    height: 1024,
    vae: 'ae',
    others: {},
  });
});

test('the second pass is hires; its settings do not hide those of the first', () => {
  const { recipe, resources } = read(
    simple({
      '20': node('UpscaleModelLoader', { model_name: '4x-UltraSharp.pth' }),
      '21': node('ImageUpscaleWithModel', { upscale_model: ['20', 0], image: ['8', 0] }),
      '22': node('VAEEncode', { pixels: ['21', 0], vae: ['4', 2] }),
      '23': node('KSampler', {
        seed: 2,
        steps: 12,
        cfg: 5,
        sampler_name: 'dpmpp_2m',
        scheduler: 'karras',
        denoise: 0.45,
        model: ['4', 0],
        positive: ['6', 0],
        negative: ['7', 0],
        latent_image: ['22', 0],
      }),
      '24': node('VAEDecode', { samples: ['23', 0], vae: ['4', 2] }),
      '9': node('SaveImage', { images: ['24', 0] }),
    }),
  );
  assert.deepEqual(
    [recipe.seed, recipe.steps, recipe.hiresSteps, recipe.denoisingStrength, recipe.hiresUpscaler],
    ['1', 20, 12, 0.45, '4x-UltraSharp'],
  );
  assert.deepEqual([recipe.width, recipe.height], [512, 768]);
  assert.ok(resources.some(({ kind, name }) => kind === 'upscaler' && name === '4x-UltraSharp'));
});

test('values come through primitives, text joiners, reroutes and ControlNets', () => {
  const { recipe, resources } = read(
    simple({
      '3': node('KSamplerAdvanced', {
        add_noise: 'enable',
        noise_seed: ['30', 0],
        steps: ['31', 0],
        cfg: ['32', 0],
        sampler_name: 'euler',
        scheduler: 'normal',
        start_at_step: 0,
        end_at_step: 20,
        return_with_leftover_noise: 'disable',
        model: ['40', 0],
        positive: ['50', 0],
        negative: ['50', 1],
        latent_image: ['5', 0],
      }),
      '6': node('CLIPTextEncode', { text: ['33', 0], clip: ['4', 1] }),
      '30': node('Seed (rgthree)', { seed: 77 }),
      '31': node('PrimitiveInt', { value: 33 }),
      '32': node('PrimitiveFloat', { value: 4.5 }),
      '33': node('Text Concatenate', {
        delimiter: ', ',
        clean_whitespace: 'true',
        text_a: ['34', 0],
        text_b: 'on a mat',
      }),
      '34': node('Text Multiline', { text: 'a cat' }),
      '40': node('Reroute', { '': ['4', 0] }),
      '50': node('ControlNetApplyAdvanced', {
        strength: 0.7,
        positive: ['6', 0],
        negative: ['7', 0],
        control_net: ['51', 0],
      }),
      '51': node('ControlNetLoader', { control_net_name: 'depth.safetensors' }),
    }),
  );
  assert.deepEqual([recipe.seed, recipe.steps, recipe.cfgScale, recipe.prompt], ['77', 33, 4.5, 'a cat, on a mat']);
  assert.equal(recipe.negativePrompt, 'a dog, embedding:easynegative.pt');
  assert.ok(resources.some(({ kind, name }) => kind === 'controlnet' && name === 'depth'));
});

test('SDXL encoders with two texts are joined unless they are the same', () => {
  const sdxl = (text_g: string, text_l: string) =>
    read(simple({ '6': node('CLIPTextEncodeSDXL', { text_g, text_l, width: 4096, height: 4096, clip: ['4', 1] }) }))
      .recipe.prompt;
  assert.equal(sdxl('a cat', 'a cat'), 'a cat');
  assert.equal(sdxl('a cat', 'ink drawing'), 'a cat\nink drawing');
});

test('Efficient Loader, LoRA Stacker and KSampler (Efficient)', () => {
  const { recipe, resources } = read({
    '1': node('Efficient Loader', {
      ckpt_name: 'base.safetensors',
      vae_name: 'Baked VAE',
      clip_skip: -2,
      lora_name: 'direct.safetensors',
      lora_model_strength: 0.9,
      lora_clip_strength: 1,
      positive: 'a cat',
      negative: 'a dog',
      empty_latent_width: 640,
      empty_latent_height: 960,
      batch_size: 1,
      lora_stack: ['2', 0],
    }),
    '2': node('LoRA Stacker', {
      input_mode: 'simple',
      lora_count: 2,
      lora_name_1: 'one.safetensors',
      lora_wt_1: 0.6,
      model_str_1: 1,
      lora_name_2: 'None',
      lora_wt_2: 1,
      lora_name_3: 'beyond.safetensors',
      lora_wt_3: 1,
    }),
    '3': node('KSampler (Efficient)', {
      seed: 5,
      steps: 25,
      cfg: 6,
      sampler_name: 'dpmpp_2m',
      scheduler: 'karras',
      denoise: 1,
      model: ['1', 0],
      positive: ['1', 1],
      negative: ['1', 2],
      latent_image: ['1', 3],
      optional_vae: ['1', 4],
    }),
    '4': node('SaveImage', { images: ['3', 5] }),
  });
  assert.deepEqual(recipe, {
    seed: '5',
    steps: 25,
    cfgScale: 6,
    sampler: 'dpmpp_2m',
    scheduler: 'karras',
    prompt: 'a cat',
    negativePrompt: 'a dog',
    modelName: 'base',
    clipSkip: 2,
    width: 640,
    height: 960,
    others: {},
  });
  assert.deepEqual(
    resources.filter(({ kind }) => kind === 'lora'),
    [
      { kind: 'lora', name: 'direct', weight: 0.9 },
      { kind: 'lora', name: 'one', weight: 0.6 },
    ],
  );
});

test('Power Lora Loader: only what is switched on; LoRA Manager and CR stacks too', () => {
  const { resources } = read(
    simple({
      '3': node('KSampler', {
        seed: 1,
        steps: 20,
        cfg: 8,
        sampler_name: 'euler',
        scheduler: 'normal',
        denoise: 1,
        model: ['60', 0],
        positive: ['6', 0],
        negative: ['7', 0],
        latent_image: ['5', 0],
      }),
      '60': node('Power Lora Loader (rgthree)', {
        PowerLoraLoaderHeaderWidget: { type: 'x' },
        lora_1: { on: true, lora: 'sub/on.safetensors', strength: 0.75 },
        lora_2: { on: false, lora: 'off.safetensors', strength: 1 },
        model: ['61', 0],
      }),
      '61': node('Lora Loader (LoraManager)', {
        text: '<lora:managed:0.4>',
        loras: {
          __value__: [
            { name: 'managed', strength: 0.4, active: true },
            { name: 'idle', strength: 1, active: false },
          ],
        },
        model: ['62', 0],
      }),
      '62': node('CR Apply LoRA Stack', { model: ['4', 0], lora_stack: ['63', 0] }),
      '63': node('CR LoRA Stack', {
        switch_1: 'On',
        lora_name_1: 'cr.safetensors',
        model_weight_1: 0.3,
        clip_weight_1: 1,
        switch_2: 'Off',
        lora_name_2: 'croff.safetensors',
        model_weight_2: 1,
      }),
    }),
  );
  assert.deepEqual(
    resources
      .filter(({ kind }) => kind === 'lora')
      .map(({ name, weight }) => [name, weight])
      .sort(),
    [
      ['cr', 0.3],
      ['managed', 0.4],
      ['on', 0.75],
    ],
  );
});

test('a graph made on Civitai names versions by AIR', () => {
  const { recipe, resources } = read({
    ...simple({ '4': node('CheckpointLoaderSimple', { ckpt_name: 'urn:air:sdxl:checkpoint:civitai:827184@1761560' }) }),
    extra: { airs: ['urn:air:sdxl:checkpoint:civitai:827184@1761560', 'urn:air:sdxl:lora:civitai:82098@87153'] },
    extraMetadata: '{"prompt":"a cat","steps":20,"resources":[{"modelVersionId":87153,"strength":0.6}]}',
  });
  assert.equal(recipe.prompt, 'a cat');
  assert.deepEqual(resources.map(({ kind, modelVersionId, weight }) => [kind, modelVersionId, weight]).sort(), [
    ['checkpoint', 1761560, undefined],
    ['embedding', undefined, undefined],
    ['lora', 87153, 0.6],
  ]);
});

test('bare NaN and links that run in a circle cost nothing but themselves', async () => {
  const graph = JSON.stringify(simple({ '30': node('X', { is_changed: 'NaN-here', v: 0 }) })).replace(
    '"v":0',
    '"v":NaN, "w": -Infinity',
  );
  const { recipe } = await readRecipe(pngTexts({ prompt: graph }));
  assert.equal(recipe?.prompt, 'a cat');
  assert.equal(recipe?.tool, 'ComfyUI');

  const circle = read(
    simple({
      '6': node('CLIPTextEncode', { text: ['70', 0], clip: ['4', 1] }),
      '70': node('Text Concatenate', { text_a: ['71', 0], text_b: ['71', 0] }),
      '71': node('Text Concatenate', { text_a: ['70', 0], text_b: ['70', 0] }),
    }),
  );
  assert.equal(circle.recipe.steps, 20);
});

test('with the editor’s graph alone, values are known by their position and muted nodes are left out', () => {
  const finding = readComfyWorkflow(
    {
      nodes: [
        {
          id: 3,
          type: 'KSampler',
          mode: 0,
          inputs: [
            { name: 'model', link: 1 },
            { name: 'positive', link: 2 },
            { name: 'negative', link: 3 },
            { name: 'latent_image', link: 4 },
          ],
          widgets_values: [9, 'fixed', 30, 6.5, 'euler', 'karras', 1],
        },
        { id: 4, type: 'CheckpointLoaderSimple', mode: 0, widgets_values: ['base.safetensors'] },
        { id: 5, type: 'EmptyLatentImage', mode: 0, widgets_values: [512, 512, 1] },
        { id: 6, type: 'CLIPTextEncode', mode: 0, inputs: [], widgets_values: ['a cat'] },
        { id: 7, type: 'CLIPTextEncode', mode: 0, inputs: [], widgets_values: ['a dog'] },
        { id: 8, type: 'LoraLoader', mode: 4, widgets_values: ['bypassed.safetensors', 1, 1] },
      ],
      links: [
        [1, 4, 0, 3, 0, 'MODEL'],
        [2, 6, 0, 3, 1, 'CONDITIONING'],
        [3, 7, 0, 3, 2, 'CONDITIONING'],
        [4, 5, 0, 3, 3, 'LATENT'],
      ],
    },
    'test',
  );
  assert.deepEqual(finding?.recipe, {
    seed: '9',
    steps: 30,
    cfgScale: 6.5,
    sampler: 'euler',
    scheduler: 'karras',
    prompt: 'a cat',
    negativePrompt: 'a dog',
    modelName: 'base',
    width: 512,
    height: 512,
    others: {},
  });
  assert.deepEqual(finding?.resources, [{ kind: 'checkpoint', name: 'base' }]);
});

test('text of an image saver and the graph are merged field by field', async () => {
  const { recipe, provenance, raw } = await readRecipe(
    pngTexts({
      parameters:
        'a cat\nSteps: 20, Sampler: Euler, CFG scale: 8.0, Seed: 1, Size: 512x768, Model hash: 0123456789, Version: ComfyUI',
      prompt: JSON.stringify(simple()),
      workflow: '{"nodes":[]}',
    }),
  );
  assert.equal(recipe?.tool, 'ComfyUI');
  assert.equal(recipe?.modelHash, '0123456789');
  assert.deepEqual(provenance.modelHash, { carrier: 'png:parameters', tool: 'ComfyUI' });
  assert.deepEqual(provenance.modelName, { carrier: 'png:prompt', tool: 'ComfyUI' });
  assert.equal(raw['png:workflow'], '{"nodes":[]}');
});
