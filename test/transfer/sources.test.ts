import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { createToken } from '../../src/accounts/access/tokens.ts';
import { Account } from '../../src/accounts/model.ts';
import { Model, ModelFile, ModelVersion } from '../../src/catalogue/model.ts';
import { Image, Post } from '../../src/gallery/model.ts';
import { zipOf } from '../../src/kit/web/download/zip.ts';
import { importFolder } from '../../src/transfer/import/at-once.ts';
import { Transfer, TransferItem } from '../../src/transfer/import/model.ts';
import { type Browser, textOf } from '../accounts/browser.ts';
import { Tus } from '../catalogue/publisher.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { type Peer, peerNode } from '../federation/nodes.ts';
import { A1111, generated, picture } from '../gallery/painter.ts';
import { aLife, MODEL_FORM } from './life.ts';

const fork = ({ node }: Pick<Peer, 'node'>) => node.orm.em.fork();
const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const KINDS = ['model', 'post'];

async function itemsOf(peer: Peer, url: string) {
  const items = await fork(peer).find(
    TransferItem,
    { transfer: url.split('/').at(-1) ?? '' },
    { orderBy: { position: 1 } },
  );
  return items.map(({ kind, title, state, message }) => [kind, title, state, message ?? '']);
}

const ownModels = async (peer: Peer, { id }: Account) =>
  fork(peer).find(Model, { owner: id, state: { $ne: 'deleted' } }, { orderBy: { id: 1 } });

const mainOf = async (browser: Browser, path: string) =>
  textOf((await browser.get(path)).text.replace(/^.*<main/s, '<main'));

test('models come in from a site that speaks Civitai’s API, with their pictures, as drafts', async (t) => {
  const [home, away] = [await peerNode(t, '127.0.0.1'), await peerNode(t, '127.0.0.2')];
  const ada = await home.member('ada');
  await aLife(home, ada.account);
  // the API shows what its account browses
  await fork(home).nativeUpdate(Account, { id: ada.account.id }, { levels: 3 });
  const grant = { label: 'move', scopes: ['all' as const], expiresAt: null };
  const { secret } = await createToken(home.workAs(null), ada.account, grant);
  const ally = await away.member('ally');
  const form = { place: home.origin, who: 'ada', secret };
  const unsaid = await ally.browser.post('/import/civitai', form);
  assert.equal(unsaid.status, 422);
  assert.doesNotMatch(unsaid.text, new RegExp(secret), 'a key is typed again');
  const { location } = await ally.browser.post('/import/civitai', { ...form, own: '1' });
  await away.settle();
  assert.match(await mainOf(ally.browser, location), /Models: 1.*Posts: 1/);
  assert.equal((await ally.browser.post(`${location}/choice`, { kind: KINDS })).status, 302);
  await away.settle();
  assert.deepEqual(
    (await itemsOf(away, location)).map(([kind, , state, message]) => [kind, state, message]),
    [
      ['model', 'done', ''],
      ['post', 'done', ''],
    ],
  );
  const [model] = await ownModels(away, ally.account);
  assert.deepEqual([model?.name, model?.type, model?.state, model?.level], [MODEL_FORM.name, 'LORA', 'draft', 2]);
  assert.match(model?.description ?? '', /Brass, \*engraved\*/);
  const [version] = await fork(away).find(ModelVersion, { model: model?.id ?? 0 });
  assert.deepEqual([version?.name, version?.baseModel, version?.trainedWords], ['v1.0', 'SD 1.5', ['brass ink']]);
  const [file] = await fork(away).find(ModelFile, { version: version?.id ?? 0 });
  assert.equal(file?.sha256, sha256Of(kohyaLoraSd1({ name: 'brass-one' })));
  const [post] = await fork(away).find(Post, { owner: ally.account.id });
  assert.deepEqual([post?.state, post?.version?.id], ['draft', version?.id]);
  const images = await fork(away).find(Image, { post: post?.id ?? 0 }, { orderBy: { position: 1 } });
  assert.deepEqual(
    images.map(({ level }) => level),
    [1, 2],
  );
  const transfer = await fork(away).findOneOrFail(Transfer, location.split('/').at(-1) ?? '');
  assert.deepEqual([transfer.state, transfer.sealedKey ?? null], ['done', null], 'the key is forgotten');
});

