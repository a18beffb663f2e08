import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

// what browsers receive lies in views/assets/vendor, so that a node serves it without node_modules
const VENDORED = {
  'htmx.min.js': 'htmx.org/dist/htmx.min.js',
  'simplewebauthn.min.js': '@simplewebauthn/browser/dist/bundle/index.umd.min.js',
  'tus.min.js': 'tus-js-client/dist/tus.min.js',
};

for (const [name, source] of Object.entries(VENDORED)) {
  test(`views/assets/vendor/${name} is the file of the pinned package`, () => {
    const ours = readFileSync(new URL(`../../views/assets/vendor/${name}`, import.meta.url), 'utf8');
    assert.ok(
      ours.includes(
        readFileSync(new URL(`../../node_modules/${source}`, import.meta.url), 'utf8')
          .trim()
          .replace(/\n\/\/# sourceMappingURL=.*$/, ''),
      ),
    );
  });
}
