import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Job } from '../../../src/kit/queue/job.ts';
import { probe } from './stall.ts';
import { openWorld, type World } from './world.ts';

/** One row of spec/federation.md, section 4, or a variant of it: `S04b`. It may run again, so its ids are fresh. */
export type Case = readonly [number: string, says: string, run: (world: World) => Promise<void>];

const LONGEST_STALL_MS = 100;
const MOST_TURNS = 3;
/** Longer than any window of the node's limits, so that no case pays for the one before it. */
const BETWEEN_CASES_MS = 11 * 60_000;

/** All cases of a section against one node; each also shows that nothing broke: no 5xx, no stall, no crashed job. */
export function attackTable(section: string, cases: readonly Case[], env: Readonly<Record<string, string>> = {}): void {
  test(section, async (t) => {
    const world = await openWorld(t, env);
    for (const [number, says, run] of cases) {
      await t.test(`${number} ${says}`, async () => {
        // a first time may pay for what is loaded then, another for a crowded machine; each time is the case's own
        let stallMs = Number.POSITIVE_INFINITY;
        for (let turn = 0; turn < MOST_TURNS && stallMs > LONGEST_STALL_MS; turn += 1) {
          stallMs = await runOnce(world, run);
        }
        assert.ok(stallMs <= LONGEST_STALL_MS, `the event loop stood still for ${Math.round(stallMs)} ms`);
      });
    }
  });
}

async function runOnce(world: World, run: Case[2]): Promise<number> {
  world.clock.pass(BETWEEN_CASES_MS);
  world.replies.length = 0;
  probe.start();
  try {
    await run(world);
    await world.settle();
  } finally {
    probe.stop();
  }
  const faults = world.replies.filter(({ status }) => status >= 500).map(({ status, text }) => `${status} ${text}`);
  assert.deepEqual(faults, [], 'answers of 5xx');
  const broken = await world.em().find(Job, { lastError: { $ne: null } });
  const errors = broken.map(({ name, lastError }) => `${name}: ${lastError}`);
  assert.deepEqual(
    errors.filter((error) => !EXPECTED.test(error)),
    [],
    'jobs that broke',
  );
  await world.em().nativeDelete(Job, { lastError: { $ne: null } });
  return probe.worstMs;
}

/** What a peer did wrong is an AppError; anything else is a bug of ours. */
const EXPECTED = /: AppError: /;
