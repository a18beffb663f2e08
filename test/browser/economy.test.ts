import assert from 'node:assert/strict';
import { test } from 'node:test';
import { publishVersion } from '../../src/catalogue/publish.ts';
import { testNode } from '../node.ts';
import { signIn, skip, withChromium } from './chromium.ts';
import { glance } from './faults.ts';
import { fillSite } from './site.ts';

const browser = withChromium();
const DAY_MS = 86_400_000;

test('early access, licences and bounties go by hand, and each page of them is sound', { skip }, async (t) => {
  const node = await testNode(t, { realTime: true });
  const address = await node.start('web', 'worker');
  const { ada, model, post } = await fillSite(node, { postCount: 1 });
  const faults: string[] = [];
  const [maker, asker] = [await browser.open(), await browser.open()];
  const sound = async (window: typeof maker, path: string) => {
    for (const fault of await glance(window, new URL(path, address))) faults.push(`${path} ${fault}`);
  };
  const go = (window: typeof maker, path: string) => window.page.goto(new URL(path, address).href);
  const pathOf = (window: typeof maker) => new URL(window.page.url()).pathname;
  await signIn(maker.page, address, 'ada');
  await signIn(asker.page, address, 'ben');
  await sound(asker, '/bounties');

  // Ada sells a version early and offers a licence
  const early = `/versions/${model.draftVersionId}/early-access`;
  await sound(maker, early);
  await maker.page
    .getByLabel('Opens to everybody (UTC)')
    .fill(new Date(Date.now() + 5 * DAY_MS).toISOString().slice(0, 16));
  await maker.page.getByLabel('For credits').fill('40');
  await maker.page.getByRole('button', { name: 'Save' }).click();
  await maker.page.getByText('In early access until').waitFor();
  await publishVersion(node.workAs(ada), model.draftVersionId);
  await sound(maker, `/licence-offers/model/${model.id}`);
  await maker.page.getByLabel('Name', { exact: true }).fill('Prints');
  await maker.page.getByLabel('Commercial use').check();
  await maker.page.getByLabel('Terms', { exact: true }).fill('Up to a hundred prints.');
  await maker.page.getByRole('button', { name: 'Offer it' }).click();
  await maker.page.getByRole('link', { name: 'Prints' }).waitFor();

  // Ben pays for the one and asks for the other
  await sound(asker, `/models/${model.id}?version=${model.draftVersionId}`);
  await asker.page.getByRole('link', { name: 'Pay 40 credits' }).click();
  await sound(asker, pathOf(asker));
  await asker.page.getByRole('button', { name: 'Pay 40 credits' }).click();
  await asker.page.getByText('You have it.').waitFor();
  await asker.page.getByRole('link', { name: 'Prints' }).click();
  await sound(asker, pathOf(asker));
  await asker.page.getByLabel('What for').fill('A poster');
  await asker.page.getByRole('button', { name: 'Ask for it' }).click();
  await asker.page.waitForURL(/\/licences\//);
  const licence = pathOf(asker);
  await go(maker, licence);
  await maker.page.getByRole('button', { name: 'Grant it' }).click();
  await maker.page.getByText('Granted', { exact: true }).waitFor();
  await sound(asker, licence);
  await sound(maker, '/licences');

  // Ben asks everybody, Ada answers, and Ben gives her the pot
  await sound(asker, '/bounties/new');
  await asker.page.getByLabel('Title').fill('A brass fish');
  await asker.page.getByLabel('What you ask for').fill('Swimming, please.');
  await asker.page.getByLabel('Nobody real').check();
  await asker.page.getByLabel('Public pictures on this node').fill(`/images/${post.imageIds[0]}`);
  await asker.page.getByLabel('Credits', { exact: true }).fill('60');
  await asker.page.getByLabel('Entries until').fill(new Date(Date.now() + 9 * DAY_MS).toISOString().slice(0, 10));
  await asker.page.getByRole('button', { name: 'Open the bounty' }).click();
  await asker.page.waitForURL(/\/bounties\/[0-9a-f]/);
  const bounty = pathOf(asker);
  await go(maker, bounty);
  await maker.page.getByRole('link', { name: 'Enter something' }).click();
  await maker.page.getByLabel('What you made').fill('Here it is.');
  await maker.page.getByLabel('Version of a model').fill(`/versions/${model.draftVersionId}/edit`);
  await maker.page.getByRole('button', { name: 'Save' }).click();
  await maker.page.waitForURL(/#entry-/);
  asker.page.on('dialog', (dialog) => dialog.accept());
  await go(asker, bounty);
  await asker.page.getByRole('button', { name: 'Award the pot' }).click();
  await asker.page.getByText('Awarded 60 credits').waitFor();
  await sound(asker, bounty);
  assert.deepEqual(faults, []);
});
