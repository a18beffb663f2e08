import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { describe, type TestContext, test } from 'node:test';
import { Browser } from '../accounts/browser.ts';
import { childProgram } from '../child.ts';
import { freshDatabase, GROUNDS, until } from '../kit/queue-setup.ts';
import { temporaryFolder } from '../kit/temporary-folder.ts';
import type { ChildAsk, ChildRun } from './node-child.ts';
import { fakePython, formOf, readEvents } from './studio.ts';

interface Child {
  readonly process: ChildProcess;
  readonly address: URL;
  readonly fileId: number;
}

async function startNode(t: TestContext, env: Record<string, string>): Promise<Child> {
  const { path, execArgv } = childProgram(import.meta.url, './node-child');
  const child = fork(path, { env: { PATH: process.env.PATH ?? '', ...env }, execArgv });
  t.after(() => child.kill('SIGKILL'));
  const [{ address, fileId }] = (await once(child, 'message')) as [{ address: string; fileId: number }];
  return { process: child, address: new URL(address || 'http://127.0.0.1/'), fileId };
}

async function ask<Answer>({ process: child }: Child, question: ChildAsk): Promise<Answer> {
  child.send(question);
  const [{ answer }] = (await once(child, 'message')) as [{ answer: Answer }];
  return answer;
}

async function killed(child: Child): Promise<void> {
  const gone = once(child.process, 'exit');
  child.process.kill('SIGKILL');
  await gone;
}

async function environment(
  t: TestContext,
  isPostgresql: boolean,
  redisUrl: URL | null,
): Promise<Record<string, string>> {
  const endings: (() => Promise<unknown>)[] = [];
  const database = isPostgresql ? await freshDatabase(endings, true) : null;
  t.after(async () => {
    for (const end of endings.reverse()) await end();
  });
  return {
    ...{ PORT: '0', DATA_DIR: await temporaryFolder(t), MIN_FREE_MB: '0', LOG_LEVEL: 'silent' },
    ...{ ENGINE: 'diffusers', ENGINE_PYTHON: await fakePython(t, '--cuda'), TESSERA_TEST_FAMILIES: 'true' },
    ENGINE_SANDBOX: 'off',
    SECRET_KEY: 'a-secret-for-tests-of-at-least-32-characters',
    ...(database ? { DATABASE_URL: database.url.href, TEST_DATABASE_URL: database.url.href } : {}),
    ...(redisUrl ? { REDIS_URL: redisUrl.href } : {}),
  };
}

/** A phase of a generation, what its page says then, and a phase of a training. */
const PHASES: readonly (readonly [string, RegExp, string])[] = [
  ['load', /Loading the model/, 'load'],
  ['encode', /Reading the prompt/, 'cache_latents'],
  ['denoise', /^Step 1/, 'train'],
  ['decode', /Painting/, 'sample'],
  ['save', /Saving/, 'save'],
];

const pictures = (page: string): number => [...page.matchAll(/<figure class="result/g)].length;

async function picturesOf(browser: Browser, location: string): Promise<number> {
  let n = 0;
  const look = async () => {
    n = pictures((await browser.get(location)).text);
    return n > 0;
  };
  await until('the picture is there', look, 30_000);
  return n;
}

// The two that people run: everything in one place, and everything apart. A start takes seconds, so the second has the
// longest phases only: what a phase is to the queue does not depend on the driver.
for (const ground of GROUNDS.filter(({ redisUrl, isPostgresql }) => (redisUrl !== null) === isPostgresql)) {
  describe(`a node that is killed, ${ground.name}`, { skip: ground.skip }, () => {
    test('in any phase of a generation and a training ends both after its restart, and makes nothing twice', async (t) => {
      // two engines, so that one death of the node meets both
      const env = { ...(await environment(t, ground.isPostgresql, ground.redisUrl)), ENGINE_DEVICES: '0,1' };
      let node = await startNode(t, env);
      let browser = new Browser(node.address);
      await browser.signIn('ada');
      for (const [phase, words, ofTraining] of ground.isPostgresql ? PHASES.slice(2, 3) : PHASES) {
        const form = formOf({ id: node.fileId }, { prompt: `wait in ${phase}` });
        const { location } = await browser.post('/generate', form);
        const id = await ask<string>(node, { train: { what: `wait in ${ofTraining}`, steps: 12 } });
        await readEvents(browser, `${location}/events`, ({ data }) => words.test(String(data.note)));
        const note = async () => (await ask<ChildRun>(node, { run: id })).note;
        await until(ofTraining, async () => (await note()).startsWith(ofTraining), 20_000);
        await killed(node);
        node = await startNode(t, { ...env, CHILD_FILE_ID: String(node.fileId) });
        const { cookies } = browser;
        browser = new Browser(node.address);
        for (const [name, value] of cookies) browser.cookies.set(name, value);
        assert.equal(await picturesOf(browser, location), 1, phase);
        let run: ChildRun | null = null;
        await until(
          'the training is done',
          async () => {
            run = await ask<ChildRun>(node, { run: id });
            return run.state === 'done';
          },
          30_000,
        );
        assert.deepEqual(
          run,
          { ...(run ?? {}), outputs: 4, madeBy: Array.from({ length: 12 }, (_, n) => n + 1) },
          ofTraining,
        );
      }
    });

    test('the process of the GPU alone: the site stays, and another process does the work', async (t) => {
      const env = await environment(t, ground.isPostgresql, ground.redisUrl);
      const web = await startNode(t, { ...env, CHILD_PROCESSES: 'web worker' });
      const more = { ...env, CHILD_FILE_ID: String(web.fileId), CHILD_PROCESSES: 'gpu' };
      const gpu = await startNode(t, more);
      const browser = new Browser(web.address);
      await browser.signIn('ada');
      // the process of the GPU looks whether there is an engine a few seconds after its start
      await until(
        'the engine is known',
        async () => !/No engine has reported/.test((await browser.get('/generate')).text),
        20_000,
      );
      const { location } = await browser.post('/generate', formOf({ id: web.fileId }, { prompt: 'wait in denoise' }));
      await readEvents(browser, `${location}/events`, ({ data }) => /^Step 1/.test(String(data.note)));
      await killed(gpu);
      await startNode(t, more);
      assert.equal(await picturesOf(browser, location), 1);
    });
  });
}
