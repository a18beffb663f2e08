import { benchSize, datasetFolder, POPULAR, readRows } from './dataset.ts';
import { datasetNode } from './dataset-node.ts';
import { median, report } from './report.ts';
import { load } from './server.ts';

const GOAL_MS = 50;
const MODEL_SORTS = [
  ...['Highest Rated', 'Most Downloaded', 'Most Liked', 'Most Discussed', 'Most Collected', 'Most Images'],
  ...['Newest', 'Oldest', 'Trending'],
];
const IMAGE_SORTS = ['Most Reactions', 'Most Comments', 'Most Collected', 'Newest', 'Oldest', 'Trending', 'Random'];
const slug = (sort: string): string => sort.toLowerCase().replace(/\s+/g, '-');

/** Each list in each order as programs ask for it, one question after the other, and the filters that they use most. */
const LISTS: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(
    MODEL_SORTS.map((sort) => [
      `models-${slug(sort)}`,
      ['/api/v1/models?limit=20', '/api/v1/models?limit=20&types=LORA'].map(
        (path) => `${path}&sort=${encodeURIComponent(sort)}`,
      ),
    ]),
  ),
  'models-filtered': [
    ...[
      'baseModels=SDXL%201.0',
      'tag=ink',
      'username=person7',
      'period=Week',
      'query=neon%20city',
      'checkpointType=Merge',
    ],
    ...['baseModels=nothing', 'supportsGeneration=true', 'types=Checkpoint&baseModels=Pony'],
  ].map((query) => `/api/v1/models?limit=20&${query}`),
  // what the pages of a node narrow by, also where nothing fits
  'models-narrowed': [
    ...[
      'excludeTags=ink',
      'excludeTags=ink&sort=Newest',
      'fileFormats=SafeTensor',
      'fileFormats=GGUF',
      'runsHere=true',
    ],
    ...['minSizeKB=100000', 'maxSizeKB=100', 'allowCommercialUse=Image', 'allowCommercialUse=Sell', 'browsingLevel=4'],
  ].map((query) => `/api/v1/models?limit=20&${query}`),
  'models-hundred': ['/api/v1/models?limit=100', '/api/v1/models?limit=100&page=10'],
  ...Object.fromEntries(
    IMAGE_SORTS.map((sort) => [`images-${slug(sort)}`, [`/api/v1/images?limit=100&sort=${encodeURIComponent(sort)}`]]),
  ),
  'images-filtered': [
    'modelId=77',
    'modelVersionId=78',
    'postId=79',
    'username=person7',
    'period=Day',
    'tags=1',
    'baseModels=Pony',
    'baseModels=none',
  ].map((query) => `/api/v1/images?limit=100&withMeta=true&${query}`),
  'images-narrowed': [
    'query=neon%20city',
    'query=nothing',
    'excludeTags=ink',
    'excludeTags=ink&sort=Newest',
    'browsingLevel=4',
  ].map((query) => `/api/v1/images?limit=100&${query}`),
  // in each order, which Civitai gives up for the newest
  ...Object.fromEntries(
    IMAGE_SORTS.map((sort) => [
      `images-of-model-${slug(sort)}`,
      [`/api/v1/images?limit=100&modelId=77&sort=${encodeURIComponent(sort)}`],
    ]),
  ),
  // and of one that a fifth of all pictures use
  ...Object.fromEntries(
    IMAGE_SORTS.map((sort) => [
      `images-of-popular-${slug(sort)}`,
      [`modelId=${POPULAR}`, `modelVersionId=${POPULAR}`].map(
        (made) => `/api/v1/images?limit=100&${made}&sort=${encodeURIComponent(sort)}`,
      ),
    ]),
  ),
  'one-version': ['/api/v1/model-versions/78', '/api/v1/model-versions/mini/78', '/api/v1/models/77'],
  comments: ['/api/v1/models/77/comments', '/api/v1/images/79/comments'],
  users: ['/api/v1/users?query=person7', '/api/v1/users?ids=1,2,3'],
  creators: ['/api/v1/creators', '/api/v1/creators?page=50', '/api/v1/creators?query=person7'],
  tags: ['/api/v1/tags', '/api/v1/tags?query=in'],
};

/** `api-<list>-p99-ms` for each list and sort. */
export async function apiBench(): Promise<void> {
  const node = await datasetNode(benchSize());
  let worst = 0;
  for (const [name, paths] of Object.entries(LISTS)) {
    const { p99Ms } = await load(node, paths, { connections: 1 });
    worst = Math.max(worst, p99Ms);
    report(`api-${name}-p99-ms`, p99Ms, 'ms');
  }
  await node.stop();
  report('api-p99-ratio', worst / GOAL_MS);
}

const HASHES = 10_000;
const ROUNDS = 5;

/** Ten thousand hashes at once, half of them of files that are here. */
export async function byHashBench(): Promise<void> {
  const folder = await datasetFolder(benchSize());
  const files = await readRows<{ sha256: string }>(folder, `select sha256 from model_file where id <= ${HASHES / 2}`);
  const known = files.map(({ sha256 }) => sha256);
  const body = JSON.stringify([...known, ...known.map((hash) => [...hash].reverse().join(''))]);
  const node = await datasetNode(benchSize());
  const times: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const startedAt = performance.now();
    const answer = await fetch(new URL('/api/v1/model-versions/by-hash/ids', node.url), {
      ...{ method: 'POST', body, headers: { 'content-type': 'application/json' } },
    });
    const found = (await answer.json()) as unknown[];
    if (found.length < known.length) throw new Error(`${found.length} of ${known.length} files were found`);
    // the first round warms up
    if (round > 0) times.push(performance.now() - startedAt);
  }
  await node.stop();
  report('by-hash-10k-ms', median(times), 'ms');
}
