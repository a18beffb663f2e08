import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, relative } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Account } from '../../src/accounts/model.ts';
import { ModelFile } from '../../src/catalogue/model.ts';
import { DatasetItem } from '../../src/compute/datasets/model.ts';
import { Generation, GenerationImage } from '../../src/compute/model.ts';
import { TrainingSample } from '../../src/compute/training/model.ts';
import { FileCopy } from '../../src/federation/copies/model.ts';
import { Image } from '../../src/gallery/model.ts';
import { IdentityProof } from '../../src/moderation/cases/model/proofs.ts';
import { CaseAttachment, CaseMessage } from '../../src/moderation/cases/model/talk.ts';
import { DOORS, type Door } from '../../src/safety/hashes/doors.ts';
import { Browser } from '../accounts/browser.ts';
import { fakePython, formOf, readEvents, SHORT, studio } from '../compute/studio.ts';
import { givenTraining } from '../compute/trainings.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenModel } from '../factories/content.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { peerNode, settleAll } from '../federation/nodes.ts';
import { post } from '../federation/strangers.ts';
import { note, world } from '../federation/world.ts';
import { painter, sendFiles } from '../gallery/painter.ts';
import { openDesk } from '../moderation/cases/desk.ts';
import type { TestNode } from '../node.ts';
import { drawn } from './drawings.ts';
import { ban, banHash, seenAt, sha256Of, zipWith } from './watch.ts';

/** Brings something that is blocked to a door, and checks that nothing of it is kept. */
type Way = (t: TestContext) => Promise<Pick<TestNode, 'node'>>;

async function banned(t: TestContext) {
  const its = await painter(t);
  const bytes = await drawn(81);
  await ban(its, bytes, 'ncii');
  return { its, bytes, em: () => its.node.orm.em.fork() };
}

const formWith = (name: string, bytes: Uint8Array, fileName: string, fields: Record<string, string> = {}): FormData => {
  const form = new FormData();
  for (const [key, value] of Object.entries(fields)) form.append(key, value);
  form.append(name, new Blob([new Uint8Array(bytes)]), fileName);
  return form;
};

const face =
  (kind: 'avatar' | 'banner'): Way =>
  async (t) => {
    const { its, bytes, em } = await banned(t);
    const answer = await its.browser.postForm(`/settings/profile/${kind}`, formWith('file', bytes, 'me.png'));
    assert.equal(answer.status, 451);
    const account = await em().findOneOrFail(Account, its.ada.id);
    assert.deepEqual([account.avatarSha256 ?? null, account.bannerSha256 ?? null], [null, null]);
    return its;
  };

/** A server that hands out one picture. */
async function gallery(t: TestContext, bytes: Uint8Array): Promise<string> {
  const server = createServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'image/png' }).end(bytes),
  );
  await new Promise<void>((done) => server.listen(0, '127.0.0.4', done));
  t.after(() => server.close());
  return `http://127.0.0.4:${(server.address() as AddressInfo).port}/p.png`;
}

const fakeStudio = async (t: TestContext) => studio(t, { python: await fakePython(t), limits: SHORT });

/** Makes a picture, bans it by its bytes and has it made again. */
async function generatedTwice(t: TestContext) {
  const its = await fakeStudio(t);
  const form = formOf(its.checkpoint, { prompt: 'fine' });
  const first = await its.browser.post('/generate', form);
  await readEvents(its.browser, `${first.location}/events`);
  const { sha256 } = await its.node.orm.em
    .fork()
    .findOneOrFail(GenerationImage, { generation: first.location.split('/').at(-1) ?? '' });
  await banHash(its, 'file', sha256, 'minor');
  const second = await its.browser.post('/generate', form);
  await readEvents(its.browser, `${second.location}/events`);
  return { its, secondId: second.location.split('/').at(-1) ?? '' };
}

/** A claim that its claimant has opened, and a picture that must not come in by it. */
async function withCase(t: TestContext) {
  const its = await openDesk(t);
  const bytes = await drawn(81);
  await ban(its, bytes, 'ncii');
  const ada = await givenMember(its.em, 'ada');
  const model = givenModel(its.em, { owner: ada });
  await its.em.flush();
  const { number, secret } = await its.fileConfirmed('trademark', `/models/${model.id}`);
  const browser = new Browser(its.address);
  await browser.post(`/claims/${number}/key`, { secret });
  return { its, browser, bytes, page: `/claims/${number}` };
}

