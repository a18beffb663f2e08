import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { ModelVersion } from '../../../src/catalogue/model.ts';
import { GenerationPreset } from '../../../src/compute/desk/model.ts';
import { Generation, GenerationImage } from '../../../src/compute/model.ts';
import { postResults } from '../../../src/compute/post.ts';
import { Image } from '../../../src/gallery/model.ts';
import { newId } from '../../../src/kit/ids.ts';
import { refuseHold, releaseHold } from '../../../src/safety/holds/hold.ts';
import { SafetyHold } from '../../../src/safety/holds/model.ts';
import { PromptRecord } from '../../../src/safety/prompts/model.ts';
import { guardSettings } from '../../../src/safety/settings.ts';
import { textOf } from '../../accounts/browser.ts';
import { fakePython, formOf, readEvents, SHORT, type Studio, studio } from '../studio.ts';

const fakeStudio = async (t: TestContext, env: Record<string, string> = {}): Promise<Studio> =>
  studio(t, { python: await fakePython(t, '--able'), limits: SHORT, env });

const postingOf = ({ node }: Studio) => ({
  hashGate: node.hashGate,
  ...{ maxImageBytes: 1e7, minFreeBytes: 0, defaultQuotaBytes: 1e9, allowedLevels: 31, programVersion: 'Tessera' },
});

/** Sends the form and waits for the pictures. */
async function made({ browser, checkpoint, em }: Studio, prompt: string): Promise<Generation> {
  const sent = await browser.post('/generate', formOf(checkpoint, { prompt }));
  assert.equal(sent.status, 302, textOf(sent.text));
  await readEvents(browser, `${sent.location}/events`);
  return em.findOneOrFail(Generation, sent.location.split('/').at(-1) ?? '', { refresh: true });
}

test('a request that is denied says which kind of rule and what to do, and the form stays filled', async (t) => {
  const { browser, checkpoint, em } = await fakeStudio(t);
  const answer = await browser.post('/generate', formOf(checkpoint, { prompt: 'nude loli', steps: '17' }));
  assert.equal(answer.status, 422);
  assert.match(textOf(answer.text), /Refused for the safety of children/);
  assert.match(textOf(answer.text), /Describe adults only/);
  assert.match(answer.text, /nude loli<\/textarea>/);
  assert.match(answer.text, /name="steps"[^>]*value="17"/);
  assert.equal(await em.count(Generation), 0);
  const [record] = await em.find(PromptRecord, {});
  assert.deepEqual([record?.action, record?.category, record?.isHard], ['deny', 'minor-sexual', true]);
  assert.match(record?.text ?? '', /nude loli/);
  assert.match(record?.textHash ?? '', /^[0-9a-f]{64}$/);
});

test('scenario 27: a word that stands only in a preset, in the trigger or name of a LoRA, or in the second prompt is denied', async (t) => {
  const { browser, checkpoint, lora, em, node } = await fakeStudio(t);
  await node.settings.write(em, guardSettings, guardSettings.schema.parse({ refusalsBeforeFreeze: 100 }), node.now());
  await em.flush();
  const denied = async (fields: Record<string, string>, what: string) => {
    const answer = await browser.post('/generate', formOf(checkpoint, { prompt: 'nude figure, marble', ...fields }));
    assert.equal(answer.status, 422, what);
    assert.match(textOf(answer.text), /safety of children/, what);
  };
  await denied({ negativePrompt: 'adult' }, 'a negative prompt that takes adulthood away');
  const version = await em.findOneOrFail(ModelVersion, lora.version.id);
  version.trainedWords = ['shota style'];
  await em.flush();
  await denied({ lora: String(lora.id) }, 'a trigger word');
  await denied({ prompt: 'nude figure <lora:tiny-style-lora:0.5>' }, 'a trigger word of a LoRA that the prompt names');
  version.trainedWords = [];
  version.name = 'toddler';
  await em.flush();
  await denied({ lora: String(lora.id) }, 'the name of a version');

  // a preset of the node fills the form with what the person did not type
  version.name = 'v1.0';
  await em.flush();
  const preset = { act: 'preset-save', presetName: 'Look', prompt: 'nude loli' };
  await browser.post('/generate/form', formOf(checkpoint, preset));
  const { id } = await em.findOneOrFail(GenerationPreset, { name: 'Look' });
  const filled = await browser.post('/generate/form', formOf(checkpoint, { prompt: '', act: `preset:${id}` }));
  await denied({ prompt: /<textarea[^>]*name="prompt"[^>]*>([^<]*)</.exec(filled.text)?.[1] ?? '' }, 'a preset');
  assert.equal(await em.count(Generation), 0);
});

