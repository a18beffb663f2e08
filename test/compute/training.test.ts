import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { Lineage, Model, ModelFile, ModelVersion } from '../../src/catalogue/model.ts';
import { kohyaConfig } from '../../src/compute/training/kohya-toml.ts';
import { TrainingEpoch, TrainingRun, TrainingSample } from '../../src/compute/training/model.ts';
import { stepsOf } from '../../src/compute/training/params.ts';
import { defaultsFor } from '../../src/compute/training/presets.ts';
import { Image, ResourceUse } from '../../src/gallery/model.ts';
import { rows } from '../../src/kit/database/sql.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { until } from '../kit/queue-setup.ts';
import { fakePython, readEvents, SHORT, type Studio, studio } from './studio.ts';

interface School extends Studio {
  readonly setUrl: string;
}

/** A node with a fake engine that trains, and a set of three pictures. */
async function school(t: TestContext): Promise<School> {
  const its = await studio(t, { python: await fakePython(t), limits: SHORT });
  const { location: setUrl } = await its.browser.post('/datasets', { name: 'Ink "wash"' });
  const form = new FormData();
  for (const [n, background] of ['#a33', '#3a3', '#33a'].entries()) {
    const bytes = await sharp({ create: { width: 40, height: 40, channels: 3, background } })
      .png()
      .toBuffer();
    form.append('pictures', new Blob([new Uint8Array(bytes)]), `${n}.png`);
  }
  await its.browser.postForm(`${setUrl}/images`, form);
  return { ...its, setUrl };
}

/** The fields of the settings page as it proposes them. */
async function proposed({ browser, setUrl, checkpoint }: School, change: Record<string, string> = {}) {
  const page = await browser.get(`${setUrl}/train/settings?base=${checkpoint.id}&preset=style&look=standard`);
  assert.equal(page.status, 200, textOf(page.text));
  const fields: Record<string, string> = {};
  for (const [tag] of page.text.matchAll(/<input[^>]*>/g)) {
    const name = /name="([^"]+)"/.exec(tag)?.[1];
    if (!name || name === 'q' || (/type="checkbox"/.test(tag) && !/ checked/.test(tag))) continue;
    fields[name] = /value="([^"]*)"/.exec(tag)?.[1]?.replaceAll('&quot;', '"') ?? '';
  }
  for (const [, name = '', body = ''] of page.text.matchAll(/<select[^>]*name="([^"]+)"[^>]*>([\s\S]*?)<\/select>/g)) {
    fields[name] = /value="([^"]*)" selected/.exec(body)?.[1] ?? '';
  }
  return { ...fields, samples_prompts: 'a boat', epochs: '2', ...change };
}

async function started(its: School, change: Record<string, string> = {}): Promise<string> {
  const answer = await its.browser.post(`${its.setUrl}/train`, {
    ...(await proposed(its, change)),
    rights: '1',
    rightsKind: 'own',
  });
  assert.equal(answer.status, 302, textOf(answer.text));
  return answer.location;
}

const runAt = (its: School, location: string) =>
  its.node.orm.em.fork().findOneOrFail(TrainingRun, location.split('/').at(-1) ?? '');
const ended = (its: School, location: string) => readEvents(its.browser, `${location}/events`);

test('a training that is stopped in the moment in which it begins stays stopped, and goes on when it is told to', async (t) => {
  const its = await school(t);
  const { engines } = its.node;
  const status = engines.status.bind(engines);
  let stopped = '';
  t.mock.method(engines, 'status', async (...given: Parameters<typeof status>) => {
    const [begins] = await rows<{ id: string }>(
      given[0],
      `select r.id from training_run r join job j on j.id = r.job_id where r.state = 'queued' and j.state = 'running'`,
    );
    if (begins && !stopped) {
      stopped = `/train/${begins.id}`;
      assert.equal((await its.browser.post(`${stopped}/stop`)).status, 302);
    }
    return status(...given);
  });
  const location = await started(its);
  await until('it was stopped', () => stopped !== '');
  await its.settle();
  assert.equal((await runAt(its, location)).state, 'stopped');
  assert.equal((await its.browser.post(`${location}/resumption`)).status, 302);
  assert.equal((await ended(its, location)).at(-1)?.event, 'done');
});