const WAYS: Readonly<Record<Door, Way>> = {
  'model-file': async (t) => {
    const { its, em } = await banned(t);
    const bytes = kohyaLoraSd1({ name: 'banned' });
    await banHash(its, 'file', sha256Of(bytes), 'other');
    await its.browser.postForm('/upload', formWith('files', bytes, 'a.safetensors'));
    await its.settle();
    assert.equal(await em().count(ModelFile), 0);
    return its;
  },
  'mirrored-file': async (t) => {
    const [home, away] = [await peerNode(t, '127.0.0.1'), await peerNode(t, '127.0.0.2')];
    const [alice, bob] = [await home.member('alice'), await away.member('bob')];
    await givenMember(away.em, 'zoe', { role: 'admin' });
    const zoe = new Browser(new URL(away.origin));
    await zoe.signIn('zoe');
    await zoe.post('/admin/copies', { rule: 'request', mostGigabytes: '1' });
    await bob.browser.get(`/search?q=${encodeURIComponent(`@alice@${home.host}`)}`);
    const account = await away.node.orm.em.fork().findOneOrFail(Account, { host: home.host, name: 'alice' });
    await bob.browser.post(`/accounts/${account.id}/follow`, { on: '1' });
    await settleAll(home, away);
    const bytes = kohyaLoraSd1({ name: 'inkwash' });
    await banHash(away, 'file', sha256Of(bytes), 'copyright');
    await settleAll(away);
    const uploaded = await alice.browser.postForm('/upload', formWith('files', bytes, 'inkwash.safetensors'));
    const [, versionId] = /\/versions\/(\d+)\/edit/.exec(uploaded.location) ?? [];
    await settleAll(home);
    await alice.browser.post(`/versions/${versionId}/edit`, {
      ...{ act: 'publish', name: 'Ink', type: 'LORA', versionName: 'v1', baseModel: 'SD 1.5' },
      ...{ tags: 'ink', description: 'Ink.', trainedWords: 'ink' },
    });
    await settleAll(home, away);
    const file = await away.node.orm.em.fork().findOneOrFail(ModelFile, { remoteUrl: { $ne: null } });
    await zoe.post(`/files/${file.id}/copy`);
    await settleAll(away);
    assert.equal((await away.node.orm.em.fork().findOneOrFail(FileCopy, file.id)).state, 'refused');
    assert.equal(await away.node.files.has(file.sha256), false);
    return away;
  },
  'post-image': async (t) => {
    const { its, bytes, em } = await banned(t);
    const answer = await sendFiles(its.browser, '/upload/images', [{ bytes, name: 'a.png' }]);
    assert.equal(answer.status, 451);
    assert.equal(await em().count(Image), 0);
    return its;
  },
  'remote-image': async (t) => {
    const { n, vic, em, follows } = await world(t);
    await follows(vic);
    const bytes = await drawn(81);
    await ban(n, bytes, 'ncii');
    const url = await gallery(t, bytes);
    const attachment = [{ type: 'Image', mediaType: 'image/png', url, name: 'A picture' }];
    await post(n, vic, { type: 'Create', object: note(vic.id, '/notes/1', { attachment }) });
    await n.settle();
    assert.equal(await em().count(Image), 0);
    assert.equal(await n.node.files.has(sha256Of(bytes)), false);
    return n;
  },
  avatar: face('avatar'),
  banner: face('banner'),
  'remote-face': async (t) => {
    const { n, vic, em, follows } = await world(t);
    const bytes = await drawn(81);
    await ban(n, bytes, 'ncii');
    Object.assign(vic.document, { icon: { type: 'Image', mediaType: 'image/png', url: await gallery(t, bytes) } });
    const account = await follows(vic);
    assert.equal((await em().findOneOrFail(Account, account.id)).avatarSha256 ?? null, null);
    return n;
  },
  'dataset-item': async (t) => {
    const { its, bytes, em } = await banned(t);
    const { location } = await its.browser.post('/datasets', { name: 'Set' });
    const answer = await its.browser.postForm(`${location}/images`, formWith('pictures', bytes, 'a.png'));
    assert.equal(answer.status, 451);
    assert.equal(await em().count(DatasetItem), 0);
    return its;
  },
  'archive-member': async (t) => {
    const { its, bytes, em } = await banned(t);
    const { location } = await its.browser.post('/datasets', { name: 'Set' });
    const zip = await zipWith({ 'a.png': await drawn(82), 'b.png': bytes });
    await its.browser.postForm(`${location}/import`, formWith('archiveFile', zip, 'set.zip'));
    await its.settle();
    assert.equal(await em().count(DatasetItem), 0);
    return its;
  },
  'generation-input': async (t) => {
    const its = await fakeStudio(t);
    const bytes = await drawn(81);
    await ban(its, bytes, 'ncii');
    const fields = formOf(its.checkpoint) as Record<string, string>;
    const refused = await its.browser.postForm('/generate', formWith('startFile', bytes, 'a.png', fields));
    assert.match(refused.text, /removed from this node/);
    assert.equal(await its.node.orm.em.fork().count(Generation), 0);
    return its;
  },
  'generated-output': async (t) => {
    const { its, secondId } = await generatedTwice(t);
    const em = its.node.orm.em.fork();
    assert.equal((await em.findOneOrFail(Generation, secondId)).state, 'cancelled');
    assert.equal(await em.count(GenerationImage, { generation: secondId }), 0);
    return its;
  },
  'training-output': async (t) => {
    const its = await fakeStudio(t);
    const work = () => its.workAs(its.ada);
    const first = await givenTraining(its.node, work(), String(its.checkpoint.id), { steps: 4, epochs: 1 });
    await readEvents(its.browser, `/train/${first.id}/events`);
    const { sha256 } = await its.node.orm.em.fork().findOneOrFail(TrainingSample, { run: first.id });
    await banHash(its, 'file', sha256, 'minor');
    const second = await givenTraining(its.node, work(), String(its.checkpoint.id), { steps: 4, epochs: 1 });
    await readEvents(its.browser, `/train/${second.id}/events`);
    assert.equal(await its.node.orm.em.fork().count(TrainingSample, { run: second.id }), 0);
    return its;
  },
  'case-attachment': async (t) => {
    const { its, browser, bytes, page } = await withCase(t);
    const form = formWith('pictures', bytes, 'a.png', { thread: 'claimant', text: 'Look.' });
    assert.equal((await browser.postForm(`${page}/messages`, form)).status, 451);
    assert.equal(await its.em.fork().count(CaseAttachment), 0);
    assert.equal(await its.em.fork().count(CaseMessage), 0);
    return its;
  },
  'identity-proof': async (t) => {
    const { its, browser, bytes, page } = await withCase(t);
    assert.equal((await browser.upload(`${page}/identity`, 'identity', bytes, 'a.png')).status, 451);
    assert.equal(await its.em.fork().count(IdentityProof), 0);
    return its;
  },
  rescan: async (t) => {
    const its = await painter(t);
    const bytes = await drawn(81);
    const { imageIds } = await its.post(its.ada, [{ bytes }]);
    await ban(its, bytes, 'ncii');
    await its.settle();
    assert.equal((await its.visitor.get(`/images/${imageIds[0]}`)).status, 451);
    return its;
  },
};

