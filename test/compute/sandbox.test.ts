import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { findSandbox, type Room } from '../../src/compute/engine/sandbox.ts';
import { temporaryFolder } from '../kit/temporary-folder.ts';
import { formOf, readEvents, SHORT, studio } from './studio.ts';

// Real bubblewrap around a real Python, which tries what a program in a model file would try.
const ENGINE = path.join(import.meta.dirname, '../../src/compute/engine');
const PROGRAM = `
import json, os, socket, sys

def tried(act):
    try:
        return act()
    except OSError as error:
        return type(error).__name__

models, captioner, job, secret, port = sys.argv[1:6]
print(json.dumps({
    "model": tried(lambda: open(models + "/a.safetensors").read()),
    "tagger": tried(lambda: open(captioner + "/model.onnx").read()),
    "over the tagger": tried(lambda: open(captioner + "/model.onnx", "w").write("x")),
    "written": tried(lambda: open(job + "/out.png", "w").write("x")),
    "over a model": tried(lambda: open(models + "/a.safetensors", "w").write("x")),
    "beside the engine": tried(lambda: open("evil.py", "w").write("x")),
    "secret": tried(lambda: open(secret).read()),
    "network": tried(lambda: bool(socket.create_connection(("127.0.0.1", int(port)), 2))),
    "processes": tried(lambda: len([name for name in os.listdir("/proc") if name.isdigit()]) < 10),
}))`;

test('an engine in the sandbox sees its models and its jobs, and nothing else', async (t) => {
  const dataDir = await temporaryFolder(t);
  const roots = {
    models: path.join(dataDir, 'models'),
    loras: path.join(dataDir, 'models'),
    captioner: path.join(dataDir, 'captioner'),
    job: path.join(dataDir, 'jobs'),
  };
  for (const folder of [roots.models, roots.captioner, roots.job]) await mkdir(folder);
  await writeFile(path.join(roots.models, 'a.safetensors'), 'weights');
  await writeFile(path.join(roots.captioner, 'model.onnx'), 'tags');
  await writeFile(path.join(dataDir, 'secret.key'), 'secret');
  const room: Room = { pythonPath: await systemPython(), engineDir: ENGINE, roots, dataDir };
  const runBy = await findSandbox(room);
  if (runBy === null) return t.skip('bubblewrap is not here, or may not make namespaces');
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as { port: number };

  const [program = '', ...args] = [...runBy, room.pythonPath, '-c', PROGRAM];
  const tried = [roots.models, roots.captioner, roots.job, path.join(dataDir, 'secret.key'), String(port)];
  const { stdout } = await promisify(execFile)(program, [...args, ...tried]);
  assert.deepEqual(JSON.parse(stdout), {
    model: 'weights',
    tagger: 'tags',
    'over the tagger': 'OSError',
    written: 1,
    'over a model': 'OSError',
    'beside the engine': 'OSError',
    secret: 'FileNotFoundError',
    network: 'ConnectionRefusedError',
    processes: true,
  });
  assert.equal(await readFile(path.join(roots.job, 'out.png'), 'utf8'), 'x');
  await assert.rejects(access(path.join(ENGINE, 'evil.py')));
});

test('where there is no such program there is no sandbox', async (t) => {
  const folder = await temporaryFolder(t);
  const roots = { models: folder, loras: folder, job: folder };
  const before = process.env.PATH;
  process.env.PATH = '/nowhere';
  t.after(() => {
    process.env.PATH = before;
  });
  assert.equal(await findSandbox({ pythonPath: process.execPath, engineDir: ENGINE, roots, dataDir: folder }), null);
});

// bubblewrap is the first process that is seen from inside
const BLIND_INSIDE = `#!/bin/sh
[ "$1" = -c ] && exit 0
case "$(cat /proc/1/comm)" in bwrap) gpu= ;; *) gpu=--cuda ;; esac
exec python3 "${path.join(import.meta.dirname, 'engine/fake_engine.py')}" --write $gpu "$@"
`;

test('an engine that would not find its GPU inside of the sandbox runs without', async (t) => {
  const folder = await temporaryFolder(t);
  const python = path.join(folder, 'python');
  await writeFile(python, BLIND_INSIDE);
  await chmod(python, 0o755);
  const its = await studio(t, { python, limits: SHORT, env: { ENGINE_SANDBOX: 'auto' } });
  const sent = await its.browser.post('/generate', formOf(its.checkpoint, { prompt: 'fine' }));
  assert.equal((await readEvents(its.browser, `${sent.location}/events`)).at(-1)?.event, 'done');
  const status = await its.node.engines.status(its.node.orm.em.fork());
  assert.equal(status.state === 'ready' && status.hello.device.kind, 'cuda');
});

async function systemPython(): Promise<string> {
  const { stdout } = await promisify(execFile)('python3', ['-c', 'import sys; print(sys.executable)']);
  return stdout.trim();
}
