import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { ModelFile } from '../../src/catalogue/model.ts';
import { Upload } from '../../src/catalogue/uploads/model.ts';
import { Dataset, DatasetItem } from '../../src/compute/datasets/model.ts';
import { Image } from '../../src/gallery/model.ts';
import { liftBlock } from '../../src/safety/hashes/blocks.ts';
import { HashBlock, HashHit } from '../../src/safety/hashes/model.ts';
import { PolicyState } from '../../src/safety/policy.ts';
import type { Browser } from '../accounts/browser.ts';
import { textOf } from '../accounts/browser.ts';
import { publisher } from '../catalogue/publisher.ts';
import { givenModel, givenVersion } from '../factories/content.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { type Painter, painter, sendFiles } from '../gallery/painter.ts';
import { drawn } from './drawings.ts';
import { ban, banHash, hitsOf, seenAt, sha256Of, zipWith } from './watch.ts';

async function uploadModel(browser: Browser, bytes: Uint8Array, name: string) {
  const form = new FormData();
  form.append('files', new Blob([new Uint8Array(bytes)]), name);
  return browser.postForm('/upload', form);
}

test('scenario 7: a removed file that comes back under a new name from another account is refused, and the attempt is on record', async (t) => {
  const its = await publisher(t);
  const bytes = kohyaLoraSd1({ name: 'banned' });
  await banHash(its, 'file', sha256Of(bytes), 'copyright');
  const { browser, account } = await its.other();
  const location = await its.tus(browser).send(bytes, 'harmless.safetensors');
  await its.settle();

  const upload = await its.node.orm.em.fork().findOneOrFail(Upload, { owner: account });
  assert.deepEqual([upload.state, upload.isWithheld, upload.sha256], ['refused', true, null]);
  assert.match(upload.message ?? '', /removed from this node/);
  assert.equal((await its.tus(browser).head(location)).status, 451);
  assert.equal(await its.node.files.has(sha256Of(bytes)), false, 'nothing of it is kept');
  const [hit] = await hitsOf(its);
  assert.deepEqual(
    [hit?.door, hit?.verdict, hit?.accountId, hit?.distance],
    ['model-file', 'refuse', account.id, null],
  );
  const version = givenVersion(its.em, { model: givenModel(its.em, { owner: its.ada }) });
  await its.em.flush();
  await assert.rejects(its.give(version.id, bytes, 'again.safetensors'), { kind: 'withheld' });
  // the job of the upload and this call may both have come to it
  assert.ok((await its.node.orm.em.fork().count(HashHit, { verdict: 'refuse' })) >= 2);
});

test('scenario 8: a blocked picture that was re-encoded, made a thumbnail of and greyed is refused, or held where it is not severe', async (t) => {
  const its = await painter(t);
  const original = await drawn(21, 1024, 768);
  const altered = await sharp(original).resize(320).greyscale().jpeg({ quality: 55 }).toBuffer();
  const [, picture] = await ban(its, original, 'ncii');
  const refused = await sendFiles(its.browser, '/upload/images', [{ bytes: altered, name: 'cat.jpg' }]);
  assert.equal(refused.status, 451);
  assert.match(textOf(refused.text), /matches something that was removed/);
  const [hit] = await hitsOf(its);
  assert.deepEqual([hit?.door, hit?.verdict, hit?.blockId], ['post-image', 'refuse', picture?.id]);
  assert.ok((hit?.distance ?? 99) <= 31);
  assert.equal(await its.node.orm.em.fork().count(Image), 0);

  await liftBlock(its.workAs(null), picture?.id ?? '');
  await ban(its, await drawn(22, 1024, 768), 'style');
  const held = await sharp(await drawn(22, 1024, 768))
    .resize(320)
    .greyscale()
    .jpeg({ quality: 55 })
    .toBuffer();
  const { postId, imageIds } = await its.post(its.ada, [{ bytes: held }, { bytes: await drawn(23) }]);
  await its.settle();
  const [first, second] = await its.node.orm.em.fork().find(Image, { post: postId }, { orderBy: { position: 1 } });
  assert.deepEqual([first?.shownAt, first?.listedAt], [null, null]);
  assert.ok(second?.shownAt, 'the picture beside it is shown');
  assert.equal((await its.visitor.get(`/images/${imageIds[0]}`)).status, 451);
  assert.equal((await its.visitor.get(`/media/320/${imageIds[0]}.webp`)).status, 451);
  assert.match(
    textOf((await its.browser.get(`/posts/${postId}/edit`)).text),
    /A moderator has to look at this picture first/,
  );
  const last = (await hitsOf(its)).at(-1);
  assert.deepEqual([last?.verdict, last?.targetKind, last?.targetId], ['hold', 'image', String(imageIds[0])]);
  assert.equal(await its.node.orm.em.fork().count(HashHit, { verdict: 'hold', handledAt: null }), 1);
});

