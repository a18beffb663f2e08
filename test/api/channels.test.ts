import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { ModelListDocument } from '../../src/api/channels/model-list.ts';
import { Bounty } from '../../src/economy/bounties/model.ts';
import { Collection, CollectionItem } from '../../src/gallery/collections/model.ts';
import { Browser } from '../accounts/browser.ts';
import { givenModel, givenVersion, NOW } from '../factories/content.ts';
import { bytesAt, painter } from '../gallery/painter.ts';
import { givenThings } from '../moderation/reach.ts';
import { emptyShelf, furnishedShelf, type Json, ORIGIN } from './shelf.ts';

// ltdrdata/ComfyUI-Manager at 03eea8ce15bccc579e8a0715ceb9464056bcc426: glob/manager_server.py reads `models` of
// model-list.json (fetch_externalmodel_list) and puts each where `save_path` says, which may not be absolute or hold
// `..` (get_model_dir), under `filename`.

test('ComfyUI-Manager reads the models of a channel, and puts each into its folder', async (t) => {
  const { ask, ids } = await furnishedShelf(t);
  const { status, json, headers } = await ask('/api/comfyui/model-list.json');
  assert.equal(status, 200);
  assert.equal(headers.get('access-control-allow-origin'), '*');
  assert.deepEqual(ModelListDocument.parse(json), json);
  const [first] = json.models;
  assert.deepEqual(first, {
    ...{ name: 'Ink wash · v2', type: 'lora', base: 'SD 1.5', save_path: 'loras' },
    ...{ description: 'Ink wash by ada, inkwash', reference: `${ORIGIN}/models/${ids.model}?version=${ids.version}` },
    ...{ filename: 'inkwash.safetensors', url: `${ORIGIN}/api/download/models/${ids.version}`, size: '2.05KB' },
  });
  for (const { save_path: path, filename } of json.models) {
    assert.doesNotMatch(path, /\.\.|^\//);
    assert.doesNotMatch(filename, /[/\\]/);
  }
  // of R for those who are not asked, of a peer for nobody: no bytes are here
  assert.ok(!json.models.some(({ name }: Json) => /Dreamer|From afar/.test(name)));
});

test('a channel holds one tag, or one collection that everybody may see', async (t) => {
  const { ask, ids, em, ada } = await furnishedShelf(t);
  const names = ({ json }: { json: Json }) => json.models.map(({ base }: Json) => base);
  assert.equal(names(await ask('/api/comfyui/tags/style/model-list.json')).length, 3);
  assert.deepEqual(names(await ask('/api/comfyui/tags/nothing/model-list.json')), []);
  const given = { owner: ada.id, createdAt: NOW, updatedAt: NOW };
  const open = em.create(Collection, { ...given, name: 'Open' });
  const shut = em.create(Collection, { ...given, name: 'Shut', visibility: 'private' });
  await em.flush();
  em.create(CollectionItem, {
    ...{ id: '0190b7a2-7c1e-7000-8000-0000000000bb', collection: open, model: ids.model, addedAt: NOW },
  });
  await em.flush();
  assert.equal(names(await ask(`/api/comfyui/collections/${open.id}/model-list.json`)).length, 3);
  for (const id of [shut.id, 999, 'x']) {
    assert.equal((await ask(`/api/comfyui/collections/${id}/model-list.json`)).status, 404, String(id));
  }
});

test('the files beside a model bear its name, and the preview is a PNG', async (t) => {
  const site = await painter(t, { env: { PUBLIC_URL: ORIGIN } });
  const { versionId } = await givenThings(site);
  const info = await site.visitor.get(`/api/download/sidecars/${versionId}/civitai.info`);
  assert.equal(info.status, 200);
  assert.match(info.headers.get('content-disposition') ?? '', /filename="zebrafisch\.civitai\.info"/);
  const detail = JSON.parse(info.text);
  assert.deepEqual([detail.id, detail.files[0].name], [versionId, 'zebrafisch.safetensors']);
  const preview = await bytesAt(site.visitor, `/api/download/sidecars/${versionId}/preview.png`);
  assert.match(preview.headers.get('content-disposition') ?? '', /filename="zebrafisch\.preview\.png"/);
  assert.equal((await sharp(preview.bytes).metadata()).format, 'png');
  assert.equal((await site.visitor.get('/api/download/sidecars/999/civitai.info')).status, 404);
  assert.equal((await site.visitor.get('/api/download/sidecars/x/civitai.info')).status, 400);
});

test('a version without a picture has no preview', async (t) => {
  const { ask, ids } = await furnishedShelf(t);
  assert.equal((await ask(`/api/download/sidecars/${ids.checkpointVersion}/preview.png`)).status, 404);
});

const tagsOf = (xml: string, name: string): string[] =>
  [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map((match) => match[1] ?? '');

test('a feed is Atom, with the newest first and a link to what follows', async (t) => {
  const { ask, ids, em } = await furnishedShelf(t);
  await em.nativeUpdate('Model', { id: ids.model }, { name: 'Ink & <wash>\u0007' });
  for (const path of ['/feeds/models.atom', '/feeds/people/ada/models.atom', '/feeds/tags/style/models.atom']) {
    const { status, text, headers } = await ask(path);
    assert.equal(status, 200, path);
    assert.match(headers.get('content-type') ?? '', /^application\/atom\+xml/);
    assert.deepEqual(tagsOf(text, 'id'), [`${ORIGIN}${path}`, `${ORIGIN}/models/${ids.model}`], path);
    assert.match(text, /<title>Ink &amp; &lt;wash&gt;<\/title>/);
    assert.match(text, /<updated>2026-01-01T03:04:05\.000Z<\/updated>/);
    assert.match(text, /&lt;strong&gt;ink&lt;\/strong&gt;/);
    assert.ok(!text.includes('\u0007'));
  }
  for (const path of ['/feeds/images.atom', '/feeds/people/ada/images.atom', '/feeds/tags/style/images.atom']) {
    const { text } = await ask(path);
    assert.deepEqual(tagsOf(text, 'id'), [`${ORIGIN}${path}`, `${ORIGIN}/images/${ids.image}`], path);
  }
  for (const path of ['/feeds/people/nobody/models.atom', '/feeds/tags/nothing/images.atom', '/feeds/cats.atom']) {
    assert.equal((await ask(path)).status, 404, path);
  }
});

test('every list has a feed: filters stand in its address, and collections, bounties and the newest have their own', async (t) => {
  const { ask, ids, em, ada, clock } = await furnishedShelf(t);
  const entries = async (path: string) => {
    const { status, text } = await ask(path);
    assert.equal(status, 200, path);
    assert.deepEqual([tagsOf(text, 'id')[0]], [`${ORIGIN}${path}`], path);
    return tagsOf(text, 'id')
      .slice(1)
      .map((id) => id.slice(ORIGIN.length).replace(/^(\/models\/\d+).*/, '$1'));
  };
  const [ink, afar] = [`/models/${ids.model}`, `/models/${ids.remote}`];
  // as the page with these filters, to a visitor
  assert.deepEqual(await entries('/feeds/models.atom?type=LORA'), [ink, afar]);
  assert.deepEqual(await entries('/feeds/models.atom?scope=here'), [ink]);
  assert.deepEqual(await entries('/feeds/models.atom?not=style'), [afar]);
  assert.deepEqual(await entries('/feeds/images.atom?recipe=1'), [`/images/${ids.image}`]);
  assert.deepEqual(await entries('/feeds/images.atom?not=style'), []);
  assert.equal((await ask('/feeds/images.atom?model=99999')).status, 404);
  assert.deepEqual(await entries('/feeds/here.atom'), [`/posts/${ids.post}`, ink]);
  assert.deepEqual(await entries('/feeds/known.atom'), [`/posts/${ids.post}`, ink, afar]);

  const given = { owner: ada.id, createdAt: NOW, updatedAt: NOW };
  const [open, shut] = [
    em.create(Collection, { ...given, name: 'Open' }),
    em.create(Collection, { ...given, name: 'Shut', visibility: 'private' }),
  ];
  await em.flush();
  em.create(CollectionItem, {
    ...{ id: '0190b7a2-7c1e-7000-8000-0000000000bb', collection: open, model: ids.model, addedAt: NOW },
  });
  await em.flush();
  assert.deepEqual(await entries(`/feeds/collections/${open.id}.atom`), [ink]);
  for (const id of [shut.id, 999, 'x']) assert.equal((await ask(`/feeds/collections/${id}.atom`)).status, 404);

  const later = new Date(clock.now().getTime() + 86_400_000);
  const times = { deadlineAt: later, awardBy: later, createdAt: NOW, updatedAt: NOW };
  const id = '0190b7a2-7c1e-7000-8000-0000000000cc';
  const bounty = { id, owner: ada.id, title: 'A <fish>', text: 'x', kind: 'LoraCreation', mode: 'Individual' } as const;
  await em.insert(Bounty, { ...bounty, ...times });
  const { text } = await ask('/feeds/bounties.atom');
  assert.deepEqual(tagsOf(text, 'id'), [`${ORIGIN}/feeds/bounties.atom`, `${ORIGIN}/bounties/${id}`]);
  assert.match(text, /<title>A &lt;fish&gt;<\/title>/);
});

test('a long feed goes on at its next link, to the end', async (t) => {
  const { em, ada, ask } = await emptyShelf(t);

  const owner = em.getReference('Account', ada.id) as typeof ada;
  for (let n = 0; n < 35; n += 1) givenVersion(em, { model: givenModel(em, { owner }) });
  await em.flush();
  const first = await ask('/feeds/models.atom');
  const next = /<link rel="next" href="([^"]+)"/.exec(first.text)?.[1] ?? '';
  const second = await ask(next.slice(ORIGIN.length));
  const entries = [...tagsOf(first.text, 'id'), ...tagsOf(second.text, 'id')].filter((id) => /\/models\/\d+$/.test(id));
  assert.equal(new Set(entries).size, 35);
  assert.doesNotMatch(second.text, /rel="next"/);
});

test('the pages of lists name their feeds', async (t) => {
  const { address } = await furnishedShelf(t);
  const visitor = new Browser(address);
  const pages: readonly [string, string][] = [
    ['/models', '/feeds/models.atom'],
    ['/images', '/feeds/images.atom'],
    ['/models?type=LORA&sort=likes', '/feeds/models.atom\\?type=LORA'],
    ['/', '/feeds/here.atom'],
    ['/bounties', '/feeds/bounties.atom'],
    ['/contests', '/feeds/contests.atom'],
    ['/@ada', '/feeds/people/ada/images.atom'],
    ['/tags/style', '/feeds/tags/style/models.atom'],
  ];
  for (const [page, feed] of pages) {
    const { text } = await visitor.get(page);
    assert.match(text, new RegExp(`<link rel="alternate" type="application/atom\\+xml" title="[^"]+" href="${feed}">`));
    assert.equal((await visitor.get(feed.replace('\\', ''))).status, 200);
  }
});
