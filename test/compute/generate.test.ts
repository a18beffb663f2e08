import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { blockAccount } from '../../src/accounts/block.ts';
import { linkRemixesJob } from '../../src/compute/link-remixes.ts';
import { Generation, GenerationImage } from '../../src/compute/model.ts';
import { Image } from '../../src/gallery/model.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { PolicyState, RESTRICTION } from '../../src/safety/policy.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenFile, givenImage, givenModel, givenPost, givenVersion } from '../factories/content.ts';
import { testNode } from '../node.ts';
import { fakePython, formOf, readEvents, SHORT, studio } from './studio.ts';

// The whole way with a fake engine, which does what the prompt says: what can go wrong is asked for by name.
const fakeStudio = async (t: TestContext, env: Record<string, string> = {}) =>
  studio(t, { python: await fakePython(t), limits: SHORT, env });

const idIn = (location: string): string => location.split('/').at(-1) ?? '';

test('a request becomes a picture, its files leave the job folder, and only its owner sees it', async (t) => {
  const { browser, address, checkpoint, em, node } = await fakeStudio(t);
  const sent = await browser.post('/generate', formOf(checkpoint, { prompt: 'half', seed: '' }));
  const events = await readEvents(browser, `${sent.location}/events`);

  assert.equal(events.at(-1)?.event, 'done');
  const generation = await em.findOneOrFail(Generation, idIn(sent.location));
  assert.equal(generation.state, 'done');
  assert.ok(generation.request.isSeedDrawn && generation.request.seed >= 0);
  const images = await em.find(GenerationImage, { generation });
  assert.equal(images.length, 1);
  assert.deepEqual(await readdir(path.join(node.dataDir, 'engine', 'jobs')), []);

  const file = `/generate/images/${images[0]?.id}`;
  assert.equal((await browser.get(file)).status, 200);
  await givenMember(em, 'eve');
  const eve = new Browser(address);
  await eve.signIn('eve');
  for (const url of [file, sent.location, `${sent.location}/events`])
    assert.equal((await eve.get(url)).status, 404, url);
  assert.equal((await eve.post(`${sent.location}/again`)).status, 404);
  assert.equal((await eve.post(`${sent.location}/post`)).status, 404);
  assert.doesNotMatch((await eve.get('/jobs')).text, /half/);
  assert.equal((await new Browser(address).get('/generate')).status, 302);
});

test('the same again has other seeds, and reused settings come back into the form', async (t) => {
  const { browser, checkpoint, lora, em } = await fakeStudio(t);
  const sent = await browser.post(
    '/generate',
    formOf(checkpoint, { prompt: 'a tidy house', seed: '99', lora: String(lora.id), [`weight-${lora.id}`]: '0.4' }),
  );
  const again = await browser.post(`${sent.location}/again`);
  await readEvents(browser, `${again.location}/events`);

  const [first, second] = await em.find(Generation, {}, { orderBy: { id: 1 } });
  assert.equal(first?.request.seed, 99);
  assert.notEqual(second?.request.seed, 99);
  assert.deepEqual({ ...second?.request, seed: 0 }, { ...first?.request, seed: 0 });
  const page = (await browser.get(`/generate?from=${first?.id}`)).text;
  assert.match(page, /a tidy house/);
  assert.match(page, /name="seed"[^>]*value="99"/);
  assert.match(page, new RegExp(`name="weight-${lora.id}"[^>]*value="0.4"`));
});

test('an engine that crashes once is started again and makes the picture', async (t) => {
  const { browser, checkpoint } = await fakeStudio(t);
  const sent = await browser.post('/generate', formOf(checkpoint, { prompt: 'crash once' }));
  const events = await readEvents(browser, `${sent.location}/events`);
  assert.equal(events.at(-1)?.event, 'done');
  assert.match((await browser.get(sent.location)).text, /class="result-open"/);
});