/**
 * Stands in for the Hub, constructed from its documentation (huggingface.co/docs/hub/api, `GET /api/models/{repo_id}` with
 * `blobs`, and `hf_hub_url` of huggingface_hub for `/resolve/`); it was not tried live.
 */
async function hub(t: TestContext, files: Map<string, Buffer>, told: Map<string, Buffer>) {
  const asked: string[] = [];
  /** While it is set, half of a file is sent and then nothing. */
  const stalls = { isOn: false };
  const commit = 'c'.repeat(40);
  const siblings = [...told].map(([rfilename, bytes]) => ({
    ...{ rfilename, size: bytes.length },
    ...(rfilename.endsWith('.safetensors')
      ? { lfs: { sha256: sha256Of(bytes), size: bytes.length, pointerSize: 134 } }
      : {}),
  }));
  const cardData = {
    license: 'apache-2.0',
    tags: ['ink', 'lora'],
    base_model: 'some/base',
    instance_prompt: 'inkwash',
  };
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    if (path === '/api/models/ada/ink-wash?blobs=true') {
      const body = { id: 'ada/ink-wash', sha: commit, private: false, gated: false, tags: [], cardData, siblings };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      return;
    }
    const bytes = files.get(decodeURIComponent(path.replace(`/ada/ink-wash/resolve/${commit}/`, '')));
    if (bytes && stalls.isOn) response.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, 500));
    else if (bytes) response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(bytes);
    else response.writeHead(404).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.5', done));
  t.after(() => server.close());
  return { asked, stalls, origin: `http://127.0.0.5:${(server.address() as AddressInfo).port}` };
}

