import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { composeCaption } from '../../src/compute/datasets/captioning/compose.ts';
import { Dataset, DatasetItem } from '../../src/compute/datasets/model.ts';
import { GpuPace, GpuUse } from '../../src/compute/gpu/model.ts';
import { pauseLane } from '../../src/kit/queue/fair/state.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { until } from '../kit/queue-setup.ts';
import { temporaryFolder } from '../kit/temporary-folder.ts';
import { captionerFolder, fakePython, formOf, putTagger, readEvents, SHORT, type Studio, studio } from './studio.ts';

interface Room extends Studio {
  readonly setUrl: string;
}

const FORM = { threshold: '0.4', mode: 'empty', prefix: '', exclude: '', underscores: '1' };

const picture = (width: number) =>
  sharp({ create: { width, height: 80, channels: 3, background: `hsl(${width}, 60%, 50%)` } })
    .png()
    .toBuffer();

/** A set with a picture of each width; `captions` by width. */
async function room(t: TestContext, widths: readonly number[], captions: Record<number, string> = {}): Promise<Room> {
  const env = { MODELS_DIR: await captionerFolder(t) };
  const its = await studio(t, { python: await fakePython(t), limits: { ...SHORT, stepMs: 5_000 }, env });
  const { location: setUrl } = await its.browser.post('/datasets', { name: 'Boats' });
  const form = new FormData();
  for (const width of widths) {
    form.append('pictures', new Blob([new Uint8Array(await picture(width))]), `${width}.png`);
    const caption = captions[width];
    if (caption) form.append('pictures', new Blob([caption]), `${width}.txt`);
  }
  assert.equal((await its.browser.postForm(`${setUrl}/images`, form)).status, 302);
  return { ...its, setUrl };
}

const captionsOf = async ({ node }: Room) =>
  (await node.orm.em.fork().find(DatasetItem, { deletedAt: null }, { orderBy: { position: 1 } })).map(
    ({ caption }) => caption,
  );
const begin = ({ browser, setUrl }: Room, form: Record<string, string> = {}) =>
  browser.post(`${setUrl}/captioning`, { ...FORM, ...form });
const jobOf = async ({ node }: Room): Promise<Job | null> => {
  const em = node.orm.em.fork();
  const dataset = await em.findOneOrFail(Dataset, { captionJobId: { $ne: null } });
  return em.findOne(Job, dataset.captionJobId ?? '');
};
const ended = (its: Room) =>
  until('it ended', async () => !['queued', 'running'].includes((await jobOf(its))?.state ?? ''));
const pageOf = async ({ browser, setUrl }: Room) => textOf((await browser.get(`${setUrl}/captions`)).text);

test('the tagger fills what is empty, puts the prefix in front, is booked, and all of it can be undone', async (t) => {
  const its = await room(t, [70, 80], { 70: 'my own words' });
  assert.match(await pageOf(its), /A tagger of this node looks at each picture/);
  assert.equal((await begin(its, { prefix: 'inkwash, seen 1' })).location, `${its.setUrl}/captions`);
  await ended(its);
  assert.deepEqual(await captionsOf(its), ['my own words', 'inkwash, seen 1, width 80']);
  assert.match(await pageOf(its), /The tagger wrote 1 caption\. Undo them all/);

  const em = its.node.orm.em.fork();
  const [use] = await em.find(GpuUse, {});
  assert.deepEqual(
    [use?.kind, use?.jobClass, use?.accountId, use?.isRefunded],
    ['caption', 'batch', its.ada.id, false],
  );
  assert.deepEqual(
    (await em.find(GpuPace, {})).map(({ work }) => work),
    ['caption/captioner/448'],
  );

  const { location } = await its.browser.post(`${its.setUrl}/captioning/reversal`);
  assert.deepEqual(await captionsOf(its), ['my own words', '']);
  assert.match(textOf((await its.browser.get(location)).text), /1 caption is as it was before/);
  assert.equal((await its.browser.post(`${its.setUrl}/captioning/reversal`)).status, 409);
});

