import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { createToken } from '../../src/accounts/access/tokens.ts';
import { Account } from '../../src/accounts/model.ts';
import { Contest } from '../../src/gallery/contests/model.ts';
import { ClaimCase } from '../../src/moderation/cases/model/case.ts';
import { seedRules } from '../../src/moderation/rules/list.ts';
import { captionerFolder, fakePython, givenTinyModel, SHORT, type Studio, studio } from '../compute/studio.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenModel } from '../factories/content.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { generated, picture } from '../gallery/painter.ts';
import { until } from '../kit/queue-setup.ts';
import { Caller } from './calls.ts';
import { finding, notifications, profile, tags, transfers, webhooks } from './own-calls.ts';
import { type Json, SHA } from './shelf.ts';
import { bounties, buying, credits, licences } from './trade-calls.ts';

const tokenFor = async ({ workAs }: Studio, account: Studio['ada'], scopes: string[]) =>
  (await createToken(workAs(null), account, { label: scopes.join(' '), scopes, expiresAt: null })).secret;

/** A file by tus, as the document tells. Returns the address of the upload. */
async function upload(address: URL, token: string, bytes: Uint8Array, fileName: string): Promise<string> {
  const headers = { authorization: `Bearer ${token}`, 'tus-resumable': '1.0.0' };
  const made = await fetch(new URL('/uploads/files', address), {
    method: 'POST',
    headers: {
      ...{ ...headers, 'upload-length': String(bytes.length) },
      'upload-metadata': `filename ${Buffer.from(fileName).toString('base64')}`,
    },
  });
  assert.equal(made.status, 201);
  const location = made.headers.get('location') ?? '';
  const sent = await fetch(new URL(location, address), {
    ...{ method: 'PATCH', body: new Uint8Array(bytes) },
    headers: { ...headers, 'upload-offset': '0', 'content-type': 'application/offset+octet-stream' },
  });
  assert.equal(sent.status, 204);
  return location;
}

/** The data of each event until the stream ends. */
async function events(api: Caller, name: string, id: string, headers: Record<string, string> = {}): Promise<Json[]> {
  const answer = await api.send(name, { with: { id }, headers });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('access-control-allow-origin'), '*');
  api.called.add(name);
  return [...(await answer.text()).matchAll(/^event: (\w+)\ndata: (.*)$/gm)].map(([, event, data]) => ({
    event,
    ...JSON.parse(data ?? '{}'),
  }));
}

