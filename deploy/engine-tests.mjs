// Runs the engine's tests in two processes at once: nearly all of them are Python and small tensors on one thread, which
// leaves every other core idle. What trains is about as long as all the rest.
import { spawn } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const FOLDER = 'test/compute/engine';
const TRAINING = ['test_train_style.py', 'test_train_engine.py'].map((name) => `${FOLDER}/${name}`);
const HALVES = [TRAINING, [FOLDER, ...TRAINING.map((file) => `--ignore=${file}`)]];

/** `python` is that of the engine's environment. The status of the half that failed, or 0. */
export async function testEngine(python) {
  const statuses = await Promise.all(HALVES.map((half) => pytest(python, half)));
  return statuses.find((status) => status !== 0) ?? 0;
}

/** What a half says is printed when it ends, so that the two do not mix. */
function pytest(python, parameters) {
  return new Promise((done) => {
    const options = ['-x', '-q', '--durations=5', '-c', 'src/compute/engine/pyproject.toml'];
    const child = spawn(python, ['-m', 'pytest', ...options, ...parameters], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => said.push(chunk));
    const end = (status) => {
      process.stdout.write(Buffer.concat(said));
      done(status);
    };
    child.on('error', (error) => {
      said.push(Buffer.from(`${python}: ${error.message}\n`));
      end(1);
    });
    child.on('close', (code, signal) => end(code ?? (signal ? 130 : 1)));
  });
}
