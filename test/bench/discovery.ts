import { benchSize } from './dataset.ts';
import { datasetNode } from './dataset-node.ts';
import { report } from './report.ts';
import { load, type Server } from './server.ts';

const SUGGEST_GOAL_MS = 50;
const SIMILAR_GOAL_MS = 100;
// common words and rare ones, beginnings that thousands have, and what nothing has
const TYPED = [
  'in',
  'ink',
  'ink w',
  'neon c',
  'per',
  'person12',
  'water',
  'castle for',
  'drag',
  'ni',
  'xylo',
  '%23port',
];

/** What a word may become while it is typed, one question after the other, so that the figure is the wait of one person. */
export async function suggestBench(): Promise<void> {
  const node = await datasetNode(benchSize());
  await assertHolds(node, '/suggest?q=ink', ['/models/', '/tags/']);
  await assertHolds(node, '/suggest?q=person12', ['/@person12']);
  const { p99Ms } = await load(
    node,
    TYPED.map((q) => `/suggest?q=${q.replace(' ', '+')}`),
    { connections: 1 },
  );
  await node.stop();
  report('suggest-p99-ms', p99Ms, 'ms');
  report('suggest-p99-ratio', p99Ms / SUGGEST_GOAL_MS);
}

/** Pictures like one, by look and by models, of different ones in turn; all ten of its kind must be among those found. */
export async function similarBench(): Promise<void> {
  const size = benchSize();
  const node = await datasetNode(size);
  const ids = Array.from({ length: 50 }, (_, n) => 1 + 10 * Math.floor((n * size.images) / 550) + (n % 9));
  const first = ids.find((id) => id % 10 === 2) ?? 2;
  // the tenth is of a rating that visitors do not browse
  const kind = [1, 3, 4, 5, 6, 7, 8, 9].map((n) => `/images/${first - 2 + n}"`);
  await assertHolds(node, `/images/${first}/similar`, kind);
  const paths = ids.filter((id) => id % 10 !== 0);
  for (const [way, name] of [
    ['look', 'similar'],
    ['models', 'similar-by-models'],
  ] as const) {
    const { p99Ms } = await load(
      node,
      paths.map((id) => `/images/${id}/similar?by=${way}`),
      { connections: 1 },
    );
    report(`${name}-p99-ms`, p99Ms, 'ms');
    report(`${name}-p99-ratio`, p99Ms / SIMILAR_GOAL_MS);
  }
  await node.stop();
}

/** A fast answer that holds nothing is no figure. */
async function assertHolds({ url }: Server, path: string, parts: readonly string[]): Promise<void> {
  const text = await (await fetch(new URL(path, url))).text();
  const missing = parts.filter((part) => !text.includes(part));
  if (missing.length > 0) throw new Error(`${path} holds no ${missing.join(', ')}`);
}
