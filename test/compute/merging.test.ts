import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { Lineage, Model, type ModelFile, ModelVersion } from '../../src/catalogue/model.ts';
import { GpuUse } from '../../src/compute/gpu/model.ts';
import { BLOCK_PRESETS, parseBlockText, presetBlocks } from '../../src/compute/merging/blocks.ts';
import { MergeRun } from '../../src/compute/merging/model.ts';
import { rows } from '../../src/kit/database/sql.ts';
import { textOf } from '../accounts/browser.ts';
import { until } from '../kit/queue-setup.ts';
import { carryOut } from '../moderation/takedowns.ts';
import { fakePython, givenTinyModel, readEvents, SHORT, type Studio, studio } from './studio.ts';

const NAMES = ['IN00', 'IN01', 'M00', 'OUT00', 'OUT01'];

test('weights of blocks are read as they are handed around, and presets fill any number of blocks', () => {
  const given = { IN00: 0, IN01: 0.25, M00: 0.5, OUT00: 0.75, OUT01: 1 };
  assert.deepEqual(parseBlockText('0, 0.25,0.5; 0.75 1', NAMES), given);
  assert.deepEqual(parseBlockText('0.3,0,0.25,0.5,0.75,1,', NAMES), { BASE: 0.3, ...given });
  for (const wrong of ['', '1,2', '0,0,0,0,x', '0,0,0,0,3', '0,0,0,0,NaN', '1e999,0,0,0,0', '0,'.repeat(5_000)])
    assert.equal(parseBlockText(wrong, NAMES), null, wrong.slice(0, 20));
  assert.deepEqual(Object.values(presetBlocks('grad-v', NAMES)), [1, 0.5, 0, 0.5, 1]);
  assert.deepEqual(Object.values(presetBlocks('b-out', NAMES)), [0, 0, 0, 1, 1]);
  const full = Array.from({ length: 25 }, (_, n) => `B${n}`);
  assert.equal(presetBlocks('grad-v', full).B1, 0.917);
  for (const preset of BLOCK_PRESETS) {
    const numbers = Object.values(presetBlocks(preset, full));
    assert.ok(numbers.length === 25 && numbers.every((number) => number >= 0 && number <= 1), preset);
  }
});

interface Site extends Studio {
  readonly other: ModelFile;
  readonly bob: Awaited<ReturnType<typeof idOf>>;
}

async function idOf(site: Studio, file: ModelFile) {
  const version = await site.em.fork().findOneOrFail(ModelVersion, file.version.id, { populate: ['model'] });
  return version.model.$.owner.id;
}

async function site(t: TestContext, ...args: string[]): Promise<Site> {
  const its = await studio(t, { python: await fakePython(t, ...args), limits: SHORT });
  const other = await givenTinyModel(its.em, its.node.files, 'tiny-base', 'Checkpoint', 'Other Shapes');
  return { ...its, other, bob: await idOf(its, other) };
}

const holdsOf = async ({ em }: Site) =>
  (
    await rows<{ state: string }>(
      em.fork(),
      `select state from credit_hold where subject_kind = 'merge' order by created_at, id`,
    )
  ).map(({ state }) => state);

const lastId = (location: string): string => location.split('/').at(-1) ?? '';
const formOf = ({ checkpoint, other }: Pick<Site, 'checkpoint' | 'other'>, more: Record<string, string> = {}) => ({
  ...{ kind: 'checkpoint', name: 'Both', a: String(checkpoint.id), b: String(other.id) },
  ...{ method: 'weighted_sum', alpha: '0.3', dtype: 'fp16', ...more },
});

