import { benches } from './benches.ts';

/**
 * `npm run bench` runs all, `npm run bench -- feed start` some, and `-- --gpu` what only a GPU can tell: the engine's
 * figures on whole models with random weights.
 */
const isForGpu = process.argv.includes('--gpu');
const named = process.argv.slice(2).filter((word) => word !== '--gpu');
const wanted = isForGpu && named.length === 0 ? ['engine-start', 'model-load', 'engine-ratio'] : named;
const unknown = wanted.filter((name) => !(name in benches));
if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}.`);
  process.exit(2);
}
try {
  for (const [name, run] of Object.entries(benches)) {
    if (wanted.length === 0 || wanted.includes(name)) await run();
  }
  process.exit(0);
} catch (error) {
  console.error(error);
  process.exit(1);
}
