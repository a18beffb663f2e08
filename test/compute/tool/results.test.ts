import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Generation, GenerationImage, type GenerationRequest } from '../../../src/compute/model.ts';
import { Image } from '../../../src/gallery/model.ts';
import { newId } from '../../../src/kit/ids.ts';
import { Browser, textOf } from '../../accounts/browser.ts';
import { givenMember } from '../../factories/accounts.ts';
import { fakePython, formOf, readEvents, SHORT, type Studio, studio } from '../studio.ts';

const fakeStudio = async (t: TestContext): Promise<Studio> =>
  studio(t, { python: await fakePython(t, '--able'), limits: SHORT });

/** A generation of several pictures, and their ids in order. */
async function givenResults({ browser, checkpoint, em }: Studio, count: number) {
  const sent = await browser.post('/generate', formOf(checkpoint, { prompt: 'many', count: String(count) }));
  assert.equal(sent.status, 302, sent.text);
  await readEvents(browser, `${sent.location}/events`);
  const generation = sent.location.split('/').at(-1) ?? '';
  const images = await em.fork().find(GenerationImage, { generation }, { orderBy: { position: 1 } });
  assert.equal(images.length, count);
  return { url: sent.location, ids: images.map(({ id }) => id) };
}

test('some of the results become one post, and the rest another', async (t) => {
  const all = await fakeStudio(t);
  const { browser, em, settle } = all;
  const { url, ids } = await givenResults(all, 3);
  const [first = '', second = ''] = ids;
  const posted = await browser.post(`${url}/post`, { image: [first], rating: '1' });
  assert.match(posted.location, /^\/posts\/\d+$/);
  const rest = await browser.post(`${url}/post`, { image: [second], rating: '1' });
  assert.notEqual(rest.location, posted.location);
  await settle();
  assert.equal(await em.count(Image), 2);
  assert.equal((await browser.post(`${url}/post`, { image: [first], rating: '1' })).status, 409);
  const page = (await browser.get(url)).text;
  assert.equal(page.match(/href="\/images\/\d+"/g)?.length, 2);
});

test('chosen pictures are deleted, and come back when that is undone', async (t) => {
  const all = await fakeStudio(t);
  const { browser, address, em } = all;
  const { url, ids } = await givenResults(all, 3);
  const [first = '', second = ''] = ids;
  assert.equal((await browser.post(`${url}/pictures/deletion`)).status, 422);
  const gone = await browser.post(`${url}/pictures/deletion`, { image: [first, second] });
  assert.equal(gone.location, `${url}?deleted=2`);
  const page = (await browser.get(gone.location)).text;
  assert.match(textOf(page), /2 pictures deleted\./);
  assert.equal(page.match(/class="result-open"/g)?.length, 1);
  assert.equal((await browser.get(`/generate/images/${first}`)).status, 404);

  await givenMember(em, 'eve');
  const eve = new Browser(address);
  await eve.signIn('eve');
  assert.equal((await eve.post(`${url}/restoration`)).status, 404);
  assert.equal((await eve.post(`${url}/pictures/deletion`, { image: ids })).status, 404);
  await browser.post(`${url}/restoration`);
  assert.equal((await browser.get(url)).text.match(/class="result-open"/g)?.length, 3);
});

test('two results stand side by side, and only for who had them made', async (t) => {
  const all = await fakeStudio(t);
  const { browser, address, em } = all;
  const { url, ids } = await givenResults(all, 2);
  const query = `/generate/compare?${new URLSearchParams(ids.map((id): [string, string] => ['image', id]))}`;
  const page = (await browser.get(query)).text;
  for (const id of ids) assert.match(page, new RegExp(`<img src="/generate/images/${id}"`));
  assert.match(page, new RegExp(`href="${url}"`));
  assert.equal((await browser.get(`/generate/compare?image=${ids[0]}`)).status, 422);
  assert.equal((await browser.get('/generate/compare?image=x&image=y')).status, 422);
  await givenMember(em, 'eve');
  const eve = new Browser(address);
  await eve.signIn('eve');
  assert.equal((await eve.get(query)).status, 404);
});

test('what the engine wondered about stands beside the result', async (t) => {
  const { browser, checkpoint } = await fakeStudio(t);
  const sent = await browser.post('/generate', formOf(checkpoint, { prompt: 'warn' }));
  await readEvents(browser, `${sent.location}/events`);
  assert.match(textOf((await browser.get(sent.location)).text), /3 of 100 keys were skipped/);
});

test('the history is searched by words, checkpoint and day, page by page', async (t) => {
  const { browser, address, ada, em } = await fakeStudio(t);
  const request: GenerationRequest = {
    model: { sha256: 'a'.repeat(64), fileId: null, versionId: null, name: 'gone', title: 'Gone Model' },
    ...{ loras: [], prompt: '', negativePrompt: '', width: 32, height: 32, steps: 4, sampler: 'Euler' },
    ...{ schedule: 'Automatic', cfgScale: 7, seed: 1, isSeedDrawn: true, count: 1, clipSkip: 1 },
  };
  const add = (prompt: string, title: string, createdAt: string) =>
    em.create(
      Generation,
      {
        ...{ id: newId(), account: ada.id, state: 'done' as const, createdAt: new Date(createdAt) },
        request: { ...request, prompt, model: { ...request.model, title } },
      },
      { persist: true },
    );
  add('A red "boat" at sea', 'One', '2026-03-01T10:00:00Z');
  add('a blue boat, 100% calm', 'Two', '2026-03-02T23:30:00Z');
  add('a house', 'Two', '2026-03-03T10:00:00Z');
  for (let n = 0; n < 30; n += 1) add(`tree ${n}`, 'Three', '2026-04-01T10:00:00Z');
  await em.flush();

  const found = async (query: string) => {
    const { text } = await browser.get(`/jobs?${query}`);
    return [...text.matchAll(/class="job-prompt"><a[^>]*>([^<]*)</g)].map(([, prompt]) => prompt);
  };
  assert.deepEqual(await found('q=boat'), ['a blue boat, 100% calm', 'A red &quot;boat&quot; at sea']);
  assert.deepEqual(await found('q=RED+boat'), ['A red &quot;boat&quot; at sea']);
  assert.deepEqual(await found('q=100%25+calm'), ['a blue boat, 100% calm']);
  assert.deepEqual(await found('model=Two'), ['a house', 'a blue boat, 100% calm']);
  assert.deepEqual(await found('from=2026-03-02&to=2026-03-02'), ['a blue boat, 100% calm']);
  assert.deepEqual(await found('q=boat&model=Two&from=2026-03-03'), []);
  assert.match(textOf((await browser.get('/jobs?q=zebra')).text), /Nothing like that/);
  assert.equal((await found('from=nonsense')).length, 24);
  const first = (await browser.get('/jobs?q=tree')).text;
  const next = /href="(\/jobs\?q=tree&amp;before=[^"]+)"/.exec(first)?.[1]?.replace('&amp;', '&') ?? '';
  assert.match((await browser.get(next)).text, />tree 0</);
  await givenMember(em, 'eve');
  const eve = new Browser(address);
  await eve.signIn('eve');
  assert.doesNotMatch((await eve.get('/jobs?q=boat')).text, /calm/);
});
