import { Worker } from 'node:worker_threads';

/**
 * Starts a thread from the module that lies beside the caller's. Built, the module is a file of its own. From source it
 * is TypeScript, which a thread does not know how to read by itself: Node 20 keeps the loader that `--import tsx`
 * registers to the main thread.
 */
export function startThread(callerUrl: string, name: string, workerData?: unknown): Worker {
  if (!callerUrl.endsWith('.ts')) return new Worker(new URL(`./${name}.js`, callerUrl), { workerData });
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  const source = JSON.stringify(new URL(`./${name}.ts`, callerUrl).href);
  const code = `import(${loader}).then((tsx) => { tsx.register(); return import(${source}); });`;
  return new Worker(code, { eval: true, workerData });
}