for (const [what, prompt, message] of [
  ['crashes it', 'crash', /crashed on this request twice/],
  ['hangs it', 'hang', /stopped moving and was ended, twice/],
] as const) {
  test(`a request that ${what} a second time has failed, says why, and the next one is made`, async (t) => {
    const { browser, checkpoint, em } = await fakeStudio(t);
    const sent = await browser.post('/generate', formOf(checkpoint, { prompt }));
    await readEvents(browser, `${sent.location}/events`);

    const page = await browser.get(sent.location);
    assert.match(textOf(page.text), message);
    assert.equal((await em.findOneOrFail(Generation, idIn(sent.location))).state, 'failed');
    const next = await browser.post('/generate', formOf(checkpoint, { prompt: 'fine' }));
    assert.equal((await readEvents(browser, `${next.location}/events`)).at(-1)?.event, 'done');
  });
}

for (const prompt of ['stall', 'no-cancel']) {
  test(`cancelling ends a running generation even when the engine does not obey (${prompt})`, async (t) => {
    const { browser, checkpoint, em } = await fakeStudio(t);
    const sent = await browser.post('/generate', formOf(checkpoint, { prompt }));
    let isAsked = false;
    await readEvents(browser, `${sent.location}/events`, ({ data }) => {
      if (isAsked || !String(data.note).startsWith('Step')) return;
      isAsked = true;
      void browser.post(`${sent.location}/cancellation`);
    });
    assert.ok(isAsked);
    const generation = await em.findOneOrFail(Generation, idIn(sent.location));
    assert.equal(generation.state, 'cancelled');
    assert.equal(await em.count(GenerationImage), 0);
    const next = await browser.post('/generate', formOf(checkpoint, { prompt: 'fine' }));
    assert.equal((await readEvents(browser, `${next.location}/events`)).at(-1)?.event, 'done');
  });
}

test('a waiting generation says its place, and is gone from the queue at once when it is cancelled', async (t) => {
  const { browser, checkpoint, em } = await fakeStudio(t);
  const first = await browser.post('/generate', formOf(checkpoint, { prompt: 'stall' }));
  await browser.post('/generate', formOf(checkpoint, { prompt: 'second' }));
  const third = await browser.post('/generate', formOf(checkpoint, { prompt: 'third' }));

  await readEvents(browser, `${first.location}/events`, ({ data }) => String(data.note).startsWith('Step'));
  const [event] = await readEvents(browser, `${third.location}/events`, () => true);
  assert.match(String(event?.data.note), /^Place 2 in the queue · starts in about \d+ s$/);
  await browser.post(`${third.location}/cancellation`);
  assert.equal((await em.findOneOrFail(Generation, idIn(third.location))).state, 'cancelled');
  await browser.post(`${first.location}/cancellation`);
});

test('one account has only so many requests open', async (t) => {
  const { browser, checkpoint, em } = await fakeStudio(t);
  const answers = [];
  for (let n = 0; n < 11; n += 1)
    answers.push(await browser.post('/generate', formOf(checkpoint, { prompt: 'stall' })));
  assert.deepEqual(
    answers.map(({ status }) => status),
    [...Array(10).fill(302), 429],
  );
  assert.match(textOf(answers.at(-1)?.text ?? ''), /You have 10 requests waiting/);
  assert.equal(await em.count(Generation), 10);
  for (const { location } of answers) if (location) await browser.post(`${location}/cancellation`);
});

