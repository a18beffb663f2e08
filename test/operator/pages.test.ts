import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { EntityManager } from '@mikro-orm/core';
import { Account } from '../../src/accounts/model.ts';
import { setRole } from '../../src/accounts/staff/roles.ts';
import { newId } from '../../src/kit/ids.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { blobColumns } from '../../src/kit/storage/references.ts';
import { collectBlobs } from '../../src/operator/collect.ts';
import { textOf } from '../accounts/browser.ts';
import { givenModel, givenVersion } from '../factories/content.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { painter } from '../gallery/painter.ts';
import { temporaryFolder } from '../kit/temporary-folder.ts';
import { takeBackup } from './backups.ts';

async function makeOwner(em: EntityManager, accountId: number): Promise<void> {
  const fork = em.fork();
  await setRole({ em: fork }, await fork.findOneOrFail(Account, accountId), 'owner');
}

test('who runs the node looks at what failed, tries it again, or discards it', async (t) => {
  const { browser, em, ada, visitor, other, clock, settle } = await painter(t);
  const { browser: member } = await other();
  assert.equal((await member.get('/admin/jobs')).status, 403);
  assert.equal((await visitor.get('/admin/jobs')).status, 302);
  await makeOwner(em, ada.id);
  assert.match(textOf((await browser.get('/admin/jobs')).text), /Nothing has failed/);

  const failed = (payload: unknown) =>
    em.create(
      Job,
      {
        id: newId(),
        name: 'gallery.render-image',
        lane: 'media',
        payload,
        state: 'failed',
        attempt: 5,
        maxAttempts: 5,
        lastError: 'Error: <b>the disk was away</b>',
        runAt: clock.now(),
        createdAt: clock.now(),
        finishedAt: clock.now(),
      },
      { persist: true },
    );
  const [again, away] = [failed({ imageId: 999 }), failed({ imageId: 998 })];
  await em.flush();
  const page = await browser.get('/admin/jobs');
  assert.ok(page.text.includes('&lt;b&gt;the disk was away'));
  await browser.post(`/admin/jobs/${again.id}/retry`);
  await browser.post(`/admin/jobs/${away.id}/delete`);
  await settle();
  // the picture is gone, so there was nothing to do
  assert.equal((await em.fork().findOneOrFail(Job, again.id)).state, 'done');
  assert.equal(await em.fork().count(Job, { id: away.id }), 0);
  assert.equal((await browser.post(`/admin/jobs/${again.id}/retry`)).status, 409);
});

test('only bytes that no row names are removed, and not before a day', async (t) => {
  const { browser, node, em, ada, give, post, workAs, settle } = await painter(t, { realTime: true });
  await makeOwner(em, ada.id);
  const version = givenVersion(em, { model: givenModel(em, { owner: ada }) });
  await em.flush();
  await give(version.id, kohyaLoraSd1(), 'brass.safetensors');
  await post(ada, [{}]);
  const { sha256 } = await node.files.put(Buffer.from('nobody wants this'));
  const blobs = async () => {
    let count = 0;
    for await (const _ of node.files.list()) count += 1;
    return count;
  };
  const before = await blobs();
  const work = workAs(null);
  assert.equal((await collectBlobs(work)).removedBlobs, 0, 'it is young');
  const later = { ...work, now: () => new Date(Date.now() + 90_000_000) };
  assert.equal((await collectBlobs(later)).removedBlobs, 1);
  assert.deepEqual([await blobs(), await node.files.has(sha256)], [before - 1, false]);

  const page = await browser.get('/admin/storage');
  assert.match(textOf(page.text), /Files of models\s+1/);
  assert.match(page.text, /There is no backup of this node yet/);
  await browser.post('/admin/storage/collection');
  await settle();
  assert.equal(await em.fork().count(Job, { name: 'operator.collect-blobs', state: 'done' }), 1);
});

test('the owner sees when the last backup was made, and is reminded after a week', async (t) => {
  const { browser, node, em, ada, clock } = await painter(t);
  await makeOwner(em, ada.id);
  await takeBackup(node, join(await temporaryFolder(t), 'backup'));
  const fresh = (await browser.get('/admin/storage')).text;
  assert.match(fresh, new RegExp(`The last one was made <time datetime="${clock.now().toISOString()}"`));
  assert.doesNotMatch(fresh, /more than a week ago/);
  clock.pass(8 * 86_400_000);
  assert.match((await browser.get('/admin/storage')).text, /That is more than a week ago/);
});

test('every column that names bytes is known to the collection', async (t) => {
  const { em } = await painter(t);
  const named = blobColumns(em).map(({ table, column }) => `${table}.${column}`);
  const expected = [
    ...['account.avatar_sha256', 'account.banner_sha256', 'generation_image.sha256', 'generation_image.thumb_sha256'],
    ...['image.clean_sha256', 'image.sha256', 'image_size.sha256', 'model_file.sha256', 'upload.sha256'],
  ];
  for (const column of expected) assert.ok(named.includes(column), column);
});

test('who runs the node orders, hides, adds and removes base models, and the forms follow', async (t) => {
  const { browser, em, ada, visitor, other } = await painter(t);
  assert.equal((await visitor.get('/admin/base-models')).status, 302);
  assert.equal((await (await other()).browser.get('/admin/base-models')).status, 403);
  await makeOwner(em, ada.id);
  const change = (name: string, act: string) => browser.post('/admin/base-models/change', { name, act });
  const listed = async () =>
    [...(await browser.get('/admin/base-models')).text.matchAll(/<strong>([^<]+)<\/strong>/g)].map(([, name]) => name);
  const offered = async () =>
    [...(await browser.get('/models')).text.matchAll(/<option value="([^"]+)"/g)].map(([, name]) => name);
  assert.deepEqual((await listed()).slice(0, 2), ['SD 1.5', 'SD 1.4']);

  await change('SD 1.4', 'up');
  await change('SD 1.4', 'up'); // it is the first already
  assert.deepEqual((await listed()).slice(0, 2), ['SD 1.4', 'SD 1.5']);
  await change('Kolors', 'hide');
  assert.equal((await offered()).includes('Kolors'), false);
  await change('Kolors', 'show');
  assert.equal((await offered()).includes('Kolors'), true);

  const refused = await browser.post('/admin/base-models', { name: 'sd 1.5', ecosystem: 'sd1' });
  assert.equal(refused.status, 422);
  assert.match(refused.text, /value="sd 1\.5"/, 'the form comes back filled');
  assert.equal((await browser.post('/admin/base-models', { name: '<b>', ecosystem: '' })).status, 422);
  await browser.post('/admin/base-models', { name: 'Own Base', ecosystem: 'sdxl' });
  assert.equal((await listed()).at(-1), 'Own Base');
  assert.equal((await offered()).includes('Own Base'), true);

  const version = givenVersion(em, { model: givenModel(em), baseModel: 'Own Base' });
  await em.flush();
  assert.equal((await change('Own Base', 'remove')).status, 409, 'a version names it');
  version.baseModel = 'SD 1.5';
  await em.flush();
  assert.equal((await change('SD 2.0', 'remove')).status, 409, 'every node has it');
  assert.equal((await change('Own Base', 'remove')).status, 302);
  assert.equal((await listed()).includes('Own Base'), false);
  assert.equal((await change('Own Base', 'hide')).status, 404);
});
