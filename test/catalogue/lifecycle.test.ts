import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createModel, createVersion } from '../../src/catalogue/create.ts';
import { saveVersion, VersionForm } from '../../src/catalogue/edit.ts';
import { Lineage, Model, ModelFile, ModelVersion } from '../../src/catalogue/model.ts';
import { publishVersion } from '../../src/catalogue/publish.ts';
import { RecordedEvent } from '../../src/kit/events/model.ts';
import { PolicyState, RESTRICTION } from '../../src/safety/policy.ts';
import { textOf } from '../accounts/browser.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { publisher } from './publisher.ts';

const MINUTE_MS = 60_000;
const FIELDS = { name: 'Brass', type: 'LORA', versionName: 'v1.0', baseModel: 'SD 1.5', level: '1' };

/** Ada's draft with one file, which lacks nothing to be published. */
async function draft(t: TestContext) {
  const node = await publisher(t);
  const { id, model } = await createModel(node.workAs(node.ada), { name: 'Brass', type: 'LORA', baseModel: 'SD 1.5' });
  await node.give(id, kohyaLoraSd1(), 'brass.safetensors');
  const em = () => node.node.orm.em.fork();
  const events = async () =>
    (await em().find(RecordedEvent, { name: { $ne: 'account.joined' } }, { orderBy: { id: 1 } })).map(
      ({ name }) => name,
    );
  return { ...node, id, modelId: model.id, events, fresh: em };
}

test('a draft is its owner’s alone: page, editor, file and every act', async (t) => {
  const { id, modelId, visitor, other, browser } = await draft(t);
  const { browser: mallory } = await other();

  for (const who of [visitor, mallory]) {
    assert.equal((await who.get(`/models/${modelId}`)).status, 404);
    assert.equal((await who.get(`/api/download/models/${id}`)).status, 404);
  }
  for (const path of [`/versions/${id}/edit`, `/versions/${id}/draft`, `/versions/${id}/publication`]) {
    assert.equal((await mallory.post(path, FIELDS)).status, 404, path);
  }
  for (const path of [`/models/${modelId}/delete`, `/versions/${id}/delete`, `/files/1/remove`, `/files/1/strip`]) {
    assert.equal((await mallory.post(path)).status, 404, path);
  }
  assert.equal((await mallory.get(`/versions/${id}/edit`)).status, 404);
  assert.equal((await browser.get(`/models/${modelId}`)).status, 200);
});

test('publishing without what it needs says so at each field, and keeps what was typed', async (t) => {
  const { workAs, ada, browser } = await publisher(t);
  const { id } = await createModel(workAs(ada));

  const answer = await browser.post(`/versions/${id}/edit`, {
    ...FIELDS,
    name: '',
    baseModel: '',
    description: 'Typed with care.',
    act: 'publish',
  });

  assert.equal(answer.status, 422);
  const said = textOf(answer.text);
  assert.match(said, /Give the model a name/);
  assert.match(said, /Choose the base model/);
  assert.match(said, /Add a file first/);
  assert.match(answer.text, /Typed with care\.<\/textarea>/);
});

test('a draft saves itself, and what the person chose stands against the file', async (t) => {
  const { id, browser, fresh } = await draft(t);

  const saved = await browser.postJson(`/versions/${id}/draft`, {
    ...FIELDS,
    name: 'My brass',
    type: 'Checkpoint',
    baseModel: 'SDXL 1.0',
    trainedWords: 'one\ntwo, three',
  });

  assert.equal(saved.status, 200);
  const version = await fresh().findOneOrFail(ModelVersion, id, { populate: ['model'] });
  assert.deepEqual(version.trainedWords, ['one', 'two, three']);
  assert.equal(version.model.$.type, 'Checkpoint');
  const page = textOf((await browser.get(`/versions/${id}/edit`)).text);
  assert.match(page, /The file looks like LORA/);
  assert.match(page, /looks like it is for SD 1.5/);
});

