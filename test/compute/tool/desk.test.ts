import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { GenerationPreset } from '../../../src/compute/desk/model.ts';
import { Browser, textOf } from '../../accounts/browser.ts';
import { givenMember } from '../../factories/accounts.ts';
import { givenFile, givenModel, givenVersion } from '../../factories/content.ts';
import { fakePython, formOf, SHORT, type Studio, studio } from '../studio.ts';

const fakeStudio = async (t: TestContext): Promise<Studio> =>
  studio(t, { python: await fakePython(t, '--able'), limits: SHORT });

const fieldValue = (html: string, name: string): string =>
  new RegExp(`name="${name}"[^>]* value="([^"]*)"`).exec(html)?.[1] ?? '';

test('the form comes back as it was left, also in another browser, and only to its owner', async (t) => {
  const { browser, address, checkpoint, em } = await fakeStudio(t);
  await browser.post('/generate/draft', formOf(checkpoint, { prompt: 'half a thought', steps: '33', act: 'reset' }));
  const other = new Browser(address);
  await other.signIn('ada');
  const page = (await other.get('/generate')).text;
  assert.match(page, /half a thought<\/textarea>/);
  assert.equal(fieldValue(page, 'steps'), '33');

  await givenMember(em, 'eve');
  const eve = new Browser(address);
  await eve.signIn('eve');
  assert.doesNotMatch((await eve.get('/generate')).text, /half a thought/);
  assert.equal((await new Browser(address).post('/generate/draft', { prompt: 'x' })).status, 401);
});

test('a preset is kept, applied over the form, and removed by its owner alone', async (t) => {
  const { browser, address, checkpoint, em } = await fakeStudio(t);
  const form = formOf(checkpoint, { prompt: 'a tidy house', steps: '44', seed: '9' });
  await browser.post('/generate/form', { ...form, act: 'preset-save', presetName: 'Tidy' });
  const preset = await em.findOneOrFail(GenerationPreset, { name: 'Tidy' });

  const page = await browser.post('/generate/form', formOf(checkpoint, { act: `preset:${preset.id}`, seed: '123' }));
  assert.match(page.text, /a tidy house<\/textarea>/);
  assert.equal(fieldValue(page.text, 'steps'), '44');
  assert.equal(fieldValue(page.text, 'seed'), '123', 'a seed belongs to one picture');

  await givenMember(em, 'eve');
  const eve = new Browser(address);
  await eve.signIn('eve');
  assert.doesNotMatch((await eve.get('/generate')).text, />Tidy/);
  for (const act of [`preset:${preset.id}`, `preset-drop:${preset.id}`])
    assert.equal((await eve.post('/generate/form', formOf(checkpoint, { act }))).status, 404, act);

  const nameless = await browser.post('/generate/form', { ...form, act: 'preset-save', presetName: ' ' });
  assert.equal(nameless.status, 422);
  assert.match(textOf(nameless.text), /Give it a name of at most 60 characters/);
  await browser.post('/generate/form', { ...form, act: `preset-drop:${preset.id}` });
  assert.equal(await em.count(GenerationPreset), 0);
});

test('presets for everybody are made by whoever runs the node', async (t) => {
  const { browser, address, checkpoint, em } = await fakeStudio(t);
  const form = formOf(checkpoint, { act: 'preset-save', presetName: 'House style', presetForAll: '1' });
  assert.equal((await browser.post('/generate/form', form)).status, 403);
  await givenMember(em, 'olga', { role: 'owner' });
  const olga = new Browser(address);
  await olga.signIn('olga');
  assert.equal((await olga.post('/generate/form', form)).status, 200);
  assert.match((await browser.get('/generate')).text, /House style/);
});

test('words go into the prompt once, sizes swap, and the form is cleared', async (t) => {
  const { browser, checkpoint } = await fakeStudio(t);
  const act = async (fields: Record<string, string>) =>
    (await browser.post('/generate/form', formOf(checkpoint, fields))).text;
  assert.match(await act({ prompt: 'a boat,', act: 'words:prompt:ink wash' }), />\s*a boat, ink wash<\/textarea>/);
  assert.match(await act({ prompt: 'INK WASH', act: 'words:prompt:ink wash' }), />\s*INK WASH<\/textarea>/);
  const swapped = await act({ size: '32x48', act: 'swap' });
  assert.match(swapped, /value="48x32" checked/);
  assert.match(await act({ prompt: 'a boat', act: 'reset' }), /<textarea[^>]*id="prompt"[^>]*>\s*<\/textarea>/);
});

