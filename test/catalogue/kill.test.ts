import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Browser } from '../accounts/browser.ts';
import { childProgram } from '../child.ts';
import { safetensorsFile } from '../factories/safetensors.ts';
import { Tus } from './publisher.ts';

const PROGRAM = childProgram(import.meta.url, './node-to-kill');

interface Killable {
  readonly address: URL;
  kill(): Promise<void>;
}

async function startNode(t: TestContext, dataDir: string, makeAccount = ''): Promise<Killable> {
  const child: ChildProcess = spawn(process.execPath, [...PROGRAM.execArgv, PROGRAM.path], {
    env: {
      ...process.env,
      DATABASE_URL: '',
      PORT: '0',
      DATA_DIR: dataDir,
      LOG_LEVEL: 'silent',
      MIN_FREE_MB: '0',
      ENGINE: 'none',
      MAKE_ACCOUNT: makeAccount,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  t.after(kill);
  for await (const line of child.stdout ?? []) return { address: new URL(String(line).trim()), kill };
  throw new Error('The node did not start.');
}

/** A file with a sound header, its hash, and a node's folder. */
async function given(t: TestContext, megabytes: number) {
  const dataDir = await mkdtemp(join(tmpdir(), 'tessera-kill-'));
  t.after(() => rm(dataDir, { recursive: true, force: true }));
  const bytes = safetensorsFile({ tensors: { weight: [megabytes, 524_288] }, isBlank: true });
  return { dataDir, bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** Sends part of a PATCH and leaves it hanging. */
function hangingPatch(address: URL, path: string, cookie: string, bytes: Buffer, sentBytes: number): Promise<void> {
  return new Promise((resolve) => {
    const sending = request(new URL(path, address), {
      method: 'PATCH',
      headers: {
        'tus-resumable': '1.0.0',
        'sec-fetch-site': 'same-origin',
        'upload-offset': '0',
        'content-type': 'application/offset+octet-stream',
        'content-length': bytes.length,
        cookie,
      },
    });
    sending.on('error', () => undefined);
    sending.write(bytes.subarray(0, sentBytes), () => resolve());
  });
}

const cookieOf = (browser: Browser) => [...browser.cookies].map((pair) => pair.join('=')).join('; ');

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

/** Makes a model of the upload and downloads it. */
async function publishAndFetch(browser: Browser, path: string): Promise<Buffer> {
  const form = new FormData();
  form.append('upload', path);
  const { location } = await browser.postForm('/upload', form);
  const id = /\d+/.exec(location)?.[0];
  for (let n = 0; n < 100; n += 1) {
    const answer = await fetch(new URL(`/api/download/models/${id}`, browser.address), {
      headers: { cookie: cookieOf(browser) },
    });
    if (answer.status === 200) return Buffer.from(await answer.arrayBuffer());
    await answer.text();
    await sleep(150);
  }
  throw new Error('The file never became a file of the version.');
}

test('SIGKILL in the middle of an upload loses only what was not written; it goes on from there', async (t) => {
  const { dataDir, bytes, sha256 } = await given(t, 24);
  const first = await startNode(t, dataDir, 'ada');
  const browser = new Browser(first.address);
  await browser.signIn('ada');
  const { location } = await new Tus(first.address, browser).create(bytes.length, 'big.safetensors');
  await hangingPatch(first.address, location, cookieOf(browser), bytes, 12_000_000);
  await sleep(300);
  await first.kill();

  const second = await startNode(t, dataDir);
  const again = new Browser(second.address);
  for (const [name, value] of browser.cookies) again.cookies.set(name, value);
  const tus = new Tus(second.address, again);
  const { offset, status } = await tus.head(location);
  assert.equal(status, 200);
  assert.ok(offset > 0 && offset <= 12_000_000, `offset ${offset}`);
  assert.equal((await tus.patch(location, offset, bytes.subarray(offset))).status, 204);

  const received = await publishAndFetch(again, location);
  assert.equal(createHash('sha256').update(received).digest('hex'), sha256);
  assert.deepEqual(await filesOf(join(dataDir, 'uploads')), []);
  assert.deepEqual(await filesOf(join(dataDir, 'files')), [sha256]);
});

for (const delayMs of [0, 60]) {
  test(`SIGKILL ${delayMs} ms after the last byte, while it is hashed or kept, ends in one whole file`, async (t) => {
    const { dataDir, bytes, sha256 } = await given(t, 64);
    const first = await startNode(t, dataDir, 'ada');
    const browser = new Browser(first.address);
    await browser.signIn('ada');
    const tus = new Tus(first.address, browser);
    const { location } = await tus.create(bytes.length, 'big.safetensors');
    const last = tus.patch(location, 0, bytes).catch(() => undefined);
    await (delayMs === 0 ? sleep(40) : last);
    await sleep(delayMs);
    await first.kill();
    await last;

    const second = await startNode(t, dataDir);
    const again = new Browser(second.address);
    for (const [name, value] of browser.cookies) again.cookies.set(name, value);
    const resumed = new Tus(second.address, again);
    const { offset } = await resumed.head(location);
    if (offset < bytes.length) await resumed.patch(location, offset, bytes.subarray(offset));

    const received = await publishAndFetch(again, location);
    assert.equal(createHash('sha256').update(received).digest('hex'), sha256);
    assert.deepEqual(await filesOf(join(dataDir, 'uploads')), []);
    assert.deepEqual(await filesOf(join(dataDir, 'files')), [sha256]);
  });
}
