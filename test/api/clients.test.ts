import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createToken } from '../../src/accounts/access/tokens.ts';
import { Browser } from '../accounts/browser.ts';
import { bytesAt, painter } from '../gallery/painter.ts';
import { givenThings } from '../moderation/reach.ts';
import { BLAKE, furnishedShelf, type Json, ORIGIN, SHA, TENSOR } from './shelf.ts';

// Constructed (DESIGN.md ruling 12): the requests of programs that speak Civitai's API, and what each reads of the
// answers, from their source as of the commits that are named. None of them ran here.

test('sd_civitai_extension (A1111) finds models, creators, tags and files by hash', async (t) => {
  // civitai/sd_civitai_extension at 115cd9c35b0774c90cb9c397ad60ef6a7dac60de, civitai/lib.py: `req` (63) takes nothing
  // but 200; get_models (92), get_all_by_hash (106), get_model_version_by_hash (115), get_creators (119), get_tags (128).
  const { ask, ids } = await furnishedShelf(t);
  const models = await ask(
    '/api/v1/models?query=&tag=style&type=LORA&sort=Most+Downloaded&period=AllTime&page=1&pageSize=20',
  );
  assert.deepEqual([models.status, models.json.items.length], [200, 1]);
  for (const path of ['/api/v1/creators?page=1&pageSize=20', '/api/v1/tags?query=st&page=1&pageSize=20']) {
    const { status, json } = await ask(path);
    assert.deepEqual([status, json.items.length, json.metadata.currentPage], [200, 1, 1], path);
  }
  const all = await ask('/api/v1/model-versions/by-hash', { method: 'POST', body: [SHA] });
  assert.equal(all.status, 200);

  // fetch_model_by_hash (317): files where `primary` is True, the first; name, hashes.SHA256, downloadUrl
  const { json: version } = await ask(`/api/v1/model-versions/by-hash/${SHA.slice(0, 10)}`);
  const [file] = version.files.filter(({ primary }: Json) => primary === true);
  assert.deepEqual(
    [file.name, file.hashes.SHA256, file.downloadUrl],
    ['inkwash.safetensors', SHA.toUpperCase(), `${ORIGIN}/api/download/models/${ids.version}`],
  );
});

test('StabilityMatrix browses, pages by cursor, and reads the base models', async (t) => {
  // LykosAI/StabilityMatrix at c255230fb76e92ea4c691d3cff25493e08f5de47: StabilityMatrix.Core/Api/ICivitApi.cs (10–25),
  // Models/Api/CivitModelsRequest.cs; enums as CivitModelSize.cs, CivitModelFpType.cs and CivitFileType.cs have them.
  const { ask, ids } = await furnishedShelf(t);
  const { status, json } = await ask(
    '/api/v1/models?limit=20&types=LORA&sort=Highest%20Rated&period=AllTime&nsfw=true&baseModels=SD%201.5',
  );
  assert.equal(status, 200);
  const [model] = json.items;
  for (const version of model.modelVersions) {
    for (const file of version.files) {
      assert.ok(['full', 'pruned'].includes(file.metadata.size));
      assert.ok(['bf16', 'fp16', 'fp32', 'tf32', 'fp8', 'nf4'].includes(file.metadata.fp));
      assert.equal(typeof file.sizeKB, 'number');
    }
    for (const { width, height, hash, type } of version.images) {
      assert.deepEqual([typeof width, typeof height, typeof hash, type], ['number', 'number', 'string', 'image']);
    }
  }
  assert.equal((await ask(`/api/v1/models/${ids.model}`)).json.id, ids.model);
  assert.equal((await ask(`/api/v1/model-versions/${ids.version}`)).json.id, ids.version);
  assert.equal((await ask(`/api/v1/model-versions/by-hash/${BLAKE.toUpperCase()}`)).json.modelId, ids.model);

  // StabilityMatrix.Avalonia/Services/CivitBaseModelTypeService.cs: ActiveBaseModel, else BaseModel (146), and before
  // that endpoint was there error.message → [0].errors[0][0].values (172–188)
  assert.ok((await ask('/api/v1/enums')).json.ActiveBaseModel.includes('SD 1.5'));
  const probe = (await ask('/api/v1/models?baseModels=gimmethelist')).json;
  assert.ok(JSON.parse(probe.error.message)[0].errors[0][0].values.includes('SD 1.5'));
});

