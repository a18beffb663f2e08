import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before } from 'node:test';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Why the tests of this folder cannot run here, or false. CI has a browser, so there they run, and fail without one. */
export const skip: string | false =
  existsSync(executablePath) || process.env.CI === 'true'
    ? false
    : `there is no Chromium at ${executablePath}: install it, or say in CHROMIUM where it is`;

export interface Window {
  readonly context: BrowserContext;
  readonly page: Page;
  /** What went wrong in its pages since the last look: errors, refused requests, broken policy. */
  problems(): string[];
}

export interface WindowOptions extends BrowserContextOptions {
  /** Answers that are no problem here, as a 404 that the test asks for. */
  readonly expected?: RegExp;
}

/** One browser for all tests of a file. */
export function withChromium(): { open(options?: WindowOptions): Promise<Window> } {
  let browser: Browser | undefined;
  before(async () => {
    if (skip) return;
    const quiet = 'no-first-run disable-gpu disable-background-networking disable-component-update disable-sync';
    const args = ['--no-sandbox', ...quiet.split(' ').map((name) => `--${name}`)];
    browser = await chromium.launch({ executablePath, args });
  });
  after(() => browser?.close());
  return {
    open: async ({ expected, ...options } = {}) => {
      assert.ok(browser);
      const context = await browser.newContext({
        viewport: DESKTOP,
        colorScheme: 'dark',
        reducedMotion: 'reduce',
        // what is answered from a store hides what the node answers; app.test.ts has it
        serviceWorkers: 'block',
        ...options,
      });
      context.setDefaultTimeout(15_000);
      const page = await context.newPage();
      return { context, page, problems: watch(page, expected) };
    },
  };
}

export const PHONE = { width: 390, height: 844 };
export const DESKTOP = { width: 1440, height: 900 };

function watch(page: Page, expected?: RegExp): () => string[] {
  const found: string[] = [];
  const note = (text: string) => {
    if (!expected?.test(text)) found.push(text);
  };
  page.on('console', (message) => {
    // a status is noted below, with its address; what was asked while somebody typed is given up when they go on
    const isNoted = /^(?:Failed to load resource|htmx:(?:sendAbort|afterRequest)\b)/.test(message.text());
    if (message.type() === 'error' && !isNoted) note(message.text());
  });
  page.on('pageerror', (error) => note(String(error)));
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText ?? '';
    // the page was left, or a lazy picture was no longer wanted
    if (reason !== 'net::ERR_ABORTED') note(`${reason} ${request.url()}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) note(`${response.status()} ${new URL(response.url()).pathname}`);
  });
  return () => found.splice(0);
}

/** Signs in by the form, as a person does. */
export async function signIn(
  page: Page,
  address: URL,
  name: string,
  password = 'correct horse battery',
): Promise<void> {
  await page.goto(new URL('/sign-in', address).href);
  await page.getByLabel('Name', { exact: false }).first().fill(name);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.locator('main form.form button.primary').click();
  await page.waitForURL((url) => url.pathname !== '/sign-in');
}

/** Waits until an expression is true in the page. Playwright's own way evaluates text there, which the CSP forbids. */
export async function until(page: Page, expression: string, patienceMs = 15_000): Promise<void> {
  for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await page.waitForTimeout(20)) {
    if (await page.evaluate<boolean>(expression)) return;
  }
  assert.fail(`It never became true in ${page.url()}: ${expression}`);
}
