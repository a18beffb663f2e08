import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import sharp from 'sharp';
import { checkEngine } from '../../src/compute/engine/check.ts';
import { EngineProcess } from '../../src/compute/engine/process.ts';
import type { EngineEvent, GenerateParams } from '../../src/compute/engine/protocol.ts';
import type { TrainParams } from '../../src/compute/engine/protocol-train.ts';
import { readImageFile } from '../../src/gallery/images/read-file.ts';

// The true engine with torch, on the tiny model that has learnt shapes. Where it is not installed these are skipped,
// and say so; .ci/run installs it and sets TESSERA_REQUIRE_ENGINE, under which a skip is a failure.
const root = path.join(import.meta.dirname, '../..');
const engineDir = path.join(root, 'src/compute/engine');
const fixtures = path.join(root, 'test/fixtures');
const beside = path.join(root, '.venv/bin/python');
const pythonPath = process.env.ENGINE_PYTHON ?? (existsSync(beside) ? beside : null);
const check = await checkEngine(pythonPath, engineDir);
const skip =
  !check.ok && !process.env.TESSERA_REQUIRE_ENGINE
    ? `the engine is not installed: it needs ${check.missing}. Run "${check.command}".`
    : false;

const params = (prompt: string, more: Partial<GenerateParams> = {}): GenerateParams => ({
  model: { file: 'tiny-base.safetensors', name: 'tiny' },
  prompt,
  width: 32,
  height: 32,
  steps: 12,
  cfg: 3,
  sampler: 'Euler',
  seed: 7,
  ...more,
});

describe('the true engine', { skip }, () => {
  let folder: string;
  let engine: EngineProcess;

  before(async () => {
    if (!check.ok) throw new Error(`the engine needs ${check.missing}: ${check.command}`);
    folder = await mkdtemp(path.join(tmpdir(), 'engine-'));
    engine = new EngineProcess({
      pythonPath: pythonPath ?? '',
      engineDir,
      roots: { models: fixtures, loras: fixtures, job: folder },
      testFamilies: true,
    });
    assert.equal(await engine.start(), true);
  });

  after(async () => {
    await engine?.shutdown();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  test('it says what it stands on and what it can do', () => {
    assert.equal(engine.hello?.diffusers, '0.40.0');
    assert.ok(engine.hello?.caps.samplers.includes('DPM++ 2M'));
    assert.deepEqual(Object.keys(engine.hello?.caps.families ?? {}), ['sd15', 'sdxl', 'tiny']);
  });

  test('a red circle is red in the middle and white at the border, and carries its recipe', async () => {
    const events: EngineEvent[] = [];
    const outcome = await engine.generate(randomUUID(), params('a red circle', { count: 2 }), (event) => {
      events.push(event);
    });

    assert.ok(outcome.state === 'done', JSON.stringify(outcome));
    assert.equal(outcome.images.length, 2);
    assert.ok(events.some((event) => event.t === 'preview'));
    for (const image of outcome.images) {
      const file = sharp(path.join(folder, image.file));
      const { data } = await file.removeAlpha().raw().toBuffer({ resolveWithObject: true });
      const pixel = (x: number, y: number) => [...data.subarray((y * 32 + x) * 3, (y * 32 + x) * 3 + 3)] as const;
      const [red = 0, green = 255, blue = 255] = pixel(16, 16);
      assert.ok(red > 150 && green < 110 && blue < 110, `middle ${red} ${green} ${blue}`);
      assert.ok(Math.min(...pixel(1, 1)) > 180, `corner ${pixel(1, 1)}`);
    }
    assert.match(outcome.images[0]?.infotext ?? '', /^a red circle\nSteps: 12, Sampler: Euler, /);
    assert.equal(outcome.images[1]?.seed, 8);
  });

  test('in each format a picture carries a recipe that our own reader reads whole', async () => {
    for (const format of ['png', 'jpeg', 'webp'] as const) {
      const outcome = await engine.generate(
        randomUUID(),
        params('a red circle, "日本"', {
          ...{ negative: 'dull', clip_skip: 2, schedule: 'Karras', output: { format }, record: { licence: 'CC0-1.0' } },
          hires: { scale: 2, upscaler: 'lanczos', steps: 3, denoise: 0.4 },
          loras: [{ file: 'tiny-style-lora.safetensors', name: 'tiny-style', unet: 0.5, te: 0.5 }],
        }),
      );
      assert.ok(outcome.state === 'done', JSON.stringify(outcome));
      const [image] = outcome.images;
      const { recipe, resources } = await readImageFile(await readFile(path.join(folder, image?.file ?? '')), 1e7);
      assert.deepEqual([image?.w, image?.h], [64, 64]);
      assert.deepEqual(
        [recipe?.prompt, recipe?.negativePrompt, recipe?.steps, recipe?.sampler, recipe?.scheduler, recipe?.cfgScale],
        ['a red circle, "日本" <lora:tiny-style:0.5>', 'dull', 12, 'Euler', 'Karras', 3],
        format,
      );
      assert.deepEqual(
        [recipe?.clipSkip, recipe?.denoisingStrength, recipe?.hiresUpscale, recipe?.hiresSteps, recipe?.hiresUpscaler],
        [2, 0.4, 2, 3, 'Lanczos'],
      );
      assert.ok(resources.some(({ kind, name, weight }) => kind === 'lora' && name === 'tiny-style' && weight === 0.5));
    }
  });

  test('a running job is cancelled within a step', async () => {
    const jobId = randomUUID();
    let cancelledAt = 0;
    const outcome = await engine.generate(jobId, params('a blue square', { steps: 150, count: 4 }), (event) => {
      if (event.t !== 'progress' || event.phase !== 'denoise' || cancelledAt) return;
      cancelledAt = performance.now();
      engine.cancel(jobId);
    });
    assert.equal(outcome.state, 'cancelled');
    assert.ok(performance.now() - cancelledAt < 2_000);
  });

  test('a training is estimated before it starts, and a mistake in it has a place', async () => {
    const training: TrainParams = {
      base: { file: 'tiny-base.safetensors' },
      dataset: { items: [{ file: 'a.png', caption: 'a red circle' }], trigger: 'zz' },
      epochs: 2,
      max_steps: 30,
    };
    assert.deepEqual(Object.keys(engine.hello?.caps.training ?? {}), ['sd15', 'sdxl', 'tiny']);
    const estimate = await engine.estimateTrain(training);
    assert.ok(estimate?.t === 'estimate' && estimate.task === 'train', JSON.stringify(estimate));
    assert.deepEqual([estimate.steps, estimate.steps_per_epoch, estimate.basis], [30, 25, 'table']);
    const refusal = await engine.estimateTrain({ ...training, resolution: 33 });
    assert.ok(refusal?.t === 'error', JSON.stringify(refusal));
    assert.deepEqual([refusal.code, refusal.path], ['bad_params', 'p.resolution']);
  });

  test('a path out of the models folder is refused with the place of the mistake', async () => {
    const outcome = await engine.generate(randomUUID(), params('x', { model: { file: '../../package.json' } }));
    assert.ok(outcome.state === 'failed');
    assert.deepEqual([outcome.code, outcome.path], ['bad_params', 'p.model.file']);
  });
});
