import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { choicesOf, failureOfEntry, type NodeInfo } from '../../src/compute/comfyui/api.ts';
import { type GraphFiles, makeGraph, NEEDED_NODES } from '../../src/compute/comfyui/graph.ts';
import { readPreview, readText } from '../../src/compute/comfyui/messages.ts';
import { comfyPrompts } from '../../src/compute/comfyui/prompt.ts';
import type { GenerateParams } from '../../src/compute/engine/protocol.ts';
import { Generation, GenerationImage } from '../../src/compute/model.ts';
import { Image } from '../../src/gallery/model.ts';
import { inspectImage } from '../../src/kit/storage/images.ts';
import { textOf } from '../accounts/browser.ts';
import { type ComfyServer, comfyServer, recorded } from './servers/comfy-server.ts';
import { paint } from './servers/paint.ts';
import { formFor, type Place, place, until } from './servers/place.ts';
import { readEvents } from './studio.ts';

// 'recorded' was said by a real ComfyUI 0.3.64 (test/fixtures/comfyui-recorded.json names its commit). The server of the
// tests through the whole node is constructed from its source; servers/comfy-server.ts says from which lines.

const idIn = (location: string): string => location.split('/').at(-1) ?? '';
const PARAMS: GenerateParams = {
  ...{ model: { file: 'x' }, prompt: 'a', width: 64, height: 64, steps: 8, cfg: 3, sampler: 'Euler a', seed: 1 },
  ...{ schedule: 'Karras', clip_skip: 2, cfg_rescale: 0.5, loras: [{ file: 'l', unet: 0.5, te: 0.4 }] },
};
const FILES: GraphFiles = {
  ...{ model: 'm', vae: 'v', loras: ['l'], upscaler: null, start: null, mask: null },
  ...{ positive: ['a', 'b'], negative: [''] },
};
const recordedNode = (name: string): NodeInfo => {
  const info = recorded.http[`GET object_info/${name}`]?.[name];
  assert.ok(info, `${name} was not recorded`);
  return info as NodeInfo;
};

test('recorded: every node of every graph exists, and is given all that it requires and nothing else', () => {
  const init = { file: 's', denoise: 0.5 };
  const graphs = [
    makeGraph(PARAMS, 1, FILES),
    makeGraph({ ...PARAMS, init }, 1, { ...FILES, start: 's [temp]' }),
    makeGraph({ ...PARAMS, init }, 1, { ...FILES, start: 's [temp]', mask: 'm [temp]' }),
    makeGraph({ ...PARAMS, hires: { scale: 2, upscaler: 'latent' } }, 1, FILES),
    makeGraph({ ...PARAMS, hires: { scale: 2, upscaler: 'lanczos' } }, 1, FILES),
    makeGraph({ ...PARAMS, hires: { scale: 2, upscaler: 'model:u' } }, 1, { ...FILES, upscaler: 'u' }),
  ];
  const used = new Set<string>();
  for (const graph of graphs) {
    for (const { class_type: type, inputs } of Object.values(graph)) {
      used.add(type);
      const missing = Object.keys(recordedNode(type).input.required).filter((name) => !(name in inputs));
      assert.deepEqual(missing, [], type);
      for (const value of Object.values(inputs)) {
        if (Array.isArray(value)) assert.ok(String(value[0]) in graph, `${type} takes from ${value[0]}`);
      }
    }
  }
  assert.deepEqual([...used].sort(), [...new Set(Object.values(NEEDED_NODES).flat())].sort());
});

test('recorded: its samplers are found under our names, in both shapes of a list', () => {
  const samplers = choicesOf(recordedNode('KSampler'), 'sampler_name');
  assert.ok(samplers.includes('dpmpp_2m') && samplers.length > 30);
  const graph = makeGraph({ ...PARAMS, sampler: 'DPM++ 2M SDE', schedule: 'Automatic' }, 1, FILES);
  assert.ok(samplers.includes(String(graph.denoise?.inputs.sampler_name)));
  assert.equal(graph.denoise?.inputs.scheduler, 'exponential');
  assert.deepEqual(choicesOf({ input: { required: { model_name: ['COMBO', { options: ['a'] }] } } }, 'model_name'), [
    'a',
  ]);
  assert.deepEqual(choicesOf(recordedNode('UpscaleModelLoader'), 'model_name'), []);
});

