import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Model } from '../../src/catalogue/model.ts';
import { createCollection } from '../../src/gallery/collections/edit.ts';
import { collect, uncollect } from '../../src/gallery/collections/together/put.ts';
import { repairFigures } from '../../src/gallery/figures.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenModel, givenVersion } from '../factories/content.ts';
import { testNode } from '../node.ts';

test('what lies in public collections is counted, and what people keep for themselves is not', async (t) => {
  const { em, workAs, start, settle, node } = await testNode(t);
  await start('worker');
  const ada = await givenMember(em, 'ada');
  const model = givenModel(em, { owner: ada });
  givenVersion(em, { model });
  await em.flush();
  const countOf = async () => (await node.orm.em.fork().findOneOrFail(Model, model.id)).collectCount;
  const thing = { kind: 'model', id: model.id } as const;
  const form = { name: 'Tank', description: '' };
  const open = await createCollection(workAs(ada), { ...form, visibility: 'public' });
  const own = await createCollection(workAs(ada), { ...form, visibility: 'private' });

  for (const { id } of [open, own]) await collect(workAs(ada), id, thing);
  await settle();
  assert.equal(await countOf(), 1);

  await uncollect(workAs(ada), open.id, thing);
  await settle();
  assert.equal(await countOf(), 0);

  // a mistake is mended by the day's repair
  await node.orm.em.fork().nativeUpdate(Model, { id: model.id }, { collectCount: 7 });
  await repairFigures({ em: node.orm.em.fork() }, new AbortController().signal);
  assert.equal(await countOf(), 0);
});
