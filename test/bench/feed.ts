import { benchSize, datasetFolder } from './dataset.ts';
import { report } from './report.ts';
import { load, startNode, startServer } from './server.ts';

/** The anonymous feed without a page cache, against the bare page on the same data, one core each, in turn. */
export async function feedBench(): Promise<void> {
  const folder = await datasetFolder(benchSize());
  const node = await startNode(folder);
  const ours = await load(node.url, ['/']);
  await node.stop();
  const bare = await startServer(['--import', 'tsx', 'test/bench/rival.ts'], { DATA_DIR: folder });
  const theirs = await load(bare.url, ['/']);
  await bare.stop();
  report('feed-rps', ours.requestsPerSecond, 'requests/s');
  report('feed-p99-ms', ours.p99Ms, 'ms');
  report('feed-ratio', ours.requestsPerSecond / theirs.requestsPerSecond);
}
