#!/usr/bin/env node
// `npm run engine:doctor`: what the engine runs on, in which versions, and how fast. Needs no model. Plain JavaScript.
//   --venv FOLDER  another environment than .venv        --json  the whole report as it is
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const ENGINE = join(ROOT, 'src', 'compute', 'engine');
const { values: options } = parseArgs({
  options: { venv: { type: 'string', default: join(ROOT, '.venv') }, json: { type: 'boolean', default: false } },
});
const inVenv = process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python'];
const python = process.env.ENGINE_PYTHON ?? join(resolve(options.venv), ...inVenv);

function fail(message) {
  console.error(message);
  process.exit(1);
}

if (!existsSync(python)) fail(`There is no Python at ${python}. Run: npm run engine:install`);
const { stdout, stderr, status } = spawnSync(python, ['-m', 'tessera_engine', '--doctor'], {
  cwd: ENGINE,
  encoding: 'utf8',
  env: { ...process.env, PYTHONPATH: ENGINE },
  timeout: 300_000,
});
const line = stdout?.trim().split('\n').at(-1) ?? '';
if (status !== 0 || !line.startsWith('{')) {
  fail(`The engine does not start:\n${(stderr ?? '').trim().split('\n').at(-1)}\nRun: npm run engine:install`);
}
const report = JSON.parse(line);
if (options.json) {
  console.log(line);
} else {
  const { versions, device, speed, remarks } = report;
  const memory = device.vram_total ? `, ${(device.vram_total / 1024).toFixed(0)} GB` : '';
  console.log(`device    ${device.name} (${device.kind}${memory})
versions  engine ${versions.engine}, Python ${versions.python}, torch ${versions.torch}, diffusers ${versions.diffusers}
matrices  ${speed.tflops} TFLOP/s in ${speed.dtype}
steps     ${speed.steps_per_s} a second with guidance (${speed.family}, its own size, random weights)`);
  if (speed.sd15_step_s_estimate) {
    console.log(`estimate  about ${speed.sd15_step_s_estimate} s for one step of SD1.5 at 512 × 512`);
  }
  for (const remark of remarks) console.log(`note      ${remark}`);
}
