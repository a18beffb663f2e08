import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { Browser, textOf } from '../accounts/browser.ts';
import { freePort } from '../federation/nodes.ts';
import { PROGRAM } from '../program.ts';

interface DemoAnswer {
  readonly nodes: readonly { name: string; url: string; people: readonly { name: string; password: string }[] }[];
}

// it has SQLite of its own whatever the suite runs on, and takes a while: once is enough
const options = { skip: process.env.TEST_DATABASE_URL ? 'ran already on SQLite' : false };

test('the demo starts two nodes that show each other’s pictures, and stops when told', options, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tessera-demo-test-'));
  const args = [PROGRAM, 'demo', '--json', '--dir', folder, '--port', String(await freePort())];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGKILL');
    await ended;
    await rm(folder, { recursive: true, force: true });
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = await once(lines, 'line');
  const { nodes } = JSON.parse(String(line)) as DemoAnswer;
  assert.equal(nodes.length, 2);
  for (const [n, { url, people }] of nodes.entries()) {
    const there = nodes[1 - n];
    const browser = new Browser(new URL(url));
    const [first] = people;
    await browser.post('/sign-in', { name: first?.name ?? '', password: first?.password ?? '' });
    const feed = await browser.get('/');
    assert.match(textOf(feed.text), new RegExp(`@${new URL(there?.url ?? '').host}`), 'a picture of the other node');
    const image = /href="(\/images\/\d+)"/.exec((await browser.get('/images')).text)?.[1];
    assert.match((await browser.get(image ?? '')).text, /href="\/models\/\d+/, 'a recipe that links to its model');
  }
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
});
