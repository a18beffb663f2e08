import assert from 'node:assert/strict';
import { test } from 'node:test';
import { givenImage, givenModel } from './factories/content.ts';
import { testNode } from './node.ts';

test('a fresh node answers its pages, its health and its assets', async (t) => {
  const { start } = await testNode(t);
  const address = await start('web');
  for (const path of ['/', '/models', '/images', '/healthz', '/readyz']) {
    const answer = await fetch(new URL(path, address));
    assert.equal(answer.status, 200, path);
  }
  const missing = await fetch(new URL('/nothing-here', address));
  assert.equal(missing.status, 404);
  assert.match(await missing.text(), /Nothing here/);
});

test('what is public shows on the lists, for a visitor PG only', async (t) => {
  const { em, start } = await testNode(t);
  givenModel(em, { name: 'Ink Wash' });
  givenModel(em, { name: 'Night Shift', level: 8 });
  givenImage(em, { altText: 'A misty valley' });
  await em.flush();
  const address = await start('web');

  const models = await (await fetch(new URL('/models', address))).text();
  assert.match(models, /Ink Wash/);
  assert.doesNotMatch(models, /Night Shift/);
  const home = await (await fetch(address)).text();
  assert.match(home, /Ink Wash/);
  assert.match(home, /A misty valley/);
});

test('an unsafe request of another site is refused', async (t) => {
  const { start } = await testNode(t);
  const address = await start('web');
  const answer = await fetch(new URL('/sign-in', address), {
    method: 'POST',
    headers: { origin: 'https://evil.example' },
  });
  assert.equal(answer.status, 403);
});