test('ComfyUI-Lora-Manager enriches files, follows creators, and reads an image', async (t) => {
  // willmiao/ComfyUI-Lora-Manager at 25e72b43cef18c64d6dd235da307e2e51d1c09d2, py/services/civitai_client.py:
  // get_model_by_hash (186), get_model_versions_bulk (345), get_model_versions_by_hashes (738), get_user_models (790),
  // get_creator_model_count (849), _build_image_info_url (71)
  const { ask, ids } = await furnishedShelf(t);
  const { json: version } = await ask(`/api/v1/model-versions/by-hash/${SHA}`);
  const { json: model } = await ask(`/api/v1/models/${version.modelId}`);
  assert.deepEqual([model.creator.username, model.tags], ['ada', ['style']]);
  const miss = await ask(`/api/v1/model-versions/by-hash/${'12'.repeat(32)}`);
  assert.match(miss.json.error, /not found/i);

  const bulk = (await ask(`/api/v1/models?ids=${ids.model},99999&nsfw=true`)).json.items;
  assert.deepEqual([bulk.length, bulk[0].allowCommercialUse], [1, ['Image', 'Rent']]);
  const batch = await ask('/api/v1/model-versions/by-hash', { method: 'POST', body: [SHA.toUpperCase()] });
  assert.ok(Array.isArray(batch.json) && 'usageControl' in batch.json[0]);

  const page = (await ask('/api/v1/models?username=ada&limit=100&nsfw=true')).json;
  assert.equal(page.items.length, 1);
  assert.equal(page.metadata.nextCursor ?? null, null);
  const creators = (await ask('/api/v1/creators?query=ada&limit=10')).json.items;
  assert.equal(creators.find(({ username }: Json) => username.toLowerCase() === 'ada').modelCount, 1);

  const [image] = (await ask(`/api/v1/images?imageId=${ids.image}&nsfw=X&withMeta=true`)).json.items;
  assert.deepEqual([image.id, image.meta.meta.prompt], [ids.image, 'a boat']);
  // the id of a picture is cut out of its address
  assert.equal(new URL(image.url).pathname.split('/').at(-1)?.split('.')[0], String(ids.image));
});

test('sd-civitai-browser-plus browses by the links of the answers', async (t) => {
  // BlafKing/sd-civitai-browser-plus at b3d3ecf2684d5cb5ebecfddd4c3c63ac4701f5c5, scripts/civitai_api.py:
  // create_api_url (293–335), nextPage and prevPage as keys (384), primary and metadata of files (672), pic['type'] (740)
  const { ask, ids } = await furnishedShelf(t);
  const first = await ask(
    '/api/v1/models?limit=1&sort=Most%20Downloaded&period=AllTime&types=LORA&types=Checkpoint&nsfw=false',
  );
  assert.ok(!('nextPage' in first.json.metadata));
  const [item] = first.json.items;
  assert.ok(item.modelVersions.length > 0);
  for (const file of item.modelVersions[0].files) {
    assert.ok(file.downloadUrl && file.metadata.format && file.hashes.SHA256);
  }
  assert.ok('image' in item.creator);
  // civitai_file_manage.py (419): by id; (785): by hash; civitai_gui.py (150–161): the list out of a refusal
  assert.equal((await ask(`/api/v1/models?ids=${ids.model}&nsfw=true`)).json.items[0].id, ids.model);
  assert.equal((await ask(`/api/v1/model-versions/by-hash/${SHA.toUpperCase()}`)).json.id, ids.version);
  const probe = (await ask('/api/v1/models?baseModels=GetModels')).json;
  assert.ok(probe.error.issues[0].unionErrors[0].issues[0].options.includes('Pony'));
  // civitai_api.py (713): the details of a version have the pictures' recipes
  assert.equal((await ask(`/api/v1/model-versions/${ids.version}`)).json.images[0].meta.prompt, 'a boat');
});

test('Civitai Helper writes its sidecars and looks for newer versions', async (t) => {
  // butaixianran/Stable-Diffusion-Webui-Civitai-Helper at bcbb4b72a715a97e0c456bca0b3b5536dcd8f005,
  // scripts/ch_lib/civitai.py: addresses (16–18), get_model_info_by_hash (40: 404 is an answer, others are errors),
  // check_model_new_version_by_path (572: modelVersions[0] is the newest, its images[0].url the preview)
  const { ask, ids } = await furnishedShelf(t);
  const { json: info } = await ask(`/api/v1/model-versions/by-hash/${SHA}`);
  assert.deepEqual([info.id, info.modelId], [ids.version, ids.model]);
  assert.equal((await ask(`/api/v1/model-versions/by-hash/${'34'.repeat(32)}`)).status, 404);
  const [newest] = (await ask(`/api/v1/models/${info.modelId}`)).json.modelVersions;
  assert.equal(newest.id, ids.version);
  assert.ok(newest.downloadUrl && newest.images[0].url);
  assert.equal((await ask(`/api/v1/model-versions/${ids.older}`)).json.id, ids.older);
});