test('scenario 27: at the boundary of the engine a request is read again, however it came into the queue', async (t) => {
  const { node, ada, checkpoint, em, workAs, settle } = await fakeStudio(t);
  const work = workAs(ada);
  const request = {
    model: {
      sha256: checkpoint.sha256,
      fileId: checkpoint.id,
      versionId: checkpoint.version.id,
      name: 'tiny',
      title: 'Tiny',
    },
    ...{
      loras: [],
      prompt: 'nude l\u200boli',
      negativePrompt: '',
      width: 32,
      height: 32,
      steps: 4,
      count: 1,
      clipSkip: 1,
    },
    ...{ sampler: 'Euler', schedule: 'Automatic', cfgScale: 3, seed: 1, isSeedDrawn: true },
  };
  const id = newId();
  await work.em.transactional(async (tx) => {
    const generation = tx.create(
      Generation,
      { id, account: ada.id, request, createdAt: node.now() },
      { persist: true },
    );
    generation.jobId = node.jobs.enqueue(tx, node.generator.job, { generationId: id });
    await tx.flush();
  });
  await settle();
  const generation = await em.findOneOrFail(Generation, id);
  assert.equal(generation.state, 'failed');
  assert.match(generation.error ?? '', /safety of children/);
  assert.equal(await em.count(GenerationImage), 0);
});

test('somebody under age and nothing else: the pictures are PG, and cannot be rated otherwise', async (t) => {
  const its = await fakeStudio(t);
  const generation = await made(its, 'a child flying a kite');
  assert.deepEqual([generation.screening?.floor, generation.screening?.ceiling], [1, 1]);
  await assert.rejects(postResults(its.workAs(its.ada), postingOf(its), generation.id, { image: [], rating: 4 }), {
    kind: 'invalid',
  });
  await postResults(its.workAs(its.ada), postingOf(its), generation.id, { image: [], rating: 1 });
  const image = await its.em.findOneOrFail(Image, { generationId: generation.id });
  assert.deepEqual([image.level, image.leastLevel, image.mostLevel], [1, 1, 1]);
  const edit = await its.browser.post(`/images/${image.id}/edit`, { rating: '8' });
  assert.ok(edit.status >= 400, `the editor answered ${edit.status}`);
});

test('an author cannot rate below what the words stand for, then or later', async (t) => {
  const its = await fakeStudio(t);
  const generation = await made(its, 'nude man, 30 years old, charcoal');
  await postResults(its.workAs(its.ada), postingOf(its), generation.id, { image: [], rating: 1 });
  const image = await its.em.findOneOrFail(Image, { generationId: generation.id });
  assert.deepEqual([image.level, image.leastLevel], [4, 4]);
});

