import { readConfig } from '../../src/kit/config.ts';
import { openNode } from '../../src/node.ts';
import { givenMember } from '../factories/accounts.ts';

/** A node of its own process, for tests that kill it. It prints its address, and what comes back after a crash is due soon. */
const node = await openNode(readConfig(process.env), {
  queueTimes: { leaseMs: 1_500, renewEveryMs: 400, lookEveryMs: 100 },
});
if (process.env.MAKE_ACCOUNT) await givenMember(node.orm.em.fork(), process.env.MAKE_ACCOUNT);
const address = await node.start(['web', 'worker']);
process.stdout.write(`${address?.href}\n`);
