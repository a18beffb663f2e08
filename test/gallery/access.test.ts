import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { Follow } from '../../src/accounts/model.ts';
import { relistAfterPolicy } from '../../src/gallery/after-policy.ts';
import { Image, Post } from '../../src/gallery/model.ts';
import { hasHiddenText } from '../../src/gallery/recipe/stealth.ts';
import { newId } from '../../src/kit/ids.ts';
import { PolicyState, RESTRICTION } from '../../src/safety/policy.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { NOW } from '../factories/content.ts';
import { A1111, bytesAt, generated, painter, picture, sendFiles } from './painter.ts';
import { hide } from './recipe/carriers.ts';

test('a draft, its bytes and its editor are its owner’s alone, and look like nothing to others', async (t) => {
  const { browser, visitor, other, post, ada } = await painter(t);
  const { postId, imageIds } = await post(ada, [{}], { isDraft: true });
  const [id] = imageIds;
  const { browser: mallory } = await other();
  for (const who of [mallory, visitor]) {
    const missing = await bytesAt(who, '/media/320/999999.webp');
    for (const path of [`/media/320/${id}.webp`, `/media/full/${id}.avif`, `/media/original/${id}.png`]) {
      const answer = await bytesAt(who, path);
      assert.equal(answer.status, 404, path);
      assert.equal(withoutIds(answer.bytes.toString()), withoutIds(missing.bytes.toString()));
    }
    assert.equal((await who.get(`/images/${id}`)).status, 404);
    assert.equal((await who.get(`/posts/${postId}`)).status, 404);
    assert.equal((await who.get(`/images/${id}/workflow.json`)).status, 404);
  }
  assert.equal((await bytesAt(browser, `/media/320/${id}.webp`)).status, 200);
  assert.equal((await mallory.get(`/posts/${postId}/edit`)).status, 404);
  const theirs: [string, Record<string, string>][] = [
    [`/posts/${postId}/draft`, { title: 'Mine now' }],
    [`/posts/${postId}/publication`, {}],
    [`/posts/${postId}/schedule`, { publishAt: '2030-01-01T00:00' }],
    [`/posts/${postId}/removal`, {}],
    [`/posts/${postId}/images/${id}/removal`, {}],
    [`/images/${id}/edit`, { rating: '1' }],
    [`/images/${id}/removal`, {}],
    [`/images/${id}/comments`, { text: 'I see you' }],
    [`/images/${id}/likes`, { on: '1' }],
  ];
  for (const [path, fields] of theirs) assert.equal((await mallory.post(path, fields)).status, 404, path);
  assert.equal(
    (await sendFiles(mallory, `/posts/${postId}/images`, [{ bytes: await picture(), name: 'x.png' }])).status,
    404,
  );
});

