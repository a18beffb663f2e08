import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Image, ImageSize } from '../../src/gallery/model.ts';
import { verifyAudit } from '../../src/kit/audit/verify.ts';
import { rows } from '../../src/kit/database/sql.ts';
import { RecordedEvent } from '../../src/kit/events/model.ts';
import { Takedown, TakedownStep } from '../../src/moderation/takedown/model.ts';
import { startTakedown, takedownDone } from '../../src/moderation/takedown/start.ts';
import { defineTakedownStep } from '../../src/moderation/takedown/step.ts';
import { executeTakedown } from '../../src/moderation/takedown/worker.ts';
import { bytesAt, painter, picture } from '../gallery/painter.ts';
import { testNode } from '../node.ts';
import { blobsOf, carryOut, stepsOf, takedownState, vaultCount } from './takedowns.ts';

const silent = { error: () => {} };

test('a removed picture is gone for everybody, its bytes lie in the vault, and undoing brings it back', async (t) => {
  const site = await painter(t);
  const { visitor, browser, em, post, ada } = site;
  const { postId, imageIds } = await post(ada, [{}, {}]);
  const [id = 0, other = 0] = imageIds;
  const before = await em.fork().findOneOrFail(Image, id);
  const sizes = await em.fork().find(ImageSize, { image: id });
  assert.ok(sizes.length > 3);

  const takedown = await carryOut(site, { target: { kind: 'image', id }, outcome: 'remove' });

  const steps = await stepsOf(em, takedown);
  assert.deepEqual(
    Object.values(steps).filter((state) => state !== 'done'),
    [],
  );
  assert.equal(await takedownState(em, takedown), 'done');
  for (const who of [visitor, browser]) {
    assert.equal((await who.get(`/images/${id}`)).status, 410);
    for (const size of ['320', '640', '1280', 'full'])
      assert.equal((await bytesAt(who, `/media/${size}/${id}.webp`)).status, 410, size);
    assert.equal((await bytesAt(who, `/media/original/${id}.png`)).status, 410);
    assert.equal((await who.get(`/images/${other}`)).status, 200);
  }
  const left = await blobsOf(site);
  for (const sha256 of [before.sha256, before.cleanSha256, ...sizes.map((size) => size.sha256)])
    assert.ok(sha256 && !left.has(sha256), 'a blob of it is left');
  assert.equal(await vaultCount(site), 1);
  const row = await em.fork().findOneOrFail(Image, id);
  assert.deepEqual([row.sha256 ?? null, row.blurHash, row.placeholder, row.listedAt ?? null], [null, '', '', null]);
  assert.doesNotMatch((await visitor.get(`/posts/${postId}`)).text, new RegExp(`/media/\\d+/${id}\\.`));
  const acts = await rows<{ action: string }>(em, 'select action from audit_entry order by seq');
  assert.equal(acts.filter(({ action }) => action === 'takedown.step').length, Object.keys(steps).length);
  assert.equal(acts.at(-1)?.action, 'takedown.done');
  assert.equal((await verifyAudit(em.fork())).isWhole, true);
  assert.equal(await em.fork().count(RecordedEvent, { name: takedownDone.name }), 1);

  await carryOut(site, { target: { kind: 'image', id }, outcome: 'undo', parameters: { undoes: takedown } });

  assert.equal((await visitor.get(`/images/${id}`)).status, 200);
  for (const size of ['320', 'full']) assert.equal((await bytesAt(visitor, `/media/${size}/${id}.webp`)).status, 200);
  const again = await em.fork().findOneOrFail(Image, id);
  assert.deepEqual([again.sha256, again.blurHash, again.listedAt != null], [before.sha256, before.blurHash, true]);
  assert.equal(await vaultCount(site), 0);
});

