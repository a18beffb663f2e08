import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { GenerationInput } from '../../../src/compute/desk/model.ts';
import { Generation, GenerationImage } from '../../../src/compute/model.ts';
import { readImageTexts } from '../../../src/kit/storage/carriers/read.ts';
import { inspectImage } from '../../../src/kit/storage/images.ts';
import { Browser, textOf } from '../../accounts/browser.ts';
import { picture } from '../../browser/art.ts';
import { givenMember } from '../../factories/accounts.ts';
import { fakePython, formOf, readEvents, SHORT, type Studio, studio } from '../studio.ts';

const fakeStudio = async (t: TestContext, env: Record<string, string> = {}): Promise<Studio> =>
  studio(t, { python: await fakePython(t, '--able'), limits: SHORT, env });

const idIn = (location: string): string => location.split('/').at(-1) ?? '';

/** A form as a browser sends it with its files. */
function formWith(fields: Record<string, string | readonly string[]>, files: Record<string, Uint8Array>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) for (const one of [value].flat()) form.append(name, one);
  for (const [name, bytes] of Object.entries(files))
    form.append(name, new Blob([new Uint8Array(bytes)]), `${name}.png`);
  return form;
}

interface Echo {
  init?: { file: string; mask?: string; denoise: number; resize: string };
  hires?: object;
  sizes: Record<string, number>;
  configured: Record<string, unknown>;
  [name: string]: unknown;
}

/** Sends a form, waits, and reads what reached the engine. */
async function echoed({ browser, em }: Studio, form: FormData): Promise<Echo> {
  const sent = await browser.postForm('/generate', form);
  assert.equal(sent.status, 302, textOf(sent.text).slice(0, 2_000));
  await readEvents(browser, `${sent.location}/events`);
  const image = await em.fork().findOneOrFail(GenerationImage, { generation: idIn(sent.location) });
  return JSON.parse(image.infotext) as Echo;
}

const keyIn = (html: string, name: string): string =>
  new RegExp(`name="${name}" value="([^"]+)"`).exec(html)?.[1] ?? '';

test('without scripts a picture and a mask go up with the form, drawn anew, and reach the engine', async (t) => {
  const all = await fakeStudio(t);
  const { checkpoint, em, node } = all;
  const start = await picture(1, {
    width: 64,
    height: 48,
    parameters: 'secret words, Steps: 20, Sampler: Euler, Seed: 1',
  });
  const mask = await picture(2, { width: 30, height: 30 });
  const form = formOf(checkpoint, { prompt: 'echo', denoise: '0.4', resize: 'fill' });
  const { init, sizes } = await echoed(all, formWith(form, { startFile: start, maskFile: mask }));
  assert.deepEqual([init?.denoise, init?.resize], [0.4, 'fill']);
  assert.ok((sizes.file ?? 0) > 0 && (sizes.mask ?? 0) > 0);

  const { request, startSha256, maskSha256 } = await em.findOneOrFail(Generation, { state: 'done' });
  assert.deepEqual([request.start?.width, request.start?.height], [64, 48]);
  const bytes = async (sha256: string | null | undefined) =>
    Buffer.concat(await node.files.open(sha256 ?? '').toArray());
  assert.deepEqual(readImageTexts(await bytes(startSha256)).texts, [], 'nothing but pixels is kept');
  const { width, height } = await inspectImage(await bytes(maskSha256));
  assert.deepEqual([width, height], [64, 48], 'the mask has the size of its picture');
});

test('a picture is taken while the form is filled in, and stays until it is taken away', async (t) => {
  const { browser, address, checkpoint, em } = await fakeStudio(t);
  const sent = await browser.postForm(
    '/generate/form',
    formWith(formOf(checkpoint, { prompt: 'kept words' }), { startFile: await picture(1, { width: 64, height: 48 }) }),
  );
  const key = keyIn(sent.text, 'start');
  assert.match(key, /^up:[0-9a-f]{64}$/);
  assert.match(sent.text, /kept words/);
  const src = `/generate/inputs/${key.slice(3)}.png`;
  assert.equal((await browser.get(src)).headers.get('content-type'), 'image/png');
  assert.match((await browser.get('/generate')).text, new RegExp(`name="start" value="${key}"`), 'after a reload too');

  await givenMember(em, 'eve');
  const eve = new Browser(address);
  await eve.signIn('eve');
  assert.equal((await eve.get(src)).status, 404);
  const stolen = await eve.post('/generate', formOf(checkpoint, { start: key }));
  assert.equal(stolen.status, 422);
  assert.match(textOf(stolen.text), /The picture to begin from is not here any more/);

  const removed = await browser.post('/generate/form', formOf(checkpoint, { start: key, act: 'start-remove' }));
  assert.equal(keyIn(removed.text, 'start'), '');
});

