import assert from 'node:assert/strict';
import { test } from 'node:test';

import { testNode } from '../node.ts';
import { drawn } from '../safety/drawings.ts';
import { PHONE, signIn, skip, withChromium } from './chromium.ts';
import { look, WATCH_SHIFTS } from './faults.ts';
import { fillSite } from './site.ts';

const browser = withChromium();

test('the node is an app: installed, read without a network, and given pictures by other apps', { skip }, async (t) => {
  const node = await testNode(t, { realTime: true });
  const address = await node.start('web', 'worker');
  const { post } = await fillSite(node, { postCount: 1 });
  const window = await browser.open({
    serviceWorkers: 'allow',
    viewport: PHONE,
    expected: /ERR_INTERNET_DISCONNECTED/,
  });
  const { page, context } = window;
  await page.addInitScript(WATCH_SHIFTS);
  const go = (path: string) => page.goto(new URL(path, address).href);
  await signIn(page, address, 'ada');

  // what the browser itself says of the manifest
  const devtools = await context.newCDPSession(page);
  const { errors, data } = await devtools.send('Page.getAppManifest');
  assert.deepEqual(errors, []);
  const manifest = JSON.parse(data ?? '{}');
  assert.deepEqual(
    [manifest.name, manifest.display, manifest.share_target.action],
    ['Tessera', 'standalone', '/share'],
  );
  for (const { src } of manifest.icons) assert.equal((await fetch(new URL(src, address))).status, 200, src);
  assert.deepEqual(await look(window, new URL('/offline', address)), []);
  await page.setViewportSize(PHONE);

  // seen once, read again without a network
  await page.evaluate(
    'navigator.serviceWorker.ready.then(() => navigator.serviceWorker.controller || new Promise((done) => navigator.serviceWorker.addEventListener("controllerchange", done)))',
  );
  await go('/models');
  await page.getByRole('link', { name: 'Ink Wash' }).first().waitFor();
  await page.waitForFunction('caches.open("seen-1").then((seen) => seen.match("/models")).then(Boolean)');
  await context.setOffline(true);
  await go('/models');
  await page.getByText('You are offline, or this node is.').waitFor();
  assert.ok(await page.getByRole('link', { name: 'Ink Wash' }).first().isVisible());
  assert.ok(
    await page.evaluate(
      '[...document.querySelectorAll(".cards img, .card img")].some((image) => image.naturalWidth > 0)',
    ),
    'its pictures too',
  );
  await go('/transparency');
  await page.getByText('This page was not opened here before.').waitFor();
  await context.setOffline(false);
  await go('/models');
  assert.equal(await page.getByText('You are offline, or this node is.').count(), 0);

  // pictures are swiped through
  const [first, second] = post.imageIds;
  await devtools.send('Emulation.setTouchEmulationEnabled', { enabled: true });
  const swipe = async (from: number, to: number) => {
    const at = (x: number) => ({ touchPoints: [{ x, y: 240 }] });
    await devtools.send('Input.dispatchTouchEvent', { type: 'touchStart', ...at(from) });
    await devtools.send('Input.dispatchTouchEvent', { type: 'touchMove', ...at((from + to) / 2) });
    await devtools.send('Input.dispatchTouchEvent', { type: 'touchMove', ...at(to) });
    await devtools.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
  };
  await go(`/images/${first}`);
  await swipe(320, 60);
  await page.waitForURL(new RegExp(`/images/${second}$`));
  // the script of the page hears it, no sooner
  await page.waitForFunction(`customElements.get('t-lightbox') !== undefined && document.readyState === 'complete'`);
  await swipe(60, 320);
  await page.waitForURL(new RegExp(`/images/${first}$`));
  await devtools.send('Emulation.setTouchEmulationEnabled', { enabled: false });

  // what the node says while nobody looks, as its browser's push service hands it over
  await context.grantPermissions(['notifications'], { origin: address.origin });
  const registration = new Promise<string>((done) =>
    devtools.on(
      'ServiceWorker.workerRegistrationUpdated',
      ({ registrations: [one] }) => one && done(one.registrationId),
    ),
  );
  await devtools.send('ServiceWorker.enable');
  const message = { title: 'Your pictures are done', body: '', url: '/jobs', tag: 'generation' };
  await devtools.send('ServiceWorker.deliverPushMessage', {
    ...{ origin: address.origin, registrationId: await registration, data: JSON.stringify(message) },
  });
  await page.waitForFunction(
    `navigator.serviceWorker.ready.then((it) => it.getNotifications()).then((all) => all.some(({ title, data }) => title === ${JSON.stringify(message.title)} && data.url === '/jobs'))`,
  );

  // a picture from the gallery of the phone, as the system sends it
  const bytes = [...(await drawn(7, 96, 64))];
  await page.evaluate(`(() => {
    const form = Object.assign(document.createElement('form'), { action: '/share', method: 'post', enctype: 'multipart/form-data' });
    const input = Object.assign(document.createElement('input'), { type: 'file', name: 'files' });
    const files = new DataTransfer();
    files.items.add(new File([new Uint8Array(${JSON.stringify(bytes)})], 'from phone.png', { type: 'image/png' }));
    input.files = files.files;
    form.append(input);
    document.body.append(form);
    form.submit();
  })()`);
  await page.waitForURL(/\/posts\/\d+\/edit/);
  await page.getByText('from phone.png').or(page.locator('#picture-list > li')).first().waitFor();
  assert.equal(await page.locator('#picture-list > li').count(), 1);

  // whoever signs out leaves nothing of what they saw
  await page.evaluate(
    `(() => { const form = Object.assign(document.createElement('form'), { action: '/sign-out', method: 'post' }); document.body.append(form); form.submit(); })()`,
  );
  await page.waitForFunction(
    'caches.keys().then((names) => !names.includes("seen-1") || caches.open("seen-1").then((seen) => seen.match("/models")).then((one) => !one))',
  );
  assert.deepEqual(window.problems(), []);
});
