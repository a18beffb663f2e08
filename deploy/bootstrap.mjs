#!/usr/bin/env node
// The door of the repository: `npm start`, `npm test` and the other scripts come here first, on a fresh clone too.
// It installs what is missing, builds what changed, and runs what was asked for. Plain JavaScript without
// dependencies, because it runs before anything is installed.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { compileTests } from './compiled-tests.mjs';
import { testEngine } from './engine-tests.mjs';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const [command = 'start', ...args] = process.argv.slice(2);

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  fail(`Tessera needs Node 20.19 or newer; this is ${process.versions.node}.`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

function run(program, parameters, env = {}) {
  const status = statusOf(program, parameters, env);
  if (status !== 0) process.exit(status);
}

function statusOf(program, parameters, env = {}) {
  const { status, error, signal } = spawnSync(program, parameters, {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, ...env },
    shell: process.platform === 'win32',
  });
  if (error) fail(`${program}: ${error.message}`);
  return status ?? (signal ? 130 : 1);
}

/** sqlite3 is compiled where no prebuilt binary can be fetched; headers beside the running node spare a download. */
function buildEnvironment() {
  const prefix = resolve(dirname(process.execPath), '..');
  if (!existsSync(join(prefix, 'include', 'node', 'node_api.h'))) return {};
  // the second name is the one that node-gyp reads when npm no longer passes unknown settings on
  return { npm_config_nodedir: prefix, npm_package_config_node_gyp_nodedir: prefix };
}

function install() {
  const lock = createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex');
  const mark = join(ROOT, 'node_modules', '.tessera-installed');
  if (existsSync(mark) && readFileSync(mark, 'utf8') === `${lock} ${process.versions.modules}`) return;
  console.error('Installing packages (npm ci); the first time this takes a few minutes, because SQLite is compiled …');
  run('npm', ['ci', '--no-audit', '--no-fund', '--include=dev'], buildEnvironment());
  writeFileSync(mark, `${lock} ${process.versions.modules}`);
}

function newest(folder) {
  let time = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === '__pycache__') continue;
    const path = join(folder, entry.name);
    time = Math.max(time, statSync(path).mtimeMs, entry.isDirectory() ? newest(path) : 0);
  }
  return time;
}

function build() {
  const mark = join(ROOT, 'dist', '.built');
  const config = statSync(join(ROOT, 'tsconfig.build.json')).mtimeMs;
  if (existsSync(mark) && statSync(mark).mtimeMs > Math.max(newest(join(ROOT, 'src')), config)) return;
  run(process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json']);
  mkdirSync(dirname(mark), { recursive: true });
  writeFileSync(mark, '');
}

/** Runs the built program in this process, which saves the start of a second one. */
async function serve(parameters) {
  const main = join(ROOT, 'dist', 'main.js');
  process.argv = [process.argv[0], main, ...parameters];
  await import(pathToFileURL(main).href);
}

function testFiles(folder, wanted = () => true) {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      // the peer of the federation tests and the clients of the API have packages of their own
      if (entry.isDirectory()) return ['node_modules', '.venv'].includes(entry.name) ? [] : testFiles(path, wanted);
      return entry.name.endsWith('.test.ts') && wanted(path) ? [path] : [];
    })
    .sort();
}

/** One file takes two minutes at most where nothing hangs; a bundle is a dozen of them. */
const testStatus = (files, parameters, isBundled = false) =>
  statusOf(
    process.execPath,
    [
      ...(files.some((file) => file.endsWith('.ts')) ? ['--import', 'tsx'] : ['--enable-source-maps']),
      ...['--test', `--test-timeout=${isBundled ? 1_200_000 : 480_000}`, ...parameters, ...files],
    ],
    { NODE_ENV: 'test' },
  );