test('recorded: the socket tells the steps and the end, and nothing is read out of the rest', () => {
  const id = '00000000-0000-8000-8000-000000000001';
  const heard = recorded.socket.map((message) => readText(JSON.stringify(message)));
  const steps = heard.flatMap((one) =>
    one?.kind === 'node' && one.promptId === id && one.max === 2 ? [one.value] : [],
  );
  assert.deepEqual(
    [...new Set(steps)],
    [0, 1, 2].filter((step) => steps.includes(step)),
  );
  assert.ok(steps.includes(1));
  assert.ok(heard.some((one) => one?.kind === 'ended' && one.promptId === id));
  for (const odd of [
    '',
    'null',
    '[]',
    '{"type":"progress"}',
    '{"type":"progress_state","data":{"nodes":[]}}',
    '<html>',
  ])
    assert.equal(readText(odd), null);
  for (const odd of [Buffer.alloc(0), Buffer.alloc(8), Buffer.from([0, 0, 0, 4, 255, 255, 255, 255])])
    assert.equal(readPreview(odd), null);
});

test('recorded: a history says how a job ended', () => {
  const entry = (name: string) => Object.values(recorded.http[name] ?? {})[0] as Parameters<typeof failureOfEntry>[0];
  assert.equal(failureOfEntry(entry('GET history/1')), null);
  assert.equal(failureOfEntry(entry('GET history/2, interrupted'))?.isRetryable, true);
  const failed = failureOfEntry(entry('GET history/3, failed'));
  assert.equal(failed?.code, 'internal');
  assert.match(
    failed?.message ?? '',
    /cannot identify image file 'broken\.png'/,
    'the folders of the server are not told',
  );
});

test('a prompt of our grammar is written in that of ComfyUI', () => {
  const words = new Map([['glow', 'ab/cd']]);
  assert.deepEqual(comfyPrompts('a (red:1.2) [dim] glow BREAK \\(so\\) <lora:x:1>', words), [
    'a (red:1.2) (dim:0.909) embedding:ab/cd'.replace('(dim:0.909) ', '(dim:0.909) '),
    '\\(so\\)',
  ]);
  assert.deepEqual(comfyPrompts('embedding:secret', new Map()), ['embedding secret'], 'no file of theirs is named');
});

async function comfyPlace(t: TestContext): Promise<Place & { server: ComfyServer }> {
  const server = await comfyServer(t);
  server.checkpoints.push('sd/quiet-ink.safetensors');
  server.loras.push('pale-light.safetensors');
  const node = await place(t, { ENGINE: 'comfyui', COMFYUI_URL: server.url });
  return { ...node, server };
}

test('from the form to a posted picture: LoRA, previews, recipe and record', async (t) => {
  const { browser, checkpoint, lora, em, node, server } = await comfyPlace(t);
  assert.match(textOf((await browser.get('/generate')).text), /Pictures are made by ComfyUI 0\.3\.64/);
  server.mood = 'hold';
  const more = { count: '3', lora: String(lora.id), [`weight-${lora.id}`]: '0.4' };
  const sent = await browser.post('/generate', formFor(checkpoint, more));
  assert.equal(sent.status, 302, textOf(sent.text));
  // progress is told once a second: a picture is held until its preview was seen
  await readEvents(browser, `${sent.location}/events`, ({ data }) =>
    String(data.preview ?? '').startsWith('data:image/webp'),
  );
  server.release();
  assert.equal((await readEvents(browser, `${sent.location}/events`)).at(-1)?.event, 'done');

  const images = await em.find(GenerationImage, {}, { orderBy: { position: 1 } });
  assert.deepEqual(
    images.map(({ seed }) => seed),
    [7, 8, 9],
  );
  assert.deepEqual(
    server.prompts.map(({ graph }) => graph.denoise?.inputs.seed),
    [7, 8, 9],
  );
  const [first] = server.prompts;
  assert.deepEqual(first?.graph.load_lora_0?.inputs.strength_model, 0.4);
  assert.match(images[0]?.infotext ?? '', /<lora:pale-light:0\.4>[\s\S]*Engine: ComfyUI 0\.3\.64/);
  const file = await readFile(node.files.localPath(images[0]?.sha256 ?? '') ?? '');
  assert.ok(file.includes('"engine":"ComfyUI 0.3.64"') && !file.includes('class_type'));
  assert.equal(server.history.size, 0, 'prompts are left nowhere');

  const posted = await browser.post(`${sent.location}/post`, { image: images[0]?.id ?? '', rating: '1' });
  assert.equal(posted.status, 302, textOf(posted.text));
  assert.equal(await em.count(Image), 1);
});