async function models(api: Caller, address: URL, token: string) {
  const made = await api.call('createModel', {
    body: {
      ...{ name: 'Brass', type: 'LORA', tags: ['metal', 'still life'], allowCommercialUse: ['Image'], nsfwLevel: 1 },
      version: { name: 'v1', baseModel: 'SD 1.5', trainedWords: ['brass', 'patina'], clipSkip: 2 },
    },
    key: 'model-1',
  });
  assert.deepEqual(
    [made.state, made.model.tags, made.version.trainedWords],
    ['draft', ['metal', 'still life'], ['brass', 'patina']],
  );
  const { id, modelId } = made;
  assert.equal(
    (await api.call('publishVersion', { with: { id }, body: {}, status: 400 })).fields.files !== undefined,
    true,
  );
  const location = await upload(address, token, kohyaLoraSd1(), 'brass.safetensors');
  assert.equal((await api.call('listUploads')).items.length, 1);
  const uploadId = location.split('/').at(-1) ?? '';
  assert.equal((await api.call('getUpload', { with: { id: uploadId } })).name, 'brass.safetensors');
  const filled = await api.call('addFiles', { with: { id }, body: { uploads: [location] } });
  assert.deepEqual(
    filled.files.map(({ type }: Json) => type),
    ['Model'],
  );
  const spare = (await upload(address, token, kohyaLoraSd1({ name: 'other' }), 'other.safetensors')).split('/').at(-1);
  await api.call('deleteUpload', { with: { id: spare ?? '' } });
  const fileId = filled.files[0].id;
  await api.call('editFile', { with: { id: fileId }, body: { type: 'Model' } });
  const edited = await api.call('editVersion', {
    with: { id },
    body: { description: 'First.', recommendedWeight: 0.8 },
  });
  // what was not sent stayed
  assert.deepEqual([edited.version.trainedWords, edited.version.recommendedWeight], [['brass', 'patina'], 0.8]);
  assert.equal(
    (await api.call('editModel', { with: { id: modelId }, body: { description: 'Of **brass**.' } })).model.name,
    'Brass',
  );
  const published = await api.call('publishVersion', { with: { id }, body: {}, key: 'publish-1' });
  assert.equal(published.waiting, false);
  assert.equal((await api.call('getModel', { with: { id: modelId }, token: null })).name, 'Brass');
  assert.equal((await api.call('getVersion', { with: { id } })).files[0].id, fileId);
  assert.equal((await api.call('getMiniVersion', { with: { id }, token: null })).modelName, 'Brass');
  // the last file of what is public stays, a second does not have to
  await api.call('deleteFile', { with: { id: fileId }, status: 409 });
  const second = await api.call('createVersion', { with: { id: modelId }, body: { name: 'v2' } });
  const more = await upload(address, token, kohyaLoraSd1({ name: 'more' }), 'more.safetensors');
  const withFile = await api.call('addFiles', { with: { id: second.id }, body: { uploads: [more] } });
  await api.call('stripFile', { with: { id: withFile.files[0].id } });
  assert.equal((await api.call('deleteFile', { with: { id: withFile.files[0].id } })).files.length, 0);
  await api.call('deleteVersion', { with: { id: second.id } });
  await api.call('restoreVersion', { with: { id: second.id } });
  await api.call('unpublishVersion', { with: { id } });
  assert.equal((await api.call('getOwnVersion', { with: { id } })).state, 'unpublished');
  await api.call('publishVersion', { with: { id }, body: {} });
  await api.call('deleteModel', { with: { id: modelId } });
  await api.call('restoreModel', { with: { id: modelId } });
  return { modelId, versionId: id as number };
}

/** Pictures come into a draft, and out of it beside words. */
async function talkPictures(theirs: Caller, api: Caller, versionId: number, imageId: number, reviewId: string) {
  const draft = await theirs.call('createPost', { body: {} });
  const files = { 'a.png': await picture(), 'b.png': await picture() };
  const [one, two] = (await theirs.call('addImages', { with: { id: draft.id }, files })).images.map(
    ({ id }: Json) => id,
  );
  const pictures = [{ id: one, nsfwLevel: 1, alt: 'A lamp' }];
  const with_ = { id: imageId };
  await theirs.call('commentOnImage', {
    with: with_,
    body: { text: 'x', pictures: [{ id: one }] },
    status: 400,
    key: 'p1',
  });
  await api.call('commentOnImage', { with: with_, body: { text: 'x', pictures }, status: 400, key: 'p2' });
  const said = await theirs.call('commentOnImage', { with: with_, body: { text: 'Look.', pictures }, key: 'p3' });
  const list = async () => (await api.call('listImageComments', { with: with_, token: null })).items[0].pictures;
  assert.deepEqual(
    (await list()).map(({ id, nsfwLevel, alt }: Json) => [id, nsfwLevel, alt]),
    [[one, 1, 'A lamp']],
  );
  await theirs.call('editComment', { with: { id: said.id }, body: { text: 'Look!' } });
  assert.equal((await list()).length, 1);
  await theirs.call('editComment', { with: { id: said.id }, body: { text: 'Look!', pictures: [] } });
  assert.equal((await list()).length, 0);
  await theirs.call('deleteComment', { with: { id: said.id } });
  const examples = [{ id: two, nsfwLevel: 2 }];
  const body = { recommended: true, text: 'Good.', pictures: examples };
  await theirs.call('reviewVersion', { with: { id: versionId }, body });
  const shown = (await theirs.call('getReview', { with: { id: reviewId } })).pictures;
  assert.deepEqual(
    shown.map(({ id, nsfwLevel }: Json) => [id, nsfwLevel]),
    [[two, 2]],
  );
}

