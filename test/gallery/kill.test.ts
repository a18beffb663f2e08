import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Browser } from '../accounts/browser.ts';
import { childProgram } from '../child.ts';
import { bytesAt, picture, sendFiles } from './painter.ts';

const PROGRAM = childProgram(import.meta.url, '../catalogue/node-to-kill');

async function startNode(t: TestContext, dataDir: string, makeAccount = '') {
  const env = { DATABASE_URL: '', PORT: '0', DATA_DIR: dataDir, LOG_LEVEL: 'silent', MIN_FREE_MB: '0', ENGINE: 'none' };
  const child = spawn(process.execPath, [...PROGRAM.execArgv, PROGRAM.path], {
    env: { ...process.env, ...env, MAKE_ACCOUNT: makeAccount },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  t.after(kill);
  for await (const line of child.stdout) return { address: new URL(String(line).trim()), kill };
  throw new Error('The node did not start.');
}

test('SIGKILL while sizes are made: after the next start they are made, and the picture is whole', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'tessera-kill-'));
  t.after(() => rm(dataDir, { recursive: true, force: true }));
  const first = await startNode(t, dataDir, 'ada');
  const browser = new Browser(first.address);
  await browser.signIn('ada');
  const large = await picture({ width: 1600, height: 1200, format: 'jpeg' });
  const sent = await sendFiles(browser, '/upload/images', [{ bytes: large, name: 'large.jpg' }]);
  assert.equal(sent.status, 302);
  await sleep(250);
  await first.kill();

  const second = await startNode(t, dataDir);
  const again = new Browser(second.address);
  for (const [name, value] of browser.cookies) again.cookies.set(name, value);
  const id = /id="picture-(\d+)"/.exec((await again.get(sent.location)).text)?.[1];
  for (let n = 0; n < 200; n += 1) {
    if (!(await again.get(sent.location)).text.includes('Making sizes')) break;
    await sleep(150);
  }
  for (const size of ['320', '640', '1280', 'full']) {
    for (const format of ['webp', 'avif']) {
      const answer = await bytesAt(again, `/media/${size}/${id}.${format}`);
      assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, `image/${format}`]);
    }
  }
  assert.equal((await bytesAt(again, `/media/original/${id}.jpg`)).status, 200);
});
