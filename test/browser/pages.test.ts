import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deskOf } from '../moderation/desk.ts';
import { testNode } from '../node.ts';
import { signIn, skip, withChromium } from './chromium.ts';
import { look, WATCH_SHIFTS } from './faults.ts';
import { fillSite, type Site } from './site.ts';

const browser = withChromium();

// Slow enough that a place which is not kept for a picture shows.
const PICTURE_DELAY_MS = 120;

test('pages with pictures are sound and do not jump, for a visitor, a member and the owner, on a phone and a desk', {
  skip,
}, async (t) => {
  const node = await testNode(t, { realTime: true });
  const address = await node.start('web', 'worker', 'gpu');
  const site = await fillSite(node);
  const { report, rowOf } = deskOf(node);
  const reported = { id: site.post.imageIds[0] ?? 0 };
  await report(site.ben, 'image', reported, { text: 'It is an advertisement.', link: 'https://shop.example/' });
  const row = await rowOf('image', reported);

  for (const [who, paths] of Object.entries(pagesOf(site, row.id))) {
    await t.test(who, async () => {
      const window = await browser.open({ expected: /^404 \/(nothing-here|models\/999999)$/ });
      await window.page.addInitScript(WATCH_SHIFTS);
      await window.page.route('**/media/**', async (route) => {
        await new Promise((resolve) => setTimeout(resolve, PICTURE_DELAY_MS));
        // the page may have been left meanwhile
        await route.continue().catch(() => {});
      });
      if (who !== 'visitor') await signIn(window.page, address, who);
      const faults: string[] = [];
      for (const path of paths) {
        for (const fault of await look(window, new URL(path, address))) faults.push(`${path} ${fault}`);
      }
      await window.context.close();
      assert.deepEqual(faults, []);
    });
  }
});

// Where pictures stand, and what is there before there is anything; every-page.test.ts looks at all of them once.
const pagesOf = (
  { model, post, sensitiveImageId, draftPostId, ada }: Site,
  rowId: string,
): Record<string, string[]> => ({
  visitor: [
    ...['/', '/?view=everywhere', '/models', `/models/${model.id}`, '/images', `/images/${post.imageIds[0]}`],
    ...[`/posts/${post.id}`, '/@ada', '/@ben', '/tags/circles', '/search?q=ink', '/nothing-here', '/models/999999'],
  ],
  ada: [
    ...['/', `/models/${model.id}?version=${model.draftVersionId}`, `/images/${post.imageIds[1]}`],
    ...[`/images/${sensitiveImageId}`, `/posts/${draftPostId}/edit`, '/upload', '/upload/images', '/generate', '/jobs'],
    ...['/settings/profile', `/@${ada.name}`],
  ],
  ben: [
    ...['/', `/posts/${post.id}`, '/@ada', '/@ben', '/jobs', '/search?q=%40nobody%40no-such-host.invalid'],
    ...['/credits', '/decisions', '/cases', '/settings/people', `/tips/new?about=image:${post.imageIds[0]}`],
  ],
  olga: ['/moderation', `/moderation/queue/${rowId}`, '/admin/start', '/admin/credits', '/generate'],
});
