import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EmbeddedDriver } from '../../src/kit/queue/embedded.ts';
import { until } from './queue-setup.ts';

test('a timer that fires before the clock says so waits for the rest', async (t) => {
  let nowMs = 1_000;
  const pumpedAtMs: number[] = [];
  const driver = new EmbeddedDriver(() => new Date(nowMs));
  t.after(() => driver.close());
  const runOne = async () => {};
  await driver.serve(new Map([['media', 1]]), { pump: () => pumpedAtMs.push(nowMs), runOne });
  driver.announce([{ id: 'one', lane: 'media', fence: 0, runAt: new Date(1_020) }]);
  const slow = setInterval(() => {
    nowMs += 1; // the timers of the system are faster than this clock
  }, 5);
  t.after(() => clearInterval(slow));
  await until('it was pumped', () => pumpedAtMs.length > 0);
  assert.ok((pumpedAtMs[0] ?? 0) >= 1_020, `pumped at ${pumpedAtMs[0]}`);
});
