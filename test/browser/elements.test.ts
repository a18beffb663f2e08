import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { ALL_LEVELS } from '../../src/safety/ratings.ts';
import { givenImage, givenPost } from '../factories/content.ts';
import { picture } from '../gallery/painter.ts';
import { testNode } from '../node.ts';
import { DESKTOP, signIn, skip, until, withChromium } from './chromium.ts';
import { type DroppedFile, dropFiles } from './drop.ts';
import { accessFaults } from './faults.ts';
import { openLine } from './line.ts';
import { fillSite } from './site.ts';

const browser = withChromium();

test('the elements that scripts add do what they promise', { skip }, async (t) => {
  const node = await testNode(t, { realTime: true });
  const line = await openLine(t, await node.start('web', 'worker'));
  const { address } = line;
  const { ada, ben, model, post, draftPostId, sensitiveImageId } = await fillSite(node, { postCount: 2 });
  ben.levels = ALL_LEVELS;
  await node.em.flush();
  // the rows below have no files; a connection is broken on purpose, and the node may still be at the end of it
  // the line is cut, which the stream of the bell notices too
  const window = await browser.open({
    expected:
      /^404 \/media\/|^409 \/uploads\/|ERR_CONNECTION|ERR_INTERNET|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE.* http.*\/notifications\/events/,
  });
  const { page, context } = window;
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const open = (path: string) => page.goto(new URL(path, address).href);
  const check = (name: string, run: () => Promise<void>) =>
    t.test(name, async () => {
      await run();
      assert.deepEqual(window.problems(), []);
    });
  await signIn(page, address, 'ada');

  await check('an upload pauses, and goes on where it stopped', async () => {
    await open('/upload');
    const sent = watchTus(page);
    line.hold(4_000_000);
    await dropFiles(page, 't-dropzone', [bigFile('paused')]);
    await until(page, PARTLY_SENT);
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.locator('.upload.paused').waitFor();
    line.free();
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.locator('.upload.done').waitFor();
    assert.equal(sent.creations, 1);
    assert.ok(Math.max(...sent.offsets) > 0, `it began again from the first byte: ${sent.offsets}`);
  });

  await check('an upload goes on by itself when the connection comes back', async () => {
    await open('/upload');
    const sent = watchTus(page);
    line.hold(4_000_000);
    await dropFiles(page, 't-dropzone', [bigFile('broken')]);
    await until(page, PARTLY_SENT);
    line.cut();
    line.free();
    await page.locator('.upload.done').waitFor();
    assert.equal(sent.creations, 1);
    assert.ok(Math.max(...sent.offsets) > 0, `it began again from the first byte: ${sent.offsets}`);
  });

  await check('an upload goes on after the page was closed in the middle of it', async () => {
    await open('/upload');
    line.hold(4_000_000);
    await dropFiles(page, 't-dropzone', [bigFile('closed')]);
    await until(page, PARTLY_SENT);
    // away while the line still holds: on a busy machine the rest would arrive before the page is closed
    await page.goto('about:blank');
    line.cut();
    line.free();
    await open('/upload');
    const sent = watchTus(page);
    await dropFiles(page, 't-dropzone', [bigFile('closed')]);
    await page.locator('.upload.done').waitFor();
    assert.equal(sent.creations, 0);
    assert.ok(Math.max(...sent.offsets) > 0, `it began again from the first byte: ${sent.offsets}`);
  });

  const rows = () => page.locator('.picture-row').evaluateAll((all) => all.map(({ id }) => id));
  await check('pictures change places by the arrow keys and by drag, and the draft keeps it', async () => {
    await open(`/posts/${draftPostId}/edit`);
    const [first = '', second = ''] = await rows();
    await page.locator(`#${first} [data-handle]`).focus();
    await page.keyboard.press('ArrowDown');
    assert.deepEqual(await rows(), [second, first]);
    await page.locator('.autosave-note', { hasText: 'Draft saved' }).waitFor();
    await page.reload();
    assert.deepEqual(await rows(), [second, first]);

    // high enough that nothing scrolls under the mouse
    await page.setViewportSize({ width: 1440, height: 2000 });
    const below = await page.locator(`#${first}`).boundingBox();
    await page.locator(`#${second} .picture-thumb`).dragTo(page.locator(`#${first}`), {
      targetPosition: { x: 200, y: (below?.height ?? 100) - 10 },
    });
    assert.deepEqual(await rows(), [first, second]);
    await page.locator('.autosave-note', { hasText: 'Draft saved' }).waitFor();
    await page.setViewportSize(DESKTOP);
  });

  await check('a picture goes on after the page was closed in the middle of it, into the same draft', async () => {
    await open(`/posts/${draftPostId}/edit`);
    const before = (await rows()).length;
    const photo = { name: 'photo.png', bytes: await picture({ width: 2600, height: 2600 }) };
    line.hold(4_000_000);
    await dropFiles(page, 't-pictures', [photo]);
    await until(page, PARTLY_SENT);
    page.once('dialog', (dialog) => dialog.accept());
    await page.goto('about:blank');
    line.cut();
    line.free();
    await open(`/posts/${draftPostId}/edit`);
    const sent = watchTus(page);
    await dropFiles(page, 't-pictures', [photo]);
    await until(page, `document.querySelectorAll('.picture-row').length === ${before + 1}`);
    assert.equal(sent.creations, 0);
    assert.ok(Math.max(...sent.offsets) > 0, `it began again from the first byte: ${sent.offsets}`);
  });

  await check(
    'the first pictures wait for a network and go on by themselves, from the draft to the last byte',
    async () => {
      await open('/upload/images');
      const photo = { name: 'large.png', bytes: await picture({ width: 900, height: 900 }) };
      const small = { name: 'small.png', bytes: await picture({ width: 40 }) };
      const notes = () => page.locator('.upload-note').allTextContents();
      await context.setOffline(true);
      await dropFiles(page, 't-pictures', [photo, small]);
      await page.getByText('Waiting for the network').nth(1).waitFor();
      assert.deepEqual(await notes(), ['Waiting for the network …', 'Waiting for the network …']);
      assert.deepEqual(await accessFaults(page), []);
      await context.setOffline(false);
      await page.waitForURL(/\/posts\/\d+\/edit/);
      await until(page, `document.querySelectorAll('.picture-row').length === 2`);

      // a line that breaks without the browser knowing of it: for the draft, and for each picture
      await open('/upload/images');
      const broken: string[] = [];
      await page.route(/\/upload\/images$|\/posts\/\d+\/images$|\/uploads\/pictures$/, async (route) => {
        const request = `${route.request().method()} ${new URL(route.request().url()).pathname.replace(/\d+/, 'n')}`;
        if (!request.startsWith('POST') || broken.includes(request)) return route.continue();
        broken.push(request);
        await route.abort('connectionreset');
      });
      await dropFiles(page, 't-pictures', [
        { ...photo, bytes: await picture({ width: 900, height: 900 }) },
        { ...small, bytes: await picture({ width: 40 }) },
      ]);
      await page.getByText('Waiting for the network').first().waitFor();
      await page.waitForURL(/\/posts\/\d+\/edit/);
      await until(page, `document.querySelectorAll('.picture-row').length === 2`);
      assert.deepEqual(broken.sort(), ['POST /posts/n/images', 'POST /upload/images', 'POST /uploads/pictures']);
      await page.unroute(/\/upload\/images$|\/posts\/\d+\/images$|\/uploads\/pictures$/);
    },
  );

  await check('a draft saves what is typed by itself', async () => {
    await open(`/versions/${model.draftVersionId}/edit`);
    await page.getByLabel('What changed').fill('Softer edges.');
    await page.locator('.autosave-note', { hasText: 'Saved' }).waitFor();
    await page.reload();
    assert.equal(await page.getByLabel('What changed').inputValue(), 'Softer edges.');
  });

  await check('the large picture opens over the page, and the arrow keys go to its neighbours', async () => {
    await open(`/images/${post.imageIds[0]}`);
    await page.locator('.stage-picture').click();
    await page.locator('dialog.lightbox').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('dialog.lightbox').waitFor({ state: 'detached' });
    const before = page.url();
    await page.keyboard.press('ArrowRight');
    await page.waitForURL((url) => url.href !== before && url.pathname.startsWith('/images/'));
  });

  await check('a trigger word is copied by its button', async () => {
    await open(`/models/${model.id}`);
    await page
      .locator('.model-words')
      .getByRole('button', { name: /inkwash/ })
      .click();
    await page.locator('.model-words t-copy.done').waitFor();
    assert.equal(await page.evaluate('navigator.clipboard.readText()'), 'inkwash');
  });

  await check('Ctrl+K and the slash go to the search, Escape leaves it', async () => {
    await open('/models');
    for (const key of ['Control+k', '/']) {
      await page.keyboard.press(key);
      assert.equal(await page.evaluate('document.activeElement.id'), 'q');
      await page.keyboard.press('Escape');
      assert.notEqual(await page.evaluate('document.activeElement.id'), 'q');
    }
  });

  await check('an @name is completed by the keyboard while a comment is written', async () => {
    await open(`/models/${model.id}`);
    const text = page.getByLabel('Say something');
    const list = page.getByRole('listbox', { name: 'People' }).first();
    await text.fill('Thank you, ');
    await text.press('End');
    await text.pressSequentially('@be');
    await list.waitFor();
    await page.locator('t-mention [role="status"]', { hasText: '1 person' }).waitFor();
    assert.equal(await text.getAttribute('aria-activedescendant'), 'comments-text-people-0');
    assert.deepEqual(await accessFaults(page), []);
    await text.press('Escape');
    await list.waitFor({ state: 'hidden' });
    await text.pressSequentially('n');
    await list.waitFor();
    await text.press('ArrowDown');
    await text.press('Enter');
    assert.equal(await text.inputValue(), 'Thank you, @ben ');
    await list.waitFor({ state: 'hidden' });
  });

  await check('the theme is chosen in the menu, and stays', async () => {
    const ground = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
    await open('/');
    const dark = await ground();
    await page.locator('.menu.account summary').click();
    await page.locator('[data-theme-choice="light"]').click();
    assert.notEqual(await ground(), dark);
    const light = await ground();
    await page.reload();
    assert.equal(await ground(), light);
    assert.equal(await page.evaluate('document.documentElement.dataset.theme'), 'light');
  });

  await check('more pictures come by themselves before the end of the page', async () => {
    const many = givenPost(node.em, { owner: ada.id, imageCount: 80 });
    for (let n = 0; n < 80; n += 1)
      givenImage(node.em, { post: many, owner: ada.id, listedAt: new Date(Date.UTC(2026, 0, 1, 0, 0, n)) });
    await node.em.flush();
    await open('/images');
    const count = () => page.locator('.tile').count();
    const atFirst = await count();
    await page.evaluate('scrollTo(0, document.documentElement.scrollHeight)');
    await until(page, `document.querySelectorAll('.tile').length > ${atFirst}`);
    const ids = await page
      .locator('.tile a[href^="/images/"]')
      .evaluateAll((all) => all.map((link) => link.getAttribute('href')));
    assert.equal(new Set(ids).size, ids.length, 'a picture stands twice');
  });

  await check('a sensitive picture is not loaded before its button is pressed', async () => {
    const other = await browser.open();
    await signIn(other.page, address, 'ben');
    const loaded: string[] = [];
    other.page.on('request', (request) => loaded.push(new URL(request.url()).pathname));
    await other.page.goto(new URL(`/images/${sensitiveImageId}`, address).href);
    await other.page.locator('t-reveal').waitFor();
    const ofIt = () => loaded.filter((path) => path.startsWith('/media/') && path.includes(`/${sensitiveImageId}.`));
    assert.deepEqual(ofIt(), []);
    await other.page.locator('t-reveal button').first().click();
    await other.page.locator('t-reveal.open img').last().waitFor();
    assert.equal(ofIt().length, 1);
    assert.deepEqual(other.problems(), []);
    await other.context.close();
  });
});

const PARTLY_SENT = `(() => { const { value } = document.querySelector('.upload progress') ?? {}; return value > 0 && value < 99; })()`;

/** A refusable file is enough: what goes over the wire does not depend on what is in it. */
const bigFile = (name: string): DroppedFile => ({ name: `${name}.safetensors`, bytes: 24_000_000 });

/** How many uploads were begun, and from which byte each request went on. */
function watchTus(page: Page): { creations: number; readonly offsets: number[] } {
  const seen = { creations: 0, offsets: [0] };
  page.on('request', (request) => {
    if (!/\/uploads\/(?:files|pictures)/.test(request.url())) return;
    if (request.method() === 'POST') seen.creations += 1;
    if (request.method() === 'PATCH') seen.offsets.push(Number(request.headers()['upload-offset']));
  });
  return seen;
}