test('what is no picture, an empty mask and a file that is too large are refused, and the form stays filled', async (t) => {
  const { browser, checkpoint, em } = await fakeStudio(t);
  const form = formOf(checkpoint, { prompt: 'kept words' });
  const noPicture = await browser.postForm('/generate', formWith(form, { startFile: Buffer.from('<svg/>') }));
  assert.equal(noPicture.status, 422);
  assert.match(textOf(noPicture.text), /This is not an image that we know/);
  assert.match(noPicture.text, /kept words/);

  const black = await sharp({ create: { width: 32, height: 32, channels: 3, background: '#000000' } })
    .png()
    .toBuffer();
  const start = await picture(1, { width: 32, height: 32 });
  const empty = await browser.postForm('/generate', formWith(form, { startFile: start, maskFile: black }));
  assert.match(textOf(empty.text), /The mask is empty/);
  assert.equal(empty.status, 422);
  assert.equal(await em.count(Generation), 0);
});

test('a result is begun from, enlarged and varied, by its owner alone', async (t) => {
  const all = await fakeStudio(t);
  const { browser, address, checkpoint, em } = all;
  const first = await browser.post('/generate', formOf(checkpoint, { prompt: 'echo this', seed: '7', steps: '5' }));
  await readEvents(browser, `${first.location}/events`);
  const image = await em.findOneOrFail(GenerationImage, { generation: idIn(first.location) });

  const page = (await browser.get(`/generate?start=${image.id}`)).text;
  assert.equal(keyIn(page, 'start'), `result:${image.id}`);
  assert.match(page, /echo this<\/textarea>/);
  assert.match(page, /name="steps"[^>]*value="5"/);

  for (const act of ['upscale', 'variations']) {
    const made = await browser.post(`/generate/images/${image.id}/${act}`);
    assert.equal(made.status, 302, textOf(made.text).slice(0, 500));
    await readEvents(browser, `${made.location}/events`);
    const { request } = await em.findOneOrFail(Generation, idIn(made.location));
    assert.equal(request.seed, 7);
    if (act === 'upscale') {
      assert.deepEqual([request.width, request.height, request.start?.denoise], [64, 64, 0.3]);
      assert.match((await browser.get(made.location)).text, /\/generate\/compare\?image=[^"]+with=start/);
    } else {
      assert.equal(request.variation?.strength, 0.2);
      const [first] = await em.fork().find(GenerationImage, { generation: idIn(made.location) });
      const { batch } = JSON.parse(first?.infotext ?? '{}') as { batch: { seed: number; subseed: number }[] };
      assert.deepEqual(
        batch.map(({ seed }) => seed),
        [7, 7, 7, 7],
      );
      assert.equal(new Set(batch.map(({ subseed }) => subseed)).size, 4);
    }
  }
  await givenMember(em, 'eve');
  const eve = new Browser(address);
  await eve.signIn('eve');
  for (const act of ['upscale', 'variations'])
    assert.equal((await eve.post(`/generate/images/${image.id}/${act}`)).status, 404);
  assert.equal((await eve.get(`/generate?start=${image.id}`)).status, 404);
});

test('hires, variation, VAE format, repeatable and compiling reach the engine in the words of the protocol', async (t) => {
  const all = await fakeStudio(t, { ENGINE_COMPILE: 'true' });
  const form = formOf(all.checkpoint, {
    ...{ prompt: 'echo', hires: '1', hiresScale: '2', hiresUpscaler: 'lanczos', hiresSteps: '4', hiresDenoise: '0.35' },
    ...{ subseed: '11', subseedStrength: '0.25', cfgRescale: '0.7', repeatable: '1', format: 'webp' },
  });
  const echo = await echoed(all, formWith(form, {}));
  assert.deepEqual(echo.hires, { scale: 2, upscaler: 'lanczos', steps: 4, denoise: 0.35 });
  assert.deepEqual([echo.subseed, echo.subseed_strength, echo.cfg_rescale], [11, 0.25, 0.7]);
  assert.deepEqual([echo.determinism, echo.output], ['batch1', { format: 'webp', quality: 92, embed: true }]);
  assert.deepEqual(echo.configured, { ...echo.configured, compile: 'on', test_families: true });
  const tooLarge = await all.browser.post('/generate', { ...form, size: '64x64' });
  assert.equal(tooLarge.status, 422);
  assert.match(textOf(tooLarge.text), /Enlarged, that is more than the engine can make: at most 64 pixels a side/);
});

test('uploaded pictures are forgotten a week after they were last used', async (t) => {
  const { browser, checkpoint, em, clock, settle } = await fakeStudio(t);
  const file = { startFile: await picture(1, { width: 32, height: 32 }) };
  await browser.postForm('/generate/form', formWith(formOf(checkpoint), file));
  assert.equal(await em.count(GenerationInput), 1);
  clock.pass(8 * 86_400_000);
  await settle();
  assert.equal(await em.count(GenerationInput), 0);
});