test('scenario 9: mirrored, cropped by a tenth on each side or framed by 4 %, the bank of variants knows the picture', async (t) => {
  const its = await painter(t);
  const [width, height] = [1000, 800];
  const original = await drawn(31, width, height);
  await ban(its, original, 'minor');
  const edges = { left: 40, right: 40, top: 32, bottom: 32 };
  const edits = {
    mirrored: sharp(original).flop(),
    cropped: sharp(original).extract({ left: 100, top: 80, width: 800, height: 640 }),
    framed: sharp(original).extend({ ...edges, background: '#fff' }),
    'turned by a quarter': sharp(original).rotate(90),
    'cut on one side': sharp(original).extract({ left: 120, top: 0, width: 880, height }),
    'mirrored and cropped': sharp(original).flop().extract({ left: 60, top: 48, width: 880, height: 704 }),
  };
  for (const [name, edit] of Object.entries(edits)) {
    const bytes = await edit.jpeg({ quality: 80 }).toBuffer();
    const answer = await sendFiles(its.browser, '/upload/images', [{ bytes, name: 'a.jpg' }]);
    assert.equal(answer.status, 451, name);
  }
  assert.equal((await hitsOf(its)).length, Object.keys(edits).length);
  const other = await sendFiles(its.browser, '/upload/images', [
    { bytes: await drawn(32, width, height), name: 'b.png' },
  ]);
  assert.equal(other.status, 302, 'another picture comes in');
});

test('scenario 11: a safetensors file whose header was edited is known by its tensors', async (t) => {
  const its = await publisher(t);
  const banned = kohyaLoraSd1({ name: 'banned', seed: 'one' });
  const version = givenVersion(its.em, { model: givenModel(its.em, { owner: its.ada }) });
  await its.em.flush();
  await its.give(version.id, banned, 'banned.safetensors');
  const { tensorSha256 } = await its.node.orm.em.fork().findOneOrFail(ModelFile, { version });
  await banHash(its, 'tensors', tensorSha256 ?? '', 'likeness');
  const edited = kohyaLoraSd1({ name: 'new-name', seed: 'one', metadata: { ss_comment: 'mine' } });
  assert.notEqual(sha256Of(edited), sha256Of(banned));
  const { browser, account } = await its.other();
  await uploadModel(browser, edited, 'mine.safetensors');
  await its.settle();
  const upload = await its.node.orm.em.fork().findOneOrFail(Upload, { owner: account });
  assert.deepEqual([upload.state, upload.isWithheld], ['refused', true]);
  const door = (await hitsOf(its)).find((hit) => hit.accountId === account.id);
  assert.deepEqual([door?.door, door?.verdict], ['model-file', 'refuse']);
  await uploadModel(browser, kohyaLoraSd1({ name: 'new-name', seed: 'two' }), 'other.safetensors');
  await its.settle();
  assert.equal(await its.node.orm.em.fork().count(Upload, { owner: account, state: 'refused' }), 1, 'others pass');
});