test('a repository, an archive of models and one of pictures come in; what is damaged is told, and comes with a second try', async (t) => {
  const away = await peerNode(t, '127.0.0.2');
  const { account, browser } = await away.member('ally');
  const weights = kohyaLoraSd1({ name: 'hub-ink' });
  const sample = await picture();
  const told = new Map([
    ['ink.safetensors', weights],
    ['samples/one.png', sample],
    ['unet/diffusion_pytorch_model.safetensors', Buffer.from('part')],
    ['README.md', Buffer.from('# Ink')],
  ]);
  const served = new Map(told).set('ink.safetensors', Buffer.concat([weights.subarray(0, -1), Buffer.from('x')]));
  const { origin, asked } = await hub(t, served, told);
  const { location } = await browser.post('/import/huggingface', { place: `${origin}/ada/ink-wash`, own: '1' });
  await away.settle();
  assert.match(await mainOf(browser, location), /1 remark|One remark/);
  assert.equal(asked.length, 1, 'a look fetches no file');
  await browser.post(`${location}/choice`, { kind: KINDS, publish: '1' });
  await away.settle();
  const first = await itemsOf(away, location);
  assert.deepEqual(
    first.map(([kind, , state]) => [kind, state]),
    [
      ['model', 'failed'],
      ['post', 'done'],
    ],
  );
  assert.match(first[0]?.[3] ?? '', /not the ones that the peer had promised/);
  const failed = await mainOf(browser, location);
  assert.match(failed, /Try again what failed/);
  served.set('ink.safetensors', weights);
  assert.equal((await browser.post(`${location}/retry`)).status, 302);
  await away.settle();
  assert.deepEqual(
    (await itemsOf(away, location)).map(([kind, , state]) => [kind, state]),
    [
      ['model', 'done'],
      ['post', 'done'],
    ],
  );
  const [model] = await ownModels(away, account);
  assert.deepEqual([model?.name, model?.licenseId, model?.type], ['ink-wash', 'Apache-2.0', 'LORA']);
  assert.equal((await ownModels(away, account)).length, 1, 'a second try makes nothing twice');

  // an archive that goes up by tus: two files of one model, pictures beside one of them
  const [one, two] = [kohyaLoraSd1({ name: 'copper-one' }), kohyaLoraSd1({ name: 'copper-two' })];
  const info = (id: number, bytes: Buffer, name: string) =>
    Buffer.from(
      JSON.stringify({
        ...{
          id,
          modelId: 77,
          name,
          baseModel: 'SD 1.5',
          trainedWords: ['copper'],
          description: '<p>By <b>hand</b>.</p>',
        },
        model: { name: 'Copper', type: 'LORA', nsfw: false, poi: false },
        files: [
          { name: 'x', sizeKB: bytes.length / 1024, type: 'Model', hashes: { SHA256: sha256Of(bytes).toUpperCase() } },
        ],
      }),
    );
  const preview = await generated(A1111);
  const models = await zipped({
    'models/copper-1.safetensors': one,
    'models/copper-1.civitai.info': info(701, one, 'first'),
    'models/copper-1.preview.png': preview,
    'models/copper-2.safetensors': two,
    'models/copper-2.civitai.info': info(702, two, 'second'),
    'models/notes.txt': Buffer.from('nothing'),
  });
  const tus = new Tus(new URL(away.origin), browser);
  const upload = await tus.create(models.length, 'models.zip');
  await tus.patch(upload.location, 0, models.subarray(0, 1_000));
  await tus.patch(upload.location, 1_000, models.subarray(1_000));
  await away.settle();
  const archive = new FormData();
  archive.append('source', 'folder');
  archive.append('archive', upload.location);
  const folder = await browser.postForm('/import/archive', archive);
  assert.equal(folder.status, 302, textOf(folder.text).slice(-300));
  await away.settle();
  await browser.post(`${folder.location}/choice`, { kind: KINDS });
  await away.settle();
  assert.deepEqual(
    (await itemsOf(away, folder.location)).map(([kind, title, state]) => [kind, title, state]),
    [
      ['model', 'Copper', 'done'],
      ['post', 'Copper', 'done'],
    ],
  );
  const copper = (await ownModels(away, account)).at(-1);
  const versions = await fork(away).find(ModelVersion, { model: copper?.id ?? 0 }, { orderBy: { position: 1 } });
  assert.deepEqual(
    versions.map(({ name, trainedWords }) => [name, trainedWords]),
    [
      ['second', ['copper']],
      ['first', ['copper']],
    ],
  );

  // pictures by a plain form: one folder, one post, unrated, with the recipe of the file
  const pictures = await zipped({
    'sea/a.png': preview,
    'sea/b.png': await picture(),
    'sea/c.png': Buffer.from('no picture'),
  });
  const plain = new FormData();
  plain.append('source', 'pictures');
  plain.append('archiveFile', new Blob([new Uint8Array(pictures)]), 'pictures.zip');
  const sea = await browser.postForm('/import/archive', plain);
  await away.settle();
  await browser.post(`${sea.location}/choice`, { kind: KINDS });
  await away.settle();
  const [seaItem] = await itemsOf(away, sea.location);
  assert.deepEqual(seaItem?.slice(0, 3), ['post', 'sea', 'failed']);
  assert.match(seaItem?.[3] ?? '', /Picture 3/, 'what failed is told, what came stays');
  const post = await fork(away).findOneOrFail(Post, { title: 'sea' });
  const images = await fork(away).find(Image, { post: post.id }, { orderBy: { position: 1 } });
  assert.deepEqual(
    images.map(({ level, recipe }) => [level, recipe?.seed]),
    [
      [0, '123456789'],
      [0, undefined],
    ],
  );
  const wrong = new FormData();
  wrong.append('source', 'tessera');
  wrong.append('archiveFile', new Blob([new Uint8Array(pictures)]), 'pictures.zip');
  const none = await browser.postForm('/import/archive', wrong);
  await away.settle();
  assert.match(await mainOf(browser, none.location), /This is no archive of a Tessera node/);
  assert.equal((await browser.postForm('/import/archive', new FormData())).status, 422);
  assert.equal((await browser.post(`${none.location}/removal`)).location, '/import');
  assert.equal((await browser.get(none.location)).status, 404);
});

