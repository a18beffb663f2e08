import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { trueEngine } from '../compute/studio.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { type TestNode, testNode } from '../node.ts';
import { infotext, picture } from './art.ts';
import { DESKTOP, skip, until, withChromium } from './chromium.ts';
import { dropFiles } from './drop.ts';

const browser = withChromium();

// One story in the order in which it happens: each part stands on the one before it.
test('a node from its first minute to a generated picture that names its model', { skip }, async (t) => {
  const engine = await trueEngine();
  const site = await testNode(t, {
    realTime: true,
    env: engine.skip ? {} : { ENGINE: 'diffusers', ENGINE_PYTHON: engine.python, TESSERA_TEST_FAMILIES: 'true' },
  });
  const address = await site.start('web', 'worker', 'gpu');
  const story = await tell(site, address);
  let isBroken = false;
  for (const [name, part] of Object.entries(story.parts)) {
    const why = isBroken ? 'the story broke off before this' : part === story.generate ? engine.skip : false;
    await t.test(name, { skip: why }, async () => {
      isBroken = true;
      await part().catch(async (error) => {
        throw new Error(`${String(error)}\n${await story.whereabouts()}`);
      });
      assert.deepEqual(story.problems(), [], 'errors in the browser');
      isBroken = false;
    });
  }
});

interface Story {
  readonly parts: Readonly<Record<string, () => Promise<void>>>;
  /** The part that needs an engine. */
  generate(): Promise<void>;
  problems(): string[];
  whereabouts(): Promise<string>;
}

