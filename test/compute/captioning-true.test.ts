import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { DatasetItem } from '../../src/compute/datasets/model.ts';
import { engineEnv } from '../../src/compute/engine/child.ts';
import { textOf } from '../accounts/browser.ts';
import { until } from '../kit/queue-setup.ts';
import { ROOT, studio, trueEngine } from './studio.ts';

const { python, skip } = await trueEngine();

/** Why what `engine:install -- --test` adds is not here. */
function lacking(modules: string): string | false {
  if (skip) return skip;
  try {
    execFileSync(python, ['-c', `import ${modules}`], { stdio: 'ignore' });
    return false;
  } catch {
    if (process.env.TESSERA_REQUIRE_ENGINE) throw new Error(`the engine has no ${modules}: engine:install -- --test`);
    return `the engine has no ${modules}: npm run engine:install -- --test`;
  }
}

test('the true engine captions a set with a tagger and looks for faces beside it', {
  skip: lacking('onnxruntime, cv2'),
  timeout: 300_000,
}, async (t) => {
  const modelsDir = await mkdtemp(path.join(tmpdir(), 'tagger-'));
  t.after(() => rm(modelsDir, { recursive: true }));
  const engineDir = path.join(ROOT, 'test/compute/engine');
  execFileSync(python, [path.join(engineDir, 'tiny_tagger.py'), path.join(modelsDir, 'captioner')], {
    env: engineEnv({ pythonPath: python, engineDir }),
  });
  const { browser, node } = await studio(t, { python, env: { MODELS_DIR: modelsDir } });
  const { location: setUrl } = await browser.post('/datasets', { name: 'Colours' });
  const form = new FormData();
  for (const [name, background] of Object.entries({ red: '#f00', green: '#0f0' })) {
    const bytes = await sharp({ create: { width: 300, height: 300, channels: 3, background } })
      .png()
      .toBuffer();
    form.append('pictures', new Blob([new Uint8Array(bytes)]), `${name}.png`);
  }
  await browser.postForm(`${setUrl}/images`, form);

  const begun = await browser.post(`${setUrl}/captioning`, {
    ...{ threshold: '0.35', mode: 'empty', prefix: 'plain', exclude: '^_^', underscores: '1', parentheses: '1' },
  });
  assert.equal(begun.location, `${setUrl}/captions`);
  const items = () => node.orm.em.fork().find(DatasetItem, {}, { orderBy: { position: 1 } });
  await until('all have captions', async () => (await items()).every(({ caption }) => caption !== ''), 120_000);
  assert.deepEqual(
    (await items()).map(({ caption }) => caption),
    ['plain, red', 'plain, green \\(colour\\)'],
  );
  await until('all were looked at', async () => (await items()).every(({ faceCount }) => faceCount === 0), 120_000);
  await until(
    'the page says so',
    async () => /The tagger wrote 2 captions/.test(textOf((await browser.get(`${setUrl}/captions`)).text)),
    20_000,
  );
});
