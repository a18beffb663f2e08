import { benchSize, datasetFolder } from './dataset.ts';
import { report } from './report.ts';
import { duel, startNode, startServer } from './server.ts';

/** The anonymous feed without a page cache, against the bare page on the same data, one core each, in turn. */
export const feedBench = (): Promise<void> => pageBench('feed', ['/'], 'test/bench/rival-feed.ts');

const PAGES = 200;

/** The anonymous page of a model, of many models in turn. */
export async function modelPageBench(): Promise<void> {
  const step = Math.floor(benchSize().models / PAGES);
  // the multiples of ten are rated R in the data, and a visitor sees none of their pictures
  const paths = Array.from({ length: PAGES }, (_, n) => `/models/${1 + n * step}`);
  await pageBench('model-page', paths, 'test/bench/rival-model.ts');
}

async function pageBench(name: string, paths: readonly string[], rivalScript: string): Promise<void> {
  const folder = await datasetFolder(benchSize());
  const node = await startNode(folder);
  const bare = await startServer(['--import', 'tsx', rivalScript], { DATA_DIR: folder });
  const { ours, theirs } = await duel(node, bare, paths);
  await node.stop();
  await bare.stop();
  report(`${name}-rps`, ours.requestsPerSecond, 'requests/s');
  report(`${name}-p99-ms`, ours.p99Ms, 'ms');
  report(`${name}-cpu-ms`, ours.cpuMsPerRequest, 'ms');
  report(`${name}-ratio`, ours.requestsPerSecond / theirs.requestsPerSecond);
}