async function posts(api: Caller, versionId: number) {
  const post = await api.call('createPost', { body: { title: 'Two', modelVersionId: versionId, tags: ['metal'] } });
  const taken = await api.call('addImages', {
    with: { id: post.id },
    files: {
      'a.png': await generated('a lamp\nSteps: 4, Seed: 1, Size: 64x48'),
      'b.png': await picture(),
      'c.png': 'no',
    },
  });
  assert.deepEqual([taken.images.length, taken.refused.length], [2, 1]);
  const [one, two] = taken.images.map(({ id }: Json) => id);
  await api.call('publishPost', { with: { id: post.id }, body: {}, status: 400 });
  const rated = await api.call('editPost', {
    with: { id: post.id },
    body: {
      images: [
        { id: two, nsfwLevel: 1, alt: 'Noise' },
        { id: one, nsfwLevel: 2 },
      ],
    },
  });
  assert.deepEqual(
    rated.images.map(({ id, nsfwLevel }: Json) => [id, nsfwLevel]),
    [
      [two, 1],
      [one, 2],
    ],
  );
  assert.deepEqual([rated.title, rated.tags, rated.modelVersionId], ['Two', ['metal'], versionId]);
  assert.equal((await api.call('publishPost', { with: { id: post.id }, body: {} })).waiting, false);
  await api.call('editImage', { with: { id: one }, body: { caption: 'A lamp.' } });
  const made = { with: { id: one }, body: { modelVersionId: versionId, weight: 0.5 } };
  const [use] = (await api.call('addImageResource', made)).items;
  assert.deepEqual([use.modelVersionId, use.manual], [versionId, true]);
  assert.equal((await api.call('removeImageResource', { with: { id: one, use: use.id } })).items.length, 0);
  assert.equal((await api.call('listImageResources', { with: { id: one } })).items.length, 0);
  await api.call('deleteImage', { with: { id: two } });
  await api.call('restoreImage', { with: { id: two } });
  await api.call('unpublishPost', { with: { id: post.id } });
  await api.call('publishPost', { with: { id: post.id }, body: {} });
  await api.call('deletePost', { with: { id: post.id } });
  await api.call('restorePost', { with: { id: post.id } });
  assert.equal((await api.call('getOwnPost', { with: { id: post.id } })).images.length, 2);
  return { postId: post.id as number, imageId: one as number };
}

async function generations(api: Caller, checkpointId: number) {
  const { items } = await api.call('listGenerationModels');
  assert.deepEqual(
    items.map(({ key }: Json) => key),
    [String(checkpointId)],
  );
  const body = { model: String(checkpointId), prompt: 'a tidy house', width: 32, height: 32, steps: 4, seed: 7 };
  const made = await api.call('generate', { body, key: 'once' });
  // sent again, it is answered and not done again; another request under the same key is none
  assert.equal((await api.call('generate', { body, key: 'once' })).id, made.id);
  await api.call('generate', { body: { ...body, seed: 8 }, key: 'once', status: 409 });
  const id = made.id as string;
  const seen = await events(api, 'watchGeneration', id);
  assert.equal(seen.at(-1).event, 'done');
  assert.equal(new URL(seen.at(-1).url).pathname, `/api/v1/generations/${id}`);
  const done = await api.call('getGeneration', { with: { id } });
  assert.deepEqual([done.state, done.images.length, done.progress], ['done', 1, null]);
  const image = await api.send('getGeneratedImage', { with: { id, image: done.images[0].id } });
  assert.deepEqual([image.status, image.headers.get('content-type')], [200, 'image/png']);
  api.called.add('getGeneratedImage');
  const posted = await api.call('postGeneration', { with: { id }, body: {} });
  assert.match(posted.url, /\/posts\/\d+$/);
  const again = await api.call('generateAgain', { with: { id } });
  await api.call('cancelGeneration', { with: { id: again.id } });
  await api.call('deleteGeneration', { with: { id: again.id } });
  await api.call('restoreGeneration', { with: { id: again.id } });
  const jobs = await api.call('listJobs');
  assert.deepEqual(
    jobs.items.map(({ kind }: Json) => kind),
    ['generation', 'generation'],
  );
  const one = { id, image: done.images[0].id };
  assert.deepEqual((await api.call('upscaleImage', { with: one })).width, 64);
  assert.equal((await api.call('varyImage', { with: one })).count, 4);
  await api.call('varyImage', { with: { ...one, id: again.id, image: again.id }, status: 404 });
  assert.equal(
    (await api.call('deleteGeneratedImages', { with: { id }, body: { images: [one.image] } })).images.length,
    0,
  );
}

