import type { TestContext } from 'node:test';
import type { EngineLimits } from '../../src/compute/engine/watchdog.ts';
import { NodeClient } from '../../src/compute/runner/client.ts';
import { RunnerProcess } from '../../src/compute/runner/runner.ts';
import { createRunner } from '../../src/compute/runners/owner.ts';
import { makeLog } from '../../src/kit/log.ts';
import { makeNet } from '../../src/kit/net/net.ts';
import { temporaryFolder } from '../kit/temporary-folder.ts';
import { SHORT, type Studio } from './studio.ts';

export interface Dialling {
  readonly address: URL;
  readonly token: string;
  readonly python: string;
  readonly dataDir?: string;
  readonly cacheBytes?: number;
  readonly partBytes?: number;
  readonly graceMs?: number;
  /** Of its engine. */
  readonly limits?: Partial<EngineLimits>;
}

export interface Attached {
  readonly runner: RunnerProcess;
  /** When it has stopped, and why, where that is an error. */
  readonly stopped: Promise<Error | null>;
  readonly dataDir: string;
}

/** Waits shortly for a node that is away. */
export const BACK_OFF = { baseMs: 50, capMs: 400 };
export const net = () => makeNet({ userAgent: 'Tessera/test' });

/** A runner in this process, over HTTP as everywhere. */
export async function dialIn(t: TestContext, { address, token, python, ...rest }: Dialling): Promise<Attached> {
  const dataDir = rest.dataDir ?? (await temporaryFolder(t));
  const runner = new RunnerProcess({
    client: new NodeClient({ net: net(), node: address, token, backOff: BACK_OFF }),
    ...{
      limits: { ...SHORT, pauseMs: 2_000 },
      cacheBytes: 1e9,
      graceMs: 1_000,
      beatMs: 100,
      ...rest,
      dataDir,
      pythonPath: python,
      devices: null,
    },
    ...{ program: 'Tessera/test', testFamilies: true, sandbox: 'auto', log: makeLog(process.env.TEST_LOG ?? 'silent') },
  });
  const stopped = runner.run().then(
    () => null,
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  );
  t.after(async () => {
    runner.stop();
    await stopped;
  });
  return { runner, stopped, dataDir };
}

export const givenRunner = (its: Pick<Studio, 'workAs'>, name = 'attic') => createRunner(its.workAs(null), { name });
