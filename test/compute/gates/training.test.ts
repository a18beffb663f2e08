import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { DatasetItem } from '../../../src/compute/datasets/model.ts';
import { reviewOf, sampleOf, type TrainingFacts } from '../../../src/compute/gates/training-risk.ts';
import { TrainingRun } from '../../../src/compute/training/model.ts';
import { refuseHold, releaseHold } from '../../../src/safety/holds/hold.ts';
import { SafetyHold } from '../../../src/safety/holds/model.ts';
import { guardSettings } from '../../../src/safety/settings.ts';
import { addDoNotTrain } from '../../../src/safety/training/do-not-train.ts';
import { textOf } from '../../accounts/browser.ts';
import { fakePython, SHORT, type Studio, studio } from '../studio.ts';
import { givenTraining } from '../trainings.ts';

const school = async (t: TestContext): Promise<Studio> => studio(t, { python: await fakePython(t), limits: SHORT });

const training = (its: Studio, name = 'Ink wash') =>
  givenTraining(its.node, its.workAs(its.ada), String(its.checkpoint.id), { steps: 4, epochs: 1, name });

const item = (notes: Partial<NonNullable<TrainingFacts['items'][number]['notes']>> = {}) => ({
  notes: { origin: 'unknown' as const, faceCount: 0, captionSubject: 'none' as const, ...notes },
});
const facts = (items: TrainingFacts['items'], more: Partial<TrainingFacts> = {}): TrainingFacts => ({
  ...{ items, isNewAccount: false, strikeCount: 0, photoPercent: 50, sampleReviewRisk: 30 },
  ...more,
});

test('how much of a set somebody looks at', () => {
  const drawn = Array.from({ length: 10 }, () => item());
  const photos = (count: number) => drawn.map((one, n) => (n < count ? item({ origin: 'camera' }) : one));
  assert.equal(reviewOf(facts(drawn)).review, 'auto');
  assert.deepEqual([reviewOf(facts(photos(6))).review, reviewOf(facts(photos(6))).reason], ['full', 'photographs']);
  assert.equal(reviewOf(facts(photos(5))).review, 'sample');
  assert.equal(reviewOf(facts(drawn, { isNewAccount: true })).reason, 'new-trainer');
  assert.equal(reviewOf(facts(drawn, { strikeCount: 1 })).reason, 'strikes');
  const named = [item({ origin: 'phone', captionSubject: 'name' }), ...drawn];
  assert.equal(reviewOf(facts(named)).reason, 'real-person');
  assert.deepEqual([reviewOf(facts(named)).isPersonLike, reviewOf(facts(drawn)).isPersonLike], [true, false]);
  const faces = drawn.map(() => item({ faceCount: 1 }));
  assert.equal(reviewOf(facts(faces)).isPersonLike, true);
  const portraits = drawn.map(() => item({ faceCount: 1, origin: 'generated' }));
  assert.equal(reviewOf(facts(portraits)).isPersonLike, false, 'of what was drawn, nobody is real');
  const thirty = Array.from({ length: 30 }, (_, n) => n);
  const seen = sampleOf(thirty, 'sample', '0197b1a0-0000-7000-8000-0123456789ab');
  assert.equal(new Set(seen).size, 12);
  assert.deepEqual(seen, sampleOf(thirty, 'sample', '0197b1a0-0000-7000-8000-0123456789ab'));
  assert.equal(sampleOf(thirty, 'full', 'x').length, 30);
});

test('scenario 27: a caption, a trigger and the name of a training go through the rules', async (t) => {
  const its = await school(t);
  await its.node.settings.write(
    its.em,
    guardSettings,
    guardSettings.schema.parse({ refusalsBeforeFreeze: 100 }),
    its.node.now(),
  );
  await its.em.flush();
  const first = await training(its);
  assert.equal(first.state, 'queued');
  // a caption that came in by whatever way: the run is read again when it begins
  const captions = first.manifest.items.map((one) => ({ ...one, caption: 'n.u.d.e girl, twelve years old' }));
  await its.em.nativeUpdate(TrainingRun, { id: first.id }, { manifest: { items: captions } });
  await its.settle();
  const run = await its.em.findOneOrFail(TrainingRun, first.id, { refresh: true });
  assert.equal(run.state, 'failed');
  assert.match(run.error ?? '', /safety of children/);
  await assert.rejects(training(its, 'nude toddlers'), ({ fields }: { fields: Record<string, string> }) =>
    /safety of children/.test(fields.name ?? ''),
  );
});

test('the manifest says of each picture what it was, where it came from and how it was captioned', async (t) => {
  const its = await school(t);
  const run = await training(its);
  const [first] = run.manifest.items;
  assert.equal(first?.captionSha256, createHash('sha256').update('a circle').digest('hex'));
  assert.deepEqual(first?.source, { kind: 'upload' });
  assert.equal(run.screening?.review, 'auto');
  assert.equal(run.rightsKind, 'own');
});

