import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { mediaSettings } from '../../src/federation/ingest/evict-media.ts';
import { Image, ImageSize } from '../../src/gallery/model.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { picture } from '../gallery/painter.ts';
import { post } from './strangers.ts';
import { note, world } from './world.ts';

const DAY_MS = 86_400_000;

test('pictures of peers make room after their time or over the bound, keep their blur, and come again for who is signed in', async (t) => {
  const { n, vic, em, follows } = await world(t);
  await follows(vic);
  const bytes = await picture();
  let served = 0;
  const gallery = createServer((_request, response) => {
    served += 1;
    response.writeHead(200, { 'content-type': 'image/png' }).end(bytes);
  });
  await new Promise<void>((done) => gallery.listen(0, '127.0.0.4', done));
  t.after(() => gallery.close());
  const url = `http://127.0.0.4:${(gallery.address() as AddressInfo).port}/p.png`;
  const attachment = [{ type: 'Image', mediaType: 'image/png', url, name: 'A picture' }];
  await post(n, vic, { type: 'Create', object: note(vic.id, '/notes/1', { attachment }) });
  await n.settle();
  assert.equal(served, 1);
  const image = await em().findOneOrFail(Image, { isLocal: false });
  assert.ok(image.sha256);
  const path = `/media/320/${image.id}.webp`;
  const get = async (address: string) => fetch(new URL(address, n.origin));
  const whole = Buffer.from(await (await get(path)).arrayBuffer());

  n.clock.pass(89 * DAY_MS);
  await n.settle();
  assert.ok((await em().findOneOrFail(Image, image.id)).sha256, 'not yet');
  n.clock.pass(2 * DAY_MS);
  await n.settle();
  const evicted = await em().findOneOrFail(Image, image.id);
  assert.deepEqual([evicted.sha256, evicted.cleanSha256, evicted.width], [null, null, image.width]);
  assert.equal(await em().count(ImageSize, { image: image.id }), 0);

  const blur = await get(path);
  assert.equal(blur.status, 200);
  assert.notDeepEqual(Buffer.from(await blur.arrayBuffer()), whole);
  await n.settle();
  assert.equal(served, 1, 'a visitor makes this node ask nobody');
  const bob = await n.member('bob');
  await bob.browser.get(path);
  await bob.browser.get(path);
  await n.settle();
  assert.equal(served, 2, 'once, for a person');
  assert.deepEqual(Buffer.from(await (await get(path)).arrayBuffer()), whole);
  assert.equal((await em().findOneOrFail(Image, image.id)).evictedAt, null);

  const work = em();
  await n.node.settings.write(work, mediaSettings, { keepDays: 0, mostGib: 1e-9 }, n.clock.now());
  await work.flush();
  n.clock.pass(DAY_MS + 1_000);
  await n.settle();
  assert.equal((await em().findOneOrFail(Image, image.id)).sha256, null, 'over the bound');
  assert.equal(await em().count(Job, { name: 'federation.evict-media', state: 'queued' }), 1, 'and again tomorrow');
});
