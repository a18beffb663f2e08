// Runs the engine's tests in two processes at once: nearly all of them are Python and small tensors on one thread, which
// leaves every other core idle. What trains is about as long as all the rest.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const FOLDER = 'test/compute/engine';
const TRAINING = ['test_train_style.py', 'test_train_engine.py'].map((name) => `${FOLDER}/${name}`);
const HALVES = [TRAINING, [FOLDER, ...TRAINING.map((file) => `--ignore=${file}`)]];
const FAILED = 1; // pytest's status where tests ran and some failed

/**
 * `python` is that of the engine's environment. The status of the half that failed, or 0. Where a machine builds unwatched
 * (`CI`), up to `mostUnsteady` failures of a half run once more, alone: what passes then is named as unsteady.
 */
export async function testEngine(python, mostUnsteady) {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-pytest-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const caches = HALVES.map((_half, index) => join(folder, String(index)));
  const most = process.env.CI ? mostUnsteady : 0;
  const statuses = await Promise.all(
    HALVES.map((half, index) => pytest(python, caches[index], [`--maxfail=${most + 1}`, ...half])),
  );
  for (const [index, half] of HALVES.entries()) {
    if (statuses[index] !== FAILED) continue;
    const failed = failedBefore(caches[index]);
    if (failed.length === 0 || failed.length > most) continue;
    statuses[index] = await pytest(python, caches[index], ['--last-failed', ...half]);
    if (statuses[index] === 0) for (const name of failed) console.log(`UNSTEADY: failed, then passed alone: ${name}`);
  }
  return statuses.find((status) => status !== 0) ?? 0;
}

function failedBefore(cache) {
  try {
    return Object.keys(JSON.parse(readFileSync(join(cache, 'v', 'cache', 'lastfailed'), 'utf8')));
  } catch {
    return [];
  }
}

/** What a half says is printed when it ends, so that the two do not mix. */
function pytest(python, cache, parameters) {
  return new Promise((done) => {
    const options = ['-q', '--durations=5', '-c', 'src/compute/engine/pyproject.toml', '-o', `cache_dir=${cache}`];
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
