import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { createToken } from '../../src/accounts/access/tokens.ts';
import { createModel } from '../../src/catalogue/create.ts';
import { saveVersion, VersionForm } from '../../src/catalogue/edit.ts';
import { publishVersion } from '../../src/catalogue/publish.ts';
import { kohyaLoraSd1, kohyaLoraSdxl } from '../factories/safetensors.ts';
import { generated, type Painter, painter } from '../gallery/painter.ts';
import { type Clients, clientsOf, clientsSkip } from './clients/start.ts';
import type { Json } from './shelf.ts';

// These really ran (DESIGN.md ruling 12): packages of PyPI in the versions of clients/requirements.txt, as they are. What
// leads the addresses that they have built in to the node is described in clients/start.ts.
const skip = clientsSkip();

const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

interface Asked {
  readonly path: string;
  readonly status: number;
  readonly account?: number;
}

interface Given extends Painter {
  readonly clients: Clients;
  /** What the node was asked since the last look. */
  look(): Asked[];
  readonly token: string;
  readonly modelId: number;
  readonly versionId: number;
  /** Of the file, which is large enough to have every kind of hash. */
  readonly sha256: string;
  readonly bytes: Buffer;
}

async function shareLora({ ada, workAs, give }: Painter, name: string, bytes: Buffer): Promise<[number, number]> {
  const version = await createModel(workAs(ada), { type: 'LORA', baseModel: 'SDXL 1.0' });
  await give(version.id, bytes, `${name.toLowerCase().replace(' ', '')}.safetensors`);
  const form = {
    ...{ name, type: 'LORA', description: `**${name}**`, level: '1', versionName: 'v1', baseModel: 'SDXL 1.0' },
    ...{ trainedWords: name, tags: 'style', allowNoCredit: '1', allowDerivatives: '1' },
  };
  await saveVersion(workAs(ada), version.id, VersionForm.parse(form));
  await publishVersion(workAs(ada), version.id);
  return [version.model.id, version.id];
}

/** A node with a LoRA of Ada's. */
async function given(t: TestContext, origin: string): Promise<Given> {
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  const site = await painter(t, { env: { PUBLIC_URL: origin }, log });
  const bytes = kohyaLoraSdxl({ name: 'inkwash', rank: 160 });
  const [modelId, versionId] = await shareLora(site, 'Ink wash', bytes);
  const { secret } = await createToken(site.workAs(null), site.ada, { label: 't', scopes: ['read'], expiresAt: null });
  const hosts = ['civitai.com', 'civitai.red', new URL(origin).host];
  const clients = await clientsOf(t, site.address, hosts);
  lines.length = 0;
  const look = () =>
    lines
      .splice(0)
      .map((line) => JSON.parse(line))
      .filter(({ msg }) => msg === 'request')
      .map(({ path, status, account }): Asked => ({ path, status, ...(account === undefined ? {} : { account }) }));
  return {
    ...site,
    ...{ clients, look, token: secret, modelId, versionId, sha256: sha256Of(bytes), bytes },
  };
}

