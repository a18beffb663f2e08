import { readConfig } from '../../src/kit/config.ts';
import { makeLog } from '../../src/kit/log.ts';
import { openNode } from '../../src/node.ts';

// a whole node in a process of its own, to be killed
if (process.send) {
  const node = await openNode(readConfig(process.env), {
    log: makeLog('silent'),
    queueTimes: { leaseMs: 1_500, renewEveryMs: 300, lookEveryMs: 100 },
  });
  await node.start(['web', 'worker']);
  process.send('listening');
}
