import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ranges: readonly (readonly [number, number])[] = [
  ...([
    [1, 9],
    [11, 12],
    [14, 14],
    [16, 19],
    [21, 31],
    [33, 33],
    [35, 42],
    [44, 45],
    [47, 47],
    [49, 49],
  ] as const),
  ...([
    [51, 53],
    [55, 60],
  ] as const),
];
const EXPECTED = ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, n) => from + n));

test('each scenario of abuse that this node stands against has a test that bears its number', () => {
  const folder = new URL('..', import.meta.url).pathname;
  const texts = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts') && !path.includes('scenarios.test'))
    .concat('safety/scenarios.test.ts')
    .map((path) => readFileSync(join(folder, path), 'utf8'));
  const named = texts.flatMap((text) => [...text.matchAll(/\btest\(\s*['"`]scenarios? ([\d, and]+)/g)]);
  const found = new Set(named.flatMap(([, numbers = '']) => numbers.match(/\d+/g) ?? []).map(Number));
  assert.deepEqual(
    EXPECTED.filter((number) => !found.has(number)),
    [],
  );
});
