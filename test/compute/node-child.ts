import { viewerOf } from '../../src/accounts/access/identify.ts';
import { Account } from '../../src/accounts/model.ts';
import { createRunner } from '../../src/compute/runners/owner.ts';
import { TrainingEpoch, TrainingRun, TrainingSample } from '../../src/compute/training/model.ts';
import { readConfig } from '../../src/kit/config.ts';
import { makeLog } from '../../src/kit/log.ts';
import { openNode, type Process } from '../../src/node.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenTinyModel } from './studio.ts';
import { givenTraining, stepsThatMade } from './trainings.ts';

/** What the one who started it asks for. */
export type ChildAsk =
  | { readonly train: { readonly what: string; readonly steps: number } }
  | { readonly run: string }
  | { readonly runner: string };
export interface ChildRun {
  readonly state: string;
  readonly note: string;
  readonly outputs: number;
  readonly madeBy: readonly number[];
}

// A node in a process of its own, to be killed. It says where it is, and which checkpoint it has.
if (process.send) {
  const node = await openNode(readConfig(process.env), {
    log: makeLog('silent'),
    queueTimes: { leaseMs: 1_500, renewEveryMs: 300, lookEveryMs: 100 },
    engineLimits: { backoffMs: [10] },
  });
  const fork = () => node.orm.em.fork();
  const em = fork();
  let fileId = Number(process.env.CHILD_FILE_ID ?? 0);
  if (fileId === 0) {
    await givenMember(em, 'ada');
    fileId = (await givenTinyModel(em, node.files, 'tiny-base', 'Checkpoint', 'Tiny Shapes')).id;
  }

  const train = async (params: { readonly what: string; readonly steps: number }): Promise<string> => {
    const ada = await fork().findOneOrFail(Account, { name: 'ada', host: '' });
    const run = await givenTraining(node, node.openWork(viewerOf(ada)), String(fileId), params);
    return run.id;
  };
  const look = async (id: string): Promise<ChildRun> => {
    const run = await fork().findOneOrFail(TrainingRun, id);
    const outputs =
      (await fork().count(TrainingEpoch, { run: id })) + (await fork().count(TrainingSample, { run: id }));
    const { findStatus } = await import('../../src/kit/queue/status.ts');
    return {
      ...{ state: run.state, outputs },
      note: (await findStatus(fork(), run.jobId ?? ''))?.progressNote ?? '',
      madeBy: await stepsThatMade(node, id),
    };
  };
  process.on('message', (ask: ChildAsk) => {
    void (
      'runner' in ask
        ? createRunner(node.openWork(null), { name: ask.runner })
        : 'train' in ask
          ? train(ask.train)
          : look(ask.run)
    ).then((answer) => process.send?.({ answer }));
  });
  const processes = (process.env.CHILD_PROCESSES ?? 'web worker gpu').split(' ') as Process[];
  const address = await node.start(processes);
  process.send({ address: address?.href ?? '', fileId });
}
