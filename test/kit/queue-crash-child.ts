import { tmpdir } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { openDatabase } from '../../src/kit/database/open.ts';
import { makeLog } from '../../src/kit/log.ts';
import { defineJob } from '../../src/kit/queue/define.ts';
import { openQueue } from '../../src/kit/queue/open.ts';
import { DiskFiles } from '../../src/kit/storage/disk.ts';
import { QUEUE_TABLES } from './queue-setup.ts';

const Payload = z.object({ n: z.int() });

export const crashJob = defineJob({
  name: 'test.crash',
  lane: 'media',
  payload: Payload,
  attempts: 3,
  run: () => wait(600_000),
});

// begins a job and never ends it
if (process.env.CHILD_DATABASE) {
  const log = makeLog('silent');
  const url = new URL(process.env.CHILD_DATABASE);
  const orm = await openDatabase({ url, dataDir: tmpdir(), entities: QUEUE_TABLES, log });
  const redisUrl = process.env.CHILD_REDIS ? new URL(process.env.CHILD_REDIS) : null;
  const queue = await openQueue({
    ...{ orm, log, redisUrl, redisPrefix: process.env.CHILD_PREFIX ?? '', now: () => new Date() },
    files: await DiskFiles.at(`${tmpdir()}/tessera-crash-${process.pid}`),
    times: { leaseMs: 1500, renewEveryMs: 300, lookEveryMs: 100 },
  });
  await queue.start({ jobs: [crashJob], words: { read: async () => null }, wiring: [], lanes: ['media'] });
}
