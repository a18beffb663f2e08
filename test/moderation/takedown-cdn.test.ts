import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { freePort } from '../../src/kit/net/free-port.ts';
import { bytesAt, painter } from '../gallery/painter.ts';
import { carryOut, stepsOf, takedownState } from './takedowns.ts';

test('scenario 47: while the purge API is down the step waits and the node denies; it is tried until the CDN has forgotten', async (t) => {
  const orders: { authorization: string; files: string[]; tags: string[] }[] = [];
  let status = 503;
  const cdn = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      orders.push({ authorization: request.headers.authorization ?? '', ...JSON.parse(body) });
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((done) => cdn.listen(0, '127.0.0.1', () => done()));
  t.after(() => cdn.close());
  const port = await freePort('127.0.0.1', 20_000 + (process.pid % 20_000));
  const site = await painter(t, {
    env: {
      PORT: String(port),
      PUBLIC_URL: `http://127.0.0.1:${port}`,
      CDN_PURGE_URL: `http://127.0.0.1:${(cdn.address() as AddressInfo).port}/purge`,
      CDN_PURGE_TOKEN: 'of-the-cdn',
    },
  });
  const { visitor, em, post, ada, clock, settle } = site;
  const { imageIds } = await post(ada, [{}]);
  const [id = 0] = imageIds;
  assert.match((await bytesAt(visitor, `/media/320/${id}.webp`)).headers.get('cache-tag') ?? '', /^image-/);

  const takedown = await carryOut(site, { target: { kind: 'image', id }, outcome: 'remove' });

  const { 'purge-cdn': waiting, ...others } = await stepsOf(em, takedown);
  assert.match(waiting ?? '', /^pending: .*503/);
  assert.ok(Object.values(others).every((state) => state === 'done'));
  assert.equal(await takedownState(em, takedown), 'running');
  assert.equal((await bytesAt(visitor, `/media/320/${id}.webp`)).status, 410);
  const tried = orders.length;

  clock.pass(60_000);
  await settle();
  assert.ok(orders.length > tried, 'it is tried again');
  assert.equal(await takedownState(em, takedown), 'running');

  status = 200;
  clock.pass(3_600_000);
  await settle();
  assert.deepEqual([await takedownState(em, takedown), (await stepsOf(em, takedown))['purge-cdn']], ['done', 'done']);
  const last = orders.at(-1);
  assert.equal(last?.authorization, 'Bearer of-the-cdn');
  assert.ok(last?.tags.includes(`image-${id}`));
  const all = orders.flatMap(({ files }) => files);
  for (const path of [`/media/320/${id}.webp`, `/media/full/${id}.jpg`, `/media/original/${id}.png`, `/images/${id}`])
    assert.ok(all.includes(`http://127.0.0.1:${port}${path}`), path);
});