test('from pictures to a published LoRA that the node generates with, by the pages alone', async (t) => {
  const its = await school(t);
  const { browser, node, setUrl } = its;
  assert.match(textOf((await browser.get(`${setUrl}/train`)).text), /Tiny Shapes/);
  const summary = await browser.post(`${setUrl}/train/summary`, await proposed(its, { trigger: 'inkw' }));
  assert.equal(summary.status, 200, textOf(summary.text));
  assert.match(textOf(summary.text), /Time on this device/);
  assert.equal(await its.em.count(TrainingRun), 0);

  const location = await started(its, { trigger: 'inkw' });
  assert.equal((await ended(its, location)).at(-1)?.event, 'done');
  const run = await runAt(its, location);
  assert.deepEqual([run.state, run.manifest.items.length, run.stateSha256], ['done', 3, null]);
  assert.match(run.rightsStatement, /I may train on these pictures/);
  assert.ok(run.lossSeries.length > 1);
  const em = node.orm.em.fork();
  const epochs = await em.find(TrainingEpoch, { run }, { orderBy: { number: 1 } });
  assert.equal(epochs.length, 2);
  assert.equal(await em.count(TrainingSample, { run }), 2);
  assert.deepEqual(await readdir(path.join(node.dataDir, 'engine', 'jobs')), []);
  const page = await browser.get(location);
  assert.match(page.text, /<polyline class="loss-line" points="[\d.,\s]+"/);
  assert.match((await browser.get(`${location}?left=0&right=1`)).text, /compare-grid/);
  assert.match((await browser.get('/jobs')).text, /src="\/train\/samples\/[0-9a-f-]+\.webp"/);

  const epoch = epochs[1];
  const publishUrl = `/train/epochs/${epoch?.id}/publish`;
  assert.match((await browser.get(publishUrl)).text, /Trigger: `inkw`/);
  const published = await browser.post(publishUrl, {
    name: 'Ink wash',
    versionName: 'v1.0',
    description: 'How I draw.',
    rating: '1',
    act: 'publish',
  });
  assert.equal(published.status, 302, textOf(published.text));
  await its.settle();
  const after = node.orm.em.fork();
  const version = await after.findOneOrFail(ModelVersion, { model: { name: 'Ink wash' } }, { populate: ['model'] });
  assert.deepEqual(
    [version.state, version.trainedWords, version.model.$.type, version.baseModel],
    ['published', ['inkw'], 'LORA', 'Other'],
  );
  assert.equal(version.trainingSettings.Pictures, '3');
  const file = await after.findOneOrFail(ModelFile, { version });
  assert.equal(file.sha256, epoch?.sha256);
  const edge = await after.findOneOrFail(Lineage, { child: version }, { populate: ['parent'] });
  assert.deepEqual([edge.kind, edge.parent?.id], ['trained_on_base', its.checkpoint.version.id]);
  const [image] = await after.find(Image, { post: { version } });
  assert.equal(image?.recipe?.prompt, 'a boat');
  assert.equal(await after.count(ResourceUse, { image, version }), 1);
  assert.match((await browser.get(`/generate?version=${version.id}`)).text, /Ink wash/);
  const again = await browser.post(publishUrl, { name: 'Ink wash', versionName: 'v1.0', rating: '1', act: 'draft' });
  assert.equal(again.status, 409);
  assert.equal(await after.count(Model, { name: 'Ink wash' }), 1);
});