test('cancelling ends the running picture there, takes back the waiting one, and the next job is made', async (t) => {
  const { browser, checkpoint, em, server } = await comfyPlace(t);
  server.mood = 'hold';
  const sent = await browser.post('/generate', formFor(checkpoint, { count: '3' }));
  await until(() => server.prompts.length === 2);
  assert.equal(server.mostQueued, 2);
  await browser.post(`${sent.location}/cancellation`);
  await until(() => server.interrupted.length === 1);
  assert.equal((await em.findOneOrFail(Generation, idIn(sent.location))).state, 'cancelled');
  server.mood = 'fine';
  const next = await browser.post('/generate', formFor(checkpoint));
  assert.equal((await readEvents(browser, `${next.location}/events`)).at(-1)?.event, 'done');
  assert.equal(server.prompts.length, 3);
});

for (const [mood, message] of [
  ['oom', /too little memory/],
  ['huge', /answered too much/],
  ['no-picture', /made no picture/],
] as const) {
  test(`an answer that is no picture (${mood}) fails the job, says why, and the next one is made`, async (t) => {
    const { browser, checkpoint, server } = await comfyPlace(t);
    server.mood = mood;
    const sent = await browser.post('/generate', formFor(checkpoint));
    await readEvents(browser, `${sent.location}/events`);
    const page = textOf((await browser.get(sent.location)).text);
    assert.match(page, message);
    assert.doesNotMatch(page, /opt.comfy/, 'where files lie over there is not told');
    server.mood = 'fine';
    const next = await browser.post('/generate', formFor(checkpoint));
    assert.equal((await readEvents(browser, `${next.location}/events`)).at(-1)?.event, 'done');
  });
}

test('a lost socket, or one that says nothing, loses no job: the history decides', async (t) => {
  const { browser, checkpoint, server } = await comfyPlace(t);
  server.mood = 'hold';
  const sent = await browser.post('/generate', formFor(checkpoint));
  await until(() => server.prompts.length === 1);
  server.dropSockets();
  server.release();
  assert.equal((await readEvents(browser, `${sent.location}/events`)).at(-1)?.event, 'done');
  server.mood = 'silent-socket';
  const next = await browser.post('/generate', formFor(checkpoint, { seed: '8' }));
  assert.equal((await readEvents(browser, `${next.location}/events`)).at(-1)?.event, 'done');
});

test('while it is away jobs wait, and are made when it is back; one that was lost there is made again', async (t) => {
  const { browser, checkpoint, em, server } = await comfyPlace(t);
  server.mood = 'hold';
  const sent = await browser.post('/generate', formFor(checkpoint));
  await until(() => server.prompts.length === 1);
  await server.close();
  server.mood = 'fine';
  await until(async () => (await browser.get(sent.location)).status === 200);
  await new Promise((done) => setTimeout(done, 900));
  assert.equal((await em.fork().findOneOrFail(Generation, idIn(sent.location))).state, 'queued');
  await server.open();
  assert.equal((await readEvents(browser, `${sent.location}/events`)).at(-1)?.event, 'done');
  assert.equal(server.prompts.length, 2);
  assert.equal(new Set(server.prompts.map(({ id }) => id)).size, 1, 'the same job has the same id');
});

test('a model that it does not list is not offered, and refused by name', async (t) => {
  const { browser, checkpoint, server } = await comfyPlace(t);
  server.checkpoints.splice(0, 1, 'other.safetensors');
  await until(async () => !/quiet-ink/.test((await browser.get('/generate')).text));
  const sent = await browser.post('/generate', formFor(checkpoint));
  assert.equal(sent.status, 422);
  assert.match(textOf(sent.text), /quiet-ink.* is not among the files of the program/);
});

test('a generation is not made again with a model that it does not list any more, and a remix says so', async (t) => {
  const { browser, checkpoint, lora, em, node, server } = await comfyPlace(t);
  const more = { lora: String(lora.id), [`weight-${lora.id}`]: '0.4' };
  const made = await browser.post('/generate', formFor(checkpoint, more));
  assert.equal((await readEvents(browser, `${made.location}/events`)).at(-1)?.event, 'done');
  const { infotext } = await em.fork().findOneOrFail(GenerationImage, { generation: idIn(made.location) });
  const pasted = formFor(checkpoint, { act: 'paste', pasted: infotext });
  const remixed = async () => textOf((await browser.post('/generate/form', pasted)).text);
  assert.doesNotMatch(await remixed(), /not among the files/);

  server.loras.splice(0, 1, 'other.safetensors');
  const isListed = async (name: string) => {
    const status = await node.engines.status(node.orm.em.fork());
    return status.state === 'ready' && status.hello.caps.files?.names.includes(`${name}.safetensors`);
  };
  await until(async () => !(await isListed('pale-light')));
  const again = await browser.post(`${made.location}/again`);
  assert.equal(again.status, 422);
  assert.match(textOf(again.text), /pale-light .* is not among the files of the program/);
  assert.match(await remixed(), /LoRA pale-light.* is not among the files of the program.* was left out/);

  server.checkpoints.splice(0, 1, 'other.safetensors');
  await until(async () => !(await isListed('quiet-ink')));
  assert.match(await remixed(), /The checkpoint quiet-ink.* is not among the files of the program/);
  assert.equal(await em.fork().count(Generation), 1);
});