test('tags are added at the end or take the place of what was there, and undoing spares what was written since', async (t) => {
  const its = await room(t, [70, 80], { 70: 'boat, Seen 1', 80: 'hill' });
  await begin(its, { mode: 'append' });
  await ended(its);
  assert.deepEqual(await captionsOf(its), ['boat, Seen 1, width 70', 'hill, seen 2, width 80']);
  await begin(its, { mode: 'replace' });
  await ended(its);
  assert.deepEqual(await captionsOf(its), ['seen 1, width 70', 'seen 2, width 80']);
  const items = await its.node.orm.em.fork().find(DatasetItem, {}, { orderBy: { position: 1 } });
  await its.browser.post(`${its.setUrl}/captions`, { [`caption-${items[0]?.id}`]: 'by hand' });
  await its.browser.post(`${its.setUrl}/captioning/reversal`);
  assert.deepEqual(await captionsOf(its), ['by hand', 'hill, seen 2, width 80']);
});

test('a picture that cannot be read is named, and the others get their captions', async (t) => {
  const its = await room(t, [66, 70]);
  await begin(its);
  await ended(its);
  assert.deepEqual(await captionsOf(its), ['', 'seen 2, width 70']);
  assert.match(await pageOf(its), /The tagger wrote 1 caption\. 66\.png: it is no whole picture/);
});

test('captions arrive live while it works; stopping keeps those that came, once', async (t) => {
  const its = await room(t, [70, 80]);
  await begin(its, { exclude: 'hang-caption' });
  const arrived: unknown[] = [];
  const events = await readEvents(its.browser, `${its.setUrl}/captioning/events`, ({ data }) => {
    arrived.push(...((data.captions as unknown[] | undefined) ?? []));
    return arrived.length > 0;
  });
  assert.ok(events.every(({ event }) => event === 'progress'));
  assert.deepEqual(
    arrived.map((one) => (one as { caption: string }).caption),
    ['seen 1, width 70'],
  );
  assert.match(await pageOf(its), /Captioning .* Stop/);
  assert.equal((await begin(its)).status, 409);
  assert.equal((await its.browser.post(`${its.setUrl}/captioning/reversal`)).status, 409);
  assert.equal((await its.browser.post(`${its.setUrl}/captioning/cancellation`)).location, `${its.setUrl}/captions`);
  await ended(its);
  assert.equal((await jobOf(its))?.state, 'cancelled');
  assert.deepEqual(await captionsOf(its), ['seen 1, width 70', '']);
  const last = await readEvents(its.browser, `${its.setUrl}/captioning/events`);
  assert.equal(last.at(-1)?.event, 'failed');
  await begin(its);
  await ended(its);
  assert.deepEqual(await captionsOf(its), ['seen 1, width 70', 'seen 1, width 80']);
});

test('it stands among the jobs of its owner, who stops it there, and is found by the name of the set', async (t) => {
  const its = await room(t, [70, 80]);
  await begin(its, { exclude: 'hang-caption' });
  const { browser, setUrl } = its;
  const jobs = async (query = '') => (await browser.get(`/jobs${query}`)).text;
  await until('it runs', async () => /Captions · 2 pictures[\s\S]*Running/.test(await jobs()));
  const page = await jobs();
  assert.ok(page.includes(`href="${setUrl}/captions"`) && page.includes(`action="${setUrl}/captioning/cancellation"`));
  assert.match(page, /src="\/dataset-images\/[0-9a-f-]+\/thumb\.webp"/);
  assert.match(await jobs('?q=boats'), /Captions · 2 pictures/);
  assert.doesNotMatch(await jobs('?q=hills'), /Captions · 2 pictures/);
  assert.doesNotMatch(await jobs('?model=Tiny+Shapes'), /Captions · 2 pictures/);
  await givenMember(its.em, 'bert');
  const bert = new Browser(its.address);
  await bert.signIn('bert');
  assert.doesNotMatch((await bert.get('/jobs')).text, /Captions ·/);
  await browser.post(`${setUrl}/captioning/cancellation`);
  await ended(its);
  assert.match(textOf(await jobs()), /Captions · 2 pictures Cancelled/);
});

