import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testNode } from '../node.ts';
import { DESKTOP, PHONE, signIn, skip, withChromium } from './chromium.ts';
import { glance } from './faults.ts';
import { fillSite } from './site.ts';

const browser = withChromium();
const HOUR_MS = 3_600_000;

test('what is brought is reviewed by keys, and a contest goes from its rules to its result', { skip }, async (t) => {
  const node = await testNode(t, { realTime: true });
  const address = await node.start('web', 'worker');
  const { model } = await fillSite(node, { postCount: 1 });
  const faults: string[] = [];
  const keeper = await browser.open({ viewport: DESKTOP, colorScheme: 'dark' });
  const maker = await browser.open({ viewport: PHONE, colorScheme: 'light' });
  const sound = async (window: typeof maker, path: string) => {
    for (const fault of await glance(window, new URL(path, address))) faults.push(`${path} ${fault}`);
  };
  const go = (window: typeof maker, path: string) => window.page.goto(new URL(path, address).href);
  const at = (hours: number) => new Date(node.clock.now().getTime() + hours * HOUR_MS).toISOString().slice(0, 16);
  await signIn(keeper.page, address, 'ben');
  await signIn(maker.page, address, 'ada');
  await sound(keeper, '/contests');

  // Ben opens a collection to everybody, and looks at what comes first
  await go(keeper, '/collections');
  await keeper.page.getByLabel('Name').fill('Ink');
  await keeper.page.getByLabel('Anyone who is signed in here').check();
  await keeper.page.getByLabel('Waits until you or a manager approve it').check();
  await keeper.page.getByRole('button', { name: 'Make it' }).click();
  await keeper.page.waitForURL(/\/collections\/\d+$/);
  const shelf = new URL(keeper.page.url()).pathname;
  await sound(keeper, `${shelf}/people`);
  await keeper.page.getByLabel('Name').pressSequentially('ad');
  await keeper.page.getByRole('option', { name: /ada/ }).click();
  assert.match(await keeper.page.getByLabel('Name').inputValue(), /^@ada/);
  await keeper.page.getByRole('button', { name: 'Invite' }).click();
  await keeper.page.getByText('Take back').waitFor();

  await go(maker, shelf);
  await maker.page.getByRole('button', { name: 'Accept' }).click();
  await go(maker, `/collections?model=${model.id}`);
  await maker.page.getByRole('button', { name: 'Hand in: Ink' }).click();
  await maker.page.getByText('Waits for review').waitFor();
  await sound(maker, `${shelf}/mine`);
  await sound(keeper, `${shelf}/review`);
  await keeper.page.keyboard.press('j');
  await keeper.page.keyboard.press('a');
  await keeper.page.getByText('One thing is decided.').waitFor();
  await sound(keeper, shelf);

  // then he keeps a contest
  await go(keeper, '/collections');
  await keeper.page.getByLabel('Name').fill('Ink month');
  await keeper.page.getByRole('button', { name: 'Make it' }).click();
  await keeper.page.waitForURL(/\/collections\/\d+$/);
  const contest = new URL(keeper.page.url()).pathname;
  await sound(keeper, `${contest}/contest`);
  await keeper.page.getByLabel('Rules').fill('Use ink.');
  await keeper.page.getByLabel('Opens').fill(at(1));
  await keeper.page.getByLabel('Closes').fill(at(30));
  await keeper.page.getByRole('button', { name: 'Save' }).click();
  await keeper.page.getByText('Opens soon').waitFor();

  node.clock.pass(2 * HOUR_MS);
  await sound(maker, contest);
  await go(maker, `/collections?model=${model.id}`);
  await maker.page.getByRole('button', { name: 'Put in: Ink month' }).click();
  await maker.page.getByRole('button', { name: 'Take back: Ink month' }).waitFor();
  await sound(maker, `${contest}/entries`);

  node.clock.pass(30 * HOUR_MS);
  await sound(keeper, `${contest}/result`);
  await keeper.page.getByLabel('Place').fill('1');
  await keeper.page.getByLabel('Award').fill('Golden brush');
  keeper.page.once('dialog', (dialog) => dialog.accept());
  await keeper.page.getByRole('button', { name: 'Publish the result' }).click();
  await keeper.page.getByText('Golden brush').waitFor();
  await sound(maker, contest);
  await sound(maker, '/contests?show=ended');
  await maker.page.getByText('Ink month').waitFor();
  assert.deepEqual(faults, []);
});
