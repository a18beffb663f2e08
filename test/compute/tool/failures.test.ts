import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENGINE_ERROR_CODES } from '../../../src/compute/engine/protocol.ts';
import { Generation } from '../../../src/compute/model.ts';
import { hasMessage } from '../../../src/kit/web/messages.ts';
import { textOf } from '../../accounts/browser.ts';
import { fakePython, formOf, readEvents, SHORT, studio } from '../studio.ts';

/** What to do about it; a code that is new in the protocol and not here fails the test below. */
const ADVICE: Readonly<Record<(typeof ENGINE_ERROR_CODES)[number], RegExp>> = {
  bad_message: /should update both/,
  bad_params: /does not take these settings: So it says\. Change them/,
  unsupported: /cannot do this: So it says\. Leave it out/,
  model_not_found: /did not reach the engine\. Try again/,
  model_invalid: /damaged .* Choose another\./,
  model_unsafe: /may hold executable code\. Choose another/,
  arch_mismatch: /Choose another checkpoint, VAE or embedding/,
  lora_mismatch: /Take it out, or choose a checkpoint of its base model/,
  dataset_invalid: /pictures to train on cannot be used/,
  oom_vram: /Try a smaller size, no hires fix, or fewer pictures/,
  oom_ram: /Choose a smaller one/,
  disk_full: /Try again later/,
  timeout: /Try fewer steps or a smaller size/,
  gpu_lost: /Try again later/,
  engine_crashed: /Try other models or a smaller size/,
  nan_output: /Try another sampler, another VAE or another model/,
  cancelled: /Generate it again if you still want it/,
  internal: /Try again; if it stays so, tell whoever runs this node/,
};

test('every error of the engine reaches the person as a sentence that says what to do', async (t) => {
  const { browser, checkpoint, em } = await studio(t, { python: await fakePython(t), limits: SHORT });
  for (const code of ENGINE_ERROR_CODES) {
    assert.ok(hasMessage(`generate.failure.${code}`), code);
    const sent = await browser.post('/generate', formOf(checkpoint, { prompt: `error:${code}` }));
    await readEvents(browser, `${sent.location}/events`);
    const text = textOf((await browser.get(sent.location)).text);
    assert.match(text, ADVICE[code], code);
    assert.doesNotMatch(text, /generate\.failure/, code);
  }
  assert.equal(await em.count(Generation, { state: 'failed' }), ENGINE_ERROR_CODES.length);
});

test('a request by a program is refused as JSON with the reason at its field', async (t) => {
  const { browser, checkpoint } = await studio(t, { python: await fakePython(t), limits: SHORT });
  const answer = await browser.postJson('/generate', { ...formOf(checkpoint), steps: '0' });
  assert.equal(answer.status, 422);
  assert.match(JSON.stringify(answer.body), /Steps: at least 1/);
});
