import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GenerationInput } from '../../src/compute/desk/model.ts';
import { fakePython, SHORT, studio } from '../compute/studio.ts';
import { picture } from './art.ts';
import { PHONE, signIn, skip, until, withChromium } from './chromium.ts';

const browser = withChromium();

test('the elements of the Generate page do what they promise', { skip }, async (t) => {
  const all = await studio(t, { python: await fakePython(t, '--able'), limits: SHORT });
  const { address, em, lora } = all;
  await em.nativeUpdate('ModelVersion', { id: lora.version.id }, { trainedWords: ['ink wash'] });
  // what is refused on purpose
  const window = await browser.open({ expected: /^422 \/generate/ });
  const { page } = window;
  const open = (path: string) => page.goto(new URL(path, address).href);
  const check = (name: string, run: () => Promise<void>) =>
    t.test(name, async () => {
      await run();
      assert.deepEqual(window.problems(), []);
    });
  await signIn(page, address, 'ada');
  const prompt = page.locator('#prompt');

  await check('Ctrl+Up and Ctrl+Down weigh the word at the caret and the selection', async () => {
    await open('/generate');
    await prompt.fill('a red circle');
    await prompt.press('Control+ArrowUp');
    assert.equal(await prompt.inputValue(), 'a red (circle:1.1)');
    await prompt.press('Control+ArrowUp');
    assert.equal(await prompt.inputValue(), 'a red (circle:1.2)');
    for (let n = 0; n < 3; n += 1) await prompt.press('Control+ArrowDown');
    assert.equal(await prompt.inputValue(), 'a red (circle:0.9)');
    await prompt.press('Control+ArrowUp');
    assert.equal(await prompt.inputValue(), 'a red circle');
    await prompt.press('Home');
    for (let n = 0; n < 5; n += 1) await prompt.press('Shift+ArrowRight');
    await prompt.press('Control+ArrowUp');
    assert.equal(await prompt.inputValue(), '(a red:1.1) circle');
  });

  await check('the count of tokens follows what is typed', async () => {
    await prompt.fill('cat '.repeat(80));
    await page.locator('#prompt-tokens', { hasText: '80 of 150 tokens' }).waitFor();
  });

  await check('a draft survives a reload, also after a remix was opened', async () => {
    await open(`/generate?version=${lora.version.id}`);
    await prompt.fill('half a thought');
    await page.locator('.autosave-note', { hasText: 'Kept' }).waitFor();
    assert.equal(new URL(page.url()).search, '');
    await page.reload();
    assert.equal(await prompt.inputValue(), 'half a thought');
  });

  await check('a LoRA is found, added and weighed, and its trigger word goes into the prompt by a click', async () => {
    await open('/generate');
    await page.getByRole('button', { name: /^Remove/ }).click();
    await page.locator('.lora').waitFor({ state: 'detached' });
    await page.locator('.pick.add > summary').first().click();
    await page.getByRole('searchbox', { name: 'Search LoRAs' }).fill('zzz');
    await page.locator('#lora-list', { hasText: 'Nothing found' }).waitFor();
    await page.getByRole('searchbox', { name: 'Search LoRAs' }).fill('style');
    await page.locator('#lora-list button', { hasText: 'Tiny Style' }).click();
    await page.locator('.lora').waitFor();
    assert.equal(await prompt.inputValue(), 'half a thought', 'the rest of the form stays');
    await page.locator('.lora-range input[type="range"]').fill('0.5');
    assert.equal(await page.locator('.lora-weight').inputValue(), '0.5');
    await page.getByRole('button', { name: 'Put ink wash into the prompt' }).click();
    await page.getByRole('button', { name: 'Put ink wash into the prompt' }).click();
    assert.equal(await prompt.inputValue(), 'half a thought, ink wash');
  });

  await check('Ctrl+Enter runs, the result comes in place, and what was typed meanwhile stays', async () => {
    await page.locator('#count').fill('3');
    await page.locator('label.size').first().click();
    await prompt.fill('many');
    await prompt.press('Control+Enter');
    await page.waitForURL(/\/generate\/[0-9a-f-]{36}$/);
    await prompt.fill('the next idea');
    await page.locator('.result').nth(2).waitFor();
    assert.equal(await prompt.inputValue(), 'the next idea');
    assert.equal(await page.locator('#recent .history-item').count(), 1);
  });

  await check('results open large, and the arrow keys go from one to the next', async () => {
    await page.locator('.result-open').first().click();
    const large = page.locator('dialog.lightbox img');
    const first = await large.getAttribute('src');
    await page.keyboard.press('ArrowRight');
    assert.notEqual(await large.getAttribute('src'), first);
    await page.keyboard.press('ArrowLeft');
    assert.equal(await large.getAttribute('src'), first);
    await page.keyboard.press('ArrowLeft');
    await page.locator('.lightbox-count', { hasText: '3 / 3' }).waitFor();
    await page.keyboard.press('Escape');
    await page.locator('dialog.lightbox').waitFor({ state: 'detached' });
  });

  await check('two results are compared with a line that moves by the keyboard', async () => {
    for (const n of [0, 1]) await page.locator('.result-choose input').nth(n).check();
    await page.getByRole('button', { name: 'Compare' }).click();
    const line = page.getByLabel('Where the line is');
    await line.focus();
    await line.press('End');
    assert.equal(
      await page.evaluate(`getComputedStyle(document.querySelector('t-compare')).getPropertyValue('--line-at')`),
      '100%',
    );
    await page.getByRole('link', { name: 'Back to the generation' }).click();
  });

  await check('chosen results are deleted, and come back', async () => {
    await page.locator('.result-choose input').first().check();
    await page.getByRole('button', { name: 'Delete chosen' }).click();
    await page.getByText('1 picture deleted.').waitFor();
    assert.equal(await page.locator('.result').count(), 2);
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.locator('.result').nth(2).waitFor();
  });

  await check('a mask is painted on the picture to begin from, undone, and stays after a reload', async () => {
    await page.locator('.result .menu summary').first().click();
    await page.getByRole('link', { name: 'Begin from this' }).first().click();
    const canvas = page.locator('t-mask canvas');
    await canvas.scrollIntoViewIfNeeded();
    const box = await canvas.boundingBox();
    assert.ok(box);
    await page.mouse.move(box.x + box.width / 4, box.y + box.height / 4);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 4 });
    await page.mouse.up();
    await page.locator('#mask-state img').waitFor();
    assert.equal(await em.fork().count(GenerationInput), 1);
    assert.equal(new URL(page.url()).search, '');
    await page.reload();
    await page.locator('t-mask canvas').waitFor();
    const painted = `(() => { const c = document.querySelector('t-mask canvas'); const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height); return data.some((v, n) => n % 4 === 3 && v > 200); })()`;
    await until(page, painted);
    await page.getByRole('button', { name: 'Take the mask away' }).click();
    await page.locator('#mask-state img').waitFor({ state: 'detached' });
  });

  await check('a picture is chosen to begin from without leaving the form', async () => {
    await page.locator('#startFile').setInputFiles({
      ...{ name: 'mine.png', mimeType: 'image/png' },
      buffer: await picture(1, { width: 64, height: 64 }),
    });
    await page.locator('input[name="start"][value^="up:"]').waitFor({ state: 'attached' });
  });

  await check('a dropped picture fills the form', async () => {
    await page.getByText('Paste parameters').click();
    const parameters = 'a quiet pond\nSteps: 21, Sampler: Euler, CFG scale: 3, Seed: 5, Size: 32x32, RNG: CPU';
    const bytes = (await picture(1, { width: 64, height: 64, parameters })).toString('base64');
    const drop = `(() => {
      const bytes = Uint8Array.from(atob('${bytes}'), (char) => char.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], 'dropped.png', { type: 'image/png' }));
      const event = new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true });
      document.querySelector('t-drop').dispatchEvent(event);
    })()`;
    await page.evaluate(drop);
    await until(page, `document.querySelector('#prompt').value === 'a quiet pond'`);
    assert.equal(await page.locator('#steps').inputValue(), '21');
  });

  await check('on a phone nothing stands over the edge', async () => {
    await page.setViewportSize(PHONE);
    for (const path of ['/generate', '/jobs']) {
      await open(path);
      assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= PHONE.width, path);
    }
    await page.locator('.job-cover').first().click();
    await page.locator('.result').first().waitFor();
    assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= PHONE.width);
  });
});
