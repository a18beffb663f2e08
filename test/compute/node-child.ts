import { readConfig } from '../../src/kit/config.ts';
import { makeLog } from '../../src/kit/log.ts';
import { openNode } from '../../src/node.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenTinyModel } from './studio.ts';

// A node in a process of its own, to be killed. It says where it is, and which checkpoint it has.
if (process.send) {
  const node = await openNode(readConfig(process.env), {
    log: makeLog('silent'),
    queueTimes: { leaseMs: 1_500, renewEveryMs: 300, lookEveryMs: 100 },
  });
  const em = node.orm.em.fork();
  let fileId = Number(process.env.CHILD_FILE_ID ?? 0);
  if (fileId === 0) {
    await givenMember(em, 'ada');
    fileId = (await givenTinyModel(em, node.files, 'tiny-base', 'Checkpoint', 'Tiny Shapes')).id;
  }
  const address = await node.start(['web', 'worker', 'gpu']);
  process.send({ address: address?.href, fileId });
}