/** Captions of the node's captioner, taken back, and stopped. */
async function byMachine(api: Caller) {
  const { id } = await api.call('createDataset', { body: { name: 'Tagged' } });
  await api.call('addDatasetImages', { with: { id }, files: { 'a.png': await picture() } });
  const caption = async () => (await api.call('getDataset', { with: { id } })).images[0].caption;
  await api.call('captionByMachine', { with: { id }, body: { prefix: 'tile' } });
  await until('it has a caption', async () => (await caption()) !== '');
  assert.match(await caption(), /^tile, seen 1/);
  const undone = async () => (await api.send('undoCaptioning', { with: { id } })).status === 200;
  await until('it is at work no more', undone);
  await api.call('undoCaptioning', { with: { id }, status: 409 });
  api.called.add('undoCaptioning');
  assert.equal(await caption(), '');
  await api.call('captionByMachine', { with: { id }, body: { exclude: ['hang-caption'] } });
  await api.call('captionByMachine', { with: { id }, body: {}, status: 409 });
  await api.call('cancelCaptioning', { with: { id } });
  await api.call('deleteDataset', { with: { id } });
}

async function trainings(api: Caller) {
  const set = await api.call('createDataset', { body: { name: 'Tiles' } });
  const { id } = set;
  const added = await api.call('addDatasetImages', {
    with: { id },
    files: { 'a.png': await picture(), 'a.txt': 'a circle', 'b.png': await picture() },
  });
  const [a, b] = added.images.map((image: Json) => image.id);
  const body = { captions: [{ image: b, caption: 'a square' }] };
  const captioned = await api.call('captionDataset', { with: { id }, body });
  assert.deepEqual(
    captioned.images.map(({ caption }: Json) => caption),
    ['a circle', 'a square'],
  );
  assert.equal((await api.call('deleteDatasetImage', { with: { id: b } })).images[0].id, a);
  assert.equal((await api.call('restoreDatasetImage', { with: { id: b } })).images.length, 2);
  const part = { crop: { left: 0, top: 0, width: 32, height: 32 }, repeats: 3 };
  assert.equal((await api.call('editDatasetImage', { with: { id: b }, body: part })).images[1].repeats, 3);
  const small = { crop: { ...part.crop, width: 2 } };
  assert.ok((await api.call('editDatasetImage', { with: { id: b }, body: small, status: 400 })).fields.width);
  await api.call('turnDatasetImage', { with: { id: b } });
  await api.call('deleteDatasetImage', { with: { id: b } });
  await byMachine(api);
  assert.equal((await api.call('renameDataset', { with: { id }, body: { name: 'Discs' } })).name, 'Discs');
  await api.call('deleteDataset', { with: { id } });
  await api.call('restoreDataset', { with: { id } });
  assert.equal((await api.call('listDatasets')).items[0].imageCount, 1);
  await api.call('getDataset', { with: { id } });
  const [base] = (await api.call('listTrainingBases')).items;
  const request = {
    ...{ datasetId: id, name: 'Discs', base: base.key, rights: { kind: 'own', confirmed: true } },
    settings: { epochs: 2, max_steps: 4, resolution: 32, samples: { prompts: ['a circle'] } },
  };
  const unproven = { ...request, rights: { kind: 'own', confirmed: false } };
  assert.ok((await api.call('train', { body: unproven, status: 400 })).fields.rights);
  assert.ok((await api.call('train', { body: { ...request, people: 'real' }, status: 400 })).fields.people);
  const run = await api.call('train', { body: request });
  const seen = await events(api, 'watchTraining', run.id, { 'last-event-id': '0' });
  assert.equal(seen.at(-1).event, 'done');
  const { state, epochs } = await api.call('getTraining', { with: { id: run.id } });
  assert.equal(state, 'done');
  const weights = await api.send('getEpochFile', { with: { id: epochs[0].id } });
  assert.match(weights.headers.get('content-disposition') ?? '', /\.safetensors/);
  assert.equal(Number(weights.headers.get('content-length')), epochs[0].sizeKB * 1_024);
  await weights.arrayBuffer();
  api.called.add('getEpochFile');
  const published = await api.call('publishEpoch', {
    with: { id: epochs[0].id },
    body: { name: 'Discs', draft: true },
  });
  assert.ok(published.versionId);
  assert.equal((await api.call('listTrainings')).items[0].state, 'done');
  // the fake engine waits until it is stopped in the middle
  const long = { ...request.settings, trigger: 'wait in train' };
  const other = await api.call('train', { body: { ...request, name: 'Again', settings: long } });
  assert.equal((await api.call('stopTraining', { with: { id: other.id } })).state, 'stopped');
  await api.call('resumeTraining', { with: { id: other.id } });
  await api.call('cancelTraining', { with: { id: other.id } });
  await api.call('deleteTraining', { with: { id: other.id } });
}

