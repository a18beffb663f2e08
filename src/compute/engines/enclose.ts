import { mkdir } from 'node:fs/promises';
import type { Log } from '../../kit/log.ts';
import { checkEngine, type EngineCheck } from '../engine/check.ts';
import { findSandbox, type Room } from '../engine/sandbox.ts';

/** `required` runs no engine where there is no sandbox. */
export type SandboxChoice = 'auto' | 'required' | 'off';

export interface Enclosed {
  /** What was found, or what is missing for the sandbox that is required. */
  readonly check: EngineCheck;
  /** The beginning of the command line; empty without a sandbox. */
  readonly runBy: readonly string[];
}

const SANDBOX_COMMAND = 'apt install bubblewrap';

/** Finds the sandbox of the engines of a machine, whether a node's or a runner's. */
export async function enclose(
  check: EngineCheck,
  room: Room,
  { sandbox, testFamilies, log }: { sandbox: SandboxChoice; testFamilies: boolean; log: Log },
): Promise<Enclosed> {
  if (!check.ok || sandbox === 'off') return { check, runBy: [] };
  await mkdir(room.roots.job, { recursive: true });
  await mkdir(room.roots.models, { recursive: true });
  const runBy = await findSandbox(room);
  if (runBy !== null && (await hasDevice(check.hello.device.kind, room, testFamilies, runBy))) return { check, runBy };
  if (sandbox === 'required') {
    return {
      check: { ok: false, missing: 'bubblewrap (bwrap) that works', command: SANDBOX_COMMAND },
      runBy: [],
    };
  }
  log.warn(
    runBy === null
      ? 'the engine runs without a sandbox of its own: bubblewrap (bwrap) is not here, or may not make namespaces'
      : 'the engine runs without a sandbox of its own: it does not find the GPU from inside',
  );
  return { check, runBy: [] };
}

/** A driver may need what the sandbox hides, and the engine would work on the processor without a word. */
async function hasDevice(
  kind: string,
  { pythonPath, engineDir, roots }: Room,
  testFamilies: boolean,
  runBy: readonly string[],
): Promise<boolean> {
  if (kind === 'cpu') return true;
  const inside = await checkEngine(pythonPath, engineDir, testFamilies, roots.captioner ?? null, runBy);
  return inside.ok && inside.hello.device.kind === kind;
}
