import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Image } from '../../src/gallery/model.ts';
import { releaseHold } from '../../src/safety/holds/hold.ts';
import { testNode } from '../node.ts';
import { picture } from './art.ts';
import { DESKTOP, PHONE, signIn, skip, withChromium } from './chromium.ts';
import { dropFiles } from './drop.ts';
import { accessFaults, look, WATCH_SHIFTS } from './faults.ts';
import { fillSite } from './site.ts';

const browser = withChromium();
const NARROW = `document.documentElement.scrollWidth <= document.documentElement.clientWidth`;
const DAY_MS = 86_400_000;

test('pictures are chosen, dropped and pasted into the form of a bounty, kept when it is refused, and seen on its page', {
  skip,
}, async (t) => {
  const node = await testNode(t, { realTime: true });
  const address = await node.start('web', 'worker');
  const { owner, post } = await fillSite(node, { postCount: 1 });
  const window = await browser.open({
    viewport: PHONE,
    colorScheme: 'light',
    expected: /^(?:404 \/media\/|422 \/bounties)/,
  });
  const { page } = window;
  await page.addInitScript(WATCH_SHIFTS);
  const open = (path: string) => page.goto(new URL(path, address).href);
  const pathOf = () => new URL(page.url()).pathname;
  const sound = async () => {
    assert.equal(await page.evaluate(NARROW), true, 'it scrolls sideways');
    assert.deepEqual(await accessFaults(page), []);
  };
  await signIn(page, address, 'ben');

  // on a phone: chosen and dropped, one taken out, and refused for another reason
  await open('/bounties/new');
  await page.getByLabel('Title').fill('A brass fish');
  await page.getByLabel('What you ask for').fill('Swimming, please.');
  await page.getByLabel('Nobody real').check();
  const chooser = page.getByLabel('Choose up to 6 pictures');
  await chooser.setInputFiles([
    { name: 'a.png', mimeType: 'image/png', buffer: await picture(3) },
    { name: 'b.png', mimeType: 'image/png', buffer: await picture(4, { width: 512, height: 384 }) },
  ]);
  await dropFiles(page, 'form.form', [{ name: 'c.png', bytes: await picture(5) }]);
  const added = page.locator('.talk-rows[data-new] li');
  assert.equal(await added.count(), 3);
  await added.nth(0).getByRole('textbox').fill('A fish from the left');
  await added.nth(2).getByRole('button', { name: 'Remove' }).click();
  assert.equal(await added.count(), 2);
  await sound();
  await page.getByLabel('Public pictures on this node').fill('/images/999999');
  await page.getByLabel('Credits', { exact: true }).fill('60');
  await page.getByLabel('Entries until').fill(new Date(Date.now() + 9 * DAY_MS).toISOString().slice(0, 10));
  await page.getByRole('button', { name: 'Open the bounty' }).click();
  await page.getByRole('alert').waitFor();
  const kept = page.locator('.talk-rows:not([data-new]) li');
  assert.equal(await kept.count(), 2);
  assert.equal(await kept.nth(0).getByRole('textbox').inputValue(), 'A fish from the left');
  assert.equal(await page.getByLabel('Title').inputValue(), 'A brass fish');
  await node.settle();
  await sound();
  await kept.nth(1).getByRole('textbox').fill('A fish from the right');
  await page.getByLabel('Public pictures on this node').fill(`/images/${post.imageIds[0]}`);
  await page.getByRole('button', { name: 'Open the bounty' }).click();
  await page.waitForURL(/\/bounties\/[0-9a-f]/);
  await page.getByText('A moderator looks at this first').waitFor();
  await node.settle();
  const path = pathOf();
  const id = path.split('/').at(-1) ?? '';
  assert.equal(await page.locator('.bounty-shots li').count(), 3);
  assert.deepEqual(await look(window, new URL(path, address)), []);

  // on a desk: one is pasted, one goes
  await page.setViewportSize(DESKTOP);
  await open(`${path}/edit`);
  assert.equal(await kept.count(), 2);
  await paste(await picture(6), 'pasted.png');
  assert.equal(await added.count(), 1);
  await added.getByRole('textbox').fill('Pasted');
  await kept.nth(0).getByLabel('Remove').check();
  await sound();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.waitForURL((url) => url.pathname === path);
  const held = await node.em.fork().find(Image, { post: { talkId: id } }, { orderBy: { position: 1 } });
  assert.deepEqual(
    held.map(({ altText }) => altText),
    ['A fish from the right', 'Pasted'],
  );

  const em = node.em.fork();
  await releaseHold(em, 'bounty', id, { byId: owner.id, now: new Date() });
  await em.flush();
  await node.settle();
  const visitor = await browser.open({ viewport: DESKTOP });
  await visitor.page.addInitScript(WATCH_SHIFTS);
  assert.deepEqual(await look(visitor, new URL(path, address)), []);
  await visitor.page.getByRole('link', { name: 'Pasted' }).click();
  await visitor.page.locator('t-lightbox .stage-picture').waitFor();
  await visitor.page.getByRole('link', { name: 'To what was said with it' }).click();
  await visitor.page.waitForURL((url) => url.pathname === path);
  assert.deepEqual([...window.problems(), ...visitor.problems()], []);

  async function paste(bytes: Buffer, name: string): Promise<void> {
    await page.evaluate(
      `(() => {
        const data = new DataTransfer();
        const bytes = Uint8Array.from(atob(${JSON.stringify(bytes.toString('base64'))}), (letter) => letter.charCodeAt(0));
        data.items.add(new File([bytes], ${JSON.stringify(name)}, { type: 'image/png' }));
        document.querySelector('#text').dispatchEvent(
          new ClipboardEvent('paste', { bubbles: true, cancelable: true, clipboardData: data }),
        );
      })()`,
    );
  }
});
