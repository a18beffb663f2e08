import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { memoryBytes } from '../../src/catalogue/files/bytes.ts';
import { listZipEntries } from '../../src/catalogue/files/zip.ts';
import { turnCrop } from '../../src/compute/datasets/crop.ts';
import { trainingSettings } from '../../src/compute/datasets/limits.ts';
import { Dataset, DatasetItem } from '../../src/compute/datasets/model.ts';
import { turnImage } from '../../src/kit/storage/images-turn.ts';
import { zipOf } from '../../src/kit/web/download/zip.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { NOW } from '../factories/content.ts';
import { type TestNode, testNode } from '../node.ts';

interface Room extends TestNode {
  readonly browser: Browser;
  readonly address: URL;
  readonly setUrl: string;
}

async function room(
  t: TestContext,
  maxima: Partial<{ maxImages: number; maxMegabytes: number; maxDatasets: number }> = {},
): Promise<Room> {
  const node = await testNode(t);
  const address = await node.start('web', 'worker');
  await givenMember(node.em, 'ada');
  const browser = new Browser(address);
  await browser.signIn('ada');
  await node.node.settings.write(node.em, trainingSettings, trainingSettings.schema.parse(maxima), NOW);
  await node.em.flush();
  const { location } = await browser.post('/datasets', { name: 'Ink wash' });
  return { ...node, browser, address, setUrl: location };
}

/** Four colours: red, green over blue, white; the same size makes the same picture, another hue another. */
async function picture(width = 640, height = 512, hue = 0): Promise<Buffer> {
  const block = (left: number, top: number, background: string) => ({
    input: { create: { width: width / 2, height: height / 2, channels: 3 as const, background } },
    left,
    top,
  });
  const [w, h] = [width / 2, height / 2];
  const colours =
    [
      ['#f00', '#0f0', '#00f', '#fff'],
      ['#111', '#eee', '#777', '#222'],
      ['#fff', '#333', '#ccc', '#888'],
    ][hue] ?? [];
  return sharp({ create: { width, height, channels: 3, background: '#000' } })
    .composite([
      block(0, 0, colours[0] ?? ''),
      block(w, 0, colours[1] ?? ''),
      block(0, h, colours[2] ?? ''),
      block(w, h, colours[3] ?? ''),
    ])
    .png()
    .toBuffer();
}

const itemsOf = ({ node }: TestNode) =>
  node.orm.em.fork().find(DatasetItem, { deletedAt: null }, { orderBy: { position: 1 } });

async function upload({ browser, setUrl }: Room, ...files: readonly (readonly [string, Uint8Array])[]) {
  const form = new FormData();
  for (const [name, bytes] of files) form.append('pictures', new Blob([new Uint8Array(bytes)]), name);
  return browser.postForm(`${setUrl}/images`, form);
}

async function archive(files: Readonly<Record<string, Uint8Array | string>>): Promise<Buffer> {
  async function* each() {
    for (const [name, bytes] of Object.entries(files)) yield { name, bytes: Buffer.from(bytes) };
  }
  const parts: Buffer[] = [];
  for await (const part of zipOf(each())) parts.push(part);
  return Buffer.concat(parts);
}

test('pictures come into a set with the captions beside them, and lose place, time and camera', async (t) => {
  const its = await room(t);
  const told = await sharp(await picture())
    .withExif({ IFD0: { Make: 'SecretCam' }, IFD3: { GPSLatitudeRef: 'N' } })
    .jpeg()
    .toBuffer();
  assert.ok(told.includes('SecretCam'));
  const answer = await upload(
    its,
    ['boat.jpg', told],
    ['boat.txt', Buffer.from('a boat, ink')],
    ['hill.png', await picture(512, 512, 1)],
  );

  assert.equal(answer.status, 302);
  const [boat, hill] = await itemsOf(its);
  assert.deepEqual(
    [boat?.fileName, boat?.caption, boat?.width, boat?.mediaType],
    ['boat.jpg', 'a boat, ink', 640, 'image/jpeg'],
  );
  assert.equal(hill?.caption, '');
  const stored = await buffer(its.node.files.open(boat?.sha256 ?? ''));
  assert.ok(!stored.includes('SecretCam') && !stored.includes('GPS'));
  const page = textOf((await its.browser.get(its.setUrl)).text);
  assert.match(page, /2 pictures/);
  assert.match(page, /1 with a caption/);
});