test('what cannot be trained is refused at its field, and every word comes back', async (t) => {
  const its = await school(t);
  const cases: readonly [Record<string, string>, RegExp][] = [
    [{ epochs: 'many' }, /Epochs: give a number/],
    [{ epochs: '0' }, /Epochs: At least 1/],
    [{ repeats: '1000', epochs: '100', batch: '1' }, /a run has at most 10,000/],
    [{ resolution: '512' }, /Fake is trained with 8 to 64 pixels/],
    [{ samples_w: '33' }, /Fake makes 8 to 64 pixels, in steps of 8/],
    [{ samples_prompts: 'a\nb\nc\nd\ne' }, /Sample prompts: /],
    [{ unet_lr: '0', te_lr: '0' }, /nothing is learned/],
    [{ cache_text: '1', caption_dropout: '0.1' }, /Captions that change each time/],
    [{ name: '' }, /Give it a name/],
    [{ base: '999999' }, /Choose a checkpoint/],
  ];
  for (const [change, message] of cases) {
    const answer = await its.browser.post(
      `${its.setUrl}/train/summary`,
      await proposed(its, { trigger: 'my own word', ...change }),
    );
    assert.equal(answer.status, 422, JSON.stringify(change));
    assert.match(textOf(answer.text), message);
    if (!('base' in change)) assert.match(answer.text, /value="my own word"/);
  }
  const noRights = await its.browser.post(`${its.setUrl}/train`, await proposed(its, { trigger: 'my own word' }));
  assert.equal(noRights.status, 422);
  assert.match(textOf(noRights.text), /Confirm that you have the right/);
  assert.match(noRights.text, /value="my own word"/);
  assert.equal(await its.em.count(TrainingRun), 0);
});

test('a run whose engine dies goes on from its last state, and each epoch stands once', async (t) => {
  const its = await school(t);
  const location = await started(its, { trigger: 'wait in sample' });
  const job = await its.em.findOneOrFail(Job, { name: 'compute.train-segment' });
  const events = await ended(its, location);
  assert.equal(events.at(-1)?.event, 'done');
  const fork = its.node.orm.em.fork();
  assert.ok((await fork.findOneOrFail(Job, job.id)).attempt > 1);
  const run = await runAt(its, location);
  const epochs = await fork.find(TrainingEpoch, { run });
  assert.deepEqual(epochs.map(({ number }) => number).sort(), [0, 1]);
  for (const { sha256, step } of epochs) {
    const bytes = await its.browser.get(`/train/epochs/${epochs.find((one) => one.sha256 === sha256)?.id}.safetensors`);
    const steps = /"steps": "\[([\d, ]+)\]"/.exec(bytes.text)?.[1]?.split(', ').map(Number);
    assert.deepEqual(
      steps,
      Array.from({ length: step }, (_, n) => n + 1),
      'no step was lost or made twice',
    );
  }
  const losses = run.lossSeries.map(([step]) => step);
  assert.deepEqual(
    losses,
    [...new Set(losses)].sort((a, b) => a - b),
  );
});

test('a run that failed says why and can be begun again; one that was stopped keeps its epochs and goes on', async (t) => {
  const its = await school(t);
  const failing = await started(its, { trigger: 'crash in train' });
  await ended(its, failing);
  const page = textOf((await its.browser.get(failing)).text);
  assert.match(page, /The training broke off/);
  assert.match(page, /crashed on this training twice/);
  assert.match(page, /Begin again/);
  assert.equal((await its.browser.post(`${failing}/resumption`)).status, 302);
  await ended(its, failing);

  const stopped = await started(its, { trigger: 'wait in cache_latents' });
  await readEvents(its.browser, `${stopped}/events`, ({ data }) => String(data.note).startsWith('Reading'));
  await its.browser.post(`${stopped}/stop`);
  await ended(its, stopped);
  assert.equal((await runAt(its, stopped)).state, 'stopped');
  await its.browser.post(`${stopped}/resumption`);
  assert.equal((await ended(its, stopped)).at(-1)?.event, 'done');
  assert.equal((await its.browser.post(`${stopped}/resumption`)).status, 409);

  const next = textOf(
    (
      await its.browser.get(
        `${its.setUrl}/train?start=${(await its.node.orm.em.fork().findOneOrFail(TrainingEpoch, { run: (await runAt(its, stopped)).id, number: 1 })).id}`,
      )
    ).text,
  );
  assert.match(next, /Goes on from Ink "wash", epoch 1|Goes on from Ink &quot;wash&quot;, epoch 1/);
});