test('two checkpoints become one: chosen, merged by the queue, published in one step with recipe, edges and terms', async (t) => {
  const signs = await mkdtemp(path.join(tmpdir(), 'signs-'));
  t.after(() => rm(signs, { recursive: true }));
  const its = await site(t, `--signs=${signs}`);
  const { browser, em, checkpoint, other, node } = its;
  const query = (more: Record<string, string>) =>
    `/merge?${new URLSearchParams({ ...formOf(its), a: '', b: '', ...more })}`;
  // without a script each button is a page: a model is found, taken, and the numbers stay
  const found = await browser.get(query({ q: 'other sh' }));
  assert.match(textOf(found.text), /Other Shapes/);
  assert.doesNotMatch(textOf(found.text), /Tiny Shapes|Tiny Style/);
  const chosen = (await browser.get(query({ a: String(checkpoint.id), pick: `b:${other.id}`, fill: 'grad-a' }))).text;
  assert.match(chosen, new RegExp(`name="b" value="${other.id}"`));
  assert.match(chosen, /name="alpha" type="number"[^>]*value="0\.3"/);
  assert.match(chosen, /name="block-M00"[^>]*value="1"/);
  assert.match(textOf(chosen), /About \d+ s|About/);
  assert.match(
    (await browser.get(query({ a: '1', b: String(checkpoint.id), fill: 'text', blockText: '1,2' }))).text,
    /5 numbers from −2 to 2/,
  );
  // what is wrong is said at its field, and the form comes back filled
  const wrong = await browser.post('/merge', formOf(its, { alpha: 'x', b: '', name: '' }));
  assert.equal(wrong.status, 422);
  assert.match(wrong.text, /A number from −2 to 2/);
  const lacking = await browser.post('/merge', formOf(its, { method: 'add_difference', b: '', name: '' }));
  assert.match(textOf(lacking.text), /Give it a name\.[\s\S]*Choose what the difference is taken from/);
  assert.equal((await browser.post('/merge', formOf(its, { b: String(its.lora.id) }))).status, 422);
  assert.equal(await em.fork().count(MergeRun), 0);

  const sent = await browser.post('/merge', formOf(its, { name: 'hold in merge', 'block-M00': '0.9' }));
  assert.match(sent.location, /^\/merge\/[0-9a-f-]{36}$/);
  let steps = 0;
  const events = await readEvents(browser, `${sent.location}/events`, async ({ data }) => {
    if (!/Merging tensor \d of 4/.test(String(data.note))) return;
    steps += 1;
    await writeFile(path.join(signs, 'go'), '');
  });
  assert.equal(events.at(-1)?.event, 'done');
  assert.ok(steps > 0);
  const run = await em.fork().findOneOrFail(MergeRun, lastId(sent.location));
  assert.deepEqual([run.state, run.warnings], ['done', ['2 tensors come from the first alone.']]);
  const page = textOf((await browser.get(sent.location)).text);
  assert.match(page, /Model A Tiny Shapes v1\.0 × 0\.7 Model B Other Shapes v1\.0 × 0\.3 Blocks M00 0\.9/);
  assert.match(
    textOf((await browser.get('/jobs')).text),
    /hold in merge Merge · Tiny Shapes v1\.0 \+ Other Shapes v1\.0/,
  );
  const asked = /"asked": ?"((?:[^"\\]|\\.)*)"/.exec(await text(node.files.open(run.sha256 ?? '')))?.[1] ?? '';
  const command = JSON.parse(JSON.parse(`"${asked}"`)) as Record<string, unknown>;
  assert.deepEqual(
    [command.method, command.alpha, command.blocks, command.name],
    ['weighted_sum', 0.3, { M00: 0.9 }, 'hold_in_merge'],
  );
  const [use] = await em.fork().find(GpuUse, { kind: 'merge' });
  assert.equal(use?.isRefunded, false);
  assert.deepEqual(await holdsOf(its), ['captured']);
  assert.match((await browser.get('/credits')).text, new RegExp(`For a merge[\\s\\S]*href="${sent.location}"`));

  // Bob's model leaves less than everything: so does what is made from it
  await em.fork().nativeUpdate(Model, { owner: its.bob }, { allowNoCredit: false, allowCommercialUse: ['Image'] });
  const published = await browser.post(`${sent.location}/publish`, {
    name: 'Both',
    versionName: 'v1',
    description: '',
    rating: '1',
    act: 'publish',
  });
  assert.match(published.location, /^\/models\/\d+$/);
  const model = await em.fork().findOneOrFail(Model, Number(lastId(published.location)));
  assert.deepEqual(
    [model.type, model.allowNoCredit, model.allowDerivatives, model.allowCommercialUse],
    ['Checkpoint', false, true, []],
  );
  const edges = await em.fork().find(Lineage, { child: { model: model.id } }, { orderBy: { weight: 1 } });
  assert.deepEqual(
    edges.map(({ kind, basis, weight, parentHash }) => [kind, basis, weight, parentHash]),
    [
      ['merged_from', 'made', 0.3, other.sha256],
      ['merged_from', 'made', 0.7, checkpoint.sha256],
    ],
  );
  const shown = textOf((await browser.get(published.location)).text);
  assert.match(shown, /merged from (Tiny|Other) Shapes v1\.0 × 0\.[37]/);
  assert.match(shown, /Merged by Weighted sum/i);
  const again = await browser.post(`${sent.location}/publish`, { name: 'Both', versionName: 'v1', rating: '1' });
  assert.equal(again.status, 409);
  assert.equal((await browser.get(`${sent.location}/file.safetensors`)).status, 200);
  await browser.post(`${sent.location}/deletion`);
  assert.equal(await em.fork().count(MergeRun), 0);
  assert.equal((await browser.get(published.location)).status, 200);
});