test('publishing records it once, and the second time is a conflict', async (t) => {
  const { id, workAs, ada, events, modelId, fresh } = await draft(t);

  await publishVersion(workAs(ada), id);
  await assert.rejects(publishVersion(workAs(ada), id), { kind: 'conflict' });

  assert.deepEqual(await events(), ['file.stored', 'model.published', 'version.published']);
  const model = await fresh().findOneOrFail(Model, modelId);
  assert.deepEqual([model.state, model.listedAt === null, model.baseModel], ['published', false, 'SD 1.5']);
});

test('a scheduled version is public at its time and not before', async (t) => {
  const { id, modelId, browser, visitor, clock, settle } = await draft(t);

  const answer = await browser.post(`/versions/${id}/edit`, {
    ...FIELDS,
    act: 'schedule',
    publishAt: '2026-01-02T04:00',
  });
  assert.equal(answer.status, 302);
  await settle();
  assert.equal((await visitor.get(`/models/${modelId}`)).status, 404);

  clock.set(new Date('2026-01-02T04:00:01Z'));
  await settle();

  assert.equal((await visitor.get(`/models/${modelId}`)).status, 200);
});

test('a time that has passed is refused at its field', async (t) => {
  const { id, browser } = await draft(t);

  const answer = await browser.post(`/versions/${id}/edit`, {
    ...FIELDS,
    act: 'schedule',
    publishAt: '2025-01-01T00:00',
  });

  assert.equal(answer.status, 422);
  assert.match(textOf(answer.text), /within the next year/);
});

test('unpublishing takes it back, and a schedule that is dropped does not fire', async (t) => {
  const { id, modelId, browser, visitor, workAs, ada, events } = await draft(t);
  await publishVersion(workAs(ada), id);

  await browser.post(`/versions/${id}/publication/remove`);

  assert.equal((await visitor.get(`/models/${modelId}`)).status, 404);
  assert.equal((await visitor.get(`/api/download/models/${id}`)).status, 404);
  assert.equal((await events()).at(-1), 'model.unpublished');
  await browser.post(`/versions/${id}/publication`);
  assert.equal((await visitor.get(`/models/${modelId}`)).status, 200);
});

test('a deleted model says that it is gone, comes back within ten minutes, and not later', async (t) => {
  const { id, modelId, browser, visitor, workAs, ada, clock, settle, events, fresh } = await draft(t);
  await publishVersion(workAs(ada), id);

  const deleted = await browser.post(`/models/${modelId}/delete`);
  assert.match(deleted.text, new RegExp(`action="/models/${modelId}/restore"`));
  assert.equal((await visitor.get(`/models/${modelId}`)).status, 410);
  assert.equal((await visitor.get(`/api/download/models/${id}`)).status, 410);
  clock.pass(9 * MINUTE_MS);
  await browser.post(`/models/${modelId}/restore`);
  assert.equal((await visitor.get(`/models/${modelId}`)).status, 200);

  await browser.post(`/models/${modelId}/delete`);
  // the first deletion's job comes due now; it must not end the second one early
  clock.pass(2 * MINUTE_MS);
  await settle();
  assert.equal(await fresh().count(ModelFile), 1);
  clock.pass(9 * MINUTE_MS);
  await settle();

  assert.equal((await browser.post(`/models/${modelId}/restore`)).status, 410);
  assert.equal((await visitor.get(`/models/${modelId}`)).status, 410);
  assert.equal(await fresh().count(ModelFile), 0);
  assert.equal((await events()).filter((name) => name === 'model.deleted').length, 1);
});

test('an unpublished version that is deleted and brought back is not public by that', async (t) => {
  const { id, modelId, browser, visitor, workAs, ada, give } = await draft(t);
  await publishVersion(workAs(ada), id);
  const second = await createVersion(workAs(ada), modelId);
  await give(second.id, kohyaLoraSd1({ seed: 'second' }), 'second.safetensors');
  await publishVersion(workAs(ada), second.id);
  await browser.post(`/versions/${second.id}/publication/remove`);

  await browser.post(`/versions/${second.id}/delete`);
  await browser.post(`/versions/${second.id}/restore`);

  assert.equal((await visitor.get(`/models/${modelId}?version=${second.id}`)).status, 404);
  assert.equal((await visitor.get(`/models/${modelId}?version=${id}`)).status, 200);
});

