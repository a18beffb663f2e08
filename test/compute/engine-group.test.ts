import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupKeyOf, mergeRequests } from '../../src/compute/engine/group.ts';
import type { GenerateParams } from '../../src/compute/engine/protocol.ts';

const request = (more: Partial<GenerateParams> = {}): GenerateParams => ({
  model: { file: 'a.safetensors', sha256: 'ab' },
  ...{ prompt: 'a cat', width: 512, height: 512, steps: 20, cfg: 7, sampler: 'Euler', seed: 5 },
  ...more,
});

test('requests that differ in prompt, seed, count and guidance only are of one group', () => {
  const other = request({
    prompt: 'a dog',
    negative: 'bad',
    seed: 9,
    count: 3,
    cfg: 4,
    subseed: 1,
    record: { generation: 'x' },
  });
  assert.equal(groupKeyOf(request()), groupKeyOf(other));
  assert.equal(
    groupKeyOf(request({ model: { sha256: 'ab', file: 'a.safetensors' } })),
    groupKeyOf(request()),
    'the order of keys does not matter',
  );
});

test('whatever shapes the pictures otherwise, or is written into them, sets requests apart', () => {
  const different: Partial<GenerateParams>[] = [
    { model: { file: 'b.safetensors' } },
    { vae: { file: 'v' } },
    { loras: [{ file: 'l', unet: 1, te: 1 }] },
    { steps: 21 },
    { width: 768 },
    { sampler: 'DDIM' },
    { schedule: 'Karras' },
    { clip_skip: 2 },
    { hires: { scale: 2 } },
    { rng: 'NV' },
    { version: 'other' },
    { output: { format: 'webp' } },
  ];
  const keys = [{}, ...different].map((more) => groupKeyOf(request(more)));
  assert.equal(new Set(keys).size, keys.length);
});

test('a request with a picture of its own, or for bits that depend on nothing, runs alone', () => {
  assert.equal(groupKeyOf(request({ init: { file: 'x.png' } })), null);
  assert.equal(groupKeyOf(request({ determinism: 'batch1' })), null);
});

test('merged requests keep their seeds, prompts and guidance, in order', () => {
  const { params, counts } = mergeRequests([
    request({ count: 2, seed: 2 ** 32 - 1, record: { generation: 'x' } }),
    request({ prompt: 'a dog', negative: 'bad', cfg: 4, batch: [{ seed: 1 }, { seed: 2, prompt: 'a hen' }] }),
  ]);
  assert.deepEqual(counts, [2, 2]);
  assert.deepEqual([params.count, params.record], [undefined, undefined]);
  assert.deepEqual(params.batch, [
    { prompt: 'a cat', negative: '', cfg: 7, record: { generation: 'x' }, seed: 2 ** 32 - 1, subseed: 0 },
    { prompt: 'a cat', negative: '', cfg: 7, record: { generation: 'x' }, seed: 0, subseed: 1 },
    { prompt: 'a dog', negative: 'bad', cfg: 4, subseed: 0, seed: 1 },
    { prompt: 'a hen', negative: 'bad', cfg: 4, subseed: 0, seed: 2 },
  ]);
  assert.throws(() => mergeRequests([request(), request({ steps: 3 })]));
  assert.throws(() => mergeRequests([]));
});
