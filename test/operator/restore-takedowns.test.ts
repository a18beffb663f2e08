import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { viewerOf } from '../../src/accounts/access/identify.ts';
import { Account } from '../../src/accounts/model.ts';
import { addImage } from '../../src/gallery/images/add.ts';
import { Image } from '../../src/gallery/model.ts';
import { createDraft } from '../../src/gallery/posts/draft.ts';
import { verifyAudit } from '../../src/kit/audit/verify.ts';
import { Takedown } from '../../src/moderation/takedown/model.ts';
import type { Node } from '../../src/node.ts';
import { Browser } from '../accounts/browser.ts';
import { bytesAt, painter, picture } from '../gallery/painter.ts';
import { temporaryFolder } from '../kit/temporary-folder.ts';
import { carryOut } from '../moderation/takedowns.ts';
import { emptyMachine, takeBackup } from './backups.ts';

const remove = { outcome: 'remove', parameters: { vault: true, block: true } } as const;

/** A node with a backup, as things stand before anything is taken down. */
async function given(t: TestContext) {
  const site = await painter(t);
  const bytes = await picture();
  const { imageIds } = await site.post(site.ada, [{ bytes }, {}, {}]);
  const base = await temporaryFolder(t);
  const folder = join(base, 'backup');
  await takeBackup(site.node, folder);
  const marks = join(site.node.dataDir, 'taken-down.jsonl');
  /** The restored node, serving; as if the old machine were lost but for the file of marks. */
  const comeBack = async (name: string): Promise<{ node: Node; visitor: Browser; settle: () => Promise<void> }> => {
    const machine = await emptyMachine(t, name);
    await machine.restore(folder, { takenDown: marks });
    const node = await machine.open(site.clock.now);
    const address = await node.start(['web', 'worker']);
    assert.ok(address);
    const settle = async () => {
      for (let tries = 0; tries < 600; tries += 1) {
        await node.queue.look();
        if ((await node.orm.em.fork().count(Takedown, { state: 'running' })) === 0) return;
        await new Promise((done) => setTimeout(done, 50));
      }
      assert.fail('a takedown is not done after a restore');
    };
    return { node, visitor: new Browser(address), settle };
  };
  return { ...site, base, folder, marks, comeBack, bytes, imageIds };
}

const upload = async (node: Node, source: Uint8Array) => {
  const work = () => node.openWork(viewerOf(ada));
  const ada = await node.orm.em.fork().findOneOrFail(Account, { name: 'ada' });
  const limits = { maxImageBytes: 50_000_000, minFreeBytes: 0, defaultQuotaBytes: 1e9, hashGate: node.hashGate };
  const draft = await createDraft(work(), {});
  return (await addImage(work(), limits, { postId: draft.id, source, level: 1, altText: '' })).imageId;
};

test('scenario 14: what was taken down after the backup is down again before the restored node serves, and stays down', async (t) => {
  const { comeBack, bytes, imageIds, ...site } = await given(t);
  const [id = 0, other = 0] = imageIds;
  const takedown = await carryOut(site, { target: { kind: 'image', id }, ...remove, category: 'ncii' });

  const { node, visitor, settle } = await comeBack('second');

  // at once, whatever the worker has done so far
  assert.equal((await visitor.get(`/images/${id}`)).status, 410);
  for (const path of [`/media/full/${id}.webp`, `/media/original/${id}.png`])
    assert.equal((await bytesAt(visitor, path)).status, 410, path);
  assert.equal((await visitor.get(`/images/${other}`)).status, 200);
  await assert.rejects(upload(node, bytes), /blocked|may not|not allowed|refused|removed/i);
  await settle();
  const row = await node.orm.em.fork().findOneOrFail(Takedown, takedown);
  assert.deepEqual([row.state, row.category, row.caseId ?? null], ['done', 'ncii', null]);
  assert.equal((await node.orm.em.fork().findOneOrFail(Image, id)).sha256 ?? null, null);
  assert.equal((await verifyAudit(node.orm.em.fork())).isWhole, true);
  assert.equal(await node.takeDownAgain(), 0, 'once is enough');
});

test('what was undone before the restore is not taken down again', async (t) => {
  const { comeBack, imageIds, ...site } = await given(t);
  const [id = 0] = imageIds;
  const takedown = await carryOut(site, { target: { kind: 'image', id }, ...remove });
  await carryOut(site, { target: { kind: 'image', id }, outcome: 'undo', parameters: { undoes: takedown } });
  const { node, visitor } = await comeBack('second');
  assert.equal((await visitor.get(`/images/${id}`)).status, 200);
  assert.equal(await node.orm.em.fork().count(Takedown), 0);
});

test('of what was made after the backup the bytes are refused, and nothing else that has its number now is touched', async (t) => {
  const { comeBack, post, ada, ...site } = await given(t);
  const bytes = await picture();
  const { imageIds } = await post(ada, [{ bytes }]);
  const [id = 0] = imageIds;
  site.clock.pass(60_000);
  await carryOut(site, { target: { kind: 'image', id }, ...remove });

  const { node, visitor } = await comeBack('second');

  await assert.rejects(upload(node, bytes));
  const taken = await upload(node, await picture());
  assert.equal(taken, id, 'numbers go on from the backup');
  await node.takeDownAgain();
  assert.equal(await node.orm.em.fork().count(Image, { id, sha256: { $ne: null } }), 1);
  assert.equal((await visitor.get('/images')).status, 200);
});

test('a line that a crash cut in two, and lines of nonsense, do not keep the others from holding', async (t) => {
  const { comeBack, marks, imageIds, ...site } = await given(t);
  const [id = 0, second = 0] = imageIds;
  await carryOut(site, { target: { kind: 'image', id }, ...remove });
  await writeFile(marks, `${await readFile(marks, 'utf8')}{"takedown":"half\n[]\nnull\n{"takedown":1}\n{"undone":`);
  await carryOut(site, { target: { kind: 'image', id: second }, ...remove });
  const { visitor } = await comeBack('second');
  for (const gone of [id, second]) assert.equal((await visitor.get(`/images/${gone}`)).status, 410);
});
