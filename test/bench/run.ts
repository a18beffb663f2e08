import { benches } from './benches.ts';

/**
 * `npm run bench` runs all, `npm run bench -- feed upload` some, by their names or how these begin, and `-- --gpu` what
 * only a GPU can tell: the engine's figures on whole models with random weights.
 */
const isForGpu = process.argv.includes('--gpu');
const named = process.argv.slice(2).filter((word) => word !== '--gpu');
const wanted = isForGpu && named.length === 0 ? ['engine-start', 'model-load', 'engine-ratio'] : named;
const isNamed = (name: string, word: string): boolean => name === word || name.startsWith(`${word}-`);
const unknown = wanted.filter((word) => !Object.keys(benches).some((name) => isNamed(name, word)));
if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}.`);
  process.exit(2);
}
try {
  for (const [name, run] of Object.entries(benches)) {
    if (wanted.length === 0 || wanted.some((word) => isNamed(name, word))) await run();
  }
  process.exit(0);
} catch (error) {
  console.error(error);
  process.exit(1);
}
