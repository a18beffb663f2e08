import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { temporaryFolder } from './kit/temporary-folder.ts';

const DEPLOY = pathToFileURL(join(import.meta.dirname, '..', 'deploy', 'ends.mjs')).href;

test('a process that something holds open after its tests ends, says what it was, and its tests count as they ended', async (t) => {
  const folder = await temporaryFolder(t);
  const { NODE_TEST_CONTEXT: _within, ...env } = process.env;
  const run = async (last: string) => {
    const path = join(folder, '1.test.mjs');
    const lines = [
      `import { test } from 'node:test'; import { createServer } from 'node:net'; import { endsWithin } from '${DEPLOY}';`,
      `test('leaks', () => { createServer().listen(0); });`,
      last,
      'endsWithin(200);',
    ];
    await writeFile(path, lines.join('\n'));
    const { status, stdout } = spawnSync(process.execPath, ['--test', '--test-reporter=tap', path], {
      env,
      timeout: 60_000,
    });
    return { status, said: String(stdout) };
  };
  const good = await run('');
  assert.equal(good.status, 0, good.said);
  assert.match(good.said, /UNSTEADY: after its tests this process was held open by .*Server \d+/);
  const bad = await run(`test('fails', () => { throw new Error('so'); });`);
  assert.equal(bad.status, 1);
  assert.match(bad.said, /# pass 2\n# fail 1/);
});
