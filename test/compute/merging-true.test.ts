import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { Lineage, Model, ModelFile } from '../../src/catalogue/model.ts';
import { MergeRun } from '../../src/compute/merging/model.ts';
import { textOf } from '../accounts/browser.ts';
import { formOf, givenTinyModel, readEvents, studio, trueEngine } from './studio.ts';

// The whole way with torch. Where the engine is not installed this is skipped, and says so.
const { python, skip } = await trueEngine();

test('the true engine merges checkpoints and LoRAs through the queue, and what it made is published and generated with', {
  skip,
}, async (t) => {
  const { browser, checkpoint, lora, em, node } = await studio(t, { python });
  const other = await givenTinyModel(em, node.files, 'tiny-base', 'Checkpoint', 'Twin');
  const made = async (form: Record<string, string>) => {
    const sent = await browser.post('/merge', { dtype: 'fp16', ...form });
    assert.match(sent.location, /^\/merge\//, textOf(sent.text));
    assert.equal((await readEvents(browser, `${sent.location}/events`)).at(-1)?.event, 'done');
    const run = await em.fork().findOneOrFail(MergeRun, sent.location.split('/').at(-1) ?? '');
    assert.equal(run.state, 'done', run.error ?? '');
    const bytes = await buffer(node.files.open(run.sha256 ?? ''));
    const length = Number(bytes.readBigUInt64LE());
    const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Record<string, Record<string, string>>;
    const tensors = createHash('sha256')
      .update(bytes.subarray(8 + length))
      .digest('hex');
    return { url: sent.location, run, facts: header.__metadata__ ?? {}, header, tensors };
  };
  const page = (await browser.get(`/merge?a=${checkpoint.id}&b=${other.id}`)).text;
  assert.match(page, /name="block-OUT05"/);

  const pair = { a: String(checkpoint.id), b: String(other.id) };
  const whole = await made({
    kind: 'checkpoint',
    name: 'Kept whole',
    ...pair,
    alpha: '0',
    'block-M00': '1',
    'block-OUT05': '0.5',
  });
  const source = await buffer(node.files.open(checkpoint.sha256));
  const start = 8 + Number(source.readBigUInt64LE());
  // twins: whatever the weights, what comes out is what went in, bit by bit
  assert.equal(whole.tensors, createHash('sha256').update(source.subarray(start)).digest('hex'));
  assert.equal(whole.facts['modelspec.hash_sha256'], `0x${whole.tensors}`);
  const recipe = JSON.parse(whole.facts['tessera.merge'] ?? '{}') as { parents: { sha256: string }[]; blocks: object };
  assert.deepEqual([recipe.parents[0]?.sha256, recipe.blocks], [checkpoint.sha256, { M00: 1, OUT05: 0.5 }]);

  const published = await browser.post(`${whole.url}/publish`, {
    name: 'Kept',
    versionName: 'v1',
    rating: '1',
    act: 'publish',
  });
  const model = await em.fork().findOneOrFail(Model, Number(published.location.split('/').at(-1)));
  const file = await em.fork().findOneOrFail(ModelFile, { version: { model: model.id } });
  assert.deepEqual([file.tensorSha256, file.format, file.pickleScanResult], [whole.tensors, 'SafeTensor', 'Success']);
  // the record in the header says the same as the node knows, and adds no claims to it
  assert.deepEqual(
    (await em.fork().find(Lineage, { child: { model: model.id } })).map(({ basis, kind }) => [basis, kind]),
    [
      ['made', 'merged_from'],
      ['made', 'merged_from'],
    ],
  );
  const generated = await browser.post('/generate', formOf(file, { steps: '2' }));
  assert.equal((await readEvents(browser, `${generated.location}/events`)).at(-1)?.event, 'done');

  const second = await givenTinyModel(em, node.files, 'tiny-style-lora', 'LORA', 'Twin Style');
  const styles = { a: String(lora.id), b: String(second.id), weightA: '0.5', weightB: '0.5' };
  const stack = await made({ kind: 'lora', name: 'Styles', method: 'sum', ...styles, rank: '8' });
  assert.equal(stack.run.rank, 8);
  assert.equal(stack.facts.ss_network_dim, '8');
});