for (const door of DOORS) {
  test(`the door “${door}” keeps out what is blocked, and announces it`, async (t) => {
    const seen = await seenAt(await WAYS[door](t));
    assert.ok(seen.includes(`${door}: refuse`), seen.join(', '));
  });
}

const SRC = join(import.meta.dirname, '../../src');

/** Whoever keeps bytes stands here; a new place has to say at which door they were judged. */
const KEEPERS: Readonly<Record<string, string>> = {
  'accounts/profile/pictures.ts': 'avatar, banner',
  'catalogue/editing/files.ts': 'the same tensors as before, without what its header told',
  'catalogue/uploads/uploads.ts': 'model-file, archive-member',
  'compute/datasets/add-item.ts': 'dataset-item',
  'compute/datasets/edit-item.ts': 'a part of what is here',
  'compute/datasets/pages/upload-routes.ts': 'archive-member, when the archive is read',
  'compute/desk/inputs.ts': 'generation-input',
  'compute/results.ts': 'generated-output',
  'compute/merging/store.ts': 'tensors that the engine made of what is here; at model-file when it is published',
  'compute/runners/receive.ts': 'generated-output and training-output, when it is taken from the order',
  'compute/runners/remote-engine.ts': 'what is here, on its way to a runner',
  'compute/training/store.ts': 'training-output; a LoRA at model-file when it is published',
  'federation/copies/copy-file.ts': 'mirrored-file',
  'federation/ingest/fetch-faces.ts': 'remote-face',
  'federation/ingest/refetch-picture.ts': 'remote-image',
  'gallery/images/add.ts': 'post-image, remote-image, generated-output',
  'gallery/images/render.ts': 'sizes of what is here',
  'moderation/cases/files/attachments.ts': 'case-attachment',
  'moderation/vault/give-back.ts': 'what a decision gives back',
  'transfer/export/make.ts': 'what is written about things that are here, for who made them',
  'transfer/import/routes.ts': 'archive-member, when the archive is read; what is taken of it at its own door',
  'operator/backup/restore.ts':
    'what was here; what was taken down since is taken down again before anything is served',
};

test('whoever puts bytes into the store is known to ask at a door', () => {
  const found = readdirSync(SRC, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => /\bfiles\.put\(/.test(readFileSync(path, 'utf8')))
    .map((path) => relative(SRC, path))
    .filter((path) => !path.startsWith('kit/'));
  assert.deepEqual(found.sort(), Object.keys(KEEPERS).sort());
});
