import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Generation, GenerationImage } from '../../src/compute/model.ts';
import { Image } from '../../src/gallery/model.ts';
import { textOf } from '../accounts/browser.ts';
import { formFor, type Place, place, until } from './servers/place.ts';
import { type SdApiServer, sdApiServer } from './servers/sdapi-server.ts';
import { readEvents } from './studio.ts';

// All of this is constructed: neither A1111 nor Forge nor sd-server was run. servers/sdapi-server.ts names the sources.

const idIn = (location: string): string => location.split('/').at(-1) ?? '';

async function sdApiPlace(
  t: TestContext,
  flavour: 'A1111' | 'sd-server' = 'A1111',
): Promise<Place & { server: SdApiServer }> {
  const server = await sdApiServer(t, flavour);
  const node = await place(t, { ENGINE: 'sdapi', SDAPI_URL: server.url });
  return { ...node, server };
}

test('A1111: from the form to a posted picture, one at a time, with LoRA, preview and our recipe', async (t) => {
  const { browser, checkpoint, lora, em, server } = await sdApiPlace(t);
  assert.match(textOf((await browser.get('/generate')).text), /Pictures are made by A1111/);
  server.mood = 'hold';
  const more = {
    count: '2',
    lora: String(lora.id),
    [`weight-${lora.id}`]: '0.4',
    prompt: 'a red circle <hypernet:x:1>',
  };
  const sent = await browser.post('/generate', formFor(checkpoint, more));
  // progress is told once a second: a picture is held until its preview was seen
  await readEvents(browser, `${sent.location}/events`, ({ data }) =>
    String(data.preview ?? '').startsWith('data:image/webp'),
  );
  server.release();
  assert.equal((await readEvents(browser, `${sent.location}/events`)).at(-1)?.event, 'done');

  const [first, second] = server.requests;
  assert.deepEqual([first?.body.seed, second?.body.seed], [7, 8]);
  assert.equal(first?.body.prompt, 'a red circle < hypernet:x:1> <lora:pale-light:0.4>');
  assert.equal(first?.body.save_images, false);
  assert.deepEqual([first?.body.sampler_name, first?.body.scheduler], ['Euler a', 'Karras']);
  const settings = first?.body.override_settings as Record<string, unknown>;
  assert.equal(settings.sd_model_checkpoint, 'quiet-ink.safetensors [0123456789]');
  const images = await em.find(GenerationImage, {}, { orderBy: { position: 1 } });
  assert.match(images[0]?.infotext ?? '', /Seed: 7[\s\S]*Engine: A1111/);
  const posted = await browser.post(`${sent.location}/post`, { image: images[0]?.id ?? '', rating: '1' });
  assert.equal(posted.status, 302, textOf(posted.text));
  assert.equal(await em.count(Image), 1);
});

test('A1111: cancelling interrupts it, and keeps no half picture', async (t) => {
  const { browser, checkpoint, em, server } = await sdApiPlace(t);
  server.mood = 'hold';
  const sent = await browser.post('/generate', formFor(checkpoint, { count: '2' }));
  await until(() => server.requests.length === 1);
  await browser.post(`${sent.location}/cancellation`);
  await until(() => server.interrupts === 1);
  assert.equal((await em.findOneOrFail(Generation, idIn(sent.location))).state, 'cancelled');
  server.mood = 'fine';
  const next = await browser.post('/generate', formFor(checkpoint));
  assert.equal((await readEvents(browser, `${next.location}/events`)).at(-1)?.event, 'done');
  assert.equal(await em.count(GenerationImage), 1);
});

test('A1111: whoever works there by hand goes first, and is not interrupted', async (t) => {
  const { browser, checkpoint, server } = await sdApiPlace(t);
  server.stranger = 'task(by-hand)';
  const sent = await browser.post('/generate', formFor(checkpoint));
  await new Promise((done) => setTimeout(done, 700));
  assert.equal(server.requests.length, 0);
  server.stranger = null;
  assert.equal((await readEvents(browser, `${sent.location}/events`)).at(-1)?.event, 'done');
  assert.equal(server.interrupts, 0);
});

for (const [mood, message] of [
  ['oom', /too little memory/],
  ['html', /not understood/],
  ['large-picture', /no picture of this size/],
  ['huge', /answered too much/],
] as const) {
  test(`A1111: an answer that is no picture (${mood}) fails the job and says why`, async (t) => {
    const { browser, checkpoint, server } = await sdApiPlace(t);
    server.mood = mood;
    const sent = await browser.post('/generate', formFor(checkpoint));
    await readEvents(browser, `${sent.location}/events`);
    assert.match(textOf((await browser.get(sent.location)).text), message);
  });
}

test('A1111: a job whose server goes away is made when it is back', async (t) => {
  const { browser, checkpoint, em, server } = await sdApiPlace(t);
  server.mood = 'hold';
  const sent = await browser.post('/generate', formFor(checkpoint));
  await until(() => server.requests.length === 1);
  await server.close();
  server.mood = 'fine';
  await new Promise((done) => setTimeout(done, 500));
  assert.equal((await em.findOneOrFail(Generation, idIn(sent.location))).state, 'queued');
  await server.open();
  assert.equal((await readEvents(browser, `${sent.location}/events`)).at(-1)?.event, 'done');
});

test('A1111: a file of the same name and another hash is another model', async (t) => {
  const { browser, checkpoint, server } = await sdApiPlace(t);
  const [model] = server.models;
  assert.ok(model);
  model.sha256 = 'ab'.repeat(32);
  const sent = await browser.post('/generate', formFor(checkpoint));
  assert.equal(sent.status, 422);
  model.sha256 = checkpoint.sha256;
  model.filename = '/models/renamed.safetensors';
  await until(async () => (await browser.post('/generate', formFor(checkpoint))).status === 302);
});

test('A1111: a name and a password of the setting are sent', async (t) => {
  const server = await sdApiServer(t, 'A1111');
  server.password = 'pass word';
  const address = new URL(server.url);
  address.username = 'ada';
  address.password = 'pass word';
  const { browser } = await place(t, { ENGINE: 'sdapi', SDAPI_URL: address.href });
  const page = (await browser.get('/generate')).text;
  assert.match(textOf(page), /Pictures are made by A1111/);
  assert.doesNotMatch(page, /pass(?:%20| )word/);
});

test('sd-server: LoRAs are fields, its names are used, and nothing in a prompt is read as a parameter', async (t) => {
  const { browser, checkpoint, lora, server } = await sdApiPlace(t, 'sd-server');
  const [model] = server.models;
  assert.ok(model);
  model.sha256 = '8'.repeat(64);
  model.filename = 'quiet-ink.safetensors';
  const prompt = 'x <sd_cpp_extra_args>{"lora":[{"path":"/etc"}]}</sd_cpp_extra_args>';
  const more = { lora: String(lora.id), [`weight-${lora.id}`]: '0.4', prompt };
  const sent = await browser.post('/generate', formFor(checkpoint, more));
  assert.equal((await readEvents(browser, `${sent.location}/events`)).at(-1)?.event, 'done');
  const [first] = server.requests;
  assert.deepEqual(first?.body.lora, [{ path: 'pale-light.safetensors', multiplier: 0.4 }]);
  assert.deepEqual([first?.body.sampler_name, first?.body.scheduler], ['euler_a', 'karras']);
  assert.doesNotMatch(String(first?.body.prompt), /<sd_cpp_extra_args>|<lora:/);
  assert.match(textOf((await browser.get('/generate')).text), /Pictures are made by stable-diffusion\.cpp/);
});
