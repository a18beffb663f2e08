import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { Account } from '../../src/accounts/model.ts';
import { loadProfileHeader } from '../../src/accounts/profile/header.ts';
import { givenMember, givenSettings } from '../factories/accounts.ts';
import { testNode } from '../node.ts';
import { Browser } from './browser.ts';

type Context = Parameters<typeof testNode>[0];

async function member(t: Context) {
  const node = await testNode(t);
  const browser = new Browser(await node.start('web'));
  const ada = await givenMember(node.em, 'ada');
  await browser.signIn('ada');
  const now = () => node.em.fork().findOneOrFail(Account, ada.id);
  return { ...node, browser, ada, now };
}

const photo = () =>
  sharp({ create: { width: 900, height: 300, channels: 3, background: '#c62' } })
    .jpeg()
    .withExifMerge({ IFD0: { Make: 'SecretCam' }, IFD3: { GPSLatitude: '1/1 2/1 3/1' } })
    .toBuffer();

test('a profile keeps name, text and links; empty rows are left out', async (t) => {
  const { browser, workAs, ada } = await member(t);

  const answer = await browser.post('/settings/profile', {
    displayName: ' Ada L. ',
    bio: '**I** paint.',
    'linkLabel[]': ['Home', '', ''],
    'linkUrl[]': ['https://ada.example/', '', 'http://photos.example/x'],
  });

  assert.equal(answer.status, 302);
  const header = await loadProfileHeader(workAs(null), 'ada');
  assert.equal(header.displayName, 'Ada L.');
  assert.deepEqual(header.links, [
    { label: 'Home', url: 'https://ada.example/' },
    { label: 'photos.example', url: 'http://photos.example/x' },
  ]);
  assert.equal(header.id, ada.id);
});

test('a link that runs a script is refused, and the form comes back as typed', async (t) => {
  const { browser, now } = await member(t);
  for (const url of ['javascript:alert(1)', 'data:text/html,x', 'ftp://x.example/', 'nonsense']) {
    const answer = await browser.post('/settings/profile', {
      displayName: 'Typed',
      'linkLabel[]': '',
      'linkUrl[]': url,
    });
    assert.equal(answer.status, 422, url);
    assert.match(answer.text, /value="Typed"/);
  }
  assert.deepEqual((await now()).links, []);
});

test('nobody raises their role or permissions through the profile form', async (t) => {
  const { browser, now } = await member(t);
  await browser.post('/settings/profile', { displayName: 'A', role: 'owner', permissions: '8191', state: 'suspended' });
  const { role, permissions, state, displayName } = await now();
  assert.deepEqual([role, permissions, state, displayName], ['member', 7, 'active', 'A']);
});

test('an avatar is rendered anew as a square WebP without camera data, and served under its hash', async (t) => {
  const { browser, now, ada } = await member(t);

  assert.equal((await browser.upload('/settings/profile/avatar', 'picture', await photo(), 'me.jpg')).status, 302);

  const { avatarSha256 } = await now();
  const url = `/media/avatars/${ada.id}/${avatarSha256}.webp`;
  const response = await fetch(new URL(url, browser.address));
  assert.equal(response.headers.get('content-type'), 'image/webp');
  assert.match(response.headers.get('cache-control') ?? '', /immutable/);
  assert.match(response.headers.get('content-security-policy') ?? '', /sandbox/);
  const bytes = Buffer.from(await response.arrayBuffer());
  const { width, height, format, exif } = await sharp(bytes).metadata();
  assert.deepEqual([width, height, format, exif], [400, 400, 'webp', undefined]);
  assert.ok(!bytes.includes('SecretCam'));
});

test('the address of an avatar reaches no other file', async (t) => {
  const { node, browser, ada } = await member(t);
  const { sha256 } = await node.files.put(Buffer.from('a private draft'));
  assert.equal((await browser.get(`/media/avatars/${ada.id}/${sha256}.webp`)).status, 404);
  assert.equal((await browser.get(`/media/avatars/${ada.id}/..%2f..%2fsecret.webp`)).status, 404);
});

test('what is no picture is refused with a reason, and the old one stays', async (t) => {
  const { browser, now } = await member(t);
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');
  const answer = await browser.upload('/settings/profile/avatar', 'picture', svg, 'me.png');
  assert.equal(answer.status, 422);
  assert.match(answer.text, /not an image that we know/);
  assert.equal((await now()).avatarSha256, null);
});

test('a picture can be taken away again', async (t) => {
  const { browser, now } = await member(t);
  await browser.upload('/settings/profile/banner', 'picture', await photo(), 'wide.jpg');
  assert.ok((await now()).bannerSha256);
  await browser.post('/settings/profile/banner/remove');
  assert.equal((await now()).bannerSha256, null);
});

test('a person sees PG always, and nothing above what the node allows', async (t) => {
  const context = await member(t);
  const { browser, now } = context;
  await givenSettings(context, { allowedLevels: 1 | 2 | 4 });

  const page = await browser.get('/settings/browsing');
  assert.doesNotMatch(page.text, /name="shown" value="8"/);
  await browser.post('/settings/browsing', { shown: ['4', '8', '16'], blurred: ['4'], theme: 'light' });
  const { levels, blurLevels } = await now();
  assert.deepEqual([levels, blurLevels], [1 | 4, 4]);
  assert.equal(browser.cookies.get('theme'), 'light');
  assert.match((await browser.get('/settings/browsing')).text, /data-theme="light"/);
  assert.equal((await browser.post('/settings/browsing', { shown: '64' })).status, 422);
});

test('profiles of people who are not in yet, suspended or gone are not shown', async (t) => {
  const { em, workAs, ada } = await member(t);
  const see = async (state: Account['state']) => {
    ada.state = state;
    await em.flush();
    return loadProfileHeader(workAs(null), 'Ada').then(
      () => 'shown',
      (error: { kind: string }) => error.kind,
    );
  };
  assert.equal(await see('active'), 'shown');
  assert.equal(await see('awaiting_approval'), 'not_found');
  assert.equal(await see('unverified'), 'not_found');
  assert.equal(await see('suspended'), 'withheld');
  assert.equal(await see('deleted'), 'gone');
});