test('an import is stopped, and goes on where it was; an operator brings a folder in by a command', async (t) => {
  const away = await peerNode(t, '127.0.0.2');
  const { account, browser } = await away.member('ally');
  const root = await mkdtemp(join(tmpdir(), 'tessera-folder-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  await mkdir(join(root, 'loras'));
  await writeFile(join(root, 'loras', 'tin_foil.safetensors'), kohyaLoraSd1({ name: 'tin' }));
  await writeFile(join(root, 'loras', 'tin_foil.png'), await picture());
  await writeFile(join(root, 'loras', 'broken.safetensors'), 'not one');
  const said: string[] = [];
  const bring = (dryRun: boolean) =>
    importFolder(away.workAs(account), away.node.transfers.parts, {
      ...{ source: 'folder', root, dryRun, say: (line: string) => said.push(line) },
    });
  const look = await bring(true);
  assert.deepEqual(
    look.items.map(({ title, state }) => [title, state]),
    [
      ['broken', 'found'],
      ['tin foil', 'found'],
      ['tin foil', 'found'],
    ],
  );
  assert.equal((await ownModels(away, account)).length, 0);
  const report = await bring(false);
  assert.deepEqual(
    report.items.map(({ state }) => state),
    ['failed', 'done', 'done'],
  );
  await away.settle();
  const names = (await ownModels(away, account)).map(({ name }) => name);
  assert.ok(names.includes('tin foil'));
  const again = await bring(false);
  assert.deepEqual(
    again.items.map(({ state }) => state),
    ['failed', 'known', 'known'],
  );
  assert.deepEqual(
    (await ownModels(away, account)).map(({ name }) => name),
    names,
  );
  assert.equal(await fork(away).count(Transfer, {}), 0);

  // one thing is left out, and the file of the other is under way when somebody stops it
  const told = new Map([
    ['ink.safetensors', kohyaLoraSd1({ name: 'slow' })],
    ['one.png', await picture()],
  ]);
  const { origin, asked, stalls } = await hub(t, told, told);
  stalls.isOn = true;
  const { location } = await browser.post('/import/huggingface', { place: `${origin}/ada/ink-wash`, own: '1' });
  await away.settle();
  const id = location.split('/').at(-1) ?? '';
  const shown = (await fork(away).find(TransferItem, { transfer: id }, { orderBy: { position: 1 } })).map(
    (item) => item.id,
  );
  await browser.post(`${location}/choice`, { kind: KINDS, shown, item: shown.slice(0, 1) });
  while (!asked.some((path) => path.includes('/resolve/'))) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.match(await mainOf(browser, location), /Bringing in/);
  assert.equal((await browser.post(`${location}/retry`)).status, 409, 'it is under way');
  await browser.post(`${location}/stop`);
  await away.settle();
  assert.equal((await fork(away).findOneOrFail(Transfer, id)).state, 'stopped');
  assert.deepEqual(
    (await itemsOf(away, location)).map(([, , state]) => state),
    ['waiting', 'found'],
  );
  assert.match(await mainOf(browser, location), /Go on/);
  stalls.isOn = false;
  assert.equal((await browser.post(`${location}/retry`)).status, 302);
  await away.settle();
  assert.deepEqual(
    (await itemsOf(away, location)).map(([, , state]) => state),
    ['done', 'found'],
  );
  assert.equal((await ownModels(away, account)).filter(({ name }) => name === 'ink-wash').length, 1);
});

async function zipped(files: Record<string, Uint8Array>): Promise<Buffer> {
  async function* all() {
    for (const [name, bytes] of Object.entries(files)) yield { name, bytes };
  }
  return buffer(Readable.from(zipOf(all())));
}