test('what is no picture, moves, stands there already or is too much is refused by name, and the rest is taken', async (t) => {
  const its = await room(t, { maxImages: 2 });
  const one = await picture();
  const moving = await sharp(
    await sharp([one, await picture(640, 512, 1)], { join: { animated: true } })
      .raw()
      .toBuffer(),
    {
      raw: { width: 640, height: 1024, channels: 3, pageHeight: 512 },
    },
  )
    .gif()
    .toBuffer();
  const answer = await upload(
    its,
    ['page.png', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')],
    ['cut.png', one.subarray(0, one.length / 2)],
    ['moving.gif', moving],
    ['one.png', one],
    ['same.png', one],
    ['two.png', await picture(512, 512, 1)],
    ['three.png', await picture(512, 512, 2)],
  );
  const text = textOf(answer.text);
  assert.match(text, /page\.png: This is not an image that we know/);
  assert.match(text, /cut\.png: This image is damaged/);
  assert.match(text, /moving\.gif: This picture moves/);
  assert.match(text, /same\.png: This picture is in the set already/);
  assert.match(text, /three\.png: A set holds at most 2 pictures/);
  assert.deepEqual(
    (await itemsOf(its)).map(({ fileName }) => fileName),
    ['one.png', 'two.png'],
  );
});

test('small pictures and those that look like another are pointed out', async (t) => {
  const its = await room(t);
  const large = await picture(1024, 1024, 1);
  await upload(
    its,
    ['large.png', large],
    ['again.jpg', await sharp(large).resize(600).jpeg({ quality: 60 }).toBuffer()],
    ['other.png', await picture(300, 400, 2)],
  );
  const text = textOf((await its.browser.get(its.setUrl)).text);
  assert.match(text, /again\.jpg 600 × 600 Looks like large\.png/);
  assert.match(text, /other\.png 300 × 400 Small: 300 × 400/);
  assert.doesNotMatch(text, /Looks like again/);
});

test('turning keeps the part that was chosen, and what is trained on is exactly that part', async (t) => {
  const its = await room(t);
  await upload(its, ['a.png', await picture(640, 512)]);
  const [before] = await itemsOf(its);
  const url = `/dataset-images/${before?.id}`;
  // the green quarter, top right
  assert.equal(
    (await its.browser.post(`${url}/crop`, { left: '320', top: '0', width: '320', height: '256' })).status,
    302,
  );
  await its.browser.post(`${url}/rotation`);
  const [item] = await itemsOf(its);
  assert.deepEqual([item?.rotation, item?.crop], [90, { left: 256, top: 320, width: 256, height: 320 }]);
  const { bytes, width, height } = await turnImage(
    await buffer(its.node.files.open(item?.sha256 ?? '')),
    { rotation: 90, crop: item?.crop ?? null },
    { format: 'png', longestSide: 4096 },
  );
  assert.deepEqual([width, height], [256, 320]);
  const { channels } = await sharp(bytes).stats();
  assert.deepEqual(
    channels.map(({ mean }) => mean),
    [0, 255, 0],
  );
  for (let n = 0; n < 3; n += 1) await its.browser.post(`${url}/rotation`);
  const [whole] = await itemsOf(its);
  assert.deepEqual([whole?.rotation, whole?.crop], [0, { left: 320, top: 0, width: 320, height: 256 }]);
});

test('a quarter turn moves a part as it moves the picture', () => {
  const part = { left: 10, top: 20, width: 30, height: 40 };
  assert.deepEqual(turnCrop(part, { width: 200, height: 100 }), { left: 40, top: 10, width: 40, height: 30 });
});

test('a picture that EXIF turns is cut as it is seen', async () => {
  const turned = await sharp(await picture(640, 512))
    .withMetadata({ orientation: 6 })
    .png()
    .toBuffer();
  const made = await turnImage(
    turned,
    { rotation: 0, crop: { left: 0, top: 0, width: 256, height: 320 } },
    { format: 'png', longestSide: 4096 },
  );
  const { channels } = await sharp(made.bytes).stats();
  assert.deepEqual(
    channels.map(({ mean }) => mean),
    [0, 0, 255],
    'orientation 6 brings the lower left to the upper left',
  );
});

test('a part that is too small is refused at its field with the numbers kept', async (t) => {
  const its = await room(t);
  await upload(its, ['a.png', await picture()]);
  const [item] = await itemsOf(its);
  const answer = await its.browser.post(`/dataset-images/${item?.id}/crop`, {
    left: '3',
    top: '0',
    width: '4',
    height: '256',
  });
  assert.equal(answer.status, 422);
  assert.match(textOf(answer.text), /A part has at least 16 × 16 pixels/);
  assert.match(answer.text, /name="left"[^>]*value="3"/);
});

test('captions are kept one by one and changed many at once', async (t) => {
  const its = await room(t);
  await upload(
    its,
    ['a.png', await picture()],
    ['b.png', await picture(512, 512, 1)],
    ['c.png', await picture(512, 512, 2)],
  );
  const [a, b] = await itemsOf(its);
  const captions = async () => (await itemsOf(its)).map(({ caption }) => caption);
  const change = (fields: Record<string, string>) => its.browser.post(`${its.setUrl}/captions/changes`, fields);

  await its.browser.post(`${its.setUrl}/captions`, {
    [`caption-${a?.id}`]: 'cat, Red hat',
    [`caption-${b?.id}`]: 'cat, dog',
  });
  assert.deepEqual(await captions(), ['cat, Red hat', 'cat, dog', '']);
  assert.match((await change({ act: 'prepend', words: 'inkw' })).location, /changed=3/);
  await change({ act: 'append', words: 'sunny, inkw', tag: 'dog' });
  await change({ act: 'remove', words: 'red hat' });
  await change({ act: 'replace', find: 'cat', words: 'kitten $& $1' });
  assert.deepEqual(await captions(), ['inkw, kitten $& $1', 'inkw, kitten $& $1, dog, sunny', 'inkw']);

  const page = await its.browser.get(`${its.setUrl}/captions?tag=dog`);
  assert.match(textOf(page.text), /inkw 3/);
  assert.ok(page.text.includes(`caption-${b?.id}`) && !page.text.includes(`caption-${a?.id}`));
  const refused = await change({ act: 'replace', find: '', words: 'kept words' });
  assert.equal(refused.status, 422);
  assert.match(textOf(refused.text), /Say what is to be found/);
  assert.match(refused.text, /value="kept words"/);
  const long = await its.browser.post(`${its.setUrl}/captions`, { [`caption-${a?.id}`]: 'x'.repeat(2_001) });
  assert.equal(long.status, 422);
  assert.ok(long.text.includes('x'.repeat(2_001)), 'what was typed comes back');
});

test('a kohya folder comes in with repeats and captions, and goes out as one that comes in again', async (t) => {
  const its = await room(t);
  const zip = await archive({
    'train/10_ink wash/one.png': await picture(),
    'train/10_ink wash/one.txt': '\uFEFFa boat, dusk\n',
    'train/3_hills/two.png': await picture(512, 512, 1),
    'train/3_hills/bad.png': 'no picture',
    '__MACOSX/train/10_ink wash/._one.png': 'litter',
    'notes.json': '{}',
  });
  const form = new FormData();
  form.append('archiveFile', new Blob([new Uint8Array(zip)]), 'set.zip');
  assert.equal((await its.browser.postForm(`${its.setUrl}/import`, form)).status, 302);
  await its.settle();
  const facts = async () => (await itemsOf(its)).map(({ caption, repeats, width }) => ({ caption, repeats, width }));
  const expected = [
    { caption: 'a boat, dusk', repeats: 10, width: 640 },
    { caption: 'hills', repeats: 3, width: 512 },
  ];
  assert.deepEqual(await facts(), expected);
  const text = textOf((await its.browser.get(its.setUrl)).text);
  assert.match(text, /2 pictures were taken in/);
  assert.match(text, /bad\.png: This is not an image/);
  assert.match(text, /notes\.json: neither/);

  const answer = await fetch(new URL(`${its.setUrl}/export`, its.address), { headers: cookieOf(its.browser) });
  assert.equal(answer.headers.get('content-type'), 'application/zip');
  const out = Buffer.from(await answer.arrayBuffer());
  const names = (await listZipEntries(memoryBytes(out))).map(({ name }) => name);
  assert.deepEqual(names, [
    '10_Ink wash/0001.png',
    '10_Ink wash/0001.txt',
    '3_Ink wash/0002.png',
    '3_Ink wash/0002.txt',
  ]);
  const { location } = await its.browser.post('/datasets', { name: 'Second' });
  const again = new FormData();
  again.append('archiveFile', new Blob([new Uint8Array(out)]), 'set.zip');
  await its.browser.postForm(`${location}/import`, again);
  await its.settle();
  const second = await its.node.orm.em
    .fork()
    .find(DatasetItem, { dataset: location.split('/').at(-1) ?? '' }, { orderBy: { position: 1 } });
  assert.deepEqual(
    second.map(({ caption, repeats, width }) => ({ caption, repeats, width })),
    expected,
  );
});

test('an archive that lies, leads out of itself or holds too much is refused whole', async (t) => {
  const its = await room(t, { maxImages: 3, maxMegabytes: 1 });
  const importing = async (zip: Uint8Array): Promise<string> => {
    const form = new FormData();
    form.append('archiveFile', new Blob([new Uint8Array(zip)]), 'set.zip');
    await its.browser.postForm(`${its.setUrl}/import`, form);
    await its.settle();
    return textOf((await its.browser.get(its.setUrl)).text);
  };
  const one = await picture();
  assert.match(await importing(Buffer.from('no archive')), /The ZIP archive has no end/);
  assert.match(await importing(await archive({ '../../out.png': one })), /path leads out of it/);
  assert.match(await importing(await archive({ 'C:\\x.png': one })), /path leads out of it/);
  assert.match(await importing(await archive({ 'a.txt': 'words' })), /no picture in this archive/);
  assert.match(
    await importing(await archive(Object.fromEntries([1, 2, 3, 4].map((n) => [`${n}.png`, one])))),
    /4 pictures; a set holds 3/,
  );
  assert.match(await importing(await archive({ 'a.png': new Uint8Array(2_000_000) })), /unpacks to more than the 1 MB/);
  assert.match(await importing(bomb(await archive({ 'a.png': one }))), /far more than it is|unpacks to more/);
  assert.deepEqual(await itemsOf(its), []);
});

/** The directory promises far more than what is packed. */
function bomb(zip: Buffer): Buffer {
  const at = zip.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
  const copy = Buffer.from(zip);
  copy.writeUInt32LE(1_050_000_000, at + 24);
  return copy;
}

test('what is removed or deleted comes back within its time, and its rows go afterwards', async (t) => {
  const its = await room(t);
  await upload(its, ['a.png', await picture()], ['b.png', await picture(512, 512, 1)]);
  const [a, b] = await itemsOf(its);
  const removed = await its.browser.post(`/dataset-images/${a?.id}/deletion`);
  assert.match(textOf((await its.browser.get(removed.location)).text), /The picture was removed/);
  assert.equal((await itemsOf(its)).length, 1);
  await its.browser.post(`/dataset-images/${a?.id}/restoration`);
  assert.equal((await itemsOf(its)).length, 2);

  await its.browser.post(`/dataset-images/${b?.id}/deletion`);
  its.clock.pass(10 * 60_000);
  assert.equal((await its.browser.post(`/dataset-images/${b?.id}/restoration`)).status, 410);
  await its.settle();
  assert.deepEqual(
    (await its.em.fork().find(DatasetItem, {})).map(({ id }) => id),
    [a?.id],
  );

  await its.browser.post(`${its.setUrl}/deletion`);
  assert.equal((await its.browser.get(its.setUrl)).status, 404);
  assert.equal((await its.browser.get(`/dataset-images/${a?.id}/thumb.webp`)).status, 404);
  await its.browser.post(`${its.setUrl}/restoration`);
  assert.equal((await its.browser.get(its.setUrl)).status, 200);
  await its.browser.post(`${its.setUrl}/deletion`);
  its.clock.pass(10 * 60_000);
  await its.settle();
  assert.equal(await its.em.fork().count(Dataset), 0);
});

test('nobody else reaches a set or its pictures, by whatever path', async (t) => {
  const its = await room(t);
  await upload(its, ['a.png', await picture()]);
  const [item] = await itemsOf(its);
  const image = `/dataset-images/${item?.id}`;
  assert.equal((await its.browser.get(`${image}/thumb.webp`)).status, 200);
  assert.equal((await its.browser.get(`${image}/turned.webp`)).headers.get('content-type'), 'image/webp');
  await givenMember(its.em, 'eve', { role: 'owner' });
  const eve = new Browser(its.address);
  await eve.signIn('eve');
  for (const path of [
    its.setUrl,
    `${its.setUrl}/captions`,
    `${its.setUrl}/export`,
    `${its.setUrl}/events`,
    image,
    `${image}/thumb.webp`,
    `${image}/turned.webp`,
  ]) {
    assert.equal((await eve.get(path)).status, 404, path);
    assert.equal((await new Browser(its.address).get(path)).status, 302, path);
  }
  const form = new FormData();
  form.append('pictures', new Blob([new Uint8Array(await picture(512, 512, 1))]), 'b.png');
  assert.equal((await eve.postForm(`${its.setUrl}/images`, form)).status, 404);
  for (const path of [
    `${its.setUrl}/captions`,
    `${its.setUrl}/captions/changes`,
    `${its.setUrl}/deletion`,
    `${its.setUrl}/name`,
    `${image}/crop`,
    `${image}/rotation`,
    `${image}/repeats`,
    `${image}/deletion`,
  ]) {
    const fields = {
      act: 'append',
      words: 'x',
      name: 'x',
      left: '0',
      top: '0',
      width: '50',
      height: '50',
      repeats: '1',
    };
    assert.equal((await eve.post(path, fields)).status, 404, path);
  }
  assert.equal((await eve.post(`${its.setUrl}/restoration`)).status, 410);
});

const cookieOf = (browser: Browser) => ({
  cookie: [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
});