/** `bundles` has, for a file that only loads others, those others. */
function test(files, bundles = new Map()) {
  if (files.length === 0) fail('There are no tests.');
  const folder = mkdtempSync(join(tmpdir(), 'tessera-failed-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const list = join(folder, 'failed');
  const parameters = [
    '--test-concurrency=4',
    `--test-reporter=${process.stdout.isTTY ? 'spec' : 'tap'}`,
    '--test-reporter-destination=stdout',
    `--test-reporter=${pathToFileURL(join(ROOT, 'deploy', 'failed-files.mjs')).href}`,
    `--test-reporter-destination=${list}`,
  ];
  const status = testStatus(files, parameters, bundles.size > 0);
  if (status === 0) return;
  if (!process.env.CI) process.exit(status);
  testAgain(
    readFileSync(list, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
    bundles,
    status,
  );
}

/**
 * On a machine that builds unwatched, the files of a few failures run once more, alone and from source: one that fails
 * again fails the run, and one that passes is named as unsteady, for a person to look for its cause. Many failures are
 * no accident, and a test that another module declares could not be found again.
 */
function testAgain(failures, bundles, status) {
  const files = [...new Set(failures.map(({ file }) => file))];
  if (files.length === 0 || files.length > MOST_UNSTEADY) process.exit(status);
  for (const { file, name } of failures) console.log(`failed once: ${name} (${file})`);
  const sources = files.flatMap((file) => bundles.get(file) ?? [file]).map(sourceOf);
  if (!sources.every((file) => file.endsWith('.test.ts'))) process.exit(status);
  for (const file of sources) {
    const again = testStatus([file], ['--test-concurrency=1']);
    if (again !== 0) process.exit(again);
  }
  for (const { file, name } of failures) console.log(`UNSTEADY: failed, then passed alone: ${name} (${file})`);
}
const MOST_UNSTEADY = 3;

/**
 * Runs many test files in few processes: to load the program takes longer than most files do. Neighbours, which are often
 * slow together, come into different processes.
 */
function testTogether(files) {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-tests-'));
  const count = Math.ceil(files.length / FILES_A_PROCESS);
  const bundles = new Map(
    Array.from({ length: count }, (_, index) => {
      const path = join(folder, `${String(index + 1).padStart(2, '0')}.test.mjs`);
      const own = files.filter((_file, place) => place % count === index);
      const loads = own.map((file) => `import ${urlOf(file)};\n`).join('');
      const end = `import { endsWithin } from ${urlOf(join(ROOT, 'deploy', 'ends.mjs'))};\nendsWithin(${HELD_OPEN_MS});\n`;
      writeFileSync(path, loads + end);
      return [path, own];
    }),
  );
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  test([...bundles.keys()], bundles);
}
const FILES_A_PROCESS = 12;
const HELD_OPEN_MS = 60_000;
const urlOf = (file) => JSON.stringify(pathToFileURL(file).href);

const TESTS = join(ROOT, '.tests');
const compiledOf = (source) => join(TESTS, relative(ROOT, source)).replace(/\.ts$/, '.js');
const sourceOf = (file) => (file.startsWith(TESTS) ? join(ROOT, relative(TESTS, file)).replace(/\.js$/, '.ts') : file);

/** For a run of all tests, which read themselves and the program as JavaScript. */
function compile() {
  const status = compileTests(ROOT, TESTS);
  if (status !== 0) process.exit(status);
}

const inBrowser = (path) => path.includes(`${join('test', 'browser')}`);
const suite = () => testFiles(join(ROOT, 'test'), (path) => !inBrowser(path)).map(compiledOf);

/** No other database or queue can change what these say: they are of bytes and connections, or bring a SQLite of their own. */
const SAID_ONCE = [
  ...['federation/attacks/fetching', 'federation/attacks/flooding', 'federation/attacks/signatures'],
  ...['cli/demo', 'catalogue/kill', 'gallery/kill', 'catalogue/files/', 'gallery/recipe/', 'safety/pdq'],
].map((path) => join('test', path));
const otherSuite = () => suite().filter((path) => !SAID_ONCE.some((part) => path.includes(part)));

switch (command) {
  case 'start':
    install();
    build();
    await serve(args.length > 0 ? args : ['web', 'worker', 'gpu']);
    break;
  case 'cli':
    install();
    build();
    await serve(args);
    break;
  case 'test':
    install();
    build();
    if (args.length > 0) test(args.map((path) => resolve(path)));
    else {
      compile();
      testTogether(suite());
    }
    break;
  case 'test:all': {
    install();
    build();
    for (const name of ['TEST_DATABASE_URL', 'TEST_REDIS_URL', 'TEST_S3_ENDPOINT']) {
      if (!process.env[name])
        console.error(`${name} is not set: the tests that need it will say that they were skipped.`);
    }
    compile();
    testTogether(otherSuite());
    const python = process.env.ENGINE_PYTHON ?? join(ROOT, '.venv', 'bin', 'python');
    if (existsSync(python)) {
      const status = await testEngine(python, MOST_UNSTEADY);
      if (status !== 0) process.exit(status);
    } else console.error(`No engine at ${python}: its tests were skipped. npm run engine:install makes it.`);
    test(testFiles(join(ROOT, 'test', 'browser')).map(compiledOf));
    break;
  }
  case 'check':
    install();
    run('npx', ['biome', 'ci', '.']);
    run('npx', ['tsc', '-p', 'tsconfig.json']);
    run('npx', ['knip']);
    build();
    compile();
    testTogether(suite());
    break;
  case 'soak':
    install();
    build();
    run(process.execPath, ['--import', 'tsx', join(ROOT, 'test', 'soak', 'run.ts')]);
    break;
  case 'bench': {
    install();
    build();
    const child = spawn(process.execPath, ['--import', 'tsx', join(ROOT, 'test', 'bench', 'run.ts'), ...args], {
      cwd: ROOT,
      stdio: 'inherit',
    });
    child.on('exit', (code) => process.exit(code ?? 1));
    break;
  }
  default:
    // `npx tessera doctor` comes here: what is no script of ours is a command of the program
    install();
    build();
    await serve([command, ...args]);
}
