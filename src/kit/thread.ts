import { Worker } from 'node:worker_threads';

/**
 * Starts the module beside `from` (its `import.meta.url`) in a thread; `name` is without its ending. Built, it is a file
 * of its own. From source it is TypeScript, which a thread does not know how to read by itself: Node 20 keeps the loader
 * that `--import tsx` registers to the main thread.
 */
export function startThread(from: string, name: string, workerData: unknown): Worker {
  if (!from.endsWith('.ts')) return new Worker(new URL(`${name}.js`, from), { workerData });
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  const source = JSON.stringify(new URL(`${name}.ts`, from).href);
  const code = `import(${loader}).then((tsx) => { tsx.register(); return import(${source}); });`;
  return new Worker(code, { eval: true, workerData });
}
