import assert from 'node:assert/strict';
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { GpuUse } from '../../src/compute/gpu/model.ts';
import { Generation, GenerationImage } from '../../src/compute/model.ts';
import { freePort } from '../../src/kit/net/free-port.ts';
import { Browser } from '../accounts/browser.ts';
import { childProgram } from '../child.ts';
import { until } from '../kit/queue-setup.ts';
import { temporaryFolder } from '../kit/temporary-folder.ts';
import { PROGRAM } from '../program.ts';
import type { ChildAsk } from './node-child.ts';
import { dialIn, givenRunner } from './runners.ts';
import { fakePython, formOf, ROOT, readEvents, SHORT, studio } from './studio.ts';

interface Given {
  readonly node: string;
  readonly token: string;
  readonly python: string;
  readonly dataDir: string;
}

/** The command, in a process of its own. */
function command(t: TestContext, { node, token, python, dataDir }: Given): ChildProcess {
  const args = ['runner', '--node', node, '--data', dataDir, '--python', python];
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    ...{ cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] },
    env: { PATH: process.env.PATH ?? '', TESSERA_RUNNER_TOKEN: token, TESSERA_TEST_FAMILIES: 'true' },
  });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

async function ended(child: ChildProcess): Promise<{ readonly code: number | null; readonly said: string }> {
  const [said, [code]] = await Promise.all([
    child.stderr ? text(child.stderr) : '',
    once(child, 'exit') as Promise<[number | null]>,
  ]);
  return { code, said };
}

test('the work of a runner that is killed is done by another, once', async (t) => {
  const python = await fakePython(t, '--cuda');
  const its = await studio(t, { python, limits: { ...SHORT, heartbeatMs: 3_000 }, env: { ENGINE: 'none' } });
  const { token } = await givenRunner(its);
  const stuck = await fakePython(t, '--cuda', '--stuck');
  const killed = command(t, { node: its.address.href, token, python: stuck, dataDir: await temporaryFolder(t) });
  await until('it is there', async () => (await its.node.generator.status(its)).state === 'ready', 30_000);
  const { location } = await its.browser.post('/generate', formOf(its.checkpoint, { prompt: 'fine' }));
  await readEvents(its.browser, `${location}/events`, ({ data }) => /^Step 1/.test(String(data.note)));
  killed.kill('SIGKILL');
  const second = await givenRunner(its, 'cellar');
  await dialIn(t, { address: its.address, token: second.token, python });
  const id = location.split('/').at(-1) ?? '';
  const em = () => its.node.orm.em.fork();
  await until('it is done', async () => (await em().findOneOrFail(Generation, id)).state === 'done', 40_000);
  assert.equal(await em().count(GenerationImage, { generation: id }), 1);
  const uses = await em().find(GpuUse, {}, { orderBy: { endedAt: 1 } });
  assert.deepEqual(
    uses.map(({ engineId, isRefunded }) => [engineId, isRefunded]),
    [
      ['runner attic/engine', true],
      ['runner cellar/engine', false],
    ],
  );
});

test('a runner whose node is killed comes back to it by itself, and the work is done once', async (t) => {
  const python = await fakePython(t, '--cuda');
  const env = {
    ...{
      PATH: process.env.PATH ?? '',
      PORT: String(await freePort('127.0.0.1', 0)),
      DATA_DIR: await temporaryFolder(t),
    },
    ...{ MIN_FREE_MB: '0', LOG_LEVEL: 'silent', ENGINE: 'none', TESSERA_TEST_FAMILIES: 'true' },
    SECRET_KEY: 'a-secret-for-tests-of-at-least-32-characters',
  };
  const start = async (more: Record<string, string> = {}) => {
    const { path, execArgv } = childProgram(import.meta.url, './node-child');
    const child = fork(path, { env: { ...env, ...more }, execArgv });
    t.after(() => child.kill('SIGKILL'));
    const [hello] = (await once(child, 'message')) as [{ address: string; fileId: number }];
    return { child, ...hello };
  };
  const first = await start();
  first.child.send({ runner: 'attic' } satisfies ChildAsk);
  const [{ answer }] = (await once(first.child, 'message')) as [{ answer: { token: string } }];
  const address = new URL(first.address);
  await dialIn(t, { address, token: answer.token, python });
  const browser = new Browser(address);
  await browser.signIn('ada');
  const asked = formOf({ id: first.fileId }, { prompt: 'slow' });
  let location = '';
  await until('the node knows the runner', async () => {
    location = (await browser.post('/generate', asked)).location;
    return location !== '';
  });
  await readEvents(browser, `${location}/events`, ({ data }) => /^Step 1/.test(String(data.note)));
  const gone = once(first.child, 'exit');
  first.child.kill('SIGKILL');
  await gone;
  await start({ CHILD_FILE_ID: String(first.fileId) });
  const pictures = async () => [...(await browser.get(location)).text.matchAll(/<figure class="result/g)].length;
  await until('the picture is there', async () => (await pictures()) > 0, 40_000);
  assert.equal(await pictures(), 1);
});

test('a runner says in words why it does not run', async (t) => {
  const python = await fakePython(t, '--cuda');
  const its = await studio(t, { python, limits: SHORT, env: { ENGINE: 'none' } });
  const dataDir = await temporaryFolder(t);
  const { token } = await givenRunner(its);
  const old = createServer((_request, response) => {
    response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>Nothing here</h1>');
  });
  await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve));
  t.after(() => old.close());
  const oldNode = `http://127.0.0.1:${(old.address() as AddressInfo).port}`;
  const given = { node: its.address.href, token, python, dataDir };
  const cases: [string, Partial<Given>, RegExp][] = [
    ['a bad token', { token: 'tessera-runner_nonsense' }, /not the token of a runner of this node/],
    ['an old node', { node: oldNode }, /does not know runners. It is too old/],
    ['no engine', { python: '/nowhere/python' }, /no engine here: it needs Python .* npm run engine:install/],
    ['plain http', { node: 'http://node.example' }, /has to be reached by https/],
  ];
  for (const [what, change, why] of cases) {
    const { code, said } = await ended(command(t, { ...given, ...change }));
    assert.equal(code, 1, what);
    assert.match(said, why, what);
    assert.ok(!said.includes('    at '), said);
  }
});