async function importing(its: Painter, zip: Uint8Array): Promise<{ text: string; items: number }> {
  const { location } = await its.browser.post('/datasets', { name: 'Set' });
  const form = new FormData();
  form.append('archiveFile', new Blob([new Uint8Array(zip)]), 'set.zip');
  await its.browser.postForm(`${location}/import`, form);
  await its.settle();
  const dataset = location.split('/').at(-1) ?? '';
  const em = its.node.orm.em.fork();
  assert.equal((await em.findOneOrFail(Dataset, dataset)).importSha256, null, 'the job is over');
  return { text: textOf((await its.browser.get(location)).text), items: await em.count(DatasetItem, { dataset }) };
}

async function archives(t: TestContext) {
  const its = await painter(t);
  const banned = await drawn(41);
  const good = await drawn(42);
  const hidden = await sharp(banned).resize(400).jpeg({ quality: 70 }).toBuffer();
  await ban(its, banned, 'minor');
  return { its, banned, good, hidden };
}

test('scenario 12: a blocked picture in an archive is found nested, misnamed and behind another file, and nothing of the archive is taken', async (t) => {
  const { its, good, hidden } = await archives(t);
  const nested = await zipWith({ 'deep/b.png': hidden });
  const polyglot = Buffer.concat([good, await zipWith({ 'c.jpg': hidden })]);
  const packs = {
    plain: { 'a.png': good, 'b.jpg': hidden },
    'a nested archive': { 'a.png': good, 'more.zip': nested },
    'an archive in an archive in an archive': { 'a.png': good, 'more.zip': await zipWith({ 'x.bin': nested }) },
    'a wrong ending': { 'a.png': good, 'notes.txt': hidden, 'data.json': '{}' },
    'a picture with an archive behind it': { 'a.png': polyglot },
  };
  for (const [name, files] of Object.entries(packs)) {
    const { text, items } = await importing(its, await zipWith(files));
    assert.match(text, /matches something that was removed/, name);
    assert.equal(items, 0, name);
  }
  const whole = Buffer.concat([hidden, await zipWith({ 'a.png': good })]);
  assert.equal((await importing(its, whole)).items, 0, 'a picture before the archive');
  const seen = await hitsOf(its);
  assert.equal(seen.length, Object.keys(packs).length + 1);
  assert.ok(
    seen.every(
      ({ door, verdict, accountId }) => door === 'archive-member' && verdict === 'refuse' && accountId === its.ada.id,
    ),
  );
  assert.equal((await importing(its, await zipWith({ 'a.png': good }))).items, 1, 'without it the rest comes in');
});

test('scenario 12: an archive that is a bomb, too deep or cannot be looked into is refused before it is unpacked', async (t) => {
  const { its, good } = await archives(t);
  const bomb = await zipWith({ 'a.png': good });
  const at = bomb.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
  bomb.writeUInt32LE(1_050_000_000, at + 24);
  assert.match((await importing(its, bomb)).text, /far more than it is/);
  let deep = await zipWith({ 'a.png': good });
  for (let n = 0; n < 3; n += 1) deep = await zipWith({ 'a.zip': deep });
  assert.match((await importing(its, deep)).text, /too many archives in this archive/);
  const locked = await zipWith({ 'a.png': good });
  locked.writeUInt16LE(
    locked.readUInt16LE(locked.indexOf(Buffer.from([0x50, 0x4b, 1, 2])) + 8) | 1,
    locked.indexOf(Buffer.from([0x50, 0x4b, 1, 2])) + 8,
  );
  assert.match((await importing(its, await zipWith({ 'b.png': good, 'a.zip': locked }))).text, /encrypted/);
  assert.deepEqual(await hitsOf(its), []);
});

test('scenario 12: an archive beside a model is looked into in the same way, and one that cannot be is not taken', async (t) => {
  const { its, good, hidden } = await archives(t);
  await uploadModel(its.browser, await zipWith({ 'a.png': good, 'b.txt': hidden }), 'training-data.zip');
  await its.settle();
  await uploadModel(its.browser, await zipWith({ 'a.png': good }), 'fine.zip');
  await uploadModel(its.browser, Buffer.from('PK\u0003\u0004 nothing that could be read'), 'broken.zip');
  await its.settle();
  const uploads = await its.node.orm.em.fork().find(Upload, {}, { orderBy: { id: 1 } });
  const states = Object.fromEntries(uploads.map(({ fileName, state, isWithheld }) => [fileName, [state, isWithheld]]));
  assert.deepEqual(states['training-data.zip'], ['refused', true]);
  assert.deepEqual(states['broken.zip'], ['refused', false]);
  assert.notEqual(states['fine.zip']?.[0], 'refused');
  assert.deepEqual(await seenAt(its), ['archive-member: refuse']);
});