test('programs for Civitai, as they are published, find and download what a node has', { skip }, async (t) => {
  const site = await given(t, 'https://node.example');
  const { clients, ada, modelId, versionId, sha256, token, bytes } = site;
  for (const name of ['Brass work', 'Paper cut']) await shareLora(site, name, kohyaLoraSd1({ name }));
  const picture = await generated('a boat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 64x48');
  const { imageIds } = await site.post(site.ada, [{ bytes: picture }], { versionId });
  const imageId = imageIds[0] ?? 0;
  const folder = async (name: string) => {
    const path = join(clients.home, name);
    await mkdir(path);
    return path;
  };
  const everything = ['Brass work', 'Ink wash', 'Paper cut'];
  /** Nothing was refused, and these were asked: with Ada's token, and without one. */
  const assertAsked = (byAda: readonly string[], byNobody: readonly string[] = []) => {
    const asked = site.look();
    const refusals = asked.filter(({ status }) => status >= 400);
    assert.deepEqual(refusals, []);
    for (const path of byAda)
      assert.ok(
        asked.some((one) => one.path === path && one.account === ada.id),
        path,
      );
    for (const path of byNobody)
      assert.ok(
        asked.some((one) => one.path === path && one.account === undefined),
        path,
      );
  };
  const [modelPath, downloadPath] = [`/api/v1/models/${modelId}`, `/api/download/models/${versionId}`];

  await t.test('civitdl saves a model with its pictures, recipe and hashes', async () => {
    const to = await folder('civitdl');
    const options = ['--pause-time', '0.01', '--retry-count', '0', '--with-prompt', '--strict-mode', '1'];
    await clients.run('civitdl', [`https://civitai.com/models/${modelId}`, to, '--api-key', token, ...options]);
    const stem = join(to, 'Ink wash', `inkwash-mid_${modelId}-vid_${versionId}`);
    assert.equal(sha256Of(await readFile(`${stem}.safetensors`)), sha256);
    assert.match(await readFile(`${stem}.csv`, 'utf8'), new RegExp(`^SHA256, ${sha256.toUpperCase()}$`, 'm'));
    const extra = join(to, 'Ink wash', `extra_data-vid_${versionId}`);
    assert.deepEqual((await readdir(extra)).sort(), [
      `${imageId}.json`,
      `${imageId}.webp`,
      `model_dict-mid_${modelId}-vid_${versionId}.json`,
    ]);
    assert.equal((await readFile(join(extra, `${imageId}.webp`))).subarray(8, 12).toString(), 'WEBP');
    assertAsked([downloadPath], [modelPath, `/media/full/${imageId}.webp`]);
  });

  await t.test('pycivitai finds a file by words, by hash and by its owner, and keeps it', async () => {
    const home = { CIVITAI_HOME: await folder('pycivitai') };
    const found = await clients.python(
      `import json
from pycivitai import civitai_find_online, civitai_search_online
named = [[m.model_name, m.model_id, m.creator] for m in civitai_search_online('wash')]
file = civitai_find_online('${sha256}')
print(json.dumps([named, file.version_id, file.filename, file.is_primary, file.size, file.tags]))`,
      home,
    );
    assert.deepEqual(found, [
      [['Ink wash', modelId, 'ada']],
      ...[versionId, 'inkwash.safetensors', true, bytes.length, ['style']],
    ]);
    const kept = await clients.run('pycivitai', ['get', '-m', 'Ink wash', '-c', 'ada', '-v', 'v1'], home);
    assert.equal(sha256Of(await readFile(kept.trim())), sha256);
    assertAsked([], [`/api/v1/model-versions/by-hash/${sha256.toUpperCase()}`, downloadPath]);
  });

  await t.test('civitapy pages through lists, reads all that it knows, and goes on with half a file', async () => {
    const to = await folder('civitapy');
    const half = join(to, 'LORA', `${modelId}_Ink_wash_ada`, 'SDXL_1.0', 'inkwash.safetensors.part');
    await mkdir(join(half, '..'), { recursive: true });
    await writeFile(half, bytes.subarray(0, 1_000_000));
    const said = (await clients.python(
      `import json
from civitapy import CivitAIClient
from civitapy.models import Image, MiniModelVersion, ModelVersion
client = CivitAIClient(download_dir='${to}', retry_count=1)
async def names(**query):
    return [model.name async for model in client.models_list_paginated_async(limit=1, sort='Newest', **query)]
by_hash = ModelVersion(**client.model_versions_by_hash('${sha256.slice(0, 10)}'))
mini = MiniModelVersion(**client.model_versions_mini(${versionId}))
[image] = [Image(**item) for item in client.images_list(model_version_id=${versionId}, with_meta=True)['items']]
print(json.dumps({
    'names': client._run(names()), 'tagged': client._run(names(tag='style', types=['LORA', 'LoCon'])),
    'page': client.models_list(limit=2, page=1)['metadata'],
    'version': [by_hash.id, by_hash.model_id, by_hash.air, by_hash.files[0].hashes['SHA256']],
    'bulk': [version['id'] for version in client.model_versions_by_hash_bulk(['${sha256}'])],
    'ids': [[found.model_version_id, found.hash] for found in client.model_versions_by_hash_ids(['${sha256}'])],
    'mini': [mini.air, mini.file_name, mini.download_urls, mini.hashes.sha256],
    'image': [image.id, image.nsfw_level, image.username, image.meta.prompt, image.meta.seed, image.model_version_ids],
    'creators': [creator['username'] for creator in client.creators_list()['items']],
    'tags': [tag['name'] for tag in client.tags_list(query='sty')['items']],
    'enums': 'SDXL 1.0' in client.enums()['ActiveBaseModel'],
    'me': client.users_me()['username'],
    'files': client.download_model(${modelId}, verify_hash=True),
}))`,
      { CIVITAI_TOKEN: token },
    )) as Json;
    assert.deepEqual([...said.names].sort(), everything);
    assert.deepEqual(said.tagged, said.names);
    assert.deepEqual([said.page.currentPage, said.page.totalItems, said.page.totalPages], [1, 3, 2]);
    const url = `https://node.example/api/download/models/${versionId}`;
    const air = `urn:air:sdxl:lora:node.example:${modelId}@${versionId}`;
    assert.deepEqual(said.version, [versionId, modelId, air, sha256.toUpperCase()]);
    assert.deepEqual([said.bulk, said.ids], [[versionId], [[versionId, sha256.toUpperCase()]]]);
    assert.deepEqual(said.mini, [air, 'inkwash.safetensors', [url], sha256.toUpperCase()]);
    assert.deepEqual(said.image, [imageId, 'None', 'ada', 'a boat', 42, [versionId]]);
    assert.deepEqual([said.creators, said.tags, said.enums, said.me], [['ada'], ['style'], true, 'ada']);
    assert.deepEqual(said.files, [half.replace('.part', '')]);
    assert.equal(sha256Of(await readFile(said.files[0])), sha256);
    assertAsked(['/api/v1/models', '/api/v1/images', '/api/v1/me', downloadPath]);
  });

  await t.test('comfy model download puts a file where ComfyUI looks for it', async () => {
    const to = await folder('ComfyUI');
    const page = `https://civitai.com/models/${modelId}/ink-wash?modelVersionId=${versionId}`;
    await clients.run('comfy', ['--skip-prompt', '--workspace', to, 'model', 'download', '--url', page], {
      CIVITAI_API_TOKEN: token,
    });
    const saved = join(to, 'models', 'loras', 'SDXL1.0', 'inkwash.safetensors');
    assert.equal(sha256Of(await readFile(saved)), sha256);
    assertAsked([modelPath, downloadPath]);
  });

  await t.test('mmget asks with a slash too many and gives its token in the address', async () => {
    const to = await folder('mmget');
    // in a loop that runs, as that of a notebook does
    const code = `import asyncio
from mmget import mmget
async def cell():
    mmget(dest='${to}').dl('https://civitai.com/models/${modelId}', version='v1').run()
    [task] = asyncio.all_tasks() - {asyncio.current_task()}
    while not task.done():
        await asyncio.sleep(0.05)
asyncio.run(cell())`;
    await clients.run('python', ['-c', code], { MMGET_CIVITAI_TOKEN: token });
    assert.equal(sha256Of(await readFile(join(to, 'inkwash.safetensors'))), sha256);
    assertAsked([downloadPath], [`/${modelPath}`, modelPath]);
  });

  await t.test('the wrapper civitai reads models, versions, pictures, creators and tags', async () => {
    const said = (await clients.python(
      `import json
from civitai import creators, images, models, tags
page = models.get(limit=2, page=1, sort='Newest', types='LORA')
model = models.get_model(${modelId})
version = models.get_by_hash('${sha256}')
[image] = images.get(username='ada', limit=1).items
people = creators.get(query='ada')
words = tags.get(limit=1, page=1)
print(json.dumps({
    'page': [len(page.items), page.currentPage, page.totalPages, page.nextPage],
    'model': [model.name, model.type, model.creator_username, model.rating],
    'version': [version.id, version.baseModel, version.downloadUrl, models.get_by_modelVersion(${versionId}).name],
    'image': [image.id, image.likeCount, image.nsfwLevel, image.meta],
    'people': [[one.username, one.modelCount, one.link] for one in people.items] + [people.totalItems],
    'words': [[one.name, one.link] for one in words.items] + [words.totalPages],
}))`,
    )) as Json;
    const [count, at, pages, next] = said.page;
    assert.deepEqual([count, at, pages, new URL(next).searchParams.get('page')], [2, 1, 2, '2']);
    assert.deepEqual(said.model, ['Ink wash', 'LORA', 'ada', 0]);
    const url = `https://node.example/api/download/models/${versionId}`;
    assert.deepEqual(said.version, [versionId, 'SDXL 1.0', url, 'v1']);
    assert.deepEqual(said.image, [imageId, 0, 'None', null]);
    assert.deepEqual(said.people, [['ada', 3, 'https://node.example/api/v1/models?username=ada'], 1]);
    assert.deepEqual(said.words, [['style', 'https://node.example/api/v1/models?tag=style'], 1]);
    assertAsked([], ['/api/v1/models', '/api/v1/images', '/api/v1/creators', '/api/v1/tags']);
  });

  await t.test('civitai-api, which takes no field that it does not know, takes these', async () => {
    // of one version it wants an `earlyAccessConfig`, which Civitai itself no longer sends
    const said = await clients.python(
      `import json
from civitai_api.v1 import CiviClient
client = CiviClient(api_key='${token}')
[model] = client.models(query='ink', limit=1).items
[image] = client.images(modelId=${modelId}).items
print(json.dumps([
    model.id, client.get_model_by_id(model.id).modelVersions[0].files[0].hashes.SHA256, image.id,
    [one.username for one in client.creators(limit=5, page=1).items],
]))`,
    );
    assert.deepEqual(said, [modelId, sha256.toUpperCase(), imageId, ['ada']]);
    assertAsked(['/api/v1/models']);
  });

  await t.test('civitai-hub searches, tells of a model, and knows a file again', async () => {
    const read = async (...args: string[]): Promise<Json> =>
      JSON.parse(await clients.run('civitai', [...args, '--json'], { CIVITAI_TOKEN: token }));
    const found = await read('search', 'ink', '--type', 'LORA', '--base-model', 'SDXL 1.0');
    assert.deepEqual([found.length, found[0].id], [1, modelId]);
    const file = join(clients.home, 'known.safetensors');
    await writeFile(file, bytes);
    for (const told of [await read('info', String(modelId)), await read('by-hash', file)]) {
      assert.deepEqual(
        [told.model.name, told.version.id, told.version.files[0].primary],
        ['Ink wash', versionId, true],
      );
    }
    assertAsked(['/api/v1/models', `/api/v1/model-versions/by-hash/${sha256.toUpperCase()}`]);
  });
  assert.deepEqual(clients.refused, []);
});

test('civitai-hub downloads from a node that bears the name it trusts, and says what a refusal means', {
  skip,
}, async (t) => {
  // it takes downloads from civitai.com and civitai.red alone, wherever the API's answers lead
  const { clients, modelId, sha256, token, look } = await given(t, 'https://civitai.red');
  const run = (args: string[], env: Record<string, string> = {}) =>
    clients.run('civitai', args, { CIVITAI_HOST: 'civitai.red', CIVITAI_HOME: join(clients.home, 'hub'), ...env });
  const to = join(clients.home, 'models');
  await run(['download', String(modelId), '-o', to, '--json'], { CIVITAI_TOKEN: token });
  assert.equal(sha256Of(await readFile(join(to, 'inkwash.safetensors'))), sha256);
  assert.match(await run(['cache', 'verify']), /1 blob\(s\) checked, 0 corrupt/);
  assert.ok(look().every(({ status }) => status === 200));
  await assert.rejects(run(['info', String(modelId)], { CIVITAI_TOKEN: 'wrong' }), /Requires authentication/);
  await assert.rejects(run(['info', '9999']), /not found/);
  await assert.rejects(run(['by-hash', '12'.repeat(32)]), /not found/);
  assert.deepEqual(clients.refused, []);
});