type Lying = { readonly id: number; readonly kind: string; readonly thing: number };

/** Both are of `api`, in a collection of `theirs`. */
async function arrange(api: Caller, theirs: Caller, model: Lying, post: Lying) {
  const { id } = model;
  await theirs.call('collect', { with: { ...post } });
  const order = async () =>
    (await theirs.call('getCollection', { with: { id } })).items.map(({ kind }: Json) => kind).join();
  assert.equal(await order(), 'post,model');
  await theirs.call('moveCollected', { with: { ...model }, body: { to: 'first' } });
  assert.equal(await order(), 'model,post');
  const beside = { kind: 'post', id: post.thing };
  await theirs.call('moveCollected', { with: { ...model }, body: { to: 'after', beside } });
  assert.equal(await order(), 'post,model');
  await theirs.call('moveCollected', { with: { ...model }, body: { to: 'after' }, status: 400 });
  await api.call('moveCollected', { with: { ...model }, body: { to: 'first' }, status: 404 });
  for (const cover of [beside, null]) await theirs.call('chooseCover', { with: { id }, body: { cover } });
  await api.call('refuseCollecting', { with: { ...post } });
  assert.equal(await order(), 'model');
  await theirs.call('collect', { with: { ...post }, status: 403 });
  await theirs.call('allowCollecting', { with: { ...post }, status: 404 });
  await api.call('allowCollecting', { with: { ...post } });
}

async function social(api: Caller, eve: { id: number; token: string; api: Caller }, ids: Record<string, number>) {
  const { modelId = 0, versionId = 0, postId = 0, imageId = 0 } = ids;
  const theirs = eve.api;
  const toggle = async (name: string, given: Record<string, string | number>) => {
    for (const one of [name, name, `un${name}`, `un${name}`]) await theirs.call(one, { with: given });
  };
  for (const [kind, id] of [
    ['Model', modelId],
    ['Post', postId],
    ['Image', imageId],
  ] as const) {
    await toggle(`like${kind}`, { id });
    if (kind !== 'Image') await toggle(`share${kind}`, { id });
    if (kind !== 'Image') for (const name of ['pin', 'unpin']) await api.call(`${name}${kind}`, { with: { id } });
  }
  const collection = await theirs.call('createCollection', { body: { name: 'Metal', visibility: 'public' } });
  const item = { id: collection.id, kind: 'model', thing: modelId };
  await theirs.call('collect', { with: item });
  assert.deepEqual(
    (await api.call('getCollection', { with: { id: collection.id }, token: null })).items.map(({ kind, id }: Json) => [
      kind,
      id,
    ]),
    [['model', modelId]],
  );
  await arrange(api, theirs, item, { ...item, kind: 'post', thing: postId });
  await theirs.call('uncollect', { with: item });
  await theirs.call('editCollection', { with: { id: collection.id }, body: { description: 'Things of metal.' } });
  assert.equal((await theirs.call('listOwnCollections')).items[0].name, 'Metal');
  await api.call('editCollection', { with: { id: collection.id }, body: { name: 'Mine' }, status: 404 });
  await together(api, theirs, collection.id, modelId);
  await toggle('followModel', { id: modelId });
  await api.call('followCollection', { with: { id: collection.id } });
  await api.call('unfollowCollection', { with: { id: collection.id } });
  await toggle('followTag', { tag: 'metal' });
  for (const name of ['followUser', 'unfollowUser', 'muteUser', 'unmuteUser', 'blockUser', 'unblockUser'])
    await api.call(name, { with: { id: eve.id } });
  await api.call('followUser', { with: { id: eve.id } });
  assert.deepEqual(
    (await api.call('listFollowing')).items.map(({ title }: Json) => title),
    ['eve'],
  );

  const review = await theirs.call('reviewVersion', {
    with: { id: versionId },
    body: { recommended: true, text: 'Good.' },
  });
  await api.call('reviewVersion', { with: { id: versionId }, body: { recommended: true }, status: 403 });
  assert.deepEqual((await api.call('getReview', { with: { id: review.id }, token: null })).pictures, []);
  await talkPictures(theirs, api, versionId, imageId, review.id);
  await api.call('likeReview', { with: { id: review.id } });
  await api.call('unlikeReview', { with: { id: review.id } });
  for (const [kind, id] of [
    ['Model', modelId],
    ['Post', postId],
    ['Image', imageId],
    ['Review', review.id],
  ] as const) {
    const said = await theirs.call(`commentOn${kind}`, { with: { id }, body: { text: 'Shiny.' }, key: `say-${kind}` });
    const list = await api.call(`list${kind}Comments`, { with: { id }, token: null });
    assert.deepEqual(
      list.items.map(({ username }: Json) => username),
      ['eve'],
      kind,
    );
    await api.call('editComment', { with: { id: said.id }, body: { text: 'Mine' }, status: 403 });
    await theirs.call('editComment', { with: { id: said.id }, body: { text: 'Very shiny.' } });
    await toggle('likeComment', { id: said.id });
    await theirs.call('deleteComment', { with: { id: said.id } });
  }
  const [rule] = (await api.call('listRules', { token: null })).items;
  await theirs.call('fileReport', { body: { about: `image:${imageId}`, reason: rule.id, text: 'Look.' } });
  await theirs.call('fileReport', { body: { about: 'image:999999', reason: 'other', text: 'Look.' }, status: 404 });
  assert.equal((await theirs.call('listReports')).items[0].open, true);
  await theirs.call('deleteReview', { with: { id: review.id } });
  await theirs.call('deleteCollection', { with: { id: collection.id } });
}

