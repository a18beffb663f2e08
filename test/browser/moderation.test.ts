import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QueueDecision, QueueRow } from '../../src/moderation/queue/model.ts';
import { givenMember } from '../factories/accounts.ts';
import { deskOf } from '../moderation/desk.ts';
import { testNode } from '../node.ts';
import { PHONE, signIn, skip, withChromium } from './chromium.ts';
import { fillSite } from './site.ts';

const browser = withChromium();

test('a moderator works through the queue by keys alone, and the page of a phone does not scroll sideways', {
  skip,
}, async (t) => {
  const node = await testNode(t, { realTime: true });
  const address = await node.start('web', 'worker');
  const site = await fillSite(node);
  const { report, rowOf, fork } = deskOf(node);
  await givenMember(node.em, 'mia', { role: 'moderator' });
  const [first = 0, second = 0] = site.post.imageIds;
  await report(site.ben, 'image', { id: first }, { category: 'ncii', text: 'This is my neighbour.' });
  await report(site.ben, 'image', { id: second }, { text: 'Buy now!', link: 'https://shop.example/' });

  const spam = await rowOf('image', { id: second });
  const { page, problems } = await browser.open({ expected: /^(422|204) / });
  await signIn(page, address, 'mia');
  await page.goto(new URL('/moderation', address).href);
  const rows = page.locator('[data-row]');
  assert.equal(await rows.count(), 2);
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  assert.equal(await page.evaluate(`document.activeElement === document.querySelectorAll('[data-row]')[1]`), true);
  const ring = (selector: string) =>
    page.evaluate<string>(`getComputedStyle(document.querySelector('${selector}')).boxShadow`);
  const rowOfFocus = '.queue-item:has(:focus-visible)';
  assert.match(await ring(rowOfFocus), /inset/, 'it shows where one is');
  assert.notEqual(await ring(rowOfFocus), await ring('.queue-item:not(:has(:focus))'));
  await page.keyboard.press('?');
  const keys = page.locator('dialog#queue-keys[open]');
  assert.match((await keys.textContent()) ?? '', /open the row/);
  await page.keyboard.press('o');
  assert.equal(new URL(page.url()).pathname, '/moderation', 'keys do nothing behind the list of keys');
  await page.keyboard.press('Escape');
  assert.equal(await keys.count(), 0);
  assert.equal(await page.locator(rowOfFocus).count(), 1, 'and the focus is where it was');
  await page.keyboard.press('k');
  await page.keyboard.press('o');
  await page.waitForURL('**/moderation/queue/*');
  assert.equal(await page.locator('.evidence.full').count(), 1, 'veiled until asked for');
  await page.keyboard.press('v');
  await page.waitForSelector('.evidence.grey');
  await page.keyboard.press('v');
  await page.waitForSelector('.evidence.none');
  assert.match((await page.locator('.exposure').textContent()) ?? '', /looked at 2 harmful pictures/);

  assert.equal(await page.getByLabel('And a strike for its author').isVisible(), false);
  assert.match((await page.locator('.chosen-rule').textContent()) ?? '', /generated pictures of real people/);
  await page.keyboard.press('?');
  assert.match((await page.locator('dialog#queue-keys[open]').textContent()) ?? '', /choose what shall happen/);
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog#queue-keys:not([open])', { state: 'attached' });
  await page.keyboard.press('2');
  assert.equal(await page.getByLabel('And a strike for its author').isVisible(), true);
  assert.equal(await page.getByLabel('The right rating').isVisible(), false);
  assert.equal(await page.locator('[name=choice][value=withhold]').isChecked(), true);
  await page.keyboard.type('1 neighbour is recognisable');
  assert.equal(
    await page.locator('[name=choice][value=withhold]').isChecked(),
    true,
    'digits in a text choose nothing',
  );
  await page.keyboard.press('Control+Enter');
  await page.waitForURL('**undo=*');
  const [decision] = await fork().find(QueueDecision, {});
  assert.equal(decision?.facts, '1 neighbour is recognisable');
  const undo = page.locator('[data-undo]');
  assert.match((await undo.textContent()) ?? '', /Withhold: can be undone for (?:10|[1-9]) seconds/);
  assert.equal(await undo.getByRole('button', { name: 'Undo' }).isVisible(), true);
  await page.keyboard.press('Escape');
  await page.keyboard.press('u');
  await page.waitForURL('**said=queue-undone');
  assert.equal((await fork().findOneOrFail(QueueDecision, decision?.id ?? '')).state, 'undone');

  await page.keyboard.press('n');
  await page.waitForURL(`**/moderation/queue/${spam.id}`);
  assert.match((await page.locator('.voices').textContent()) ?? '', /Buy now!/);
  await page.keyboard.press('1');
  await page.keyboard.type('It is a shop of its own');
  await page.keyboard.press('Control+Enter');
  await page.waitForURL('**undo=*');
  assert.equal(await fork().count(QueueRow, { state: 'decided' }), 1);
  assert.deepEqual(problems(), []);

  await page.setViewportSize(PHONE);
  for (const path of ['/moderation', new URL(page.url()).pathname, '/moderation/audit', '/rules']) {
    await page.goto(new URL(path, address).href);
    const isWide = 'document.documentElement.scrollWidth > document.documentElement.clientWidth';
    assert.equal(await page.evaluate(isWide), false, path);
  }
});

test('a report is written in a dialog over the page, and its answer stands there', { skip }, async (t) => {
  const node = await testNode(t, { realTime: true });
  const address = await node.start('web', 'worker');
  const site = await fillSite(node);
  const { fork } = deskOf(node);
  const { page, problems } = await browser.open();
  await signIn(page, address, 'ben');
  await page.goto(new URL(`/images/${site.post.imageIds[0]}`, address).href);
  await page.getByRole('link', { name: 'Report', exact: true }).first().click();
  const dialog = page.locator('dialog#report[open]');
  await dialog.locator('input[name=reason]').last().check();
  await dialog.locator('textarea[name=text]').fill('It is upside down.');
  await dialog.getByRole('button', { name: 'Send the report' }).click();
  await dialog.getByText('The moderators will look at it').waitFor();
  assert.match(page.url(), /\/images\//);
  assert.equal(await fork().count(QueueRow), 1);
  assert.deepEqual(problems(), []);
});
