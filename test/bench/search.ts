import { benchSize } from './dataset.ts';
import { datasetNode } from './dataset-node.ts';
import { report } from './report.ts';
import { load } from './server.ts';

const GOAL_MS = 50;
// common words, rare ones, two words, and words that are still being typed
const QUERIES = [
  'ink',
  'neon city',
  'castle',
  'style999',
  'watercol',
  'po',
  'dragon night forest',
  'person7',
  'xylophone',
];

/** The page of everything found, one question after the other, so that the figure is the wait of one person. */
export async function searchBench(): Promise<void> {
  const node = await datasetNode(benchSize());
  const paths = QUERIES.map((q) => `/search?q=${encodeURIComponent(q)}`);
  const { p99Ms } = await load(node, paths, { connections: 1 });
  await node.stop();
  report('search-p99-ms', p99Ms, 'ms');
  report('search-p99-ratio', p99Ms / GOAL_MS);
}
