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

test('every page is sound for a visitor, a member and the owner, on a phone and a desk, dark and light', {
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

const pagesOf = (
  { model, post, ada, ben, sensitiveImageId, draftPostId }: Site,
  rowId: string,
): Record<string, string[]> => ({
  visitor: [
    ...[
      '/',
      '/?view=everywhere',
      '/models',
      `/models/${model.id}`,
      '/images',
      `/images/${post.imageIds[0]}`,
      `/posts/${post.id}`,
    ],
    ...['/@ada', '/@ben', '/tags/circles', '/search', '/search?q=ink', '/search?q=zzzz', '/about', '/rules', '/api'],
    ...[
      '/sign-in',
      '/sign-up',
      '/password/forgotten',
      '/claims/new',
      '/claims/new?type=copyright',
      '/claims/new?type=ncii',
      '/transparency',
      '/nothing-here',
      '/models/999999',
    ],
  ],
  ada: [
    ...[
      '/',
      `/models/${model.id}?version=${model.draftVersionId}`,
      `/images/${post.imageIds[1]}`,
      `/images/${sensitiveImageId}`,
    ],
    ...[
      '/upload',
      '/import',
      '/settings/export',
      '/upload/images',
      `/versions/${model.draftVersionId}/edit`,
      `/posts/${draftPostId}/edit`,
      '/generate',
      '/jobs',
    ],
    ...SETTINGS,
    `/@${ada.name}`,
  ],
  ben: [
    `/hashes/${'a'.repeat(64)}`,
    '/search?q=%40nobody%40no-such-host.invalid',
    '/',
    '/upload',
    '/upload/images',
    `/posts/${post.id}`,
    '/@ben',
    '/jobs',
    '/settings/people',
    '/reports',
    '/credits',
    `/tips/new?about=image:${post.imageIds[0]}`,
    '/@ada',
    `/reports/new?about=image:${post.imageIds[0]}`,
    '/decisions',
    '/cases',
  ],
  olga: [
    ...['/moderation', `/moderation/queue/${rowId}`, '/moderation/audit', '/moderation/rules'],
    '/admin',
    '/admin/node',
    '/admin/accounts',
    `/admin/accounts/${ben.id}`,
    '/admin/invites',
    '/admin/credits',
    '/admin/mail',
    '/admin/sign-ups',
    '/admin/copies',
    '/generate',
  ],
});

const SETTINGS =
  'profile account security security/app sessions tokens apps browsing people hidden moving data statistics'
    .split(' ')
    .map((name) => `/settings/${name}`);
