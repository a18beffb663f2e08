import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../accounts/browser.ts';
import { testNode } from '../node.ts';
import { signIn, skip, withChromium } from './chromium.ts';
import { glance } from './faults.ts';
import { fillSite } from './site.ts';

const browser = withChromium();

test('the bell counts while one looks elsewhere, its page leads on, and what tells of it is chosen on sound pages', {
  skip,
}, async (t) => {
  const node = await testNode(t, { realTime: true, env: { PUBLIC_URL: 'https://node.example' } });
  const address = await node.start('web', 'worker');
  const { post } = await fillSite(node, { postCount: 1 });
  const ben = new Browser(address);
  await ben.signIn('ben');
  const say = (text: string) => ben.post(`/images/${post.imageIds[0]}/comments`, { text });
  await say('This one.');
  await node.settle();

  const window = await browser.open({ serviceWorkers: 'allow' });
  const { page } = window;
  const sound = async (path: string) => assert.deepEqual(await glance(window, new URL(path, address)), [], path);
  const bell = (name: string) => page.getByRole('link', { name, exact: true });
  await signIn(page, address, 'ada');
  await page.goto(new URL('/images', address).href);
  await bell('2 unread notifications').waitFor();
  await say('And this again.');
  await bell('3 unread notifications').waitFor();
  await sound('/notifications');
  await page.getByRole('link', { name: /ben commented on your picture/ }).click();
  await page.getByText('And this again.').first().waitFor();
  await page.goto(new URL('/notifications', address).href);
  await page.getByRole('button', { name: 'Mark all as read' }).click();
  await bell('Notifications').first().waitFor();
  await sound('/notifications?show=unread');

  await sound('/settings/notifications');
  await page.getByLabel('Somebody likes something of yours: Here').uncheck();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('status').first().waitFor();
  assert.equal(await page.getByLabel('Somebody likes something of yours: Here').isChecked(), false);

  await sound('/settings/webhooks');
  await page.getByLabel('Address').fill('https://hooks.example/in');
  await page.getByLabel(/A new model/).check();
  await page.getByRole('button', { name: 'Make it' }).click();
  await page.getByText(/whsec_/).waitFor();
  await sound(new URL(page.url()).pathname);
});