/** A version that is out, for a price. */
async function early(api: Caller, address: URL, token: string, modelId: number): Promise<number> {
  const { id } = await api.call('createVersion', { with: { id: modelId }, body: { name: 'v3' } });
  const uploads = [await upload(address, token, kohyaLoraSd1({ name: 'early' }), 'early.safetensors')];
  await api.call('addFiles', { with: { id }, body: { uploads } });
  const endsAt = new Date(Date.now() + 86_400_000).toISOString();
  await api.call('setEarlyAccess', { with: { id }, body: { endsAt, forFollowers: false, price: 9 } });
  await api.call('publishVersion', { with: { id }, body: {} });
  return id;
}

async function merges(api: Caller, { em, node }: Studio) {
  await givenTinyModel(em, node.files, 'tiny-base', 'Checkpoint', 'Other Shapes');
  const { items } = await api.call('listMergeModels', { with: { kind: 'checkpoint' } });
  const [one, two] = items.map(({ key }: Json) => key);
  assert.ok(one && two, 'two that can be merged');
  const body = { kind: 'checkpoint', name: 'Alloy', models: [one, two], settings: { alpha: 0.3 } };
  await api.call('merge', { body: { ...body, models: [one, '999999'] }, status: 400 });
  const { id } = await api.call('merge', { body, key: 'merge' });
  assert.equal((await events(api, 'watchMerge', id)).at(-1).event, 'done');
  const made = await api.call('getMerge', { with: { id } });
  assert.deepEqual([made.state, made.parts.length], ['done', 2]);
  const file = await api.send('getMergedFile', { with: { id } });
  assert.equal(file.status, 200);
  await file.arrayBuffer();
  api.called.add('getMergedFile');
  const published = await api.call('publishMerge', { with: { id }, body: { name: 'Alloy', draft: true } });
  assert.ok(published.versionId);
  const other = await api.call('merge', { body: { ...body, name: 'stall in merge' } });
  await api.call('cancelMerge', { with: { id: other.id } });
  await api.call('mergeAgain', { with: { id: other.id } });
  await api.call('cancelMerge', { with: { id: other.id } });
  await api.call('deleteMerge', { with: { id: other.id } });
}

