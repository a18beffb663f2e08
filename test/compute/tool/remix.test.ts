import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { GenerationImage } from '../../../src/compute/model.ts';
import { ResourceUse } from '../../../src/gallery/model.ts';
import { newId } from '../../../src/kit/ids.ts';
import { textOf } from '../../accounts/browser.ts';
import { picture } from '../../browser/art.ts';
import { givenFile, givenImage, givenModel, givenPost, givenVersion } from '../../factories/content.ts';
import { fakePython, formOf, readEvents, SHORT, type Studio, studio } from '../studio.ts';

const fakeStudio = async (t: TestContext): Promise<Studio> =>
  studio(t, { python: await fakePython(t, '--able'), limits: SHORT });

/** Sentences under "could not be matched". */
const notesOf = (html: string): string[] => {
  const box = /<div class="notice warn" role="status">[\s\S]*?<ul>([\s\S]*?)<\/ul>/.exec(html)?.[1] ?? '';
  return [...box.matchAll(/<li>([\s\S]*?)<\/li>/g)].map(([, note = '']) =>
    textOf(note).replaceAll('&amp;', '&').trim(),
  );
};

const A1111 = (line: string, prompt = 'an old boat') => `${prompt}\nNegative prompt: blurry\n${line}`;

test('pasted parameters fill the form, and what cannot be matched is said', async (t) => {
  const { browser, checkpoint, lora } = await fakeStudio(t);
  const hash = checkpoint.sha256.slice(0, 10);
  const text = A1111(
    `Steps: 17, Sampler: DPM++ 2M Karras, CFG scale: 4.5, Seed: 4242, Size: 33x48, Model hash: ${hash}, Model: tiny, ` +
      `Clip skip: 2, ADetailer model: face_yolov8n.pt, Lora hashes: "tiny-style-lora: ${lora.sha256.slice(0, 12)}, nowhere: 0123456789ab"`,
    'an old boat <lora:tiny-style-lora:0.3> <lora:nowhere:1>',
  );
  const page = (await browser.post('/generate/form', formOf(checkpoint, { act: 'paste', pasted: text }))).text;
  assert.match(page, /an old boat<\/textarea>/);
  assert.match(page, /blurry<\/textarea>/);
  assert.match(page, /name="steps"[^>]*value="17"/);
  assert.match(page, /<option selected>DPM\+\+ 2M</);
  assert.match(page, /<option selected>Karras</);
  assert.match(page, new RegExp(`name="lora" value="${lora.id}"`));
  assert.match(page, new RegExp(`name="weight-${lora.id}"[^>]*value="0.3"`));
  assert.match(page, new RegExp(`name="model" value="${checkpoint.id}"`));
  const notes = notesOf(page);
  for (const expected of [
    /^LoRA nowhere \(0123456789\) is not on this node/,
    /^33 × 48 is not a size that the checkpoint makes; 32 × 48 is the nearest/,
    /^ADetailer changed the picture/,
    /^Its noise was drawn by another generator \(GPU; here CPU\)/,
  ])
    assert.ok(
      notes.some((note) => expected.test(note)),
      `${expected} in ${JSON.stringify(notes)}`,
    );
  assert.equal(notes.length, 4, JSON.stringify(notes));
});

test('a model that is not here, a sampler that is not offered and a huge seed are said plainly', async (t) => {
  const { browser, checkpoint, em } = await fakeStudio(t);
  const model = givenModel(em, { name: 'Fluxer', type: 'Checkpoint', baseModel: 'Flux.1 D' });
  const flux = givenFile(em, { version: givenVersion(em, { model, baseModel: 'Flux.1 D' }) });
  await em.flush();
  const noted = async (line: string) =>
    notesOf((await browser.post('/generate/form', formOf(checkpoint, { act: 'paste', pasted: A1111(line) }))).text);
  const missing = await noted(
    'Steps: 20, Sampler: Restart, Seed: 99999999999, Size: 32x32, Model hash: 0123456789, Model: dreamy, RNG: CPU, Denoising strength: 0.5',
  );
  assert.deepEqual(missing, [
    'The checkpoint dreamy (0123456789) is not on this node. Another is chosen: the picture will differ.',
    'The sampler Restart is not offered here.',
    'The seed 99999999999 is larger than the engine here takes.',
    'It was made from another picture, which is not in its data.',
  ]);
  const other = await noted(
    `Steps: 20, Sampler: Euler, Seed: 1, Size: 32x32, Model hash: ${flux.sha256.slice(0, 10)}, Model: fluxer, RNG: CPU`,
  );
  assert.deepEqual(other, [
    'The checkpoint fluxer was made for Flux.1 D, which the engine here does not run. Another is chosen.',
  ]);
});

