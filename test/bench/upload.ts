import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readConfig } from '../../src/kit/config.ts';
import { openNode } from '../../src/node.ts';
import { Browser } from '../accounts/browser.ts';
import { Tus } from '../catalogue/publisher.ts';
import { givenMember } from '../factories/accounts.ts';
import { benchSize } from './dataset.ts';
import { randomSafetensors } from './hashing.ts';
import { report } from './report.ts';
import { startNode } from './server.ts';

const GOAL_MB = 200;

/** How much a real node grows while it takes a file by tus, hashes, inspects and stores it, at its highest. */
export async function uploadBench(): Promise<void> {
  const { uploadBytes } = benchSize();
  const dataDir = await mkdtemp(join(tmpdir(), 'tessera-bench-upload-'));
  try {
    const draft = await openNode(readConfig({ DATA_DIR: dataDir, LOG_LEVEL: 'silent', ENGINE: 'none' }));
    await givenMember(draft.orm.em.fork(), 'ada');
    await draft.close();
    const server = await startNode(dataDir, ['web', 'worker']);
    const browser = new Browser(server.url);
    await browser.signIn('ada');
    await browser.get('/upload');
    const pid = server.child.pid ?? 0;
    writeFileSync(`/proc/${pid}/clear_refs`, '5'); // proc(5): the peak begins anew
    const before = memoryMb(pid, 'VmRSS');

    const startedAt = performance.now();
    const path = await send(new Tus(server.url, browser), uploadBytes);
    const seconds = (performance.now() - startedAt) / 1000;
    await publish(browser, path);
    const grown = memoryMb(pid, 'VmHWM') - before;
    await server.stop();
    report('upload-mb-per-s', uploadBytes / 1e6 / seconds, 'MB/s');
    report('upload-rss-mb', grown, 'MB');
    report('upload-rss-ratio', grown / GOAL_MB);
  } finally {
    await rm(dataDir, { recursive: true });
  }
}

/** The size of the pieces that our page sends. */
const PATCH_BYTES = 16 * 1024 * 1024;

async function send(tus: Tus, totalBytes: number): Promise<string> {
  const { location, status, text } = await tus.create(totalBytes, 'big.safetensors');
  if (status !== 201) throw new Error(`The upload was refused: ${status} ${text}`);
  let at = 0;
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  const patch = async () => {
    const answer = await tus.patch(location, at, Buffer.concat(waiting));
    if (answer.status !== 204) throw new Error(`At ${at} bytes: ${answer.status} ${answer.text}`);
    at += waitingBytes;
    [waiting, waitingBytes] = [[], 0];
  };
  for (const chunk of randomSafetensors(totalBytes)) {
    waiting.push(Buffer.from(chunk));
    waitingBytes += chunk.length;
    if (waitingBytes >= PATCH_BYTES) await patch();
  }
  if (waitingBytes > 0) await patch();
  return location;
}

/** Makes a model of the upload and waits until its file is kept. */
async function publish(browser: Browser, path: string): Promise<void> {
  const form = new FormData();
  form.append('upload', path);
  const { location, status } = await browser.postForm('/upload', form);
  const id = /\d+/.exec(location)?.[0];
  if (!id) throw new Error(`No model was made of the upload: ${status}`);
  const cookie = [...browser.cookies].map((pair) => pair.join('=')).join('; ');
  const file = new URL(`/api/download/models/${id}`, browser.address);
  for (let n = 0; n < 600; n += 1) {
    const { status } = await fetch(file, { method: 'HEAD', headers: { cookie } });
    if (status === 200) return;
    await sleep(200);
  }
  throw new Error('The file never became a file of the version.');
}

const memoryMb = (pid: number, name: 'VmRSS' | 'VmHWM'): number =>
  Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
