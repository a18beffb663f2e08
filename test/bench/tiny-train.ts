import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { median, report } from './report.ts';

const ROOT = join(import.meta.dirname, '../..');
const Outcome = z.object({
  base: z.string(),
  seed: z.int(),
  /** By weight: "0.0", "0.5", "1.0". */
  distance: z.record(z.string(), z.number()),
  accuracy: z.record(z.string(), z.number()),
  seconds: z.number(),
  failures: z.array(z.string()),
});
const Base = z.object({ base_seconds: z.number() });

/** The style of the tiny world learnt with three seeds on the committed base, and with one on a base trained anew. */
export async function tinyTrainBench(): Promise<void> {
  const python = process.env.ENGINE_PYTHON ?? join(ROOT, '.venv', 'bin', 'python');
  if (process.env.BENCH_SIZE === 'ci' || !existsSync(python)) {
    const why = existsSync(python) ? 'one seed is among the tests of the engine' : `there is no engine at ${python}`;
    console.log(`# tiny-train is left out: ${why}`);
    return;
  }
  const script = join(ROOT, 'test', 'compute', 'engine', 'bench_tiny_train.py');
  const child = spawn(python, [script, '--seeds', '3', '--retrain'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  const outcomes: z.output<typeof Outcome>[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const value: unknown = JSON.parse(line);
    const base = Base.safeParse(value).data;
    if (base) {
      report('tiny-base-s', base.base_seconds, 's');
      continue;
    }
    const outcome = Outcome.parse(value);
    outcomes.push(outcome);
    // minutes lie between two of them
    console.log(
      `# tiny-train: ${outcome.base}, seed ${outcome.seed}, ${outcome.failures.length === 0 ? 'passed' : outcome.failures.join(', ')}`,
    );
  }
  if ((await ended) !== 0) throw new Error('the benchmark of the tiny training did not come to its end');
  for (const base of ['committed', 'retrained']) {
    const of = outcomes.filter((outcome) => outcome.base === base);
    const ratios = of.map(({ distance }) => (distance['1.0'] ?? Number.NaN) / (distance['0.0'] ?? Number.NaN));
    report(`tiny-train-${base}-distance-ratio`, median(ratios));
    report(`tiny-train-${base}-accuracy`, median(of.map(({ accuracy }) => accuracy['1.0'] ?? Number.NaN)));
    report(`tiny-train-${base}-s`, median(of.map(({ seconds }) => seconds)), 's');
  }
  const failed = outcomes.flatMap(({ base, seed, failures }) => failures.map((gate) => `${base} ${seed} ${gate}`));
  if (failed.length > 0) throw new Error(`gates were missed: ${failed.join(', ')}`);
}