test('a picture to begin from and its mask are laid over there in the size of the result, and used', async (t) => {
  const { browser, checkpoint, em, server } = await comfyPlace(t);
  const form = new FormData();
  const fields = formFor(checkpoint, { denoise: '0.5', resize: 'crop', steps: '8' });
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  const given = { startFile: await paint(96, 64, 'png'), maskFile: await paint(96, 64, 'png', '#ffffff') };
  for (const [name, bytes] of Object.entries(given))
    form.append(name, new Blob([new Uint8Array(bytes)]), `${name}.png`);
  const sent = await browser.postForm('/generate', form);
  assert.equal(sent.status, 302, textOf(sent.text));
  assert.equal((await readEvents(browser, `${sent.location}/events`)).at(-1)?.event, 'done');

  const { jobId } = await em.fork().findOneOrFail(Generation, idIn(sent.location));
  const names = ['start', 'mask'].map((kind) => `tessera-${jobId}-${kind}.png`);
  assert.deepEqual(
    server.uploads.map(({ name }) => name),
    names,
  );
  for (const { bytes } of server.uploads) {
    const { width, height } = await inspectImage(bytes);
    assert.deepEqual([width, height], [64, 64]);
  }
  const [prompt] = server.prompts;
  assert.deepEqual(
    [prompt?.graph.encode_start?.inputs.image, prompt?.graph.encode_mask?.inputs.image],
    names.map((name) => `${name} [temp]`),
  );
  assert.deepEqual([prompt?.graph.denoise?.inputs.denoise, prompt?.graph.denoise?.inputs.steps], [0.5, 4]);
  assert.equal(prompt?.graph.decode_paste?.class_type, 'ImageCompositeMasked');
  assert.equal(await em.fork().count(GenerationImage), 1);
});

test('something else at its address is no engine, and the page says what is missing', async (t) => {
  const server = await comfyServer(t);
  server.mood = 'stranger';
  const { browser } = await place(t, { ENGINE: 'comfyui', COMFYUI_URL: server.url });
  const page = textOf((await browser.get('/generate')).text);
  assert.match(page, /The program that makes the pictures does not answer/);
});

test('the folder of this node is written into a file for ComfyUI, and shared by it every model is offered by hash', async (t) => {
  const { browser, checkpoint, node, server } = await comfyPlace(t);
  await browser.get('/generate');
  const yaml = await readFile(path.join(node.dataDir, 'comfyui', 'extra_model_paths.yaml'), 'utf8');
  const folder = path.join(node.dataDir, 'engine', 'models');
  assert.match(yaml, new RegExp(`base_path: "${folder}"\n {2}checkpoints: \\.`));
  const marker = /^tessera-[0-9a-f]{12}\.safetensors$/;
  const name = (await readdir(folder)).find((one) => marker.test(one));
  assert.ok(name);
  const bytes = Buffer.from('a checkpoint');
  const { sha256 } = await node.files.put(bytes);
  await node.orm.em.getConnection().execute('update model_file set sha256 = ? where id = ?', [sha256, checkpoint.id]);
  server.checkpoints.splice(0, 1, name, `${sha256.slice(0, 2)}/${sha256}.safetensors`, 'wrong/quiet-ink.safetensors');
  await until(async () => {
    const status = await node.engines.status(node.orm.em.fork());
    return status.state === 'ready' && status.hello.caps.files === null;
  });
  const sent = await browser.post('/generate', formFor(checkpoint));
  assert.equal((await readEvents(browser, `${sent.location}/events`)).at(-1)?.event, 'done');
  const shared = `${sha256.slice(0, 2)}/${sha256}.safetensors`;
  assert.equal(server.prompts.at(-1)?.graph.load_model?.inputs.ckpt_name, shared);
  await readFile(path.join(folder, sha256.slice(0, 2), `${sha256}.safetensors`));
});
