import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const SRC = resolve(dirname(fileURLToPath(import.meta.url)), '../src');

/** Lowest first (DESIGN.md section 9, ruling 1). A room may import from itself and from what stands before it. */
const ROOMS =
  'kit accounts safety catalogue gallery economy compute moderation discovery federation notifications transfer api operator cli'.split(
    ' ',
  );
/** The roots above all rooms. */
const ROOTS = new Set(['main.ts', 'node.ts', 'parts.ts', 'open-parts.ts', 'wiring.ts', 'routers.ts', 'entities.ts']);

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

const files = sources(SRC).map((path) => ({
  path: relative(SRC, path).split(sep).join('/'),
  text: readFileSync(path, 'utf8'),
}));
const roomOf = (path: string): string => path.split('/')[0] ?? '';

function importsOf(path: string, text: string): string[] {
  const found = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) => match[1] ?? '');
  return found.map((target) =>
    relative(SRC, resolve(SRC, dirname(path), target))
      .split(sep)
      .join('/'),
  );
}

test('every file of src stands in a room that the design names, or is a root', () => {
  const strangers = files.filter(({ path }) => !ROOTS.has(path) && !ROOMS.includes(roomOf(path)));
  assert.deepEqual(
    strangers.map(({ path }) => path),
    [],
  );
});

test('imports point down the tree, never up', () => {
  const wrong = files.flatMap(({ path, text }) =>
    ROOTS.has(path)
      ? []
      : importsOf(path, text)
          .filter((target) => ROOTS.has(target) || ROOMS.indexOf(roomOf(target)) > ROOMS.indexOf(roomOf(path)))
          .map((target) => `${path} → ${target}`),
  );
  assert.deepEqual(wrong, []);
});

test('only kit/net opens connections, and Express stays inside federation/apex', () => {
  // types connect to nothing
  const outbound = /import (?!type)[^;]*from 'node:(https?|net|tls|dgram)'|from 'undici'|\bfetch\(/;
  const mayConnect = (path: string) =>
    path.startsWith('kit/net/') || path === 'node.ts' || path === 'main.ts' || ALLOWED_SOCKETS.has(path);
  assert.deepEqual(
    files.filter(({ path, text }) => outbound.test(text) && !mayConnect(path)).map(({ path }) => path),
    [],
  );
  const apex = files.filter(
    ({ path, text }) =>
      /(from|require\()\s*'(activitypub-express|express)/.test(text) && !/^federation\/apex/.test(path),
  );
  assert.deepEqual(
    apex.map(({ path }) => path),
    [],
  );
});

/** A socket that a setting names. */
const ALLOWED_SOCKETS = new Set<string>(['catalogue/files/clamd.ts']);

test('process.env is read in kit/config.ts and main.ts only', () => {
  const readers = files.filter(
    ({ path, text }) => /process\.env/.test(text) && !['kit/config.ts', 'main.ts'].includes(path),
  );
  assert.deepEqual(
    readers.map(({ path }) => path),
    [],
  );
});

test('the kit knows no word of our domain', () => {
  const domain = /\b(LoRA|checkpoint|ModelVersion|Generation|civitai|tessera_engine)\b/;
  const wrong = files.filter(
    ({ path, text }) =>
      path.startsWith('kit/') &&
      !path.startsWith('kit/database/migrations') &&
      path !== 'kit/config.ts' &&
      domain.test(text),
  );
  assert.deepEqual(
    wrong.map(({ path }) => path),
    [],
  );
});