test('works of the registry are not trained on, by the file as its maker has it', async (t) => {
  const its = await school(t);
  const { location: setUrl } = await its.browser.post('/datasets', { name: 'Set' });
  const bytes = await sharp({ create: { width: 40, height: 40, channels: 3, background: '#3a3' } })
    .jpeg()
    .withExif({ IFD0: { Artist: 'Mara' } })
    .toBuffer();
  const form = new FormData();
  form.append('pictures', new Blob([new Uint8Array(bytes)]), 'a.jpg');
  await its.browser.postForm(`${setUrl}/images`, form);
  const kept = await its.em.findOneOrFail(DatasetItem, { fileName: 'a.jpg' });
  const original = createHash('sha256').update(bytes).digest('hex');
  assert.equal(kept.originalSha256, original);
  assert.notEqual(kept.sha256, original);

  const work = { sha256s: [original.toUpperCase()], source: 'opt-out' as const };
  assert.equal(await addDoNotTrain(its.em, work, its.node.now()), 1);
  assert.equal(await addDoNotTrain(its.em, work, its.node.now()), 0, 'again is the same');
  await assert.rejects(addDoNotTrain(its.em, { sha256s: ['x'], source: 'opt-out' }, its.node.now()), {
    kind: 'invalid',
  });
  await assert.rejects(
    addDoNotTrain(
      its.em,
      { sha256s: Array.from({ length: 2_001 }, (_, n) => String(n)), source: 'opt-out' },
      its.node.now(),
    ),
    { kind: 'too_large' },
  );

  const fields: Record<string, string> = { base: String(its.checkpoint.id), preset: 'style', look: 'standard' };
  const page = await its.browser.get(`${setUrl}/train/settings?base=${its.checkpoint.id}&preset=style&look=standard`);
  for (const [tag] of page.text.matchAll(/<input[^>]*>/g)) {
    const name = /name="([^"]+)"/.exec(tag)?.[1];
    if (name && name !== 'q' && (!/type="checkbox"/.test(tag) || / checked/.test(tag)))
      fields[name] = /value="([^"]*)"/.exec(tag)?.[1] ?? '';
  }
  for (const [, name = '', body = ''] of page.text.matchAll(/<select[^>]*name="([^"]+)"[^>]*>([\s\S]*?)<\/select>/g))
    fields[name] = /value="([^"]*)" selected/.exec(body)?.[1] ?? '';
  const send = (more: Record<string, string>) =>
    its.browser.post(`${setUrl}/train`, { ...fields, name: 'Mine', rights: '1', rightsKind: 'own', ...more });
  const answer = await send({});
  assert.equal(answer.status, 422);
  assert.match(textOf(answer.text), /does not want that anybody trains on them: number 1 of the set/);
  const real = await send({ people: 'real' });
  assert.equal(real.status, 422);
  assert.match(textOf(real.text), /Likenesses of real people are not trained on this node, also not your own/);
  const unsaid = await send({ rightsKind: '' });
  assert.match(textOf(unsaid.text), /Say why you may train on these pictures/);
  assert.equal(await its.em.count(TrainingRun), 0);
});

test('a training of a new account waits, begins when it is released, and never when it is refused', async (t) => {
  const its = await school(t);
  its.ada.createdAt = its.node.now();
  await its.em.flush();
  const run = await training(its);
  assert.deepEqual([run.state, run.screening?.review, run.jobId ?? null], ['held', 'full', null]);
  const held = await its.em.findOneOrFail(SafetyHold, { kind: 'training' });
  assert.deepEqual([held.targetId, held.reason], [run.id, 'new-trainer']);
  assert.match(textOf((await its.browser.get(`/train/${run.id}`)).text), /Waits for review.*looks at the set before/s);
  assert.match(textOf((await its.browser.get('/train')).text), /Waits for review/);

  await releaseHold(its.em, 'training', run.id, { byId: null, now: its.node.now() });
  await its.em.flush();
  await its.settle();
  assert.equal((await its.em.findOneOrFail(TrainingRun, run.id, { refresh: true })).state, 'done');

  const second = await training(its, 'Another');
  await refuseHold(its.em, 'training', second.id, { byId: null, now: its.node.now() });
  await its.em.flush();
  await its.settle();
  const refused = await its.em.findOneOrFail(TrainingRun, second.id, { refresh: true });
  assert.equal(refused.state, 'failed');
  assert.match(refused.error ?? '', /did not allow the training/);
});

test('a training that waits can be given up by its owner', async (t) => {
  const its = await school(t);
  its.ada.createdAt = its.node.now();
  await its.em.flush();
  const run = await training(its);
  await its.browser.post(`/train/${run.id}/cancellation`);
  assert.equal((await its.em.findOneOrFail(TrainingRun, run.id, { refresh: true })).state, 'cancelled');
  await releaseHold(its.em, 'training', run.id, { byId: null, now: its.node.now() });
  await its.em.flush();
  await its.settle();
  assert.equal((await its.em.findOneOrFail(TrainingRun, run.id, { refresh: true })).state, 'cancelled');
});
