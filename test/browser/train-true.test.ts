import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { formOf, readEvents, type Studio, studio, trueEngine } from '../compute/studio.ts';
import { signIn, skip as skipBrowser, withChromium } from './chromium.ts';

// From pictures to a style that somebody else's prompt comes out in: the pages, the queue, torch, and a judge of the
// pictures. The gates are those of the engine's own test of the style.
const engine = await trueEngine();
const browser = withChromium();
const TOOL = path.join(import.meta.dirname, '../compute/engine/web_style.py');

interface Verdict {
  readonly distance: number;
  readonly accuracy: number;
}

async function tool(...args: string[]): Promise<string> {
  return (await promisify(execFile)(engine.python, [TOOL, ...args])).stdout;
}

const TRAINING_MS = 600_000;

test('somebody uploads pictures, trains, publishes an epoch, and pictures come out in that style', {
  skip: skipBrowser || engine.skip,
}, async (t) => {
  const its = await studio(t, { python: engine.python });
  const folder = await mkdtemp(path.join(tmpdir(), 'style-'));
  t.after(() => rm(folder, { recursive: true }));
  await tool('pack', path.join(folder, 'night.zip'));

  const { page, problems } = await browser.open();
  await signIn(page, its.address, 'ada');
  await page.goto(new URL('/train', its.address).href);
  await page.locator('input[name="name"]').fill('Night');
  await page.getByRole('button', { name: 'Begin', exact: true }).click();
  await page.waitForURL(/\/datasets\//);
  await page.locator('input[name="archiveFile"]').setInputFiles(path.join(folder, 'night.zip'));
  await page.locator('input[type="hidden"][name="archive"]').waitFor({ state: 'attached' });
  await page.getByRole('button', { name: 'Take in' }).click();
  await page.getByText('24 pictures').first().waitFor({ timeout: 60_000 });
  const setUrl = new URL(page.url()).pathname;

  await page.goto(new URL(`${setUrl}/train`, its.address).href);
  await page.locator('.base-choice', { hasText: 'Tiny Shapes' }).click();
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.locator('.fold > summary').click();
  for (const [name, value] of Object.entries({
    ...{ trigger: 'zzstyle', epochs: '1', repeats: '70', batch: '8', rank: '16', alpha: '16', conv_rank: '16' },
    ...{ unet_lr: '0.003', te_lr: '0', min_snr_gamma: '5', noise_offset: '0', caption_dropout: '0.1', seed: '3' },
  })) {
    await page.locator(`[name="${name}"]`).fill(value);
  }
  await page.locator('[name="lr_schedule"]').selectOption('constant');
  await page.locator('[name="optimizer"]').selectOption('adamw');
  await page.locator('[name="flip"]').setChecked(false);
  await page.locator('[name="samples_prompts"]').fill('zzstyle a red circle');
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.locator('[name="rightsKind"][value="own"]').check();
  await page.locator('[name="rights"]').check();
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.waitForURL(/\/train\/[0-9a-f-]{36}$/);
  const runUrl = new URL(page.url()).pathname;
  await page.locator('t-live').waitFor();
  await page.locator('.epoch', { hasText: 'Epoch' }).first().waitFor({ timeout: TRAINING_MS });
  assert.equal(await page.locator('.loss-line').count(), 1);
  const sample = await page.locator('.epoch .sample img').first().boundingBox();
  assert.ok(sample && sample.height > 50, `a sample that nobody sees: ${JSON.stringify(sample)}`);
  await page.getByRole('link', { name: 'Publish' }).first().click();
  await page.locator('[name="name"]').fill('Night style');
  await page.locator('button[value="publish"]').click();
  await page.waitForURL(/\/models\/\d+/);
  assert.match((await page.textContent('h1')) ?? '', /Night style/);
  assert.deepEqual(problems(), []);
  assert.match(runUrl, /^\/train\//);

  const loraId = await publishedFile(its);
  await makePictures(its, path.join(folder, 'base'), null);
  await makePictures(its, path.join(folder, 'lora'), loraId);
  const [base, lora] = JSON.parse(await tool('judge', path.join(folder, 'base'), path.join(folder, 'lora'))) as [
    Verdict,
    Verdict,
  ];
  assert.ok(lora.distance <= 0.3 * base.distance, `distance ${base.distance} → ${lora.distance}`);
  assert.ok(lora.accuracy >= 0.8, `accuracy ${lora.accuracy}`);
});

async function publishedFile({ node }: Studio): Promise<number> {
  const file = await node.orm.em.fork().findOneOrFail<{ id: number }>('ModelFile', {
    version: { model: { name: 'Night style' } },
  } as object);
  return file.id;
}

/** Four of each colour and shape, through the form and the queue, as PNGs in `folder`. */
async function makePictures(its: Studio, folder: string, loraId: number | null): Promise<void> {
  await mkdir(folder);
  let n = 0;
  for (const colour of ['red', 'green', 'blue']) {
    for (const shape of ['circle', 'square', 'triangle']) {
      const lora = loraId === null ? {} : { lora: String(loraId), [`weight-${loraId}`]: '1' };
      const { location } = await its.browser.post(
        '/generate',
        formOf(its.checkpoint, {
          ...{ prompt: `zzstyle a ${colour} ${shape}`, steps: '15', sampler: 'DDIM', count: '4' },
          ...{ seed: String(1000 + n), ...lora },
        }),
      );
      assert.equal((await readEvents(its.browser, `${location}/events`)).at(-1)?.event, 'done');
      const page = await its.browser.get(location);
      const urls = [...page.text.matchAll(/href="(\/generate\/images\/[0-9a-f-]+)" aria-label/g)].map(([, url]) => url);
      assert.equal(urls.length, 4, page.text);
      const cookie = [...its.browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      for (const url of urls) {
        const answer = await fetch(new URL(url ?? '', its.address), { headers: { cookie } });
        await writeFile(
          path.join(folder, `${String(n).padStart(2, '0')}.png`),
          Buffer.from(await answer.arrayBuffer()),
        );
        n += 1;
      }
    }
  }
}
