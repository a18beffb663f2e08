import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lineage, type ModelFile, ModelVersion } from '../../src/catalogue/model.ts';
import { newId } from '../../src/kit/ids.ts';
import { fakePython, givenTinyModel, SHORT, studio } from '../compute/studio.ts';
import { signIn, skip, withChromium } from './chromium.ts';
import { glance } from './faults.ts';

const browser = withChromium();

test('models are merged by keys alone, and what was made is drawn with its parents', { skip }, async (t) => {
  const its = await studio(t, { python: await fakePython(t), limits: SHORT });
  const { em, node, address, checkpoint } = its;
  const other = await givenTinyModel(
    em,
    node.files,
    'tiny-base',
    'Checkpoint',
    'Other Shapes with a name that is long',
  );
  const third = await givenTinyModel(em, node.files, 'tiny-base', 'Checkpoint', 'Third Shapes');
  const edge = (child: ModelFile, parent: ModelFile, basis: Lineage['basis']) =>
    em.create(
      Lineage,
      {
        ...{ id: newId(), kind: 'merged_from', basis, weight: 0.5, parentName: '' },
        child: em.getReference(ModelVersion, child.version.id),
        parent: em.getReference(ModelVersion, parent.version.id),
      },
      { persist: true },
    );
  edge(checkpoint, other, 'file');
  edge(other, third, 'owner');
  await em.flush();
  const window = await browser.open();
  const { page, problems } = window;
  await signIn(page, address, 'ada');
  assert.deepEqual(await glance(window, new URL('/merge', address)), []);
  assert.deepEqual(await glance(window, new URL(`/merge?a=${checkpoint.id}&b=${other.id}&fill=grad-v`, address)), []);

  await page.goto(new URL('/merge', address).href);
  for (const [name, letter] of [
    ['Tiny Shapes', 'A'],
    ['Other Shapes with a name that is long', 'B'],
  ] as const) {
    await page.getByRole('button', { name: `Take ${name} as ${letter}` }).press('Enter');
    await page.getByRole('button', { name: `Take ${name} out` }).waitFor();
  }
  await page.getByText('Weights by block').press('Enter');
  await page.getByRole('button', { name: 'Grad V' }).press('Enter');
  await page.locator('[name="block-M00"][value="0"]').waitFor();
  await page.getByLabel('Share of B').focus();
  for (let n = 0; n < 5; n += 1) await page.keyboard.press('ArrowDown');
  await page.getByLabel('Name of what is made').fill('Keys alone');
  await page.getByRole('button', { name: 'Merge', exact: true }).press('Enter');
  await page.waitForURL(/\/merge\/[0-9a-f-]{36}$/);
  await page.getByRole('link', { name: 'Publish this merge' }).waitFor();
  assert.match((await page.textContent('main')) ?? '', /× 0\.55[\s\S]*× 0\.45/);
  assert.deepEqual(await glance(window, new URL(page.url())), []);
  await page.getByRole('link', { name: 'Publish this merge' }).press('Enter');
  await page.waitForURL(/\/publish$/);
  assert.deepEqual(await glance(window, new URL(page.url())), []);
  await page.locator('button[value="publish"]').press('Enter');
  await page.waitForURL(/\/models\/\d+/);
  // drawn on a desk, and told in a list to everybody
  await page.setViewportSize({ width: 1440, height: 900 });
  assert.equal(await page.locator('.lineage-graph svg path').count(), 4);
  assert.equal(await page.locator('.lineage-graph a').count(), 3);
  assert.match((await page.textContent('#lineage')) ?? '', /2 steps away · merged from Third Shapes/);
  await page.setViewportSize({ width: 390, height: 800 });
  assert.equal(await page.locator('.lineage-graph').isVisible(), false);
  assert.deepEqual(await glance(window, new URL(page.url())), []);
  assert.deepEqual(problems(), []);
});
