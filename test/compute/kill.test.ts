import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { Browser } from '../accounts/browser.ts';
import { temporaryFolder } from '../kit/temporary-folder.ts';
import { fakePython, formOf, readEvents } from './studio.ts';

interface Child {
  readonly process: ChildProcess;
  readonly address: URL;
  readonly fileId: number;
}

async function startNode(t: TestContext, env: Record<string, string>): Promise<Child> {
  const child = fork(new URL('./node-child.ts', import.meta.url), {
    env: { PATH: process.env.PATH ?? '', ...env },
    execArgv: ['--import', 'tsx'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [{ address, fileId }] = (await once(child, 'message')) as [{ address: string; fileId: number }];
  return { process: child, address: new URL(address), fileId };
}

test('a node that is killed while it generates makes the pictures after its restart, once', async (t) => {
  const env = {
    ...{ PORT: '0', DATA_DIR: await temporaryFolder(t), MIN_FREE_MB: '0', LOG_LEVEL: 'silent' },
    ...{ ENGINE: 'diffusers', ENGINE_PYTHON: await fakePython(t), TESSERA_TEST_FAMILIES: 'true' },
    SECRET_KEY: 'a-secret-for-tests-of-at-least-32-characters',
  };
  const first = await startNode(t, env);
  const browser = new Browser(first.address);
  await browser.signIn('ada');
  const form = formOf({ id: first.fileId }, { prompt: 'slow' });
  const sent = await browser.post('/generate', form);
  await readEvents(browser, `${sent.location}/events`, ({ data }) => String(data.note).startsWith('Step 2'));
  first.process.kill('SIGKILL');
  await once(first.process, 'exit');

  const second = await startNode(t, { ...env, CHILD_FILE_ID: String(first.fileId) });
  const after = new Browser(second.address);
  for (const [name, value] of browser.cookies) after.cookies.set(name, value);
  let page = '';
  for (let n = 0; n < 200 && !page.includes('class="result-open"'); n += 1) {
    await wait(100);
    page = (await after.get(sent.location)).text;
  }
  assert.equal([...page.matchAll(/<figure class="result/g)].length, 1, page);
});
