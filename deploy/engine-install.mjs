#!/usr/bin/env node
// `npm run engine:install`: a Python environment for the engine in .venv beside package.json, with pinned versions.
// Says beforehand what it will fetch, and does nothing when the engine already runs. Plain JavaScript, no dependencies.
//   --venv FOLDER  elsewhere (then set ENGINE_PYTHON)      --test  also what the engine's own tests need
//   --cpu          no CUDA even when there is a GPU        --dry-run  only say what would be done
//   --captioner    runs a tagger that writes captions          --faces    counts faces in pictures to train on
//   --cross-reader another reader of LoRA files, for one test: transformers and PEFT in an environment inside this one
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const ENGINE = join(ROOT, 'src', 'compute', 'engine');
const WINDOWS = process.platform === 'win32';
const { values: options } = parseArgs({
  options: {
    venv: { type: 'string', default: join(ROOT, '.venv') },
    test: { type: 'boolean', default: false },
    cpu: { type: 'boolean', default: false },
    captioner: { type: 'boolean', default: false },
    faces: { type: 'boolean', default: false },
    'cross-reader': { type: 'boolean', default: false },
    'dry-run': { type: 'boolean', default: false },
  },
});
const venv = resolve(options.venv);
const python = WINDOWS ? join(venv, 'Scripts', 'python.exe') : join(venv, 'bin', 'python');

function fail(message) {
  console.error(message);
  process.exit(1);
}

