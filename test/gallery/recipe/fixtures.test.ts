import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isGenerationData } from '../../../src/gallery/recipe/keep.ts';
import { readRecipe } from '../../../src/gallery/recipe/read.ts';
import { workflowOf } from '../../../src/gallery/recipe/workflow.ts';
import { cleanCopy } from '../../../src/kit/storage/images-clean.ts';

// Real images of real tools, which lie beside the project on some machines and are not part of it. What is expected of
// each was read off the file by eye.

const FOLDER = join(process.cwd(), '../shared/fixtures/images');
const WAI = 'waiIllustriousSDXL_v160';

/** tool, seed, steps, cfgScale, sampler, scheduler, width, modelName */
const EXPECTED: Readonly<Record<string, readonly (string | number | undefined)[]>> = {
  'automatic1111_cropped.jpg': [
    'AUTOMATIC1111',
    '235284042',
    15,
    5,
    'UniPC',
    undefined,
    512,
    'realistic_realisticVisionV20_v20',
  ],
  'automatic1111_cropped.png': [
    'AUTOMATIC1111',
    '235284042',
    15,
    5,
    'UniPC',
    undefined,
    512,
    'realistic_realisticVisionV20_v20',
  ],
  'automatic1111_stealth.png': [
    'AUTOMATIC1111',
    '2015833630',
    20,
    7,
    'Euler',
    'Automatic',
    64,
    'realisticVisionV51_v51VAE',
  ],
  'civitai.jpeg': ['Civitai', '1311178179', 25, 5, 'Euler a', undefined, 1024, 'WAI-illustrious-SDXL'],
  'comfyui-save-image-extended.webp': ['ComfyUI', '602057552457611', 20, 5, 'euler_ancestral', 'karras', 1024, WAI],
  'comfyui-saveimage-plus.jpg': ['ComfyUI', '577723948579568', 20, 5, 'euler_ancestral', 'karras', 1024, WAI],
  'comfyui.png': ['ComfyUI', '422847914351919', 20, 5, 'euler_ancestral', 'karras', 1024, WAI],
  'fooocus1_cropped.png': [
    'Fooocus',
    '6952411511246973023',
    30,
    4,
    'dpmpp_2m_sde_gpu',
    'karras',
    768,
    'juggernautXL_v8Rundiffusion',
  ],
  'forge-classic-adetailer.png': [
    'Forge Classic',
    '4179307297',
    24,
    4,
    'Euler a',
    'Automatic',
    1024,
    'waiNSFWIllustrious_v140',
  ],
  'forge-classic.webp': ['Forge Classic', '2630661657', 20, 6, 'DPM++ 2M', 'Karras', 1024, WAI],
  'forge-neo.jpeg': ['Forge Neo', '2417156106', 24, 6, 'Euler a', 'Automatic', 1024, WAI],
  'huggingface-space.png': [
    'Hugging Face Space',
    '443800072',
    24,
    5.5,
    'DPM++ 2M Karras',
    undefined,
    1024,
    'WAI NSFW illustrious SDXL v16',
  ],
  'img2img_cropped.png': ['ComfyUI', '280823642470253', 20, 8, 'dpmpp_2m', 'normal', undefined, 'v1-5-pruned-emaonly'],
  'invokeai.png': ['InvokeAI', '3951921344', 24, 6, 'euler_a', undefined, 1024, WAI],
  'invokeai_dream1.png': ['InvokeAI', '2980747362', 50, 5, 'k_lms', undefined, 512, undefined],
  'invokeai_sdmeta1.png': ['InvokeAI', '2980747362', 50, 5, 'k_lms', undefined, 512, 'deliberateForInvoke_v08'],
  'novelai-curated.png': [
    'NovelAI',
    '2156638429',
    23,
    5,
    'k_euler_ancestral',
    'karras',
    1024,
    'NovelAI Diffusion V4.5',
  ],
  'ruined-fooocus.png': [
    'RuinedFooocus',
    '2020047614',
    30,
    8,
    'dpmpp_2m_sde_gpu',
    'karras',
    1024,
    'waiNSFWIllustrious_v150',
  ],
  'sd-webui.jpg': ['AUTOMATIC1111', '3623174757', 20, 5.5, 'DPM++ 2M', 'Karras', 1024, WAI],
  'sd-webui.png': ['AUTOMATIC1111', '3782896554', 20, 7, 'DPM++ 2M', 'Karras', 1024, WAI],
  'stability-matrix.png': ['Stability Matrix', '395309383', 20, 5, 'Euler Ancestral Karras', 'karras', 1024, WAI],
  'swarmui.png': ['SwarmUI', '2083100758', 20, 7, 'euler_ancestral', 'karras', 1024, WAI],
};

const skip = existsSync(FOLDER) ? false : 'no real images beside the project';

test('every real image gives what its tool wrote', { skip }, async () => {
  for (const [name, expected] of Object.entries(EXPECTED)) {
    const { recipe, problems } = await readRecipe(join(FOLDER, name));
    assert.deepEqual(
      [
        recipe?.tool,
        recipe?.seed,
        recipe?.steps,
        recipe?.cfgScale,
        recipe?.sampler,
        recipe?.scheduler,
        recipe?.width,
        recipe?.modelName,
      ],
      expected,
      name,
    );
    assert.ok(recipe?.prompt, name);
    assert.ok(recipe?.negativePrompt !== undefined, name);
    assert.deepEqual(problems, [], name);
  }
});

test('no real image is without an expectation, and the empty one is empty', { skip }, async () => {
  assert.deepEqual(
    readdirSync(FOLDER).filter((name) => !(name in EXPECTED)),
    ['empty.jpg'],
  );
  assert.equal((await readRecipe(join(FOLDER, 'empty.jpg'))).recipe, null);
});

test('a clean copy says the same as the original, or nothing', { skip }, async () => {
  for (const name of Object.keys(EXPECTED)) {
    const original = readFileSync(join(FOLDER, name));
    const before = await readRecipe(original);
    const kept = await readRecipe(await cleanCopy(original, isGenerationData));
    assert.deepEqual(kept.recipe, before.recipe, name);
    const dropped = await readRecipe(await cleanCopy(original, () => false));
    // Data hidden in the pixels is part of the pixels.
    if (!Object.keys(before.raw).some((key) => key.startsWith('stealth:'))) assert.equal(dropped.recipe, null, name);
  }
});

test('the workflow of every ComfyUI image can be taken out', { skip }, async () => {
  for (const name of [
    'comfyui.png',
    'comfyui-save-image-extended.webp',
    'comfyui-saveimage-plus.jpg',
    'img2img_cropped.png',
  ]) {
    const { raw } = await readRecipe(join(FOLDER, name));
    assert.ok(JSON.parse(workflowOf(raw) ?? 'null').nodes.length > 5, name);
  }
  const { raw } = await readRecipe(join(FOLDER, 'swarmui.png'));
  assert.ok('4' in JSON.parse(workflowOf(raw) ?? 'null'));
  assert.equal(workflowOf((await readRecipe(join(FOLDER, 'sd-webui.png'))).raw), null);
});
