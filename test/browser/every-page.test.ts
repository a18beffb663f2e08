import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routersOf } from '../../src/routers.ts';
import { fakePython, SHORT, studio } from '../compute/studio.ts';
import { listGetPaths } from '../moderation/reach.ts';
import { testNode } from '../node.ts';
import { skip, withChromium } from './chromium.ts';
import { glance } from './faults.ts';
import { type FullSite, fillFullSite } from './full/site.ts';
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
    Object.keys(PAGES).filter((path) => Object.keys(PAGES[path] ?? {}).length === 0),
    ['/setup'],
    'nobody looks at it',
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

test('every page is sound with something on it, for whoever has it', { skip, concurrency: 2 }, async (t) => {
  const its = await studio(t, { python: await fakePython(t, '--able'), limits: SHORT });
  const windowOf = async (cookies: ReadonlyMap<string, string> = new Map()) => {
    const window = await browser.open();
    await window.context.addCookies([...cookies].map(([name, value]) => ({ name, value, url: its.address.href })));
    return window;
  };
  // there is no owner yet
  const [link = ''] = /http\S+\/setup\?token=\S+/.exec(await its.node.greeting(its.address)) ?? [];
  const first = await windowOf();
  assert.deepEqual(await glance(first, new URL(link)), []);
  await first.context.close();

  const site = await fillFullSite(its);
  const layers = routersOf(its.node).flatMap(({ stack }) => stack);
  const isAt = (route: string, path: string) => layers.some((one) => String(one.path) === route && one.match(path));
  // two at a time, and who has the most to look at first
  const people = [...looksOf(site)].sort(([, one], [, other]) => other.length - one.length);
  const lookAround = async ([who, looks]: (typeof people)[number]) => {
    const person = who === 'visitor' ? null : who === 'halfway' ? site.halfway : site.people[who];
    const window = await windowOf(person?.browser.cookies);
    const faults: string[] = [];
    for (const [route, path] of looks) {
      const url = new URL(path, its.address);
      assert.ok(isAt(route, url.pathname), `${path} is no page of ${route}`);
      for (const fault of await glance(window, url)) faults.push(`${path} ${fault}`);
    }
    await window.context.close();
    assert.deepEqual(faults, []);
  };
  await Promise.all(people.map((one) => t.test(one[0], () => lookAround(one))));
});

/** Route and address of each look, by who looks. */
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