function ask(program, parameters, environment = {}) {
  const { status, stdout } = spawnSync(program, parameters, {
    cwd: ENGINE,
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    maxBuffer: 64 << 20,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return { ok: status === 0, text: stdout ?? '' };
}

function run(program, parameters) {
  console.log(`> ${program} ${parameters.join(' ')}`);
  const { status, error } = spawnSync(program, parameters, { cwd: ENGINE, stdio: 'inherit' });
  if (error || status !== 0) {
    fail(
      `That did not work${error ? ` (${error.message})` : ''}. Nothing else was changed; run the command again to go on.`,
    );
  }
}

/** The engine's own opinion: {ok, hello} or {ok: false, missing}. */
function checkEngine() {
  if (!existsSync(python)) return { ok: false, missing: `Python at ${python}` };
  const { text } = ask(python, ['-m', 'tessera_engine', '--check'], { PYTHONPATH: ENGINE });
  try {
    return JSON.parse(text.trim().split('\n').at(-1));
  } catch {
    return { ok: false, missing: 'a Python that starts' };
  }
}

function findPython() {
  const names = WINDOWS ? ['python'] : ['python3.13', 'python3.12', 'python3.11', 'python3.14', 'python3', 'python'];
  for (const name of names) {
    const { ok, text } = ask(name, ['-c', 'import sys, venv, ensurepip; print(*sys.version_info[:2])']);
    const [major, minor] = text.trim().split(' ').map(Number);
    if (ok && major === 3 && minor >= 11 && minor <= 14) return { name, version: `${major}.${minor}` };
  }
  return fail('The engine needs Python 3.11 to 3.14 with venv. On Debian: apt install python3 python3-venv');
}

/** It shares torch and diffusers with the engine; the engine itself must not see what is in it. */
function installCrossReader() {
  const folder = join(venv, 'cross-reader');
  const reader = WINDOWS ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python');
  if (ask(reader, ['-c', 'import diffusers, peft, transformers']).ok) return;
  run(python, ['-m', 'venv', '--without-pip', folder]);
  const needs = ['--no-deps', '-r', 'requirements-cross-reader.txt'];
  run(python, ['-m', 'pip', '--python', reader, 'install', '--quiet', ...needs]);
  const packages = (program) =>
    ask(program, ['-c', 'import sysconfig; print(sysconfig.get_path("purelib"))']).text.trim();
  writeFileSync(join(packages(reader), 'engine.pth'), `${packages(python)}\n`);
}

/** What a file of requirements names, and the files that it names. */
function pinsOf(file) {
  const lines = readFileSync(join(ENGINE, file), 'utf8')
    .split('\n')
    .map((line) => line.trim());
  const pins = lines.filter((line) => line && !line.startsWith('#'));
  return pins.flatMap((pin) => (pin.startsWith('-r ') ? pinsOf(pin.slice(3)) : pin));
}

/** Requirements as pip arguments, torch apart from the rest. */
function readRequirements() {
  const pins = pinsOf('requirements.txt');
  return {
    torch: pins.find((pin) => pin.startsWith('torch==')),
    rest: pins.filter((pin) => !pin.startsWith('torch==')),
  };
}

/**
 * Where torch comes from. On Linux PyPI's wheel brings CUDA, gigabytes that a machine without a GPU does not need; the
 * small one has an index of its own, unless pip's configuration here already leads to it.
 */
function torchIndex(pip, torch, wantsCuda) {
  if (wantsCuda) return WINDOWS ? ['--index-url', 'https://download.pytorch.org/whl/cu130'] : [];
  if (process.platform !== 'linux') return [];
  const { ok, text } = ask(pip, ['-m', 'pip', 'install', '--dry-run', '--no-deps', '--quiet', '--report', '-', torch]);
  if (ok && text.includes('+cpu')) return [];
  return ['--extra-index-url', 'https://download.pytorch.org/whl/cpu'];
}

const hasGpu = !options.cpu && ask('nvidia-smi', ['-L']).ok;
const found = checkEngine();
const EXTRAS = [
  { is: options.captioner, needs: 'onnxruntime', file: 'requirements-captioner.txt', about: 'about 30 MB' },
  { is: options.faces, needs: 'cv2', file: 'requirements-faces.txt', about: 'about 60 MB' },
  {
    is: options.test,
    needs: 'hypothesis, pytest, onnxruntime, cv2',
    file: 'requirements-test.txt',
    about: 'about 100 MB',
  },
];
const extras = EXTRAS.filter(({ is, needs }) => is && !ask(python, ['-c', `import ${needs}`]).ok);
const needsCuda = found.ok && hasGpu && found.hello.device.kind === 'cpu';
if (found.ok && !needsCuda) {
  for (const { file, about } of extras) {
    console.log(`This will fetch ${pinsOf(file).join(', ')} (${about}) from the package index that pip is set to.`);
    if (!options['dry-run']) run(python, ['-m', 'pip', 'install', '-r', file]);
  }
  if (options['cross-reader']) installCrossReader();
  report(found.hello);
  process.exit(0);
}

const system = findPython();
const { torch, rest } = readRequirements();
const needBytes = hasGpu ? 9e9 : 2e9;
console.log(`The engine needs ${found.ok ? 'torch with CUDA' : found.missing}. This will
  - make a Python ${system.version} environment in ${venv}
  - fetch ${torch} (${hasGpu ? 'with CUDA, about 3 GB' : 'for the CPU, about 200 MB'})
  - fetch ${rest.join(', ')} (about 80 MB)${extras.map(({ file, about }) => `\n  - fetch ${pinsOf(file).join(', ')} (${about})`).join('')}
from the package index that pip is set to. No model is downloaded.`);
if (options['dry-run']) process.exit(0);

const { bavail, bsize } = statfsSync(dirname(venv));
if (bavail * bsize < needBytes) {
  fail(`There is too little room: ${(needBytes / 1e9).toFixed(0)} GB are needed at ${dirname(venv)}.`);
}
if (!existsSync(python)) run(system.name, ['-m', 'venv', venv]);
run(python, [
  ...['-m', 'pip', 'install', ...(needsCuda ? ['--force-reinstall'] : [])],
  ...[torch, ...torchIndex(python, torch, hasGpu)],
]);
// torch is named again so that nothing can replace it by another build.
run(python, ['-m', 'pip', 'install', torch, ...rest]);
for (const { file } of extras) run(python, ['-m', 'pip', 'install', '-r', file]);
if (options['cross-reader']) installCrossReader();

const result = checkEngine();
if (!result.ok) fail(`It installed, but the engine still needs ${result.missing}.`);
report(result.hello);

function report(hello) {
  const { device } = hello;
  const memory = device.vram_total ? `, ${(device.vram_total / 1024).toFixed(0)} GB` : '';
  console.log(
    `The engine is ready: torch ${hello.torch}, diffusers ${hello.diffusers}, on ${device.name} (${device.kind}${memory}).`,
  );
  if (device.kind === 'cpu') console.log('There is no GPU here: it works, and a 512 × 512 picture takes minutes.');
  if (venv !== join(ROOT, '.venv')) console.log(`Set ENGINE_PYTHON=${python}`);
  if (options.captioner) {
    console.log(
      'Captions: put model.onnx and selected_tags.csv of a WD tagger into captioner/ in MODELS_DIR or DATA_DIR/engine.',
    );
  }
  console.log('Next: npm start, publish or import a checkpoint (safetensors, SD1.5 or SDXL), and open /generate.');
}