test('what cannot be made is refused with a reason at its field, and the form comes back filled', async (t) => {
  const { browser, checkpoint, em } = await fakeStudio(t);
  const cases: readonly [Record<string, string>, number, RegExp][] = [
    [{ prompt: 'x'.repeat(8_001) }, 422, /A prompt has at most 8,000 characters; this one has 8,001/],
    [{ prompt: `${'('.repeat(70)}x` }, 422, /nests its brackets too deeply/],
    [{ prompt: 'a <lora:nowhere:1>' }, 422, /There is no LoRA nowhere on this node/],
    [{ size: 'custom', width: '33', height: '32' }, 422, /in steps of 8/],
    [{ size: '4000x4000' }, 422, /8 to 64 pixels/],
    [{ steps: '0' }, 422, /Steps: at least 1/],
    [{ sampler: 'Wishful' }, 422, /The engine has no such sampler/],
    [{ seed: 'abc' }, 422, /A seed is a whole number/],
    [{ count: '99' }, 422, /Pictures: at most 8/],
    [{ model: '424242' }, 422, /Choose a checkpoint that this node offers/],
    [{ model: 'nonsense' }, 422, /Choose a checkpoint that this node offers/],
    [{ lora: '424242' }, 422, /One of the LoRAs is not offered here any more/],
    [{ prompt: 'x'.repeat(3_000_000) }, 413, /more than 1000 kB of text/],
  ];
  for (const [change, status, message] of cases) {
    const answer = await browser.post('/generate', formOf(checkpoint, { negativePrompt: 'kept words', ...change }));
    const what = JSON.stringify(change).slice(0, 60);
    assert.equal(answer.status, status, what);
    assert.match(textOf(answer.text), message, what);
    if (status === 422) assert.match(answer.text, /kept words/, what);
  }
  assert.equal(await em.count(Generation), 0);
  assert.equal(await em.count(Job, { lane: 'gpu' }), 0);
});

test('buttons in the form add and remove LoRAs without making anything', async (t) => {
  const { browser, checkpoint, lora, em } = await fakeStudio(t);
  const added = await browser.post(
    '/generate/form',
    formOf(checkpoint, { act: `add:${lora.id}`, prompt: 'kept words' }),
  );
  assert.equal(added.status, 200);
  assert.match(added.text, new RegExp(`name="lora" value="${lora.id}"`));
  assert.match(added.text, /kept words/);
  const removed = await browser.post(
    '/generate/form',
    formOf(checkpoint, { act: `remove:${lora.id}`, lora: String(lora.id) }),
  );
  assert.doesNotMatch(removed.text, new RegExp(`name="lora" value="${lora.id}"`));
  const other = await browser.post('/generate/form', { prompt: 'kept words', act: `model:${checkpoint.id}` });
  assert.match(other.text, new RegExp(`type="hidden" name="model" value="${checkpoint.id}"`));
  const searched = await browser.post(
    '/generate/form',
    formOf(checkpoint, { act: 'model-search', modelSearch: 'zzz' }),
  );
  assert.match(searched.text, /Nothing found/);
  assert.equal(await em.count(Generation), 0);
});

test('what is a draft, withheld or above the ratings is not offered; what the engine does not run says so', async (t) => {
  const { browser, checkpoint, em } = await fakeStudio(t);
  const offer = (name: string, model: object = {}, version: object = {}) => {
    const its = givenModel(em, { name, type: 'Checkpoint', baseModel: 'Other', ...model });
    const one = givenVersion(em, { model: its, baseModel: 'Other', ...version });
    return { model: its, file: givenFile(em, { version: one }) };
  };
  offer('Good One');
  offer('A Draft', { state: 'draft' });
  const flux = offer('A Flux', {}, { baseModel: 'Flux.1 D' });
  offer('Too Hot', { level: 16 });
  const withheld = offer('Withheld One');
  await em.flush();
  em.persist(
    em.create(PolicyState, {
      ...{ targetKind: 'model', targetId: withheld.model.id, restrictions: RESTRICTION.generate },
      changedAt: new Date(),
    }),
  );
  await em.flush();

  const page = (await browser.get('/generate')).text;
  assert.match(page, /Good One/);
  for (const name of ['A Draft', 'Too Hot', 'Withheld One']) assert.ok(!page.includes(name), name);
  assert.match(textOf(page), /A Flux.*Made for Flux\.1 D, which the engine here does not run/s);
  assert.doesNotMatch(page, new RegExp(`value="model:${flux.file.id}"`));
  for (const { file } of [withheld, flux]) {
    const sent = await browser.post('/generate', formOf(checkpoint, { model: String(file.id) }));
    assert.equal(sent.status, 422);
  }
});