test('versions stand newest first, and the address of one leads to its tab', async (t) => {
  const { id, modelId, visitor, workAs, ada, give } = await draft(t);
  await publishVersion(workAs(ada), id);
  const second = await createVersion(workAs(ada), modelId);
  await give(second.id, kohyaLoraSd1({ seed: 'second' }), 'second.safetensors');
  await publishVersion(workAs(ada), second.id);

  const page = await visitor.get(`/models/${modelId}/brass`);
  const redirect = await visitor.get(`/versions/${id}`);

  assert.match(page.text, /version=\d+" aria-current="page">v2\.0/);
  assert.equal(redirect.location, `/models/${modelId}?version=${id}`);
});

test('lineage is shown both ways, and never a draft of somebody else', async (t) => {
  const { id, modelId, visitor, other, workAs, ada, give, fresh } = await draft(t);
  await publishVersion(workAs(ada), id);
  const child = await createModel(workAs(ada), { name: 'Child', type: 'LORA', baseModel: 'SD 1.5' });
  await give(child.id, kohyaLoraSd1({ seed: 'child' }), 'child.safetensors');
  const form = VersionForm.parse({
    ...FIELDS,
    name: 'Child',
    parentText: [`/versions/${id}`],
    parentKind: ['merged_from'],
    parentWeight: ['0.5'],
  });
  await saveVersion(workAs(ada), child.id, form);
  await publishVersion(workAs(ada), child.id);

  assert.match(textOf((await visitor.get(`/models/${child.model.id}`)).text), /merged from Brass v1.0 × 0.5/);
  assert.match(textOf((await visitor.get(`/models/${modelId}`)).text), /Child v1.0 merged from this/);

  const hidden = await createModel(workAs(ada), { name: 'Hidden' });
  const { account: mallory } = await other();
  const theirs = await createModel(workAs(mallory), { name: 'Theirs' });
  const claim = VersionForm.parse({ ...FIELDS, parentText: [`/versions/${hidden.id}`] });
  await assert.rejects(saveVersion(workAs(mallory), theirs.id, claim), { kind: 'invalid' });
  assert.equal(await fresh().count(Lineage, { child: theirs.id }), 0);
});

test('what moderation withholds is answered with 451, and cannot be published again', async (t) => {
  const { id, modelId, visitor, workAs, ada, em } = await draft(t);
  await publishVersion(workAs(ada), id);
  em.create(
    PolicyState,
    { targetKind: 'model', targetId: modelId, restrictions: RESTRICTION.view, changedAt: new Date() },
    { persist: true },
  );
  await em.flush();

  assert.equal((await visitor.get(`/models/${modelId}`)).status, 451);
  assert.equal((await visitor.get(`/api/download/models/${id}`)).status, 451);
});

test('private training metadata goes on request; the weights and AutoV3 stay', async (t) => {
  const { id, browser, fresh } = await draft(t);
  const before = await fresh().findOneOrFail(ModelFile, { version: id });
  assert.match(textOf((await browser.get(`/versions/${id}/edit`)).text), /ss_tag_frequency/);

  await browser.post(`/files/${before.id}/strip`);

  const after = await fresh().findOneOrFail(ModelFile, { version: id });
  assert.notEqual(after.sha256, before.sha256);
  assert.equal(after.tensorSha256, before.tensorSha256);
  const bytes = Buffer.from(
    await (
      await fetch(new URL(`/api/download/models/${id}`, browser.address), {
        headers: { cookie: [...browser.cookies].map((pair) => pair.join('=')).join('; ') },
      })
    ).arrayBuffer(),
  );
  assert.equal(bytes.includes('ss_tag_frequency'), false);
  assert.equal(bytes.length, after.totalBytes);
});