test('civitai_comfy_nodes picks the file whose address is the version’s, and fetches ranges of it at once', async (t) => {
  // civitai/civitai_comfy_nodes at 2a2ca4e05955ebbee32eaa269c2c20b4654e8910, CivitAI_Model.py: details (159: the
  // addresses are compared as texts; ?token= is put behind), download (parallel ranges, the size from Content-Length or
  // Content-Range), 474: by hash
  const site = await painter(t, { env: { PUBLIC_URL: ORIGIN } });
  const { modelId, versionId, sha256 } = await givenThings(site);
  const model = JSON.parse((await site.visitor.get(`/api/v1/models/${modelId}`)).text);
  const version = model.modelVersions.find(({ id }: Json) => id === versionId);
  const file = version.files.find(({ downloadUrl }: Json) => downloadUrl === version.downloadUrl);
  assert.ok(!file.downloadUrl.includes('?'));
  const { token } = await makeToken(site);
  const path = `${new URL(file.downloadUrl).pathname}?token=${token}`;
  const whole = await bytesAt(site.visitor, path);
  assert.equal(whole.bytes.length, Math.round(file.sizeKB * 1024));
  assert.match(whole.headers.get('content-disposition') ?? '', /filename="zebrafisch\.safetensors"/);
  assert.equal(whole.headers.get('accept-ranges'), 'bytes');
  const half = Math.floor(whole.bytes.length / 2);
  const parts = await Promise.all(
    [`bytes=0-${half - 1}`, `bytes=${half}-${whole.bytes.length - 1}`].map((range) =>
      fetch(new URL(path, site.address), { headers: { range } }),
    ),
  );
  assert.deepEqual(
    parts.map(({ status }) => status),
    [206, 206],
  );
  const joined = Buffer.concat(await Promise.all(parts.map(async (part) => Buffer.from(await part.arrayBuffer()))));
  assert.ok(joined.equals(whole.bytes));
  assert.equal(file.hashes.SHA256, sha256.toUpperCase());
  assert.equal((await fetch(new URL(path, site.address), { method: 'HEAD' })).status, 200);
  const wrong = await new Browser(site.address).get(`/api/download/models/${versionId}?token=wrong`);
  assert.deepEqual([wrong.status, JSON.parse(wrong.text).error], [401, 'Unauthorized']);
});

async function makeToken({ workAs, ada }: Awaited<ReturnType<typeof painter>>): Promise<{ token: string }> {
  const { secret } = await createToken(workAs(null), ada, { label: 'comfy', scopes: ['read'], expiresAt: null });
  return { token: secret };
}

test('SwarmUI finds a model by the first digits of its tensor hash, and its file by the end of an address', async (t) => {
  // mcmonkeyprojects/SwarmUI at 062407c7bb488fc76ac61044cb929f0d0a30e60f, src/wwwroot/js/genpage/utiltab.js:
  // searchCivitaiForHash (247: 12 digits without 0x), getCivitaiMetadata (268, 297: the address before `?` ends in
  // `/{version}`; 339: pictures whose type is `image`), 419
  const { ask, ids } = await furnishedShelf(t);
  const hash = `0x${TENSOR}`.slice(2).slice(0, 12);
  const { json: found } = await ask(`/api/v1/model-versions/by-hash/${hash}`);
  assert.deepEqual([found.modelId, found.id], [ids.model, ids.version]);
  const { json: model } = await ask(`/api/v1/models/${found.modelId}`);
  const files = model.modelVersions.flatMap(({ files }: Json) => files);
  const fitting = files.filter(
    ({ name, downloadUrl }: Json) =>
      name.endsWith('.safetensors') && (downloadUrl || '').split('?')[0].endsWith(`/${found.id}`),
  );
  assert.equal(fitting.length, 2);
  assert.ok(model.modelVersions[0].images.every(({ type }: Json) => type === 'image'));
  assert.equal((await ask(`/api/v1/model-versions/${found.id}`)).json.modelId, ids.model);
  assert.ok('error' in (await ask('/api/v1/model-versions/by-hash/abcdefabcdef')).json);
});

test('rgthree-comfy shows what a file is by its SHA-256', async (t) => {
  // rgthree/rgthree-comfy at 13b4399c00b5ef5a97b1b6800fc1185874740f5d, py/server/utils_info.py (335), and what
  // _merge_civitai_data reads: model.name, name, model.type, baseModel, trainedWords, modelId, images with meta
  const { ask, ids } = await furnishedShelf(t);
  const { json } = await ask(`/api/v1/model-versions/by-hash/${SHA}`);
  assert.deepEqual(
    [`${json.model.name} - ${json.name}`, json.model.type, json.baseModel, json.trainedWords],
    ['Ink wash - v2', 'LORA', 'SD 1.5', ['inkwash']],
  );
  const [image] = json.images;
  assert.equal(
    new URL(image.url).pathname
      .split('/')
      .at(-1)
      ?.replace(/\.\w+$/, ''),
    String(ids.image),
  );
  assert.deepEqual(
    [image.meta.seed, image.meta.prompt, image.meta.steps, image.meta.cfgScale, image.meta.sampler, image.meta.Model],
    [42, 'a boat', 20, 7, 'Euler a', 'dreamer'],
  );
  assert.ok(Array.isArray(image.meta.resources));
});
