import assert from 'node:assert/strict';
import { request } from 'node:http';
import { type TestContext, test } from 'node:test';
import { createModel } from '../../src/catalogue/create.ts';
import { offeredName } from '../../src/catalogue/downloads/file-names.ts';
import { ModelFile, ModelVersion } from '../../src/catalogue/model.ts';
import { publishVersion } from '../../src/catalogue/publish.ts';
import { checkpointSd1, kohyaLoraSd1 } from '../factories/safetensors.ts';
import { publisher } from './publisher.ts';

async function published(t: TestContext) {
  const node = await publisher(t);
  const { id } = await createModel(node.workAs(node.ada), {
    name: 'Brass Work',
    type: 'Checkpoint',
    baseModel: 'SD 1.5',
  });
  const bytes = checkpointSd1();
  await node.give(id, bytes, 'x.safetensors');
  await node.give(id, kohyaLoraSd1(), 'other.safetensors');
  await node.give(id, Buffer.from('model: {}\n'), 'config.yaml');
  await publishVersion(node.workAs(node.ada), id);
  const url = new URL(`/api/download/models/${id}`, node.address);
  const count = async () => (await node.node.orm.em.fork().findOneOrFail(ModelVersion, id)).downloadCount;
  return { ...node, id, bytes, url, count };
}

const cookie = (browser: { cookies: Map<string, string> }) =>
  [...browser.cookies].map((pair) => pair.join('=')).join('; ');

test('the address without a query gives the primary file, by a name made of model and version', async (t) => {
  const { url, bytes } = await published(t);

  const head = await fetch(url, { method: 'HEAD' });

  assert.equal(head.status, 200);
  assert.equal(head.headers.get('content-length'), String(bytes.length));
  assert.equal(head.headers.get('accept-ranges'), 'bytes');
  assert.match(head.headers.get('content-disposition') ?? '', /filename="brassWork_v10\.safetensors"/);
  assert.match(head.headers.get('content-disposition') ?? '', /filename\*=UTF-8''brassWork_v10\.safetensors/);
});

test('ranges, single and in parts, and conditions are answered as RFC 9110 says', async (t) => {
  const { url, bytes } = await published(t);
  const get = (headers: Record<string, string>) => fetch(url, { headers });

  const one = await get({ range: 'bytes=10-19' });
  const parts = await get({ range: 'bytes=0-3,-4' });
  const outside = await get({ range: `bytes=${bytes.length}-` });
  const known = await get({ 'if-none-match': one.headers.get('etag') ?? '' });

  assert.equal(one.status, 206);
  assert.deepEqual(Buffer.from(await one.arrayBuffer()), bytes.subarray(10, 20));
  assert.equal(one.headers.get('content-range'), `bytes 10-19/${bytes.length}`);
  assert.match(parts.headers.get('content-type') ?? '', /^multipart\/byteranges/);
  assert.equal(outside.status, 416);
  assert.equal(known.status, 304);
});

test('a wish that is spoken is met or 404', async (t) => {
  const { url, bytes } = await published(t);
  const get = async (query: string) => {
    const answer = await fetch(`${url}?${query}`);
    return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
  };

  assert.deepEqual((await get('type=Model&format=SafeTensor&fp=fp16')).body, bytes);
  assert.match((await get('type=Config')).body.toString(), /^model:/);
  assert.equal((await get('fp=fp8')).status, 404);
  assert.equal((await get('format=GGUF')).status, 404);
  assert.equal((await get('fileId=99999')).status, 404);
  const wrong = await get('fileId=1%20or%201');
  assert.equal(wrong.status, 400);
  assert.ok(JSON.parse(wrong.body.toString()).error);
});

test('a download counts once for each person and day; reloads, pieces and HEAD do not', async (t) => {
  const { url, browser, other, count, clock, id, node } = await published(t);
  const take = async (headers: Record<string, string> = {}, method = 'GET') => {
    await (await fetch(url, { method, headers })).arrayBuffer();
  };

  await take({}, 'HEAD');
  await take({ range: 'bytes=100-' });
  assert.equal(await count(), 0);
  await take({ range: 'bytes=0-' });
  await take();
  await take();
  assert.equal(await count(), 1, 'one address');
  await take({ cookie: cookie(browser) });
  assert.equal(await count(), 1, 'the owner does not count');
  const { browser: bob } = await other('bob');
  await take({ cookie: cookie(bob) });
  await take({ cookie: cookie(bob) });
  assert.equal(await count(), 2);
  clock.pass(86_400_000);
  await take();
  assert.equal(await count(), 3, 'the next day');
  const version = await node.orm.em.fork().findOneOrFail(ModelVersion, id, { populate: ['model'] });
  assert.equal(version.model.$.downloadCount, 3);
});

test('a client that leaves in the middle leaves no open file and no error behind', async (t) => {
  const { url, id, give, node } = await published(t);
  await give(id, Buffer.concat([Buffer.from('a: 1\n'), Buffer.alloc(30_000_000, '#')]), 'large.yaml');
  const file = await node.orm.em.fork().findOneOrFail(ModelFile, { originalName: 'large.yaml' });

  await new Promise<void>((resolve, reject) => {
    const asking = request(`${url}?fileId=${file.id}`, (answer) => {
      answer.once('data', () => {
        answer.destroy();
        resolve();
      });
    });
    asking.on('error', reject).end();
  });

  assert.equal((await fetch(url, { method: 'HEAD' })).status, 200);
});

const NAMES: readonly [string, string, string[], string, string, string][] = [
  // type, model name, trigger words, original, kind, offered
  ['LORA', 'Ink Wash', ['ink'], 'my ink (v2).safetensors', 'Model', 'my ink (v2).safetensors'],
  ['TextualInversion', 'Bad Hands', ['bad-hands'], 'x.pt', 'Negative', 'bad-hands-neg.pt'],
  ['TextualInversion', 'Soft', ['soft'], 'x.safetensors', 'Model', 'soft.safetensors'],
  ['Checkpoint', 'Ink Wash', [], 'x.safetensors', 'Model', 'inkWash_v10.safetensors'],
  ['Checkpoint', '墨 絵', [], 'x.safetensors', 'Model', '墨絵_v10.safetensors'],
  ['Checkpoint', '../../etc', [], '../x.safetensors', 'Training Data', '_x.safetensors'],
];
for (const [type, name, trainedWords, originalName, kind, offered] of NAMES) {
  test(`a ${type} called ${name} offers ${kind} as ${offered}`, () => {
    const file = { originalName, kind, precision: '' };
    assert.equal(offeredName({ name, type }, { name: 'v1.0', trainedWords }, file), offered);
  });
}