test('a checkpoint that is withheld while the request waits makes nothing', async (t) => {
  const { browser, checkpoint, em } = await fakeStudio(t);
  const first = await browser.post('/generate', formOf(checkpoint, { prompt: 'stall' }));
  const second = await browser.post('/generate', formOf(checkpoint, { prompt: 'fine' }));
  em.persist(
    em.create(PolicyState, {
      ...{ targetKind: 'version', targetId: checkpoint.version.id, restrictions: RESTRICTION.generate },
      changedAt: new Date(),
    }),
  );
  await em.flush();
  await browser.post(`${first.location}/cancellation`);
  await readEvents(browser, `${second.location}/events`);

  assert.match(textOf((await browser.get(second.location)).text), /A moderation decision forbids/);
  assert.equal(await em.count(GenerationImage), 0);
});

test('a picture is remixed and a version tried with everything filled in', async (t) => {
  const { browser, checkpoint, lora, em } = await fakeStudio(t);
  const { ResourceUse } = await import('../../src/gallery/model.ts');
  const { newId } = await import('../../src/kit/ids.ts');
  const recipe = {
    prompt: 'an old boat <lora:tiny-style-lora:0.3>',
    steps: 17,
    seed: '4242',
    sampler: 'Euler',
    others: {},
  };
  const image = givenImage(em, { post: givenPost(em), recipe, hasRecipe: true, width: 32, height: 48 });
  await em.flush();
  const use = { image, kind: 'checkpoint', name: 'tiny', version: checkpoint.version.id } as const;
  em.persist(em.create(ResourceUse, { id: newId(), ...use }));
  await em.flush();

  const remix = (await browser.get(`/generate?remix=${image.id}`)).text;
  assert.match(remix, />\s*an old boat<\/textarea>/);
  assert.match(remix, new RegExp(`name="lora" value="${lora.id}"`));
  assert.match(remix, new RegExp(`name="weight-${lora.id}"[^>]*value="0.3"`));
  assert.match(remix, /name="steps"[^>]*value="17"/);
  assert.match(remix, /value="32x48" checked/);
  const tried = (await browser.get(`/generate?version=${lora.version.id}`)).text;
  assert.match(tried, new RegExp(`name="lora" value="${lora.id}"`));
  assert.match(tried, new RegExp(`name="model" value="${checkpoint.id}"`));
  assert.equal((await browser.get('/generate?remix=999999&version=abc')).status, 200);
});

