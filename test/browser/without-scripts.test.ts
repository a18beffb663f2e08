import assert from 'node:assert/strict';
import { test } from 'node:test';
import { givenMember } from '../factories/accounts.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { testNode } from '../node.ts';
import { picture } from './art.ts';
import { signIn, skip, withChromium } from './chromium.ts';

const browser = withChromium();

test('without scripts one signs in, publishes a model and a picture, and reads them', { skip }, async (t) => {
  const node = await testNode(t, { realTime: true });
  const address = await node.start('web', 'worker');
  await givenMember(node.em, 'ada');
  const { page, problems } = await browser.open({ javaScriptEnabled: false });
  const open = (path: string) => page.goto(new URL(path, address).href);
  await signIn(page, address, 'ada');

  await open('/upload');
  const lora = { name: 'brasswork.safetensors', mimeType: '', buffer: kohyaLoraSd1({ name: 'brasswork' }) };
  await page.locator('input[type="file"]').setInputFiles(lora);
  await page.getByRole('button', { name: 'Go on to the form' }).click();
  await page.waitForURL(/\/versions\/\d+\/edit/);
  await node.settle();
  await page.reload();
  assert.equal(await page.getByLabel('Type', { exact: true }).inputValue(), 'LORA');
  await page.getByLabel('Name', { exact: true }).fill('Brasswork');
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.waitForURL(/\/models\/\d+/);
  await page.getByRole('heading', { level: 1, name: 'Brasswork' }).waitFor();

  await open('/upload/images');
  await page
    .locator('input[type="file"]')
    .setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: await picture(5) });
  await page.getByRole('button', { name: 'Upload' }).click();
  await page.waitForURL(/\/posts\/\d+\/edit/);
  await page.getByRole('radio', { name: 'PG', exact: true }).check({ force: true });
  await page.getByLabel('Description for those who cannot see it').fill('Circles');
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.waitForURL(/\/posts\/\d+$/);
  await node.settle();
  await open('/images');
  await page.getByRole('img', { name: 'Circles' }).first().waitFor();
  assert.deepEqual(problems(), []);
});