test('what is here already is found when a hash is added: severe things are withheld, others wait for a person, each once', async (t) => {
  const its = await painter(t);
  const lora = kohyaLoraSd1({ name: 'old' });
  const version = givenVersion(its.em, { model: givenModel(its.em, { owner: its.ada }) });
  await its.em.flush();
  await its.give(version.id, lora, 'old.safetensors');
  const small = async (seed: number) =>
    sharp(await drawn(seed))
      .resize(300)
      .jpeg()
      .toBuffer();
  const { imageIds } = await its.post(its.ada, [
    { bytes: await small(51) },
    { bytes: await small(52) },
    { bytes: await small(53) },
  ]);
  await its.settle();
  const em = () => its.node.orm.em.fork();
  // as pictures are that were here before this release
  await em().nativeUpdate(Image, { id: imageIds[0] ?? 0 }, { pdq: null });
  assert.equal((await its.visitor.get(`/images/${imageIds[0]}`)).status, 200);

  await ban(its, await drawn(51), 'ncii');
  await ban(its, await drawn(52), 'copyright');
  await banHash(its, 'file', sha256Of(lora), 'copyright');
  await its.settle();
  const statusOf = async (n: number) => (await its.visitor.get(`/images/${imageIds[n]}`)).status;
  assert.deepEqual([await statusOf(0), await statusOf(1), await statusOf(2)], [451, 200, 200]);
  const seen = (await hitsOf(its)).map(({ verdict, targetKind, targetId }) => [verdict, targetKind, targetId]);
  assert.deepEqual(seen.sort(), [
    ['refuse', 'image', String(imageIds[0])],
    ['refuse', 'version', String(version.id)],
    ['review', 'image', String(imageIds[1])],
  ]);
  const state = await em().findOneOrFail(PolicyState, { targetKind: 'version', targetId: version.id });
  assert.ok(state.restrictions > 0 && state.epoch === 1);
  assert.equal(await em().count(HashBlock, { rescannedAt: null }), 0);
  assert.ok((await em().findOneOrFail(Image, imageIds[0] ?? 0)).pdq, 'it is hashed by now');

  its.clock.pass(11 * 60_000);
  await its.settle();
  assert.equal((await hitsOf(its)).length, 3, 'the second look finds the same and says nothing twice');
});

test('a dataset picture that is blocked later is held, and the set is not trained on', async (t) => {
  const its = await painter(t);
  const { location } = await its.browser.post('/datasets', { name: 'Set' });
  const form = new FormData();
  form.append('pictures', new Blob([new Uint8Array(await drawn(61))]), 'a.png');
  await its.browser.postForm(`${location}/images`, form);
  await ban(its, await drawn(61, 512, 384), 'style');
  await its.settle();
  const item = await its.node.orm.em.fork().findOneOrFail(DatasetItem, { dataset: location.split('/').at(-1) ?? '' });
  assert.ok(item.heldAt);
  assert.match(textOf((await its.browser.get(location)).text), /A moderator has to look at it first/);
});

test('a face that is blocked later is taken off', async (t) => {
  const its = await painter(t);
  const form = new FormData();
  form.append('file', new Blob([new Uint8Array(await drawn(71, 512, 512))]), 'me.png');
  await its.browser.postForm('/settings/profile/avatar', form);
  const em = () => its.node.orm.em.fork();
  const face = async () =>
    (await em().findOneOrFail('Account', its.ada.id)) as unknown as { avatarSha256: string | null };
  assert.ok((await face()).avatarSha256);
  await ban(its, await drawn(71, 512, 512), 'minor');
  await its.settle();
  assert.equal((await face()).avatarSha256, null);
});