test('a picture made with the recipe of another says whose remix it is, as long as that may be seen', async (t) => {
  const { ada, address, browser, checkpoint, em, settle, workAs } = await fakeStudio(t);
  const ben = await givenMember(em, 'ben');
  const recipe = { prompt: 'an old boat', others: {} };
  const given = { recipe, hasRecipe: true };
  const original = givenImage(em, { post: givenPost(em, { owner: ben }), ...given });
  const kept = givenImage(em, { post: givenPost(em, { owner: ben }), ...given, isRecipeHidden: true });
  await em.flush();
  const form = (await browser.get(`/generate?remix=${original.id}`)).text;
  assert.match(form, new RegExp(`name="remixOf" value="${original.id}"`));
  assert.match(textOf(form), /Remix of @ben’s picture/);

  const remixOf = async (id: number, post: boolean) => {
    const sent = await browser.post('/generate', formOf(checkpoint, { remixOf: String(id), seed: String(id) }));
    await readEvents(browser, `${sent.location}/events`);
    const { request } = await em.fork().findOneOrFail(Generation, idIn(sent.location));
    if (post) await browser.post(`${sent.location}/post`, { rating: '1' });
    return request.remixOfId;
  };
  assert.equal(await remixOf(kept.id, false), undefined, 'its recipe is kept back');
  assert.equal(await remixOf(999_999, false), undefined);
  assert.equal(await remixOf(original.id, true), original.id);
  await settle();
  const remix = await em.fork().findOneOrFail(Image, { remixOf: original.id });

  const visitor = new Browser(address);
  const pages = async () => ({
    remix: textOf((await visitor.get(`/images/${remix.id}`)).text),
    original: textOf((await visitor.get(`/images/${original.id}`)).text),
    list: (await visitor.get(`/images/${original.id}/remixes`)).text,
  });
  const shown = await pages();
  assert.match(shown.remix, /Remix of @ben’s picture/);
  assert.match(shown.original, /Remixes \(1\)/);
  assert.match(shown.list, new RegExp(`href="/images/${remix.id}"`));

  // who blocks or mutes its maker is neither shown nor told of it
  for (const kind of ['block', 'mute'] as const) {
    const cy = await givenMember(em, `cy-${kind}`);
    await blockAccount(workAs(cy), ada.id, kind);
    const theirs = new Browser(address);
    await theirs.signIn(cy.name);
    assert.doesNotMatch((await theirs.get(`/images/${original.id}/remixes`)).text, new RegExp(`/images/${remix.id}"`));
    assert.doesNotMatch(textOf((await theirs.get(`/images/${original.id}`)).text), /Remixes \(/, kind);
  }

  // a remix that is not public any more is not counted, and an original that is kept back is not named
  await em.fork().nativeUpdate(Image, remix.id, { listedAt: null });
  const after = await pages();
  assert.doesNotMatch(after.original, /Remixes \(/);
  assert.doesNotMatch(after.list, new RegExp(`href="/images/${remix.id}"`));
  const state = { targetKind: 'image', targetId: original.id, restrictions: RESTRICTION.view } as const;
  em.persist(em.create(PolicyState, { ...state, changedAt: new Date() }));
  await em.flush();
  assert.doesNotMatch(textOf((await visitor.get(`/images/${remix.id}`)).text), /Remix of/);
  // nor is it a remix of what goes
  await em.fork().nativeDelete(Image, original.id);
  assert.equal((await em.fork().findOneOrFail(Image, remix.id)).remixOf, null);
});

test('a recipe that is kept back after it was taken makes no remix of what is posted then', async (t) => {
  const { browser, checkpoint, em, settle } = await fakeStudio(t);
  const ben = await givenMember(em, 'ben');
  const original = givenImage(em, {
    ...{ post: givenPost(em, { owner: ben }), recipe: { prompt: 'a boat', others: {} }, hasRecipe: true },
  });
  await em.flush();
  const sent = await browser.post('/generate', formOf(checkpoint, { remixOf: String(original.id) }));
  await readEvents(browser, `${sent.location}/events`);
  assert.equal(
    (await em.fork().findOneOrFail(Generation, idIn(sent.location))).request.remixOfId,
    original.id,
    'it was open when it was taken',
  );
  await em.fork().nativeUpdate(Image, original.id, { isRecipeHidden: true });
  assert.equal((await browser.post(`${sent.location}/post`, { rating: '1' })).status, 302);
  await settle();
  const posted = await em.fork().findOneOrFail(Image, { generationId: idIn(sent.location) });
  assert.equal(posted.remixOf, null);
});

test('a result that its maker uploads is a remix too', async (t) => {
  const { browser, ada, checkpoint, em, settle, workAs } = await fakeStudio(t);
  const ben = await givenMember(em, 'ben');
  const post = givenPost(em, { owner: ben });
  const original = givenImage(em, { post, recipe: { prompt: 'a boat', others: {} }, hasRecipe: true });
  await em.flush();
  const sent = await browser.post('/generate', formOf(checkpoint, { remixOf: String(original.id) }));
  await readEvents(browser, `${sent.location}/events`);
  const { sha256 } = await em.fork().findOneOrFail(GenerationImage, { generation: idIn(sent.location) });
  const uploaded = givenImage(em, { post: givenPost(em, { owner: ada, state: 'draft' }), sha256 });
  const strange = givenImage(em, { post: givenPost(em, { owner: ben }), sha256 });
  await em.flush();
  const work = workAs(null);
  for (const one of [uploaded, strange]) work.jobs.enqueue(work.em, linkRemixesJob, { postId: one.post.id });
  await work.em.flush();
  await settle();
  const found = await em.fork().find(Image, { remixOf: original.id });
  assert.deepEqual(
    found.map(({ id }) => id),
    [uploaded.id],
  );
});

test('a deleted generation is gone from sight, comes back when it is undone, and is forgotten an hour later', async (t) => {
  const { browser, checkpoint, em, clock, settle } = await fakeStudio(t);
  const sent = await browser.post('/generate', formOf(checkpoint, { prompt: 'fine' }));
  await readEvents(browser, `${sent.location}/events`);
  const image = await em.findOneOrFail(GenerationImage, { position: 0 });
  const gone = await browser.post(`${sent.location}/deletion`);
  assert.equal(gone.location, `/jobs?deleted=${idIn(sent.location)}`);
  for (const url of [sent.location, `/generate/images/${image.id}`, `/generate/images/${image.id}.webp`])
    assert.equal((await browser.get(url)).status, 404, url);
  const list = (await browser.get(gone.location)).text;
  assert.doesNotMatch(list, />fine</);
  assert.match(list, new RegExp(`action="${sent.location}/restoration"`));

  await browser.post(`${sent.location}/restoration`);
  assert.equal((await browser.get(`/generate/images/${image.id}`)).status, 200);

  await browser.post(`${sent.location}/deletion`);
  clock.pass(1_800_000);
  await settle();
  assert.equal(await em.count(GenerationImage), 1, 'there is still time to undo');
  clock.pass(1_900_000);
  await settle();
  assert.deepEqual([await em.count(Generation), await em.count(GenerationImage)], [0, 0]);
  assert.equal((await browser.post(`${sent.location}/restoration`)).status, 404);
});

test('the list of generations goes on page by page', async (t) => {
  const { browser, ada, em } = await fakeStudio(t);
  const { newId } = await import('../../src/kit/ids.ts');
  const request = {
    ...{
      model: { sha256: 'a'.repeat(64), fileId: null, versionId: null, name: 'gone', title: 'Gone' },
      loras: [],
      negativePrompt: '',
    },
    ...{ width: 32, height: 32, steps: 4, sampler: 'Euler', schedule: 'Automatic', cfgScale: 7, seed: 1 },
    ...{ isSeedDrawn: true, count: 1, clipSkip: 1 },
  };
  for (let n = 1; n <= 30; n += 1) {
    const id = newId();
    em.persist(
      em.create(Generation, {
        id,
        account: ada.id,
        state: 'done',
        request: { ...request, prompt: `number ${n}.` },
        createdAt: new Date(),
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await em.flush();
  const first = (await browser.get('/jobs')).text;
  assert.ok(first.includes('number 30.') && !first.includes('number 6.'));
  const next = /href="(\/jobs\?before=[^"]+)"/.exec(first)?.[1] ?? '';
  const second = (await browser.get(next)).text;
  assert.ok(second.includes('number 6.') && second.includes('number 1.') && !second.includes('number 7.'));
});

test('without an engine the page names what is missing and the command that installs it', async (t) => {
  const missing = path.join(import.meta.dirname, 'no', 'python');
  const { browser, checkpoint } = await studio(t, { python: missing });
  const page = await browser.get('/generate');
  assert.equal(page.status, 200);
  assert.match(textOf(page.text), /Generating needs Python \(there is none at/);
  assert.match(page.text, /npm run engine:install/);
  assert.equal((await browser.post('/generate', formOf(checkpoint))).status, 503);
});

test('a node that is told to have no engine says so', async (t) => {
  const { start, em } = await testNode(t);
  const browser = new Browser(await start('web'));
  await givenMember(em, 'ada');
  await browser.signIn('ada');
  assert.match(textOf((await browser.get('/generate')).text), /This node does not generate/);
});
