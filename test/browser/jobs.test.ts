import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TrainingRun } from '../../src/compute/training/model.ts';
import { fakePython, SHORT, studio } from '../compute/studio.ts';
import { givenTraining } from '../compute/trainings.ts';
import { until } from '../kit/queue-setup.ts';
import { DESKTOP, PHONE, signIn, skip, withChromium } from './chromium.ts';

const browser = withChromium();

test('the search of jobs is folded on a phone and open on a desk; the labels of a loss stay inside its panel', {
  skip,
}, async (t) => {
  const all = await studio(t, { python: await fakePython(t), limits: SHORT });
  const { address, node } = all;
  const { id } = await givenTraining(node, all.workAs(all.ada), String(all.checkpoint.id), { steps: 12 });
  const run = () => node.orm.em.fork().findOneOrFail(TrainingRun, id);
  await until('the training ended', async () => (await run()).finishedAt !== null);
  await node.orm.em.fork().nativeUpdate(
    TrainingRun,
    { id },
    {
      lossSeries: [
        [1, 0.00123],
        [6, 0.001],
        [12, 0.000321],
      ],
    },
  );
  const window = await browser.open();
  const { page } = window;
  await signIn(page, address, 'ada');
  const words = page.getByRole('searchbox', { name: 'Words of the prompt or name' });

  await page.goto(new URL('/jobs', address).href);
  assert.equal(await words.isVisible(), true);
  assert.equal(await page.getByText('Search your jobs').isVisible(), false);
  await page.setViewportSize(PHONE);
  assert.equal(await words.isVisible(), false);
  await page.getByText('Search your jobs').click();
  await words.fill('my style');
  await words.press('Enter');
  await page.locator('.job').waitFor();
  assert.equal(await words.inputValue(), 'my style');
  assert.equal(await words.isVisible(), true, 'it stays open while it filters');

  for (const size of [PHONE, DESKTOP]) {
    await page.setViewportSize(size);
    await page.goto(new URL(`/train/${id}`, address).href);
    const panel = await page.locator('.panel:has(.loss)').boundingBox();
    assert.ok(panel);
    for (const label of await page.locator('.loss text').all()) {
      const box = await label.boundingBox();
      const isInside =
        box && box.x > panel.x + 2 && box.x + box.width < panel.x + panel.width - 2 && box.y > panel.y + 2;
      assert.ok(isInside, `${size.width}: ${await label.textContent()} ${JSON.stringify({ box, panel })}`);
    }
    await page.goto(new URL('/jobs', address).href);
  }
  assert.deepEqual(window.problems(), []);
});
