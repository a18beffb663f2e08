import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeLog } from '../../src/kit/log.ts';
import { BullDriver } from '../../src/kit/queue/bull.ts';
import { GROUNDS, pause } from './queue-setup.ts';

const ground = GROUNDS.find(({ name }) => name === 'Bull on SQLite');

test('a process that ends before its connections to Redis stand ends quietly', {
  skip: ground?.skip ?? true,
}, async (t) => {
  assert.ok(ground?.redisUrl);
  const url = ground.redisUrl;
  const failures: unknown[] = [];
  const note = (reason: unknown) => failures.push(reason);
  process.on('unhandledRejection', note);
  t.after(() => process.off('unhandledRejection', note));
  await Promise.all(
    Array.from({ length: 30 }, async (_, n) => {
      const prefix = `tessera_test_bull_${process.pid}_${n}`;
      const driver = new BullDriver({ url, prefix, log: makeLog('silent'), now: () => new Date(), lockMs: 5_000 });
      await driver.serve(new Map([['media', 1]] as const), { runOne: async () => {}, pump: () => {} });
      // at every moment of the beginning
      await pause(n * 5);
      await driver.pause();
      await driver.close();
    }),
  );
  await pause(50);
  assert.deepEqual(failures, []);
});
