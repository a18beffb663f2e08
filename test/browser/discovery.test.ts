import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testNode } from '../node.ts';
import { DESKTOP, PHONE, signIn, skip, until, withChromium } from './chromium.ts';
import { look, WATCH_SHIFTS } from './faults.ts';
import { fillSite } from './site.ts';

const browser = withChromium();

test('filters, suggestions, similar pictures, saved searches and the words of tags, by mouse and by keyboard', {
  skip,
}, async (t) => {
  const node = await testNode(t, { realTime: true });
  const address = await node.start('web', 'worker');
  const { model, post } = await fillSite(node, { postCount: 1 });
  await node.settle();
  const window = await browser.open();
  const { page } = window;
  const open = (path: string) => page.goto(new URL(path, address).href);
  await page.addInitScript(WATCH_SHIFTS);
  await signIn(page, address, 'olga');

  const faults: string[] = [];
  for (const path of [
    ...['/models?not=photo&format=GGUF&may=sell', '/images?q=circles&recipe=1', `/images/${post.imageIds[0]}/similar`],
    ...['/searches', '/searches/new?kind=models&tag=ink', '/tags/circles/edit', '/about/trending'],
    ...['/search?q=ink&kind=models&type=LORA', '/search?q=ink&kind=models&type=VAE', '/settings/statistics?days=90'],
  ]) {
    for (const fault of await look(window, new URL(path, address))) faults.push(`${path} ${fault}`);
  }
  assert.deepEqual(faults, []);

  // a change loads the list in place, and what is set can be taken away
  await page.setViewportSize(PHONE);
  await open('/models');
  const more = page.locator('.more-filters');
  assert.equal(await more.getAttribute('open'), null, 'folded');
  await more.locator('summary').click();
  await page.getByLabel('May be sold', { exact: true }).check();
  await page.waitForURL(/may=sell/);
  await page
    .locator('#list .chips')
    .getByRole('link', { name: /May be sold/ })
    .first()
    .click();
  await page.waitForURL((url) => !url.search.includes('may'));
  await page.locator('#cards article').first().waitFor();

  // so it does under a search, and the next words keep what is set
  await open('/search?q=ink&kind=models');
  await page.locator('.list-form select[name=type]').selectOption('LORA');
  await page.waitForURL((url) => url.searchParams.get('type') === 'LORA' && url.searchParams.get('q') === 'ink');
  await page.locator('#list .chips').getByRole('link', { name: /LORA/ }).first().waitFor();
  await page.locator('#search-q').fill('wash');
  await page.locator('#search-form button').click();
  await page.waitForURL((url) => url.searchParams.get('q') === 'wash');
  assert.equal(new URL(page.url()).searchParams.get('type'), 'LORA');
  await page.locator('#found-models article').first().waitFor();

  // the suggestions are a combobox
  await page.setViewportSize(DESKTOP);
  await open('/about');
  await page.keyboard.press('Control+k');
  await page.keyboard.type('ink');
  const field = page.locator('#q');
  await page.getByRole('option').first().waitFor();
  assert.equal(await field.getAttribute('aria-expanded'), 'true');
  await page.keyboard.press('ArrowDown');
  const chosen = await field.getAttribute('aria-activedescendant');
  assert.equal(await page.locator(`#${chosen}`).getAttribute('aria-selected'), 'true');
  await page.keyboard.press('Escape');
  assert.equal(await field.getAttribute('aria-expanded'), 'false');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.waitForURL(new RegExp(`/models/${model.id}`));

  // on a phone the page of the search has them
  await page.setViewportSize(PHONE);
  await open('/search');
  await page.locator('#search-q').fill('circ');
  await page.locator('#search-suggestions').getByRole('option', { name: '#circles' }).click();
  await page.waitForURL(/\/tags\/circles/);

  await open(`/images/${post.imageIds[0]}`);
  await page.locator('#alike').scrollIntoViewIfNeeded();
  await until(page, `location.pathname.startsWith('/images/')`);

  await open('/images?tag=circles');
  await page.getByRole('link', { name: 'Save this search' }).click();
  await page.getByLabel('Name').fill('Round things');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('link', { name: 'Round things' }).click();
  await page.waitForURL(/\/images\?tag=circles/);
  assert.deepEqual(window.problems(), []);
});