test('LoRAs are stacked by weight; what fails says why and can be tried again; what its author forbids is refused', async (t) => {
  const its = await site(t);
  const { browser, em, lora } = its;
  const second = await givenTinyModel(em, its.node.files, 'tiny-style-lora', 'LORA', 'Second Style');
  const loras = {
    kind: 'lora',
    name: 'Stack',
    a: String(lora.id),
    b: String(second.id),
    weightA: '0.8',
    weightB: '0,5',
  };
  const sent = await browser.post('/merge', { ...loras, method: 'sum', dtype: 'fp16' });
  await readEvents(browser, `${sent.location}/events`);
  const run = await em.fork().findOneOrFail(MergeRun, lastId(sent.location));
  assert.deepEqual([run.state, run.params.weights, run.rank], ['done', [0.8, 0.5], 12]);

  const bad = await browser.post('/merge', formOf(its, { name: 'error nan_output' }));
  await readEvents(browser, `${bad.location}/events`);
  assert.match(textOf((await browser.get(bad.location)).text), /Take fp32 or bf16/);
  const before = await em.fork().findOneOrFail(MergeRun, lastId(bad.location));
  await browser.post(`${bad.location}/again`);
  await readEvents(browser, `${bad.location}/events`);
  const after = await em.fork().findOneOrFail(MergeRun, lastId(bad.location));
  assert.deepEqual([before.round, after.round, after.state], [1, 2, 'failed']);
  assert.deepEqual(await holdsOf(its), ['captured', 'refunded', 'refunded']);

  await em.fork().nativeUpdate(Model, { owner: its.bob }, { allowDerivatives: false });
  const refused = await browser.post('/merge', formOf(its));
  assert.equal(refused.status, 422);
  assert.match(
    textOf(refused.text),
    /The author of Other Shapes v1\.0, or who holds rights in it, does not let merges/,
  );
});

test('a merge that is cancelled leaves nothing; one whose parent is taken down ends and costs nothing', async (t) => {
  const its = await site(t);
  const { browser, em, other } = its;
  const stalled = await browser.post('/merge', formOf(its, { name: 'stall in merge' }));
  const stateOf = async (location: string) => (await em.fork().findOneOrFail(MergeRun, lastId(location))).state;
  await until('it runs', async () => (await stateOf(stalled.location)) === 'running', 20_000);
  await browser.post(`${stalled.location}/cancellation`);
  assert.equal(await stateOf(stalled.location), 'cancelled');
  const running = await browser.post('/merge', formOf(its, { name: 'stall in merge' }));
  await until('it runs', async () => (await stateOf(running.location)) === 'running', 20_000);
  await carryOut(its, { target: { kind: 'version', id: other.version.id }, outcome: 'remove' });
  const ended = await em.fork().findOneOrFail(MergeRun, lastId(running.location));
  assert.deepEqual(
    [ended.state, /A moderation decision forbids/.test(ended.error ?? ''), ended.sha256 ?? null],
    ['cancelled', true, null],
  );
  const used = await rows(em.fork(), `select job_id from gpu_use where not is_refunded and job_id = ?`, [
    ended.jobId ?? '',
  ]);
  assert.deepEqual(used, []);
  // the job that was running lets go a moment after its run was ended
  await until('its price comes back', async () => (await holdsOf(its)).at(-1) === 'refunded');
});