test('where the engine draws noise as A1111 does, the form asks for it, and it reaches the engine', async (t) => {
  const { browser, checkpoint, em } = await studio(t, { python: await fakePython(t, '--able', '--nv'), limits: SHORT });
  const pasted = A1111('Steps: 20, Sampler: Euler, Seed: 1, Size: 32x32, Model: tiny-base');
  const page = (await browser.post('/generate/form', formOf(checkpoint, { act: 'paste', pasted }))).text;
  assert.match(page, /<option value="NV" selected>/);
  assert.deepEqual(notesOf(page), []);
  const sent = await browser.post('/generate', formOf(checkpoint, { prompt: 'echo', rng: 'NV' }));
  await readEvents(browser, `${sent.location}/events`);
  const image = await em.findOneOrFail(GenerationImage, { position: 0 });
  assert.equal(JSON.parse(image.infotext).rng, 'NV');
});

test('a dropped picture fills the form; one without parameters, and a text without any, are said to have none', async (t) => {
  const { browser, checkpoint } = await fakeStudio(t);
  const drop = async (bytes: Uint8Array) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(formOf(checkpoint, { act: 'paste', prompt: 'kept words' })))
      form.append(name, String(value));
    form.append('recipeFile', new Blob([new Uint8Array(bytes)]), 'dropped.png');
    return browser.postForm('/generate/form', form);
  };
  const parameters = A1111('Steps: 21, Sampler: Euler, CFG scale: 3, Seed: 5, Size: 32x32, RNG: CPU');
  const filled = await drop(await picture(1, { width: 64, height: 64, parameters }));
  assert.match(filled.text, /an old boat<\/textarea>/);
  assert.match(filled.text, /name="steps"[^>]*value="21"/);
  const empty = await drop(await picture(1, { width: 64, height: 64 }));
  assert.equal(empty.status, 422);
  assert.match(textOf(empty.text), /This picture carries no parameters/);
  assert.match(empty.text, /kept words/);
  for (const pasted of ['just a sentence', ''])
    assert.equal((await browser.post('/generate/form', formOf(checkpoint, { act: 'paste', pasted }))).status, 422);
  const hostile = await browser.post(
    '/generate/form',
    formOf(checkpoint, { act: 'paste', pasted: `${'a: b, '.repeat(15_000)}Steps: 1` }),
  );
  assert.ok(hostile.status === 200 || hostile.status === 422);
});

test('the remix of an image says what of it is not here', async (t) => {
  const { browser, checkpoint, em } = await fakeStudio(t);
  const recipe = { prompt: 'a quiet pond', steps: 12, seed: '7', sampler: 'Euler', tool: 'ComfyUI', others: {} };
  const image = givenImage(em, { post: givenPost(em), recipe, hasRecipe: true, width: 32, height: 48 });
  await em.flush();
  const use = (kind: 'checkpoint' | 'lora', name: string, more: object) =>
    em.create(ResourceUse, { id: newId(), image, kind, name, ...more }, { persist: true });
  use('checkpoint', 'tiny', { version: checkpoint.version.id });
  use('lora', 'lost-style', { hash: 'abcdef0123', weight: 0.7 });
  await em.flush();
  const page = (await browser.get(`/generate?remix=${image.id}`)).text;
  assert.match(page, /a quiet pond<\/textarea>/);
  assert.deepEqual(notesOf(page), [
    'LoRA lost-style (abcdef0123) is not on this node and was left out.',
    'ComfyUI weighs prompts in another way: expect a similar picture, not the same.',
  ]);
});
