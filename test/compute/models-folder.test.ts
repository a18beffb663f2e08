import assert from 'node:assert/strict';
import { appendFile, copyFile, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { FolderModel } from '../../src/compute/model.ts';
import { ModelCache } from '../../src/compute/models/cache.ts';
import { registerModelsFolder } from '../../src/compute/models/folder.ts';
import { makeLog } from '../../src/kit/log.ts';
import { DiskFiles } from '../../src/kit/storage/disk.ts';
import { temporaryFolder } from '../kit/temporary-folder.ts';
import { fakePython, formOf, ROOT, readEvents, SHORT, studio } from './studio.ts';

const tiny = path.join(ROOT, 'test/fixtures/tiny-base.safetensors');
const lora = path.join(ROOT, 'test/fixtures/tiny-style-lora.safetensors');

test('checkpoints of the folder are offered by file name and generate; LoRAs and damaged files are not', async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(path.join(folder, 'my models'));
  await copyFile(tiny, path.join(folder, 'my models', 'Evening light.safetensors'));
  await appendFile(path.join(folder, 'my models', 'broken.safetensors'), 'not a model');
  await copyFile(lora, path.join(folder, 'style.safetensors'));
  const { browser, em, node } = await studio(t, {
    python: await fakePython(t),
    limits: SHORT,
    env: { MODELS_DIR: folder },
  });
  await node.engines.registered();
  // the header of the tiny model says SD 1.5, which the fake engine does not know
  assert.equal(await em.nativeUpdate(FolderModel, { baseModel: 'SD 1.5' }, { baseModel: 'Other' }), 1);

  const page = (await browser.get('/generate')).text;
  assert.match(page, /Evening light/);
  assert.doesNotMatch(page, /broken|>style</);
  const [row] = await em.find(FolderModel, {});
  const sent = await browser.post('/generate', formOf({ id: 0 }, { model: row?.sha256 ?? '', prompt: 'half' }));
  assert.equal((await readEvents(browser, `${sent.location}/events`)).at(-1)?.event, 'done');
});

test('a file of the folder that stays is hashed once, and one that goes is not offered any more', async (t) => {
  const folder = await temporaryFolder(t);
  const { node, em } = await studio(t, { python: await fakePython(t), limits: SHORT });
  const options = { log: makeLog('silent'), now: () => new Date(), signal: new AbortController().signal };
  await copyFile(tiny, path.join(folder, 'a.safetensors'));
  await registerModelsFolder(() => node.orm.em.fork(), folder, options);
  await em.nativeUpdate(FolderModel, {}, { baseModel: 'kept as it was' });
  await registerModelsFolder(() => node.orm.em.fork(), folder, options);
  assert.equal((await em.find(FolderModel, {}))[0]?.baseModel, 'kept as it was');

  await rm(path.join(folder, 'a.safetensors'));
  await registerModelsFolder(() => node.orm.em.fork(), folder, options);
  assert.equal(await em.count(FolderModel), 0);
});

test('a blob is linked into the folder of the engine, a file of the operator copied, and one that was changed refused', async (t) => {
  const folder = await temporaryFolder(t);
  const files = await DiskFiles.at(path.join(folder, 'files'));
  const cache = new ModelCache(path.join(folder, 'models'), files);
  await cache.open();
  const signal = new AbortController().signal;
  const { sha256 } = await files.put(Buffer.from('a model'));
  (await cache.hold([{ sha256, path: null }], signal))();
  const inEngine = await stat(path.join(folder, 'models', ModelCache.fileOf(sha256)));
  assert.equal(inEngine.ino, (await stat(files.localPath(sha256))).ino);

  const theirs = path.join(folder, 'theirs.safetensors');
  await writeFile(theirs, 'another model');
  await assert.rejects(cache.hold([{ sha256: 'f'.repeat(64), path: theirs }], signal), /damaged/);
  await assert.rejects(cache.hold([{ sha256: 'e'.repeat(64), path: null }], signal), /not here any more/);
  assert.deepEqual(
    (await readdir(path.join(folder, 'models'))).filter((name) => name.endsWith('.part')),
    [],
  );
});
