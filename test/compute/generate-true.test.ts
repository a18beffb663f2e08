import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import sharp from 'sharp';
import { readImageFile } from '../../src/gallery/images/read-file.ts';
import { Image, ResourceUse } from '../../src/gallery/model.ts';
import { assertEnclosed, hasSandbox } from './enclosed.ts';
import { formOf, readEvents, studio, trueEngine } from './studio.ts';

// The whole way with torch and the tiny model that has learnt shapes. Where the engine is not installed these are
// skipped, and say so; .ci/run installs it and sets TESSERA_REQUIRE_ENGINE, under which a skip is a failure.
const { python, skip } = await trueEngine();

describe('generating with the true engine', { skip }, () => {
  test('a red circle is asked for, followed step by step, downloaded with its recipe, and posted with its models linked', async (t) => {
    const { browser, checkpoint, lora, em, settle } = await studio(t, { python });
    const tool = await browser.get('/generate');
    assert.equal(tool.status, 200, tool.text);
    assert.match(tool.text, /Tiny Shapes/);
    assert.match(tool.text, /Tiny Style/);

    const sent = await browser.post(
      '/generate',
      formOf(checkpoint, { count: '2', steps: '30', lora: String(lora.id), [`weight-${lora.id}`]: '0.1' }),
    );
    assert.equal(sent.status, 302, sent.text);
    const events = await readEvents(browser, `${sent.location}/events`);

    assert.equal(events.at(-1)?.event, 'done');
    const notes = events.map(({ data }) => String(data.note));
    assert.ok(
      notes.some((note) => /^(Next in the queue|Starting the engine|Loading|Reading|Step )/.test(note)),
      notes.join(),
    );
    const page = await browser.get(sent.location);
    const pictures = [...page.text.matchAll(/href="(\/generate\/images\/[0-9a-f-]+)" aria-label/g)].map(
      ([, url]) => url ?? '',
    );
    assert.equal(pictures.length, 2, page.text);

    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(new URL(pictures[0] ?? '', browser.address), { headers: { cookie } });
    assert.equal(answer.headers.get('content-type'), 'image/png');
    const png = Buffer.from(await answer.arrayBuffer());
    const { data } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const [red = 0, green = 0, blue = 0] = data.subarray((16 * 32 + 16) * 3);
    assert.ok(red > 150 && green < 130 && blue < 130, `middle ${red} ${green} ${blue}`);
    const facts = await readImageFile(png, 1e7);
    assert.equal(facts.recipe?.seed, '7');
    assert.equal(facts.recipe?.modelHash, checkpoint.sha256.slice(0, 10));
    assert.deepEqual(facts.resources.map(({ kind, name }) => `${kind} ${name}`).sort(), [
      'checkpoint tiny-base',
      'lora tiny-style-lora',
    ]);

    const posted = await browser.post(`${sent.location}/post`, { rating: '1' });
    assert.match(posted.location, /^\/posts\/\d+$/, posted.text);
    await settle();
    const images = await em.find(Image, {});
    assert.equal(images.length, 2);
    assert.ok(images.every(({ listedAt, level }) => listedAt !== null && level === 1));
    const uses = await em.find(ResourceUse, { image: images[0]?.id ?? 0 }, { orderBy: { position: 1 } });
    assert.deepEqual(
      uses.map((use) => use.version?.id),
      [checkpoint.version.id, lora.version.id],
    );
    assert.match((await browser.get(sent.location)).text, new RegExp(`href="/images/${images[0]?.id}"`));
    const again = await browser.post(`${sent.location}/post`, { rating: '1' });
    assert.equal(again.status, 409);
  });

  test('what works on models of strangers runs in the sandbox, where there is one', async (t) => {
    const { browser, checkpoint, node } = await studio(t, { python });
    if (!(await hasSandbox(python))) return t.skip('bubblewrap is not here, or may not make namespaces');
    const sent = await browser.post('/generate', formOf(checkpoint, { steps: '2' }));
    assert.equal((await readEvents(browser, `${sent.location}/events`)).at(-1)?.event, 'done');
    await assertEnclosed(node.dataDir);
  });

  test('a running generation is cancelled, and the next one runs on the same engine', async (t) => {
    const { browser, checkpoint } = await studio(t, { python });
    const long = await browser.post('/generate', formOf(checkpoint, { steps: '150', count: '8' }));
    let isCancelled = false;
    const events = await readEvents(browser, `${long.location}/events`, ({ data }) => {
      if (isCancelled || !/^Step/.test(String(data.note))) return;
      isCancelled = true;
      void browser.post(`${long.location}/cancellation`);
    });
    assert.ok(isCancelled, JSON.stringify(events));
    assert.equal(events.at(-1)?.event, 'failed');
    assert.match((await browser.get(long.location)).text, /It was stopped before it was done/);

    const next = await browser.post('/generate', formOf(checkpoint, { prompt: 'a blue square' }));
    const done = await readEvents(browser, `${next.location}/events`);
    assert.equal(done.at(-1)?.event, 'done');
  });
});