test('a cancelled or deleted run leaves nothing, and nobody else reaches one', async (t) => {
  const its = await school(t);
  const location = await started(its);
  await ended(its, location);
  const [epoch] = await its.node.orm.em.fork().find(TrainingEpoch, {});
  const [sample] = await its.node.orm.em.fork().find(TrainingSample, {});
  await givenMember(its.em, 'eve', { role: 'owner' });
  const eve = new Browser(its.address);
  await eve.signIn('eve');
  for (const url of [
    location,
    `${location}/events`,
    `${location}/kohya.toml`,
    `${location}/dataset.toml`,
    `/train/epochs/${epoch?.id}.safetensors`,
    `/train/epochs/${epoch?.id}/publish`,
    `/train/samples/${sample?.id}.png`,
    `/train/samples/${sample?.id}.webp`,
  ]) {
    assert.equal((await its.browser.get(url)).status, 200, url);
    assert.equal((await eve.get(url)).status, 404, url);
  }
  for (const act of ['stop', 'cancellation', 'resumption', 'deletion'])
    assert.equal((await eve.post(`${location}/${act}`)).status, 404);
  assert.equal((await eve.post(`/train/epochs/${epoch?.id}/publish`, { name: 'Mine', rating: '1' })).status, 404);

  const running = await started(its, { trigger: 'wait in cache_latents' });
  await readEvents(its.browser, `${running}/events`, ({ data }) => String(data.note).startsWith('Reading'));
  await its.browser.post(`${running}/cancellation`);
  await ended(its, running);
  assert.equal((await runAt(its, running)).state, 'cancelled');
  await its.browser.post(`${location}/deletion`);
  assert.equal((await its.browser.get(location)).status, 404);
  assert.equal(await its.node.orm.em.fork().count(TrainingEpoch), 0);
});

const FAMILY = {
  label: 'SD',
  base_model: 'SD 1.5',
  min_size: 64,
  max_size: 2048,
  size_step: 8,
  default_size: 512,
  max_pixels: 4_194_304,
};

test('defaults are those of the kind of base, for the number of pictures', () => {
  const sd15 = defaultsFor(
    { family: 'sd15', baseModel: 'SD 1.5', look: 'anime', preset: 'character' },
    FAMILY,
    30,
    false,
  );
  assert.deepEqual(
    [sd15.rank, sd15.alpha, sd15.te_lr, sd15.clip_skip, sd15.keep_tokens, sd15.repeats],
    [16, 8, 1e-4, 2, 1, 14],
  );
  const pony = defaultsFor({ family: 'sdxl', baseModel: 'Pony', look: 'standard', preset: 'style' }, FAMILY, 30, false);
  assert.deepEqual(
    [pony.optimizer, pony.unet_lr, pony.alpha, pony.noise_offset, pony.repeats, pony.flip],
    ['prodigy', 1, 32, 0.03, 7, true],
  );
  const items = Array.from({ length: 30 }, () => ({ repeats: 0 }));
  assert.deepEqual(stepsOf(items, sd15), { shownPerEpoch: 420, stepsPerEpoch: 70, steps: 700 });
});

test('the kohya configuration says the same, and no name breaks out of its string', () => {
  const params = defaultsFor(
    { family: 'sd15', baseModel: 'SD 1.5', look: 'standard', preset: 'style' },
    FAMILY,
    30,
    false,
  );
  const base = {
    sha256: 'a'.repeat(64),
    fileId: 1,
    versionId: 1,
    name: 'base"\\\n[evil]',
    title: 'B',
    baseModel: 'SD 1.5',
    family: 'sd15',
  };
  const text = kohyaConfig({
    name: 'Ink "wash"',
    base,
    params: { ...params, trigger: 'a\u0007"b' },
  } as unknown as TrainingRun);
  assert.ok(text.includes('pretrained_model_name_or_path = "base\\"\\\\\\n[evil].safetensors"\n'));
  assert.ok(text.includes('training_comment = "trigger: a\\u0007\\"b"\n'));
  assert.ok(text.includes('output_name = "Ink_wash"\n') && text.includes('lr_scheduler = "cosine_with_restarts"\n'));
  assert.ok(text.includes('text_encoder_lr = 0.00005\n') && text.includes('network_train_unet_only = false\n'));
  for (const line of text.trim().split('\n'))
    assert.match(line, /^[a-z0-9_]+ = ("(?:[^"\\]|\\.)*"|\[.*\]|true|false|[\d.e+-]+)$/);
});