test('an engine that dies over it is tried again, and writes nothing twice', async (t) => {
  const its = await room(t, [70, 80], { 70: 'boat', 80: 'hill' });
  await begin(its, { exclude: 'crash-caption', mode: 'append' });
  await ended(its);
  assert.equal((await jobOf(its))?.state, 'done');
  assert.deepEqual(await captionsOf(its), ['boat, seen 1, width 70', 'hill, seen 1, width 80']);
});

test('it waits its turn in the queue, and can be called off there', async (t) => {
  const its = await room(t, [70]);
  const em = its.node.orm.em.fork();
  await pauseLane(em, 'gpu', new Date());
  await begin(its);
  assert.match(await pageOf(its), /Captioning/);
  await its.browser.post(`${its.setUrl}/captioning/cancellation`);
  assert.equal((await jobOf(its))?.state, 'cancelled');
  assert.deepEqual(await captionsOf(its), ['']);
});

test('what makes no sense is refused in its field, and a set of somebody else is not there', async (t) => {
  const its = await room(t, [70], { 70: 'boat' });
  const full = await begin(its);
  assert.equal(full.status, 422);
  assert.match(textOf(full.text), /Every picture has a caption already/);
  const high = await begin(its, { mode: 'replace', threshold: '7' });
  assert.equal(high.status, 422);
  assert.match(textOf(high.text), /At most 0\.99/);
  await givenMember(its.em, 'bert');
  const bert = new Browser(its.address);
  await bert.signIn('bert');
  for (const act of ['', '/cancellation', '/reversal'])
    assert.equal((await bert.post(`${its.setUrl}/captioning${act}`, FORM)).status, 404, act);
  assert.equal((await bert.get(`${its.setUrl}/captioning/events`)).status, 404);
});

test('without a tagger the page says how to get one, and one that is put in place later works without a restart', async (t) => {
  const modelsDir = await temporaryFolder(t);
  const its = await studio(t, { python: await fakePython(t), limits: SHORT, env: { MODELS_DIR: modelsDir } });
  const { location: setUrl } = await its.browser.post('/datasets', { name: 'Boats' });
  const form = new FormData();
  form.append('pictures', new Blob([new Uint8Array(await picture(70))]), 'a.png');
  await its.browser.postForm(`${setUrl}/images`, form);
  const there = { ...its, setUrl };
  assert.match(await pageOf(there), /npm run engine:install -- --captioner/);
  assert.equal((await begin(there)).status, 503);
  const generated = async () => {
    const { location } = await its.browser.post('/generate', formOf(its.checkpoint));
    await readEvents(its.browser, `${location}/events`);
  };
  await generated(); // so that there is an engine that knows no tagger

  await putTagger(modelsDir);
  await its.node.engines.look();
  assert.match(await pageOf(there), /A tagger of this node looks at each picture/);
  await generated();
  assert.match(await pageOf(there), /A tagger of this node looks at each picture/);
  assert.equal((await begin(there)).location, `${setUrl}/captions`);
  await ended(there);
  assert.deepEqual(await captionsOf(there), ['seen 1, width 70']);

  await rm(path.join(modelsDir, 'captioner'), { recursive: true });
  await its.node.engines.look();
  assert.match(await pageOf(there), /npm run engine:install -- --captioner/);
});

test('a caption never grows past what it may have, and each tag stands once', () => {
  const long = Array.from({ length: 400 }, (_, n) => `tag ${n}`).join(', ');
  const made = composeCaption('one, two', `Two, ${long}`, { mode: 'append', prefix: 'trigger' });
  assert.ok(made.startsWith('trigger, one, two, tag 0, ') && made.length <= 2_000);
  assert.equal(composeCaption('one', 'two', { mode: 'replace', prefix: '' }), 'two');
});
