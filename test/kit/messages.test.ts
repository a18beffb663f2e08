import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { hasMessage, t, tCount } from '../../src/kit/web/messages.ts';

const ROOT = new URL('../../', import.meta.url);

function filesUnder(folder: string, ending: string): string[] {
  return readdirSync(new URL(folder, ROOT), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name}`);
}

test('every text that a template or the code asks for is in the catalogue', () => {
  const missing: string[] = [];
  for (const path of [...filesUnder('views', '.njk'), ...filesUnder('src', '.ts')]) {
    const source = readFileSync(new URL(path, ROOT), 'utf8');
    for (const [, key = ''] of source.matchAll(/(?<![\w.$])t\(\s*["']([\w.-]+)["']\s*[,)]/g)) {
      if (!hasMessage(key)) missing.push(`${path}: ${key}`);
    }
    for (const [, key = ''] of source.matchAll(/(?:\|\s*plural\(\s*|(?<![\w.$])tCount\(\s*)["']([\w.-]+)["']/g)) {
      for (const form of ['one', 'other']) if (!hasMessage(`${key}.${form}`)) missing.push(`${path}: ${key}.${form}`);
    }
  }
  assert.deepEqual(missing, []);
});

test('values fill their places, and a number chooses between one and many', () => {
  assert.equal(t('copy.what', { what: 'SHA-256' }), 'Copy SHA-256');
  assert.equal(tCount('ago.hour', 1), '1 hour ago');
  assert.equal(tCount('ago.hour', 2), '2 hours ago');
});