/** Ada's claim was upheld: she offers terms, and Eve asks for them. */
async function rights(
  api: Caller,
  theirs: Caller,
  { em, ada }: Pick<Studio, 'em' | 'ada'>,
  eve: Studio['ada'],
  modelId: number,
): Promise<void> {
  const number = 'C-0123456789';
  await em.fork().insert(ClaimCase, {
    ...{ id: randomUUID(), number, type: 'copyright', state: 'executed', origin: 'form', url: '/', outcome: 'limit' },
    ...{ answers: { work: 'Ink' }, missing: [], filerId: ada.id, submittedAt: new Date() },
  });
  const terms = { covers: 'Ink', title: 'Fan models', uses: ['personal'], text: 'Name me.', revocation: 'If not.' };
  await theirs.call('offerRights', { with: { number }, body: terms, status: 404 });
  const { id } = await api.call('offerRights', { with: { number }, body: { ...terms, noticeDays: 5 }, key: 'terms' });
  assert.deepEqual(
    (await api.call('listRightsOffers', { token: null })).items.map(({ title }: Json) => title),
    ['Fan models'],
  );
  const asking = (key: string) => ({ with: { id }, body: { key, purpose: 'A fan model' } });
  const first = await theirs.call('askForRights', asking(randomUUID()));
  await theirs.call('askForRights', { ...asking(randomUUID()), status: 409 });
  await theirs.call('withdrawRights', { with: { id: first.id } });
  const asked = await theirs.call('askForRights', asking(randomUUID()));
  assert.equal((await api.call('listOwnRights')).given.length, 2);
  await theirs.call('decideRights', { with: { id: asked.id }, body: { choice: 'grant' }, status: 404 });
  const granted = await api.call('decideRights', { with: { id: asked.id }, body: { choice: 'grant' } });
  assert.deepEqual([granted.state, granted.holds, granted.modelId], ['granted', true, null]);
  await theirs.call('nameLicensed', { with: { id: asked.id }, body: { modelId }, status: 400 });
  const fork = em.fork();
  const planned = givenModel(fork, { owner: fork.getReference(Account, eve.id) });
  await fork.flush();
  const own = planned.id;
  assert.equal((await theirs.call('nameLicensed', { with: { id: asked.id }, body: { modelId: own } })).modelId, own);
  const ended = await api.call('revokeRights', { with: { id: asked.id }, body: { answer: 'No name.' } });
  assert.deepEqual([ended.state, ended.holds], ['notice', true]);
  assert.equal((await theirs.call('getRightsLicence', { with: { id: asked.id } })).answer, 'No name.');
  await api.call('closeRightsOffer', { with: { id } });
}

test('everything that a page can do is a call, every operation of the document answers as it says', async (t) => {
  const python = await fakePython(t, '--able', '--captioner');
  const site = await studio(t, { python, limits: SHORT, env: { MODELS_DIR: await captionerFolder(t) } });
  const { address, ada, em, checkpoint } = site;
  await seedRules(em.fork(), new Date());
  const token = await tokenFor(site, ada, ['all']);
  const api = await Caller.open(address, token);
  const eve = await givenMember(em, 'eve');
  const theirs = await Caller.open(address, await tokenFor(site, eve, ['all']));

  const { modelId, versionId } = await models(api, address, token);
  const { postId, imageId } = await posts(api, versionId);
  await generations(api, checkpoint.id);
  await trainings(api);
  await social(api, { id: eve.id, token, api: theirs }, { modelId, versionId, postId, imageId });
  const judge = await Caller.open(address, await tokenFor(site, await givenMember(em, 'judge'), ['all']));
  await contest(api, theirs, judge, em, modelId);
  await notifications(api, theirs, site, { modelId, postId });
  await webhooks(api, theirs, site);
  await finding(api, theirs, imageId);
  await profile(api, theirs);
  await transfers(api, theirs, site);
  const traded = { api, theirs, modelId, versionId, imageId };
  await credits(traded);
  await buying(traded, await early(api, address, token, modelId));
  await licences(traded);
  await bounties(traded);
  const mod = await givenMember(em, 'mod', { role: 'moderator' });
  const keeper = await Caller.open(address, await tokenFor(site, mod, ['moderate']));
  await tags(keeper, theirs);
  await merges(api, site);
  await rights(api, theirs, site, eve, modelId);
  for (const name of ['listModels', 'listImages', 'listCreators', 'listTags', 'listUsers', 'getMe', 'getEnums'])
    await api.call(name);
  await api.call('listVersionsByHash', { body: [SHA] });
  await api.call('listVersionIdsByHash', { body: [SHA] });
  const [{ hashes }] = (await api.call('getVersion', { with: { id: versionId } })).files;
  await api.call('getVersionByHash', { with: { hash: hashes.AutoV2 } });

  const called = new Set([...[api, theirs, keeper, judge].flatMap((one) => [...one.called])]);
  assert.deepEqual(
    api.names.filter((name) => !called.has(name)),
    [],
    'operations that nobody called',
  );
});

