import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Comment, Image } from '../../src/gallery/model.ts';
import { Review } from '../../src/gallery/reviews/model.ts';
import { testNode } from '../node.ts';
import { picture } from './art.ts';
import { DESKTOP, PHONE, signIn, skip, withChromium } from './chromium.ts';
import { dropFiles } from './drop.ts';
import { accessFaults } from './faults.ts';
import { fillSite } from './site.ts';

const browser = withChromium();
const NARROW = `document.documentElement.scrollWidth <= document.documentElement.clientWidth`;

test('a picture is pasted into a comment, described, seen and taken out; a review shows examples on a phone', {
  skip,
}, async (t) => {
  const node = await testNode(t, { realTime: true });
  const address = await node.start('web', 'worker');
  const { model, post } = await fillSite(node, { postCount: 1 });
  // a size that is not made yet is not there
  const window = await browser.open({ viewport: DESKTOP, expected: /^404 \/media\// });
  const { page } = window;
  const open = (path: string) => page.goto(new URL(path, address).href);
  const held = (talkId: string) => node.em.fork().find(Image, { post: { talkId } }, { orderBy: { position: 1 } });
  await signIn(page, address, 'ben');

  await open(`/posts/${post.id}`);
  const form = page.locator('.comments > .comment-form');
  await form.locator('textarea').fill('Like this one.');
  await paste(await picture(3), 'pasted.png');
  await paste(await picture(4), 'second.png');
  const rows = form.locator('.talk-rows[data-new] li');
  assert.equal(await rows.count(), 2);
  await rows.first().getByRole('textbox').fill('A lamp');
  await rows.nth(1).getByRole('button', { name: 'Remove' }).click();
  assert.equal(await rows.count(), 1);
  assert.deepEqual(await accessFaults(page), []);
  await form.getByRole('button', { name: 'Send', exact: true }).click();
  await page.locator('.talk-shots img[alt="A lamp"]').waitFor();
  await node.settle();
  const said = await node.em.fork().findOneOrFail(Comment, { text: 'Like this one.' });
  const [image] = await held(said.id);
  assert.deepEqual([(await held(said.id)).length, image?.altText], [1, 'A lamp']);
  await open(`/posts/${post.id}`);
  await page.locator(`.talk-shots a[href="/images/${image?.id}"]`).click();
  await page.locator('t-lightbox .stage-picture').waitFor();

  await open(`/comments/${said.id}/edit`);
  await page.getByLabel('Remove').check();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.waitForURL((url) => url.pathname.startsWith('/posts/'));
  assert.equal(await page.locator('.talk-shots').count(), 0);
  assert.equal((await held(said.id)).length, 0);

  await page.setViewportSize(PHONE);
  await open(`/models/${model.id}`);
  await page.locator('.review-new > summary').click();
  await page.locator('.review-form label', { hasText: 'Yes' }).click();
  await page.locator('#review-text').fill('Made these with it.');
  await dropFiles(page, '.review-form', [
    { name: 'a.png', bytes: await picture(5) },
    { name: 'b.png', bytes: await picture(6) },
  ]);
  assert.equal(await page.locator('.review-form .talk-rows[data-new] li').count(), 2);
  assert.equal(await page.evaluate(NARROW), true);
  await page.getByRole('button', { name: 'Publish review' }).click();
  await page.locator('.review-own .talk-shots img').first().waitFor();
  await node.settle();
  assert.equal(
    (await held((await node.em.fork().findOneOrFail(Review, { text: 'Made these with it.' })).id)).length,
    2,
  );
  await open(`/models/${model.id}`);
  await page.locator('.review-own').scrollIntoViewIfNeeded();
  assert.equal(await page.evaluate(NARROW), true);
  assert.deepEqual(window.problems(), []);

  async function paste(bytes: Buffer, name: string): Promise<void> {
    await page.evaluate(
      `(() => {
        const data = new DataTransfer();
        const bytes = Uint8Array.from(atob(${JSON.stringify(bytes.toString('base64'))}), (letter) => letter.charCodeAt(0));
        data.items.add(new File([bytes], ${JSON.stringify(name)}, { type: 'image/png' }));
        document.querySelector('.comments > .comment-form textarea').dispatchEvent(
          new ClipboardEvent('paste', { bubbles: true, cancelable: true, clipboardData: data }),
        );
      })()`,
    );
  }
});
