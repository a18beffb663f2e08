import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelVersion } from '../../../src/catalogue/model.ts';
import { FirstOutputs, watchFirstOutputs } from '../../../src/compute/gates/first-outputs.ts';
import { Generation, GenerationImage } from '../../../src/compute/model.ts';
import { postResults } from '../../../src/compute/post.ts';
import { TrainingEpoch, TrainingRun } from '../../../src/compute/training/model.ts';
import { QueueRow } from '../../../src/moderation/queue/model.ts';
import { releaseHold } from '../../../src/safety/holds/hold.ts';
import { textOf } from '../../accounts/browser.ts';
import { fakePython, formOf, readEvents, SHORT, studio } from '../studio.ts';
import { givenTraining } from '../trainings.ts';

test('the first ten pictures of a newly trained person-like model are held, and no others', async (t) => {
  const its = await studio(t, { python: await fakePython(t, '--able'), limits: SHORT });
  const { browser, checkpoint, lora, em, settle, node } = its;
  await watchFirstOutputs(em, lora.version.id);
  const make = async (more: Record<string, string>): Promise<Generation> => {
    const sent = await browser.post('/generate', formOf(checkpoint, { prompt: 'a red circle', ...more }));
    assert.equal(sent.status, 302, textOf(sent.text));
    await readEvents(browser, `${sent.location}/events`);
    return em.fork().findOneOrFail(Generation, sent.location.split('/').at(-1) ?? '');
  };
  const left = async () => (await em.fork().findOneOrFail(FirstOutputs, lora.version.id)).leftCount;
  const uses = { lora: String(lora.id) };
  const post = (id: string) =>
    postResults(
      its.workAs(its.ada),
      {
        ...{ hashGate: node.hashGate, maxImageBytes: 1e7, minFreeBytes: 0, defaultQuotaBytes: 1e9 },
        ...{ allowedLevels: 31, programVersion: 'Tessera' },
      },
      id,
      { image: [], rating: 1 },
    );

  assert.equal((await make({})).screening?.hold, null, 'without it nothing is held');
  const first = await make(uses);
  assert.equal(first.screening?.hold, 'first-outputs');
  assert.equal(await em.fork().count(GenerationImage, { generation: first.id }), 1);
  assert.equal(await left(), 9);
  await assert.rejects(post(first.id), { kind: 'withheld', message: /newly trained model/ });
  await settle();
  const row = await em.fork().findOneOrFail(QueueRow, { aboutId: first.id });
  assert.match(row.title, /newly trained model that looks like a person/);
  await releaseHold(em, 'generation', first.id, { byId: null, now: node.now() });
  await em.flush();
  assert.ok((await post(first.id)) > 0);

  // eight more
  await em.fork().nativeUpdate(FirstOutputs, lora.version.id, { leftCount: 1 });
  assert.equal((await make(uses)).screening?.hold, 'first-outputs', 'the tenth');
  assert.equal(await left(), 0);
  assert.equal((await make(uses)).screening?.hold, null);
});

test('a training of what looks like one person is watched when it becomes a version, another is not', async (t) => {
  const its = await studio(t, { python: await fakePython(t), limits: SHORT });
  const { node, em, settle, browser } = its;
  for (const isPersonLike of [true, false]) {
    const name = isPersonLike ? 'Portraits' : 'Tiles';
    // other steps, other bytes
    const steps = isPersonLike ? 4 : 6;
    const work = its.workAs(its.ada);
    const run = await givenTraining(node, work, String(its.checkpoint.id), { steps, epochs: 1, name });
    assert.equal(run.screening?.isPersonLike, false, 'one drawn circle is nobody');
    await settle();
    const fresh = em.fork();
    const done = await fresh.findOneOrFail(TrainingRun, run.id);
    if (done.screening) done.screening = { ...done.screening, isPersonLike };
    await fresh.flush();
    const epoch = await fresh.findOneOrFail(TrainingEpoch, { run: run.id });
    const form = { name, versionName: 'v1', description: '', rating: '1', act: 'publish' };
    const published = await browser.post(`/train/epochs/${epoch.id}/publish`, form);
    assert.equal(published.status, 302, textOf(published.text));
    const version = await em.fork().findOneOrFail(ModelVersion, { model: { name } });
    assert.equal(await em.fork().count(FirstOutputs, version.id), isPersonLike ? 1 : 0, name);
  }
});