/** `theirs` owns the collection, `api` takes part in it. */
async function together(api: Caller, theirs: Caller, id: number, modelId: number): Promise<void> {
  const { username } = await api.call('getMe');
  await theirs.call('editCollection', { with: { id }, body: { adders: 'invited', intake: 'reviewed' } });
  const ask = { with: { id }, body: { name: username, role: 'contributor' }, status: 201 };
  const { id: member } = await theirs.call('inviteToCollection', ask);
  await api.call('acceptInvitation', { with: { id, member } });
  assert.equal((await theirs.call('listCollectionPeople', { with: { id } })).items[0].accepted, true);
  assert.equal((await api.call('collect', { with: { id, kind: 'model', thing: modelId } })).state, 'waiting');
  await api.call('listSubmissions', { with: { id }, status: 404 });
  const [waiting] = (await theirs.call('listSubmissions', { with: { id } })).items;
  assert.equal(waiting.thing.id, modelId);
  const said = await theirs.call('decideSubmissions', { with: { id }, body: { entry: [waiting.id], to: 'in' } });
  assert.deepEqual(said, { decided: 1, stuck: 0 });
  assert.equal((await api.call('listOwnSubmissions', { with: { id } })).items[0].state, 'in');
  await api.call('uncollect', { with: { id, kind: 'model', thing: modelId } });
  await api.call('leaveCollection', { with: { id, member } });
}

/** `theirs` keeps it, `api` enters, `judge` judges; its whole course stands in gallery/contests.test.ts. */
async function contest(api: Caller, theirs: Caller, judge: Caller, em: Studio['em'], modelId: number): Promise<void> {
  const { id } = await theirs.call('createCollection', { body: { name: 'Ink month' } });
  const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
  const terms = { rules: 'Ink.', opensAt: inDays(-30), closesAt: inDays(30), hasVotes: true };
  await theirs.call('setContest', { with: { id }, body: terms });
  await theirs.call('removeContest', { with: { id } });
  await theirs.call('setContest', { with: { id }, body: terms });
  assert.equal((await api.call('listContests', { token: null })).items[0].state, 'open');
  assert.equal((await api.call('collect', { with: { id, kind: 'model', thing: modelId } })).state, 'in');
  const { entries } = await api.call('getContest', { with: { id }, token: null });
  const entry = entries[0].id;
  assert.equal(entries[0].votes, undefined);
  for (const name of ['voteForEntry', 'withdrawVote']) await theirs.call(name, { with: { id, entry } });
  await theirs.call('scoreEntry', { with: { id, entry }, body: { score: 5 }, status: 404 });
  await theirs.call('endJudging', { with: { id }, status: 409 });
  const result = { with: { id }, body: { places: [{ entry, place: 1 }] } };
  await theirs.call('publishResult', { ...result, status: 409 });
  const { username } = await judge.call('getMe');
  const ask = { with: { id }, body: { name: username, role: 'judge' }, status: 201 };
  const { id: member } = await theirs.call('inviteToCollection', ask);
  await judge.call('acceptInvitation', { with: { id, member } });
  await judge.call('scoreEntry', { with: { id, entry }, body: { score: 5 } });
  await em.fork().nativeUpdate(Contest, { collection: id }, { closesAt: new Date(Date.now() - 1_000) });
  await theirs.call('endJudging', { with: { id } });
  await theirs.call('publishResult', result);
  assert.equal((await api.call('getContest', { with: { id }, token: null })).state, 'ended');
}