test('scenario 49: what another person has lawfully stays when one post is purged, and goes when the file is blocked', async (t) => {
  const site = await painter(t);
  const { visitor, em, post, ada, other } = site;
  const bytes = await picture();
  const mine = await post(ada, [{ bytes }]);
  const { account } = await other();
  const theirs = await post(account, [{ bytes }]);
  const [id = 0] = mine.imageIds;
  const [lawful = 0] = theirs.imageIds;
  const target = { kind: 'post', id: mine.postId } as const;

  const first = await carryOut(site, { target, outcome: 'remove' });

  assert.equal((await bytesAt(visitor, `/media/full/${id}.webp`)).status, 410);
  for (const path of [`/media/320/${lawful}.webp`, `/media/full/${lawful}.webp`, `/media/original/${lawful}.png`])
    assert.equal((await bytesAt(visitor, path)).status, 200, path);

  await carryOut(site, { target, outcome: 'undo', parameters: { undoes: first } });
  assert.equal((await bytesAt(visitor, `/media/full/${id}.webp`)).status, 200);
  await carryOut(site, { target, outcome: 'remove', parameters: { block: true } });

  for (const path of [`/media/320/${lawful}.webp`, `/media/original/${lawful}.png`])
    assert.equal((await bytesAt(visitor, path)).status, 451, path);
  const { sha256 = '' } = await em.fork().findOneOrFail(Image, lawful);
  assert.ok(!(await blobsOf(site)).has(sha256 ?? ''));
});

test('a worker that dies goes on where it was, and what cannot be done now is tried again', async (t) => {
  const { em, clock, node } = await testNode(t);
  const ran: string[] = [];
  let isDown = true;
  const step = (name: string, run: () => 'done' | 'pending') =>
    defineTakedownStep({
      name,
      outcomes: ['remove'],
      run: async () => {
        ran.push(name);
        return { state: run(), note: '' };
      },
    });
  const steps = [
    step('first', () => 'done'),
    step('second', () => {
      if (isDown) throw new Error('the database went away');
      return 'done';
    }),
    step('third', () => (isDown ? 'pending' : 'done')),
    step('last', () => 'done'),
  ];
  const request = { caseId: null, target: { kind: 'image', id: 1 }, outcome: 'remove' } as const;
  const id = await em
    .fork()
    .transactional(async (tx) => startTakedown(tx, { ...request, category: 'other', parameters: {} }, clock.now()));

  assert.equal(await executeTakedown(node.openWork(null), steps, silent, id), 1);
  assert.deepEqual(ran, ['first', 'second', 'third', 'last']);
  assert.equal(await executeTakedown(node.openWork(null), steps, silent, id), 2);
  isDown = false;
  assert.equal(await executeTakedown(node.openWork(null), steps, silent, id), 0);

  assert.deepEqual(ran.slice(4), ['second', 'third', 'second', 'third']);
  const rowsOfIt = await em.fork().find(TakedownStep, { takedownId: id }, { orderBy: { position: 1 } });
  assert.deepEqual(
    rowsOfIt.map(({ name, attempts, state }) => `${name} ${attempts} ${state}`),
    ['first 1 done', 'second 3 done', 'third 3 done', 'last 1 done'],
  );
  assert.equal((await em.fork().findOneOrFail(Takedown, id)).state, 'done');
  assert.equal(await executeTakedown(node.openWork(null), steps, silent, id), 0);
  assert.equal(ran.length, 8);
});

test('nothing begins before the node refuses: a first step that fails holds the rest', async (t) => {
  const { em, clock, node } = await testNode(t);
  const ran: string[] = [];
  const steps = [
    defineTakedownStep({
      name: 'deny',
      holdsRest: true,
      outcomes: ['remove'],
      run: async () => {
        throw new Error('no');
      },
    }),
    defineTakedownStep({
      name: 'vault',
      outcomes: ['remove'],
      run: async () => {
        ran.push('vault');
        return { state: 'done', note: '' };
      },
    }),
  ];
  const request = { caseId: null, target: { kind: 'image', id: 1 }, outcome: 'remove' } as const;
  const id = await em
    .fork()
    .transactional(async (tx) => startTakedown(tx, { ...request, category: 'other', parameters: {} }, clock.now()));
  assert.equal(await executeTakedown(node.openWork(null), steps, silent, id), 1);
  assert.deepEqual(ran, []);
});