test('the count of tokens is answered as a part of the form', async (t) => {
  const { browser, address } = await fakeStudio(t);
  const answer = await browser.post('/generate/tokens', { prompt: 'a red circle', negativePrompt: 'cat '.repeat(80) });
  assert.match(answer.text, /id="prompt-tokens"[^>]*>3 of 75 tokens/);
  assert.match(answer.text, /id="negativePrompt-tokens"[^>]*>80 of 150 tokens/);
  assert.equal((await browser.post('/generate/tokens', { prompt: 'x'.repeat(20_000) })).status, 422);
  assert.equal((await new Browser(address).post('/generate/tokens')).status, 401);
});

test('what does not fit the checkpoint stands in the lists with the reason, and is refused when it is sent', async (t) => {
  const { browser, checkpoint, em } = await fakeStudio(t);
  const offer = (name: string, type: string, baseModel: string, fileName: string) => {
    const model = givenModel(em, { name, type, baseModel } as Parameters<typeof givenModel>[1]);
    return givenFile(em, { version: givenVersion(em, { model, baseModel }), name: fileName });
  };
  const lora = offer('Flux Ink', 'LORA', 'Flux.1 D', 'flux-ink.safetensors');
  const vae = offer('Flux VAE', 'VAE', 'Flux.1 D', 'flux-vae.safetensors');
  const words = offer('Flux Words', 'TextualInversion', 'Flux.1 D', 'flux-words.safetensors');
  const goodVae = offer('Good VAE', 'VAE', 'Other', 'good-vae.safetensors');
  const good = offer('Good Words', 'TextualInversion', 'Other', 'good-words.safetensors');
  await em.flush();

  const page = (await browser.get('/generate')).text;
  assert.match(textOf(page), /Flux Ink.*?Made for Flux\.1 D/);
  assert.doesNotMatch(page, new RegExp(`value="add:${lora.id}"`));
  assert.match(page, new RegExp(`<option value="${vae.id}" disabled>`));
  assert.doesNotMatch(page, new RegExp(`value="add-embedding:${words.id}"`));
  const cases: readonly [Record<string, string>, RegExp][] = [
    [{ lora: String(lora.id) }, /Flux Ink was made for Flux\.1 D, and does not fit/],
    [{ vae: String(vae.id) }, /Flux VAE was made for Flux\.1 D, and does not fit/],
    [{ embedding: String(words.id) }, /Flux Words was made for Flux\.1 D, and does not fit/],
    [{ vae: '4242' }, /This VAE is not offered here any more/],
    [{ embedding: 'x' }, /There is no such embedding/],
  ];
  for (const [change, message] of cases) {
    const answer = await browser.post('/generate', formOf(checkpoint, change));
    assert.equal(answer.status, 422, JSON.stringify(change));
    assert.match(textOf(answer.text), message);
  }
  const chosen = formOf(checkpoint, { vae: String(goodVae.id), act: `add-embedding:${good.id}` });
  const added = await browser.post('/generate/form', chosen);
  assert.match(added.text, new RegExp(`name="embedding" value="${good.id}"`));
  assert.match(added.text, /data-insert="good-words" data-into="negativePrompt"/);
});

test('what the engine does not offer is not shown, and is refused when it is sent', async (t) => {
  const { browser, checkpoint } = await studio(t, { python: await fakePython(t), limits: SHORT });
  const page = (await browser.get('/generate')).text;
  for (const name of ['startFile', 'hires', 'subseed', 'cfgRescale', 'repeatable', 'format', 'vae'])
    assert.doesNotMatch(page, new RegExp(`name="${name}"`), name);
  const cases: readonly [Record<string, string>, RegExp][] = [
    [{ start: `up:${'a'.repeat(64)}` }, /cannot begin from a picture/],
    [{ hires: '1' }, /cannot do the hires fix/],
    [{ subseedStrength: '0.5' }, /cannot mix in a variation seed/],
    [{ cfgRescale: '0.5' }, /cannot rescale CFG/],
    [{ repeatable: '1' }, /cannot make pictures one at a time/],
    [{ format: 'webp' }, /cannot write this file format/],
  ];
  for (const [change, message] of cases) {
    const answer = await browser.post('/generate', formOf(checkpoint, change));
    assert.equal(answer.status, 422, JSON.stringify(change));
    assert.match(textOf(answer.text), message);
  }
});
