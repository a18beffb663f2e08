import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Model, ModelFile, ModelVersion } from '../../src/catalogue/model.ts';
import { type Browser, textOf } from '../accounts/browser.ts';
import { kohyaLoraSd1, kohyaLoraSdxl } from '../factories/safetensors.ts';
import { publisher } from './publisher.ts';

/** The form, when the file has been read: a crowded machine takes longer than the request waits. */
async function readForm(browser: Browser, url: string) {
  let page = await browser.get(url);
  for (let turn = 0; turn < 100 && page.text.includes('Reading your file'); turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    page = await browser.get(url);
  }
  return page;
}

test('a LoRA that goes up by tus fills the form, is published, shown, and downloaded as the same bytes', async (t) => {
  const { browser, visitor, tus, em } = await publisher(t);
  const bytes = kohyaLoraSdxl({ name: 'inkwash', rank: 8 });

  const path = await tus().send(bytes, 'ink_wash.safetensors');
  const begun = await browser.post('/upload', { upload: path });
  assert.equal(begun.status, 400, 'a form without its encoding is refused');
  const form = new FormData();
  form.append('upload', path);
  const started = await browser.postForm('/upload', form);

  assert.equal(started.status, 302);
  const editUrl = started.location;
  assert.match(editUrl, /^\/versions\/\d+\/edit$/);
  const page = await readForm(browser, editUrl);
  assert.match(page.text, /name="name"[^>]*value="inkwash"/);
  assert.match(page.text, /<option selected>LORA|value="LORA" selected/);
  assert.match(page.text, /value="SDXL 1.0" selected/);
  assert.match(textOf(page.text), /Rank 8 from tensor shapes/);

  const version = await em.findOneOrFail(ModelVersion, { name: 'v1.0' }, { populate: ['model'] });
  const published = await browser.post(editUrl, {
    act: 'publish',
    name: 'Ink wash',
    type: 'LORA',
    versionName: 'v1.0',
    baseModel: 'SDXL 1.0',
    trainedWords: 'inkwash\nsumi-e',
    description: '# Brush\n\nStrokes.',
    tags: 'Ink, black and white',
    allowNoCredit: '1',
    level: '1',
  });
  assert.equal(published.status, 302);

  const shown = await visitor.get(published.location);
  assert.equal(shown.status, 200);
  assert.match(textOf(shown.text), /Ink wash/);
  assert.match(textOf(shown.text), /sumi-e/);
  assert.match(shown.text, /href="\/tags\/black%20and%20white"/);
  assert.match(textOf(shown.text), /No code inside/);
  assert.match(textOf(shown.text), /Not scanned for viruses/);

  const answer = await fetch(new URL(`/api/download/models/${version.id}`, browser.address));
  assert.deepEqual(Buffer.from(await answer.arrayBuffer()), bytes);
  assert.equal(answer.headers.get('etag'), `"${createHash('sha256').update(bytes).digest('hex')}"`);
  assert.match(answer.headers.get('content-disposition') ?? '', /filename="ink_wash.safetensors"/);
});

test('a plain form without scripts does the same', async (t) => {
  const { browser, em } = await publisher(t);

  const answer = await browser.upload('/upload', 'uploadFile', kohyaLoraSd1(), 'brasswork.safetensors');

  assert.equal(answer.status, 302);
  const page = await readForm(browser, answer.location);
  assert.match(page.text, /name="name"[^>]*value="brasswork"/);
  const files = await em.find(ModelFile, {});
  assert.equal(files.length, 1);
  const model = await em.findOneOrFail(Model, { name: 'brasswork' });
  assert.deepEqual([model.type, model.baseModel, model.state], ['LORA', 'SD 1.5', 'draft']);
});
