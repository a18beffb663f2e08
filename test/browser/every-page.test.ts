import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routersOf } from '../../src/routers.ts';
import { fakePython, SHORT, studio } from '../compute/studio.ts';
import { listGetPaths } from '../moderation/reach.ts';
import { testNode } from '../node.ts';
import { skip, withChromium } from './chromium.ts';
import { glance, WATCH_SHIFTS } from './faults.ts';
import { fillFullSite, type FullSite } from './full/site.ts';
import { type Looks, NO_PAGES, PAGES, type Who } from './full/table.ts';

const browser = withChromium();

test('every route that answers GET is looked at as a page, or is none, and no two say so', async (t) => {
  const { node } = await testNode(t);
  const routes = listGetPaths(node);
  const isNone = (path: string) => NO_PAGES.some(([pattern]) => pattern.test(path));
  assert.deepEqual(
    routes.filter((path) => !(path in PAGES) && !isNone(path)),
    [],
    'nobody looks at it, and nobody said that it is no page',
  );
  assert.deepEqual(
    Object.keys(PAGES).filter((path) => !routes.includes(path)),
    [],
    'looked at, and no route',
  );
  assert.deepEqual(
    Object.keys(PAGES).filter((path) => isNone(path)),
    [],
    'a page that is said to be none',
  );
  assert.deepEqual(
    NO_PAGES.filter(([pattern]) => !routes.some((path) => pattern.test(path))).map(([pattern]) => pattern.source),
    [],
    'it fits no route',
  );
});

test('every page is sound with something on it, for whoever has it', { skip }, async (t) => {
  const its = await studio(t, { python: await fakePython(t, '--able'), limits: SHORT });
  const site = await fillFullSite(its);
  const shapes = new Map(
    routersOf(its.node).flatMap(({ stack }) => stack.map((layer) => [String(layer.path), layer] as const)),
  );
  for (const [who, looks] of looksOf(site)) {
    await t.test(who, async () => {
      const window = await browser.open();
      await window.page.addInitScript(WATCH_SHIFTS);
      const { cookies } = (who === 'halfway' ? site.halfway : who === 'visitor' ? null : site.people[who])?.browser ?? {
        cookies: [],
      };
      await window.context.addCookies([...cookies].map(([name, value]) => ({ name, value, url: its.address.href })));
      const faults: string[] = [];
      for (const [route, path] of looks) {
        const url = new URL(path, its.address);
        assert.ok(shapes.get(route)?.match(url.pathname), `${path} is no page of ${route}`);
        for (const fault of await glance(window, url)) faults.push(`${path} ${fault}`);
      }
      await window.context.close();
      assert.deepEqual(faults, []);
    });
  }
});

function looksOf(site: FullSite): Map<Who, (readonly [string, string])[]> {
  const found = new Map<Who, (readonly [string, string])[]>();
  for (const [route, looks] of Object.entries(PAGES)) {
    for (const [who, paths] of Object.entries(looks) as [Who, NonNullable<Looks[Who]>][]) {
      const list = typeof paths === 'function' ? paths(site) : paths;
      found.set(who, [...(found.get(who) ?? []), ...list.map((path) => [route, path] as const)]);
    }
  }
  return found;
}
