import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { Image } from '../../src/gallery/model.ts';
import { zipOf } from '../../src/kit/web/download/zip.ts';
import { givenMember } from '../factories/accounts.ts';
import { picture } from '../gallery/painter.ts';
import { testNode } from '../node.ts';
import { signIn, skip, until, withChromium } from './chromium.ts';
import { dropFiles } from './drop.ts';
import { accessFaults } from './faults.ts';

const browser = withChromium();
const COUNT = 24;

test('a folder of pictures comes in while its page tells how far it is, is stopped, and goes on', {
  skip,
}, async (t) => {
  const node = await testNode(t, { realTime: true });
  const address = await node.start('web', 'worker');
  await givenMember(node.em, 'ada');
  const { page, problems } = await browser.open();
  await signIn(page, address, 'ada');

  await page.goto(new URL('/import', address).href);
  await dropFiles(page, '#archive t-dropzone', [
    { name: 'holiday.zip', bytes: await zipOfPictures(), type: 'application/zip' },
  ]);
  await page.locator('#archive .upload.done').waitFor();
  await page.locator('#archive').getByText('Pictures', { exact: true }).click();
  await page.locator('#archive').getByRole('button', { name: 'See what would come' }).click();

  await page.getByRole('button', { name: 'Bring it in' }).waitFor({ timeout: 60_000 });
  assert.match((await page.locator('#choice').textContent()) ?? '', /Posts: 12/);
  assert.deepEqual(await accessFaults(page), []);
  await page.getByRole('button', { name: 'Bring it in' }).click();
  await until(page, `document.querySelector('.importing progress')?.value > 0`);
  await page
    .locator('.importing')
    .getByText(/ of 12: /)
    .waitFor();
  assert.deepEqual(await accessFaults(page), []);
  await page.getByRole('button', { name: 'Stop' }).click();
  const on = page.getByRole('button', { name: 'Go on' });
  await on.waitFor();
  const partly = await node.node.orm.em.fork().count(Image);
  assert.ok(partly > 0 && partly < COUNT, `${partly} of ${COUNT} came before it was stopped`);
  await on.click();
  await page.getByText('That is all of it.').waitFor({ timeout: 60_000 });
  await page.setViewportSize({ width: 390, height: 800 });
  assert.equal(await node.node.orm.em.fork().count(Image), COUNT);
  assert.deepEqual(await accessFaults(page), []);
  assert.deepEqual(problems(), []);
});

/** Two pictures in each folder, which become a post. */
async function zipOfPictures(): Promise<Buffer> {
  async function* files() {
    for (let n = 0; n < COUNT; n += 1) {
      yield { name: `${Math.floor(n / 2)}/${n}.png`, bytes: await picture({ width: 400, height: 300 + n }) };
    }
  }
  return buffer(Readable.from(zipOf(files())));
}
