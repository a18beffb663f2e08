import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { TrainingEpoch, TrainingRun } from '../../../src/compute/training/model.ts';
import { AuditEntry } from '../../../src/kit/audit/model.ts';
import { newId } from '../../../src/kit/ids.ts';
import { type ProofForm, prove } from '../../../src/moderation/cases/proof/prove.ts';
import { RESTRICTION } from '../../../src/safety/policy.ts';
import { Browser, textOf } from '../../accounts/browser.ts';
import { givenMember } from '../../factories/accounts.ts';
import { givenModel, givenVersion, NOW } from '../../factories/content.ts';
import { openDesk } from './desk.ts';

const hash = (text: string | number): string => createHash('sha256').update(String(text)).digest('hex');
const works = (from: number, count: number): string[] => Array.from({ length: count }, (_, n) => hash(from + n));

/** Ada's model was trained on a set that nobody else sees: works 1 to 8, as they came and as they were stored. */
async function trained(t: TestContext) {
  const desk = await openDesk(t);
  const ada = await givenMember(desk.em, 'ada');
  const mod = await givenMember(desk.em, 'mod', { role: 'moderator' });
  const model = givenModel(desk.em, { owner: ada });
  const version = givenVersion(desk.em, { model });
  const items = works(1, 8).map((originalSha256, n) => ({
    ...{ itemId: newId(), sha256: hash(`stored ${n}`), originalSha256, captionSha256: hash(`caption ${n}`) },
    ...{ caption: '', width: 512, height: 512, rotation: 0, crop: null, repeats: 0 },
  }));
  const run = desk.em.create(
    TrainingRun,
    {
      ...{ id: newId(), owner: ada, dataset: null, name: 'Ink', manifest: { items }, rightsStatement: '' },
      ...{ rightsAgreedAt: NOW, rightsKind: 'own', screening: null, base: {}, preset: 'style', look: 'standard' },
      ...{ params: {}, startSha256: null, startTitle: null, state: 'done', jobId: null, stateSha256: null },
      ...{ deviceName: null, error: null, createdAt: NOW, startedAt: NOW, finishedAt: NOW },
    } as never,
    { persist: true },
  );
  desk.em.create(
    TrainingEpoch,
    {
      ...{ id: newId(), run, number: 1, step: 10, sha256: hash('epoch'), totalBytes: 1, lossEma: null },
      ...{ publishedVersion: version, createdAt: NOW },
    } as never,
    { persist: true },
  );
  await desk.em.flush();
  const ask = (caseId: string, hashes: readonly string[]) =>
    prove(desk.workAs(null), desk.node.claims, caseId, { hashes: hashes.join('\n') } satisfies ReturnType<
      typeof ProofForm.parse
    >);
  return { ...desk, ada, mod, model, url: `/models/${model.id}`, ask };
}

test('an artist learns roughly how many of their works a model was trained on, and a match stops generation', async (t) => {
  const desk = await trained(t);
  const { caseId, number, secret } = await desk.fileConfirmed('style', desk.url);
  assert.equal((await desk.load(caseId)).interim, 0);
  const artist = new Browser(desk.address);
  await artist.post(`/claims/${number}/key`, { secret });
  assert.equal((await artist.post(`/claims/${number}/proof`, { hashes: 'no hash' })).status, 422);
  const sent = await artist.post(`/claims/${number}/proof`, { hashes: works(100, 20).join('\n') });
  assert.equal(sent.status, 302);
  assert.match(textOf((await artist.get(`/claims/${number}`)).text), /Compared 20: none is in the training data/);

  assert.equal(await desk.ask(caseId, works(8, 20)), '1-4');
  assert.equal((await desk.load(caseId)).interim, RESTRICTION.generate);
  assert.equal(await desk.ask(caseId, works(1, 20)), '5+');
  const page = textOf((await artist.get(`/claims/${number}`)).text);
  assert.match(page, /Compared 20: between one and four/);
  assert.match(page, /940 can still be compared/);
});

test('nobody compares outside of a confirmed case about style, and captions are not compared', async (t) => {
  const desk = await trained(t);
  const unconfirmed = await desk.file('style', desk.url);
  await assert.rejects(desk.ask(unconfirmed.caseId, works(1, 1)), { kind: 'conflict' });
  const other = await desk.fileConfirmed('copyright', desk.url, { ip: '198.51.100.1' });
  await assert.rejects(desk.ask(other.caseId, works(1, 1)), { kind: 'conflict' });
  const confirmed = await desk.fileConfirmed('style', desk.url, { ip: '198.51.101.1' });
  assert.equal(await desk.ask(confirmed.caseId, [hash('caption 1')]), '0');
  // a second case about the same model is joined to the first, and brings no second budget
  const again = await desk.fileConfirmed('style', desk.url, { ip: '198.51.102.1' });
  await assert.rejects(desk.ask(again.caseId, works(1, 1)), { kind: 'conflict' });
});

test('scenario 60: who probes a private set with 10,000 hashes gets a coarse answer, a budget for the case, and somebody looks', async (t) => {
  const desk = await trained(t);
  const { caseId } = await desk.fileConfirmed('style', desk.url);
  await assert.rejects(desk.ask(caseId, works(1, 10_000)), { kind: 'invalid' });
  await desk.settle();
  const alarms = async () =>
    (await desk.mailsTo('mod@example.org')).filter((text) => /asked for more/.test(text)).length;
  assert.equal(await alarms(), 1);

  const answers: string[] = [];
  let refusals = 0;
  for (let from = 1; from <= 10_000; from += 400) {
    await desk.ask(caseId, works(from, 400)).then(
      (step) => answers.push(step),
      (error) => {
        assert.equal(error.kind, 'rate_limited');
        refusals += 1;
      },
    );
  }
  assert.deepEqual([answers, refusals], [['5+', '0'], 23], 'the thousand of the case, and no number');
  await desk.settle();
  assert.equal(await alarms(), 1, 'once');
  assert.equal(await desk.em.fork().count(AuditEntry, { action: 'case.probe', subjectId: caseId }), 24);
});

test('five small questions are as many as a case has, also when they are asked at once', async (t) => {
  const desk = await trained(t);
  const { caseId } = await desk.fileConfirmed('style', desk.url);
  const asked = await Promise.allSettled(works(1, 8).map((one) => desk.ask(caseId, [one])));
  assert.equal(asked.filter(({ status }) => status === 'fulfilled').length, 5);
});
