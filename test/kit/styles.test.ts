import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const PAGES = new URL('../../views/assets/css/pages/', import.meta.url);

/** Classes that a file gives its own look: those that a selector begins with. */
function ownClasses(css: string): Set<string> {
  const selectors = [...css.replace(/\/\*[\s\S]*?\*\//g, '').matchAll(/(?:^|[{};,])\s*\.([a-z][\w-]*)/g)];
  return new Set(selectors.map((match) => match[1] ?? ''));
}

test('no two rooms style one class name for their pages: all sheets are one file in the browser', () => {
  // layouts.css is everybody's: a room may add to what it lays out
  const rooms = readdirSync(PAGES)
    .filter((name) => name !== 'layouts.css')
    .map((name) => ({
      name,
      classes: ownClasses(readFileSync(new URL(name, PAGES), 'utf8')),
    }));
  const clashes = rooms.flatMap((a, index) =>
    rooms
      .slice(index + 1)
      .flatMap((b) =>
        [...a.classes].filter((name) => b.classes.has(name)).map((name) => `.${name}: ${a.name}, ${b.name}`),
      ),
  );
  assert.deepEqual(clashes, []);
});
