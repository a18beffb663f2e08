// The tests and what they test as JavaScript, for a run of all of them: read through a loader, every process and every
// thread that they start translates the program anew, which is a third of the time of such a run.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const TRANSLATED = ['src', 'test'];
/** Packages of peers and clients of the tests, which need no translation. */
const PACKAGES = ['node_modules', '.venv'];

/**
 * Makes the folder: this repository with each module of `src` and `test` in JavaScript beside its source, and links to
 * all the rest, so that a path that a test goes from its own place leads to the same thing. The status of the compiler.
 */
export function compileTests(root, folder) {
  rmSync(folder, { recursive: true, force: true });
  const { status } = spawnSync(
    process.execPath,
    [
      ...[join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.json', '--rootDir', '.'],
      ...['--outDir', folder, '--noEmit', 'false', '--noCheck', '--inlineSourceMap'],
    ],
    { cwd: root, stdio: 'inherit' },
  );
  if (status !== 0) return status ?? 1;
  for (const path of TRANSLATED.flatMap((top) => filesOf(root, top))) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    if (PACKAGES.includes(basename(path))) link(root, folder, path);
    else copyFileSync(join(root, path), join(folder, path));
  }
  for (const name of readdirSync(root)) {
    if (!TRANSLATED.includes(name) && name !== '.git' && join(root, name) !== folder) link(root, folder, name);
  }
  return 0;
}

/** Windows lets anybody link to a folder only, and reads a copy of the few files as well. */
function link(root, folder, path) {
  const source = join(root, path);
  if (statSync(source).isDirectory()) symlinkSync(source, join(folder, path), 'junction');
  else copyFileSync(source, join(folder, path));
}

function filesOf(root, folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.name === '__pycache__') return [];
    return entry.isDirectory() && !PACKAGES.includes(entry.name) ? filesOf(root, path) : [path];
  });
}
