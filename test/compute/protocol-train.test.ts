import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEvent } from '../../src/compute/engine/protocol.ts';

const job = '00000000-0000-4000-8000-000000000001';
const sha256 = 'a'.repeat(64);
const file = { epoch: 1, step: 25, file: 'x.safetensors', bytes: 9, sha256, autov2: 'a', autov3: 'b', loss_ema: 0.1 };
const read = (event: object) => parseEvent(JSON.stringify({ v: 1, job, ...event }));

test('the events of a training are read, whatever else they carry', () => {
  const events = [
    { t: 'progress', phase: 'train', step: 3, total: 50, epoch: 1, loss_ema: 0.2, lr: 1e-4, it_s: 2.5, eta_s: 20 },
    { t: 'checkpoint', kind: 'lora', ...file, removed: ['w.safetensors'], news: true },
    { t: 'checkpoint', kind: 'state', epoch: 1, step: 25, file: 's.safetensors', bytes: 9, sha256, loss_ema: null },
    { t: 'sample', epoch: 1, step: 25, prompt_index: 0, seed: 7, file: 'x.png', w: 32, h: 32, sha256 },
    { t: 'paused', state: 's.safetensors', step: 25, epoch: 1, released: true },
    { t: 'paused', state: null, step: 0, epoch: 1, released: false },
    { t: 'result', train: { files: [file], best: 1, steps: 25, ms: 10 }, ms: 12 },
  ];
  for (const event of events) assert.equal(read(event)?.t, event.t, JSON.stringify(event));
  const result = read(events.at(-1) ?? {});
  assert.ok(result?.t === 'result' && result.images.length === 0 && result.train?.files[0]?.epoch === 1);
});

test('a checkpoint without a hash or of an unknown kind is no event', () => {
  assert.equal(read({ t: 'checkpoint', kind: 'lora', ...file, sha256: 'short' }), null);
  assert.equal(read({ t: 'checkpoint', kind: 'diary', ...file }), null);
});