async function tell(site: TestNode, address: URL): Promise<Story> {
  const first = await browser.open({ viewport: DESKTOP });
  // a post is sent unrated once, to see that it is refused
  const second = await browser.open({ viewport: DESKTOP, expected: /^422 .*\/publication$/ });
  const { page } = second;
  const open = (to: string, where: Page = page) => where.goto(new URL(to, address).href);
  let imageUrl = '';

  const setUp = async () => {
    const link = /http\S+\/setup\?token=\S+/.exec(await site.node.greeting(address))?.[0] ?? '';
    await first.page.goto(link);
    await first.page.getByLabel('Name', { exact: true }).fill('olga');
    await first.page.getByLabel('E-mail address').fill('olga@example.org');
    await first.page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await first.page.getByLabel('Name of the node').fill('Mosaic');
    await first.page.getByLabel('Contact').fill('owner@example.org');
    await first.page.getByLabel('Everybody').check();
    await first.page.getByRole('button', { name: 'Open the node' }).click();
    await first.page.waitForURL((url) => url.pathname !== '/setup');
    await first.page.locator('.brand', { hasText: 'Mosaic' }).waitFor();
    assert.equal((await open('/admin', first.page))?.status(), 200);
  };

  const signUp = async () => {
    await open('/');
    await page.getByRole('link', { name: 'Join' }).first().click();
    await page.getByLabel('Name', { exact: true }).fill('ada');
    await page.getByLabel('E-mail address').fill('ada@example.org');
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    const question = page.getByLabel(/What is \w+ plus \w+\?/);
    const [, a = '', b = ''] = /What is (\w+) plus (\w+)\?/.exec(await textOf(page, 'main')) ?? [];
    await question.fill(String(NUMBERS.indexOf(a) + NUMBERS.indexOf(b)));
    await page.getByLabel(/I have read the rules/).check();
    await page.getByLabel(/I am at least 18/).check();
    // what is sent at once was not sent by a person
    await page.waitForTimeout(3_000);
    await page.getByRole('button', { name: 'Join' }).click();
    await page.waitForURL((url) => url.pathname !== '/sign-up');
    await page.locator('.menu.account summary').click();
    await page.locator('.menu.account').getByRole('link', { name: 'Profile' }).click();
    await page.waitForURL(/\/@ada$/);
  };

  const publishLora = async () => {
    await open('/upload');
    await dropFiles(page, 't-dropzone', [{ name: 'brasswork.safetensors', bytes: LORA }]);
    await page.locator('.upload.done').waitFor();
    await page.getByRole('button', { name: 'Go on to the form' }).click();
    await page.waitForURL(/\/versions\/\d+\/edit/);
    const found = page.locator('.detected');
    await found.waitFor();
    const facts = await textOf(page, '.detected');
    assert.match(facts, /LORA\s+from /i);
    assert.match(facts, /SD 1\.5\s+from .*ss_base_model_version/);
    assert.equal(await page.getByLabel('Type', { exact: true }).inputValue(), 'LORA');
    assert.equal(await page.getByLabel('Base model').inputValue(), 'SD 1.5');
    assert.match(await page.getByLabel('Trigger words').inputValue(), /brasswork/);

    await page.getByLabel('Name', { exact: true }).fill('Brasswork Style');
    await page.getByLabel('Description').fill('Polished **brass** and small gears.');
    await page.getByLabel('Tags').fill('brass, style');
    await page.getByRole('button', { name: 'Publish', exact: true }).click();
    await page.waitForURL(/\/models\/\d+/);
    await page.getByRole('heading', { level: 1, name: 'Brasswork Style' }).waitFor();
    await page
      .locator('.model-words')
      .getByRole('button', { name: /brasswork/ })
      .waitFor();
  };

  const publishCheckpoint = async () => {
    await open('/upload');
    await dropFiles(page, 't-dropzone', [{ name: 'tiny-base.safetensors', bytes: await CHECKPOINT }]);
    await page.locator('.upload.done').waitFor();
    await page.getByRole('button', { name: 'Go on to the form' }).click();
    await page.locator('.detected').waitFor();
    await page.getByLabel('Name', { exact: true }).fill('Tiny Shapes');
    await page.getByLabel('Type', { exact: true }).selectOption('Checkpoint');
    await page.getByLabel('Base model').selectOption('Other');
    await page.getByRole('button', { name: 'Publish', exact: true }).click();
    await page.waitForURL(/\/models\/\d+/);
    await page.getByRole('heading', { level: 1, name: 'Tiny Shapes' }).waitFor();
  };

  const postPicture = async () => {
    const autoV2 = createHash('sha256')
      .update(await CHECKPOINT)
      .digest('hex')
      .slice(0, 10);
    const bytes = await picture(7, { parameters: infotext('tiny-base', autoV2, PROMPT) });
    await open('/upload/images');
    await dropFiles(page, 't-pictures', [{ name: 'owl.png', bytes }]);
    await page.waitForURL(/\/posts\/\d+\/edit/);
    assert.match(await textOf(page, '.picture-row'), /brass owl/);

    await page.getByRole('button', { name: 'Publish', exact: true }).click();
    await page.getByText('Choose a rating for this picture.').first().waitFor();
    await page.getByRole('radio', { name: 'PG', exact: true }).check();
    await page.getByLabel('Description for those who cannot see it').fill('An owl of brass');
    await page.getByLabel('Title').fill('The owl');
    await page.getByRole('button', { name: 'Publish', exact: true }).click();
    await page.waitForURL(/\/posts\/\d+$/);
    await site.settle();
  };

  const seeRecipe = async () => {
    await page.reload();
    await page.getByRole('img', { name: 'An owl of brass' }).first().waitFor();
    imageUrl = new URL((await page.locator('main a[href^="/images/"]').first().getAttribute('href')) ?? '', address)
      .pathname;
    await open(imageUrl);
    const text = await textOf(page, 'main');
    assert.match(text, /a brass owl on a shelf/);
    assert.match(text, /DPM\+\+ 2M/);
    assert.match(text, /1234567890/);
    await page
      .locator('main')
      .getByRole('link', { name: /Tiny Shapes/ })
      .first()
      .click();
    await page.getByRole('heading', { level: 1, name: 'Tiny Shapes' }).waitFor();
  };

  const search = async () => {
    await open('/about');
    await page.keyboard.press('Control+k');
    await page.keyboard.type('brasswork');
    await page
      .locator('#quick-results')
      .getByRole('option', { name: /Brasswork Style/ })
      .first()
      .waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/models\/\d+/);

    await open('/search');
    await page.locator('#search-q').fill('owl');
    await page.locator('#search-q').press('Enter');
    await page.waitForURL(/q=owl/);
    await page.locator(`#results a[href^="${imageUrl}"]`).first().waitFor();
  };

  const seeGallery = async () => {
    await open('/models');
    await page
      .getByRole('link', { name: /Tiny Shapes/ })
      .first()
      .click();
    const tile = page.locator('#gallery').getByRole('img', { name: 'An owl of brass' });
    await tile.scrollIntoViewIfNeeded();
    await until(page, `document.querySelector('#gallery img:not(.blur)')?.naturalWidth > 0`);
  };

  const generate = async () => {
    await page.locator('.model-acts').getByRole('link', { name: 'Generate' }).click();
    await page.waitForURL(/\/generate/);
    await page.getByLabel('Prompt', { exact: true }).fill('a red circle');
    const smallest = page.locator('input[name="size"]').first();
    await smallest.check({ force: true });
    await page.locator('input[name="steps"]').last().fill('12');
    await page.getByLabel('Prompt', { exact: true }).press('Control+Enter');
    await page.waitForURL(/\/generate\/[0-9a-f-]+/);
    await page.locator('.result img').first().waitFor({ timeout: 120_000 });
    await until(page, `document.querySelector('.result img').naturalWidth > 0`);

    await page.locator('#chosen').getByRole('button', { name: 'Post' }).click();
    await page.waitForURL(/\/(posts|images)\/\d+/);
    await site.settle();
    await page.reload();
    const posted =
      (await page.locator('main a[href^="/images/"]').first().getAttribute('href')) ?? new URL(page.url()).pathname;
    await open(posted);
    await page
      .locator('main')
      .getByRole('link', { name: /Tiny Shapes/ })
      .first()
      .click();
    await page.waitForURL(/\/models\/\d+/);
    assert.equal(await page.locator('#gallery a[href^="/images/"]').count(), 2);
  };
  return {
    parts: {
      'the link of the first start makes the owner and opens the node': setUp,
      'somebody signs up and is in': signUp,
      'a dropped LoRA is read, and the form says what was found and where': publishLora,
      'a dropped checkpoint becomes a model': publishCheckpoint,
      'a picture with the text of A1111 is rated and posted': postPicture,
      'its page shows the recipe, and names the model by its hash': seeRecipe,
      'the model and the picture are found by Ctrl+K and on the search page': search,
      'the page of the model shows the picture': seeGallery,
      'the model generates, with live progress, and one click posts the result': generate,
    },
    generate,
    problems: () => [...first.problems(), ...second.problems()],
    whereabouts: async () => {
      const text = await textOf(page, 'body');
      return `at ${page.url()}: ${text.slice(0, 900)}`;
    },
  };
}

const textOf = async (page: Page, selector: string): Promise<string> =>
  (await page.locator(selector).allInnerTexts()).join('\n');

const PASSWORD = 'correct horse battery';
const PROMPT = 'a brass owl on a shelf, soft light';
const NUMBERS = 'zero one two three four five six seven eight nine ten eleven twelve'.split(' ');
const LORA = kohyaLoraSd1({ name: 'brasswork' });
const CHECKPOINT = readFile(path.join(import.meta.dirname, '../fixtures/tiny-base.safetensors'));