const withoutIds = (html: string): string =>
  html.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '').replaceAll(/\/media\/[^"]*/g, '');

test('a picture of one post cannot be removed through another', async (t) => {
  const { other, em, post, ada } = await painter(t);
  const { browser: mallory, account } = await other();
  const own = await post(account, [{}], { isDraft: true });
  const { imageIds } = await post(ada, [{}]);
  assert.equal((await mallory.post(`/posts/${own.postId}/images/${imageIds[0]}/removal`)).status, 404);
  await mallory.post(`/posts/${own.postId}/draft`, { [`rating-${imageIds[0]}`]: '16', [`alt-${imageIds[0]}`]: 'x' });
  const image = await em.findOneOrFail(Image, imageIds[0] ?? 0);
  assert.deepEqual([image.level, image.altText, image.deletedAt ?? null], [1, '', null]);
});

test('what is for followers is for followers, and never kept by caches', async (t) => {
  const { browser, visitor, other, em, post, ada } = await painter(t);
  const { browser: bob, account } = await other('bob');
  const { postId, imageIds } = await post(ada, [{}], { visibility: 'followers' });
  const path = `/media/640/${imageIds[0]}.webp`;
  for (const who of [visitor, bob]) {
    assert.equal((await bytesAt(who, path)).status, 404);
    assert.equal((await who.get(`/posts/${postId}`)).status, 404);
  }
  em.create(
    Follow,
    { id: newId(), follower: account, target: ada, state: 'accepted', createdAt: NOW },
    { persist: true },
  );
  await em.flush();
  const answer = await bytesAt(bob, path);
  assert.deepEqual([answer.status, answer.headers.get('cache-control')], [200, 'private, no-store']);
  assert.equal((await bob.get(`/posts/${postId}`)).status, 200);
  assert.equal((await bytesAt(visitor, path)).status, 404);
  assert.equal((await browser.get(`/posts/${postId}`)).status, 200);
  assert.ok(!(await bob.get('/images')).text.includes(path.replace('640', '320')));
});

test('a public picture is cached, answers conditions and ranges, and cannot run as a page', async (t) => {
  const { visitor, address, post, ada } = await painter(t);
  const { imageIds } = await post(ada, [{}]);
  const path = `/media/320/${imageIds[0]}.webp`;
  const { headers, bytes } = await bytesAt(visitor, path);
  assert.equal(headers.get('cache-control'), 'public, max-age=3600');
  assert.equal(headers.get('x-content-type-options'), 'nosniff');
  assert.match(headers.get('content-security-policy') ?? '', /sandbox/);
  const again = await fetch(new URL(path, address), { headers: { 'if-none-match': headers.get('etag') ?? '' } });
  assert.equal(again.status, 304);
  const part = await fetch(new URL(path, address), { headers: { range: 'bytes=0-9' } });
  assert.deepEqual([part.status, (await part.arrayBuffer()).byteLength], [206, 10]);
  const head = await fetch(new URL(path, address), { method: 'HEAD' });
  assert.deepEqual([head.status, head.headers.get('content-length')], [200, String(bytes.length)]);
});

test('names that are no picture lead nowhere', async (t) => {
  const { visitor, post, ada } = await painter(t);
  const { imageIds } = await post(ada, [{}]);
  const [id] = imageIds;
  for (const path of [
    `/media/320/${id}.png`,
    `/media/321/${id}.webp`,
    `/media/320/..%2f..%2fsecret.key`,
    `/media/320/${id}.webp%00`,
    `/media/original/${id}.jpg`,
    `/media/original/..%2f${id}.png`,
    '/media/320/0.webp',
    '/media/320/99999999999.webp',
    `/media/320/-${id}.webp`,
    `/media/__proto__/${id}.webp`,
  ])
    assert.equal((await bytesAt(visitor, path)).status, 404, path);
});

test('a visitor gets the page of a rated picture without a byte of it, and a member chooses', async (t) => {
  const { visitor, other, em, post, ada } = await painter(t);
  const { postId, imageIds } = await post(ada, [{ level: 8, altText: 'Secret words' }]);
  for (const path of [`/images/${imageIds[0]}`, `/images/${imageIds[0]}?reveal=1`, `/posts/${postId}`]) {
    const page = await visitor.get(path);
    assert.equal(page.status, 200);
    assert.match(textOf(page.text), /This is rated X/);
    assert.match(page.text, /\/sign-in\?next=/);
    assert.ok(
      !page.text.includes('/media/') && !page.text.includes('data:image') && !page.text.includes('Secret words'),
    );
  }
  const { browser: bob, account } = await other('bob');
  assert.match(textOf((await bob.get(`/images/${imageIds[0]}`)).text), /outside the ratings/);
  await em.nativeUpdate('Account', { id: account.id }, { levels: 15 });
  const veiled = await bob.get(`/images/${imageIds[0]}`);
  assert.match(veiled.text, /class="veil"/);
  assert.ok(!veiled.text.includes('<source type="image/avif"'));
  const revealed = await bob.get(`/images/${imageIds[0]}?reveal=1`);
  assert.match(revealed.text, /<source type="image\/avif"/);
});

test('of a mixed post each sees what they browse', async (t) => {
  const { visitor, browser, post, ada } = await painter(t);
  const { postId, imageIds } = await post(ada, [{ level: 1 }, { level: 16 }]);
  const page = await visitor.get(`/posts/${postId}`);
  assert.match(page.text, new RegExp(`/media/320/${imageIds[0]}\\.webp`));
  assert.ok(!page.text.includes(`/media/320/${imageIds[1]}.`));
  assert.match(textOf(page.text), /1 more picture has a rating/);
  assert.match((await browser.get(`/posts/${postId}`)).text, new RegExp(`/media/320/${imageIds[1]}\\.`));
});

test('what moderation withholds is gone from pages, bytes and lists at once', async (t) => {
  const { visitor, browser, node, em, post, ada } = await painter(t);
  const { postId, imageIds } = await post(ada, [{}]);
  const [id = 0] = imageIds;
  em.create(
    PolicyState,
    { targetKind: 'image', targetId: id, epoch: 1, restrictions: RESTRICTION.view, changedAt: NOW },
    { persist: true },
  );
  await em.flush();
  for (const who of [visitor, browser]) {
    assert.equal((await bytesAt(who, `/media/320/${id}.webp`)).status, 451);
    assert.equal((await who.get(`/images/${id}`)).status, 451);
  }
  await relistAfterPolicy(node.openWork(null), { kind: 'image', id }, 'quietly');
  const row = await em.fork().findOneOrFail(Post, postId);
  assert.equal(row.listedAt ?? null, null);
});

test('camera and place leave the original, generation data stays unless its author hides it', async (t) => {
  const { browser, visitor, settle, em, post, ada } = await painter(t);
  const photo = await sharp(await picture({ format: 'jpeg' }))
    .withExif({ IFD0: { Make: 'Canon', Model: 'EOS R5' }, IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '51/1 30/1 0/1' } })
    .jpeg()
    .toBuffer();
  assert.ok(photo.includes('Canon'));
  const { imageIds } = await post(ada, [{ bytes: photo }, { bytes: await generated(A1111) }]);
  const [photoId, madeId] = imageIds;
  const cleaned = await bytesAt(visitor, `/media/original/${photoId}.jpg`);
  assert.equal(cleaned.status, 200);
  assert.match(cleaned.headers.get('content-disposition') ?? '', /^attachment/);
  assert.ok(!cleaned.bytes.includes('Canon') && !cleaned.bytes.includes('EOS R5'));
  assert.ok((await bytesAt(visitor, `/media/original/${madeId}.png`)).bytes.includes('a lighthouse at dusk'));

  await browser.post(`/images/${madeId}/edit`, { rating: '1', hideRecipe: '1' });
  const hidden = await bytesAt(visitor, `/media/original/${madeId}.png`);
  assert.ok(!hidden.bytes.includes('a lighthouse at dusk'));
  await settle();
  assert.ok(!(await bytesAt(visitor, `/media/original/${madeId}.png`)).bytes.includes('a lighthouse at dusk'));
  const page = await visitor.get(`/images/${madeId}`);
  assert.ok(!page.text.includes('a lighthouse at dusk'));
  assert.match(textOf(page.text), /keeps the recipe back/);
  assert.match((await browser.get(`/images/${madeId}`)).text, /a lighthouse at dusk/);
  assert.equal((await em.fork().findOneOrFail(Image, madeId ?? 0)).isRecipeHidden, true);
});

test('a hidden recipe leaves the pixels too: of the original, and of every size in either case', async (t) => {
  const { browser, visitor, settle, post, ada } = await painter(t);
  const raw = { raw: { width: 400, height: 300, channels: 4 } } as const;
  const bytes = await sharp(hide('stealth_pnginfo', Buffer.from(A1111), 400, 300), raw)
    .png()
    .toBuffer();
  const lossless = await sharp(hide('stealth_rgbinfo', Buffer.from(A1111), 400, 300), raw)
    .webp({ lossless: true, exact: true })
    .toBuffer();
  const { imageIds } = await post(ada, [{ bytes }, { bytes: lossless }]);
  for (const [id, extension] of [
    [imageIds[0], 'png'],
    [imageIds[1], 'webp'],
  ] as const) {
    const original = async () => (await bytesAt(visitor, `/media/original/${id}.${extension}`)).bytes;
    assert.equal(await hasHiddenText(await original()), true, 'shown recipes travel as they came');
    assert.equal(await hasHiddenText((await bytesAt(visitor, `/media/full/${id}.webp`)).bytes), false);

    await browser.post(`/images/${id}/edit`, { rating: '1', hideRecipe: '1' });
    await settle();
    const clean = await original();
    assert.equal(await hasHiddenText(clean), false);
    const [before, after] = await Promise.all(
      [extension === 'png' ? bytes : lossless, clean].map((file) => sharp(file).ensureAlpha().raw().toBuffer()),
    );
    assert.equal(after?.length, before?.length);
    assert.ok(
      after?.every((value, at) => Math.abs(value - (before?.[at] ?? 0)) <= 1),
      'no eye sees the difference',
    );
  }
});

test('words in prompts, captions, names and tags are words and never markup', async (t) => {
  const { browser, visitor, settle } = await painter(t);
  const evil = '"><script>alert(1)</script><img src=x onerror=alert(2)>';
  const text = `${evil}\nNegative prompt: ${evil}\nSteps: 20, Sampler: <b>x</b>, CFG scale: 7, Seed: 1, Model: ${evil.replaceAll(',', '')}`;
  const sent = await sendFiles(browser, '/upload/images', [{ bytes: await generated(text), name: `${evil}.png` }]);
  const postId = /posts\/(\d+)/.exec(sent.location)?.[1];
  const editor = await browser.get(`/posts/${postId}/edit`);
  const id = /id="picture-(\d+)"/.exec(editor.text)?.[1];
  const fields = {
    title: evil,
    caption: `${evil} [x](javascript:alert(3))`,
    tags: evil,
    [`rating-${id}`]: '1',
    [`alt-${id}`]: evil,
    [`caption-${id}`]: evil,
  };
  assert.equal((await browser.post(`/posts/${postId}/publication`, fields)).status, 302);
  await browser.post(`/images/${id}/comments`, { text: `${evil} [y](javascript:alert(4))` });
  await settle();
  for (const [who, path] of [
    [visitor, `/images/${id}`],
    [visitor, `/posts/${postId}`],
    [browser, `/posts/${postId}/edit`],
    [visitor, '/'],
  ] as const) {
    const page = await who.get(path);
    assert.equal(page.status, 200, path);
    assert.ok(!/<script>alert|<img src=x|href="javascript/i.test(page.text), path);
  }
});

test('the workflow is a download of octets, never a document of this node', async (t) => {
  const { browser, visitor, settle } = await painter(t);
  const graph = {
    3: {
      class_type: 'KSampler',
      inputs: { seed: 5, steps: 20, cfg: 7, sampler_name: 'euler', scheduler: 'normal', denoise: 1 },
    },
  };
  const { embedTexts } = await import('../../src/kit/storage/carriers/embed.ts');
  const bytes = embedTexts(await picture(), { prompt: JSON.stringify(graph) });
  const sent = await sendFiles(browser, '/upload/images', [{ bytes, name: 'comfy.png' }]);
  const postId = /posts\/(\d+)/.exec(sent.location)?.[1];
  const id = /id="picture-(\d+)"/.exec((await browser.get(`/posts/${postId}/edit`)).text)?.[1];
  await browser.post(`/posts/${postId}/publication`, { [`rating-${id}`]: '1' });
  await settle();
  assert.match((await visitor.get(`/images/${id}`)).text, /workflow\.json/);
  const answer = await visitor.get(`/images/${id}/workflow.json`, { accept: 'application/activity+json' });
  assert.equal(answer.headers.get('content-type'), 'application/octet-stream');
  assert.deepEqual(JSON.parse(answer.text), graph);
  await browser.post(`/images/${id}/edit`, { rating: '1', hideRecipe: '1' });
  assert.equal((await visitor.get(`/images/${id}/workflow.json`)).status, 404);
});

test('another site cannot make this browser publish', async (t) => {
  const { browser, address, post, ada } = await painter(t);
  const { postId } = await post(ada, [{}], { isDraft: true });
  const cookie = [...browser.cookies].map((pair) => pair.join('=')).join('; ');
  const answer = await fetch(new URL(`/posts/${postId}/publication`, address), {
    method: 'POST',
    headers: { cookie, 'sec-fetch-site': 'cross-site' },
    body: new URLSearchParams(),
  });
  assert.equal(answer.status, 403);
  assert.equal((await new Browser(address).get(`/posts/${postId}`)).status, 404);
});
