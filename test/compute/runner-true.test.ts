import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { GpuUse } from '../../src/compute/gpu/model.ts';
import { Generation, GenerationImage } from '../../src/compute/model.ts';
import { readImageFile } from '../../src/gallery/images/read-file.ts';
import { until } from '../kit/queue-setup.ts';
import { assertEnclosed, hasSandbox } from './enclosed.ts';
import { dialIn, givenRunner } from './runners.ts';
import { formOf, readEvents, studio, trueEngine } from './studio.ts';

const { python, skip } = await trueEngine();

test('a node without an engine has a picture made by the true engine of a runner, with checkpoint and LoRA from the node', {
  skip,
}, async (t) => {
  const its = await studio(t, { python, env: { ENGINE: 'none' } });
  const { checkpoint, lora, browser, address } = its;
  const { token } = await givenRunner(its);
  const { dataDir } = await dialIn(t, { address, token, python, limits: {} });
  const isReady = async () => (await its.node.generator.status(its)).state === 'ready';
  await until('the node knows the runner', isReady, 120_000);

  const more = { lora: String(lora.id), [`weight-${lora.id}`]: '0.1' };
  const sent = await browser.post('/generate', formOf(checkpoint, more));
  assert.equal(sent.status, 302, sent.text);
  assert.equal((await readEvents(browser, `${sent.location}/events`)).at(-1)?.event, 'done');

  const em = its.node.orm.em.fork();
  const { error, state } = await em.findOneOrFail(Generation, sent.location.split('/').at(-1) ?? '');
  assert.deepEqual([state, error], ['done', null]);
  const [image, ...others] = await em.find(GenerationImage, {});
  assert.equal(others.length, 0);
  const { recipe, resources } = await readImageFile(await buffer(its.node.files.open(image?.sha256 ?? '')), 1e7);
  assert.deepEqual([recipe?.seed, recipe?.modelHash], ['7', checkpoint.sha256.slice(0, 10)]);
  assert.deepEqual(resources.map(({ kind, name }) => `${kind} ${name}`).sort(), [
    'checkpoint tiny-base',
    'lora tiny-style-lora',
  ]);
  const [use] = await em.find(GpuUse, {});
  assert.deepEqual([use?.engineId, use?.isRefunded], ['runner attic/engine', false]);
  if (await hasSandbox(python)) await assertEnclosed(dataDir);
});
