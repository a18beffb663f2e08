import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { DESKTOP, PHONE, type Window } from './chromium.ts';

/** What is wrong with a page: on a phone in the light theme, on a desk in the dark one. Colours do not depend on the width. */
export async function look({ page, problems }: Window, url: URL): Promise<string[]> {
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

/**
 * The cheap look, for pages of which there are many: loaded once, on a phone in the light theme, and then made wide and
 * dark as it stands. What another page answers in its place is a fault too. Whether it jumps is for `look` to say, which
 * loads it at each width.
 */
export async function glance({ page, problems }: Window, url: URL): Promise<string[]> {
  await page.setViewportSize(PHONE);
  await page.emulateMedia({ colorScheme: 'light' });
  const answer = await page.goto(url.href, { waitUntil: 'load' });
  const { pathname } = new URL(page.url());
  if (answer?.status() !== 200 || pathname !== url.pathname) return [`answers ${answer?.status()} at ${pathname}`];
  const faults = [...(await shapeFaults(page)), ...(await accessFaults(page))];
  await page.setViewportSize(DESKTOP);
  await page.emulateMedia({ colorScheme: 'dark' });
  const wide = [...(await shapeFaults(page)), ...(await accessFaults(page, COLOURS))];
  return [...faults, ...wide.map((fault) => `(wide, dark) ${fault}`), ...problems()];
}

/** For `look`, to be there before the page is. */
export const WATCH_SHIFTS = `
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
    // what is folded away waits until it is opened
    const inView = [...document.images].filter((image) => image.checkVisibility() && image.getBoundingClientRect().top < innerHeight);
    await Promise.all(inView.map((image) => image.decode().catch(() => {})));
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 50)));
    const seen = globalThis.shifts ?? [];
    const width = document.documentElement.clientWidth;
    const wide = document.documentElement.scrollWidth > width
      ? [...document.querySelectorAll('main *')].find((element) => element.getBoundingClientRect().right > width + 1)
      : null;
    return {
      mains: document.querySelectorAll('main').length,
      headings: document.querySelectorAll('h1').length,
      overflow: document.documentElement.scrollWidth > width ? (wide?.outerHTML ?? 'the page').slice(0, 120) : '',
      shift: { value: seen.reduce((sum, { value }) => sum + value, 0), what: seen.map(({ what }) => what).join(' | ').slice(0, 300) },
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

const TAGS = { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] };
const COLOURS = { type: 'rule', values: ['color-contrast'] };

export async function accessFaults(page: Page, runOnly = TAGS): Promise<string[]> {
  // the CSP of the page forbids scripts in it; this way in is the debugger's
  if (!(await page.evaluate(`typeof axe !== 'undefined'`))) await page.evaluate(axe.source);
  const found = await page.evaluate<{ id: string; nodes: { html: string; failureSummary: string }[] }[]>(
    `axe.run(document, { runOnly: ${JSON.stringify(runOnly)}, resultTypes: ['violations'], preload: false }).then(({ violations }) => violations)`,
  );
  return found.map(({ id, nodes }) => {
    const [first] = nodes;
    return `${id} (${nodes.length}): ${first?.html.slice(0, 160)} ${first?.failureSummary.split('\n').slice(1, 2).join(' ')}`;
  });
}