test('what is held is made and seen, and posted only when somebody released it', async (t) => {
  const its = await fakeStudio(t);
  const generation = await made(its, 'children in bikini at the pool');
  assert.equal(generation.state, 'done');
  assert.equal(generation.screening?.hold, 'minor-review');
  const post = (id: string) => postResults(its.workAs(its.ada), postingOf(its), id, { image: [], rating: 1 });
  await assert.rejects(post(generation.id), { kind: 'withheld' });
  assert.match(textOf((await its.browser.get(`/generate/${generation.id}`)).text), /Waits for a person of the node/);
  const decision = { byId: its.ada.id, now: its.node.now() };
  assert.equal(await releaseHold(its.em, 'generation', generation.id, decision), true);
  await its.em.flush();
  assert.ok((await post(generation.id)) > 0);

  const second = await made(its, 'kids in bikini at the pool');
  await refuseHold(its.em, 'generation', second.id, decision);
  await its.em.flush();
  await assert.rejects(post(second.id), { kind: 'withheld' });
});

test('after three such refusals an account is stopped until somebody has looked', async (t) => {
  const { browser, checkpoint, em, ada, node, settle } = await fakeStudio(t);
  const send = (prompt: string) => browser.post('/generate', formOf(checkpoint, { prompt }));
  for (const prompt of ['nude loli', 'nude shota', 'naked toddler']) assert.equal((await send(prompt)).status, 422);
  assert.equal((await send('a red circle')).status, 403);
  const held = await em.findOneOrFail(SafetyHold, { kind: 'account' });
  assert.deepEqual([held.targetId, held.reason], [String(ada.id), 'child-safety']);
  await releaseHold(em, 'account', String(ada.id), { byId: null, now: node.now() });
  await em.flush();
  await settle();
  assert.equal((await send('a red circle')).status, 302);
  assert.equal((await send('nude loli')).status, 422, 'the count begins anew');
  assert.equal((await send('a blue circle')).status, 302);
});

async function picture(exif: Record<string, string> | null): Promise<Buffer> {
  const drawn = sharp({ create: { width: 64, height: 64, channels: 3, background: '#a83' } }).jpeg();
  return (exif ? drawn.withExif({ IFD0: exif, IFD2: { ExposureTime: '1/60' } }) : drawn).toBuffer();
}

test('scenario 33: a photograph, or what nobody knows, is not undressed; what was made from it neither', async (t) => {
  const { browser, checkpoint, em } = await fakeStudio(t);
  for (const exif of [{ Make: 'Canon', Model: 'EOS R5' }, null]) {
    const form = new FormData();
    for (const [name, value] of Object.entries(
      formOf(checkpoint, { prompt: 'take off her jacket and shirt', photoRights: '1' }),
    )) {
      form.append(name, String(value));
    }
    form.append('startFile', new Blob([new Uint8Array(await picture(exif))]), 'a.jpg');
    const answer = await browser.postForm('/generate', form);
    assert.equal(answer.status, 422);
    assert.match(textOf(answer.text), /is not undressed or made sexual here/);
    const start = /name="start"[^>]*value="(up:[0-9a-f]{64})"/.exec(answer.text)?.[1] ?? '';
    const unsaid = await browser.post('/generate', formOf(checkpoint, { prompt: 'a sepia print', start }));
    assert.equal(unsaid.status, exif ? 422 : 302, 'of a photograph its owner says that they may change it');
    const sepia = formOf(checkpoint, { prompt: 'a sepia print', start, photoRights: '1' });
    const harmless = await browser.post('/generate', sepia);
    assert.equal(harmless.status, 302, textOf(harmless.text));
    await readEvents(browser, `${harmless.location}/events`);
    const id = harmless.location.split('/').at(-1) ?? '';
    const generation = await em.findOneOrFail(Generation, id);
    assert.equal(generation.request.start?.provenance, exif ? 'photo' : 'unproven');
    assert.equal(generation.request.start?.isAttested, exif ? true : undefined);
    assert.equal(generation.screening?.ceiling, 2);
    const image = await em.findOneOrFail(GenerationImage, { generation: id });
    const laundered = formOf(checkpoint, { prompt: 'without clothes', start: `result:${image.id}`, photoRights: '1' });
    assert.equal((await browser.post('/generate', laundered)).status, 422);
  }
});
