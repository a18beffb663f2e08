import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { findSandbox } from '../../src/compute/engine/sandbox.ts';
import { ENGINE_DIR } from '../../src/compute/engines/find.ts';

/** Whether bubblewrap works on this machine. */
export async function hasSandbox(python: string): Promise<boolean> {
  const dataDir = tmpdir();
  const roots = { models: ENGINE_DIR, loras: ENGINE_DIR, job: ENGINE_DIR };
  return (await findSandbox({ pythonPath: python, engineDir: ENGINE_DIR, roots, dataDir })) !== null;
}

/** Every process that names this folder of a node or a runner was started by bubblewrap, and there is one. */
export async function assertEnclosed(dataDir: string): Promise<void> {
  const lines: string[][] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const line = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(dataDir)) lines.push(line.split('\0'));
  }
  assert.deepEqual(
    lines.map(([program, unshare]) => `${program} ${unshare}`),
    lines.map(() => 'bwrap --unshare-all'),
  );
  assert.ok(lines.length > 0, `no process of an engine names ${dataDir}`);
}
