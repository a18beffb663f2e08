import assert from 'node:assert/strict';
import { test } from 'node:test';
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { deskOf } from '../moderation/desk.ts';
import { testNode } from '../node.ts';
import { DESKTOP, PHONE, signIn, skip, type Window, withChromium } from './chromium.ts';
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
    ...['/@ada', '/@ben', '/tags/circles', '/search', '/search?q=ink', '/search?q=zzzz', '/about', '/rules'],
    ...[
      '/sign-in',
      '/sign-up',
      '/password/forgotten',
      '/claims/new',
      '/claims/new?type=copyright',
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

const SETTINGS = 'profile account security security/app sessions tokens browsing people hidden moving data'
  .split(' ')
  .map((name) => `/settings/${name}`);

/** What is wrong with a page: on a phone in the light theme, on a desk in the dark one. Colours do not depend on the width. */
async function look({ page, problems }: Window, url: URL): Promise<string[]> {
  const faults: string[] = [];
  for (const [size, theme] of [
    [PHONE, 'light'],
    [DESKTOP, 'dark'],
  ] as const) {
    const where = `(${size.width} px, ${theme})`;
    await page.setViewportSize(size);
    await page.emulateMedia({ colorScheme: theme });
    await page.goto(url.href, { waitUntil: 'load' });
    faults.push(...(await shapeFaults(page)).map((fault) => `${where} ${fault}`));
    faults.push(...(await accessFaults(page)).map((fault) => `${where} ${fault}`));
    faults.push(...problems().map((problem) => `${where} ${problem}`));
  }
  return faults;
}

const WATCH_SHIFTS = `
  globalThis.shifts = [];
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput, sources } of list.getEntries()) {
      if (!hadRecentInput) shifts.push({ value, what: sources.map(({ node }) => node?.outerHTML?.slice(0, 80) ?? '').join(' ') });
    }
  }).observe({ type: 'layout-shift', buffered: true });
`;

/** One main and one heading of the page, nothing that makes a phone scroll sideways, nothing that jumps. */
async function shapeFaults(page: Page): Promise<string[]> {
  const { mains, headings, overflow, shift, unloaded } = await page.evaluate<{
    mains: number;
    headings: number;
    overflow: string;
    shift: { value: number; what: string };
    unloaded: string[];
  }>(`(async () => {
    const inView = [...document.images].filter((image) => image.getBoundingClientRect().top < innerHeight);
    await Promise.all(inView.map((image) => image.decode().catch(() => {})));
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 50)));
    const width = document.documentElement.clientWidth;
    const wide = document.documentElement.scrollWidth > width
      ? [...document.querySelectorAll('main *')].find((element) => element.getBoundingClientRect().right > width + 1)
      : null;
    return {
      mains: document.querySelectorAll('main').length,
      headings: document.querySelectorAll('h1').length,
      overflow: document.documentElement.scrollWidth > width ? (wide?.outerHTML ?? 'the page').slice(0, 120) : '',
      shift: { value: shifts.reduce((sum, { value }) => sum + value, 0), what: shifts.map(({ what }) => what).join(' | ').slice(0, 300) },
      unloaded: inView.filter((image) => image.complete && image.naturalWidth === 0).map((image) => image.src),
    };
  })()`);
  const faults: string[] = [];
  if (mains !== 1) faults.push(`has ${mains} main elements`);
  if (headings !== 1) faults.push(`has ${headings} h1`);
  if (overflow) faults.push(`scrolls sideways: ${overflow}`);
  if (shift.value >= 0.02) faults.push(`jumps by ${shift.value.toFixed(3)} while it loads: ${shift.what}`);
  for (const src of unloaded) faults.push(`has a picture that is none: ${src.slice(0, 80)}`);
  return faults;
}

const RULES = `['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']`;

async function accessFaults(page: Page): Promise<string[]> {
  // the CSP of the page forbids scripts in it; this way in is the debugger's
  if (!(await page.evaluate(`typeof axe !== 'undefined'`))) await page.evaluate(axe.source);
  const found = await page.evaluate<{ id: string; nodes: { html: string; failureSummary: string }[] }[]>(
    `axe.run(document, { runOnly: ${RULES}, resultTypes: ['violations'] }).then(({ violations }) => violations)`,
  );
  return found.map(({ id, nodes }) => {
    const [first] = nodes;
    return `${id} (${nodes.length}): ${first?.html.slice(0, 160)} ${first?.failureSummary.split('\n').slice(1, 2).join(' ')}`;
  });
}
