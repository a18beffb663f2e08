import { execFile } from 'node:child_process';
import { access, realpath } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { EngineRoots } from './protocol.ts';

const run = promisify(execFile);
const PROBE_MS = 10_000;

/** Where people and programs keep what is nobody else's. */
const PRIVATE = ['/home', '/root', '/run', '/srv', '/mnt', '/media', '/tmp', '/var/tmp'];

export interface Room {
  readonly pythonPath: string;
  readonly engineDir: string;
  readonly roots: EngineRoots;
  /** Hidden, but for the roots that lie in it. */
  readonly dataDir: string;
}

/**
 * The beginning of a command line that runs an engine by bubblewrap: no network, no other process in sight, the system
 * read-only, homes and the node's data hidden, models read-only, and the folder of its jobs to write to. A model file
 * is the work of strangers, so whatever might come out of it stays in there.
 */
async function sandboxArgs({ pythonPath, engineDir, roots, dataDir }: Room): Promise<string[]> {
  // an environment points to the Python that it was made with, which may lie in a home
  const prefix = (path: string) => dirname(dirname(path));
  const python = [prefix(resolve(pythonPath)), prefix(await realpath(pythonPath))];
  const isHidden = (path: string) => hidden.some((folder) => path === folder || path.startsWith(`${folder}/`));
  const hidden = [...(await existing(PRIVATE)), resolve(dataDir)];
  const read = [engineDir, roots.models, roots.loras, ...(roots.captioner === undefined ? [] : [roots.captioner])];
  const shown = [...python, ...read.map((folder) => resolve(folder))].filter(isHidden);
  return [
    ...['bwrap', '--unshare-all', '--die-with-parent', '--ro-bind', '/', '/', '--dev-bind', '/dev', '/dev'],
    ...['--proc', '/proc'],
    ...hidden.flatMap((folder) => ['--tmpfs', folder]),
    ...shown.flatMap((folder) => ['--ro-bind', folder, folder]),
    ...['--bind', resolve(roots.job), resolve(roots.job), '--chdir', resolve(engineDir), '--'],
  ];
}

/** The same where it works here: null when there is no bubblewrap, or the system does not let it make namespaces. */
export async function findSandbox(room: Room): Promise<string[] | null> {
  const args = await sandboxArgs(room);
  const [program = '', ...rest] = args;
  try {
    await run(program, [...rest, room.pythonPath, '-c', 'pass'], { timeout: PROBE_MS });
    return args;
  } catch {
    return null;
  }
}

async function existing(folders: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    folders.map((folder) =>
      access(folder).then(
        () => [folder],
        () => [],
      ),
    ),
  );
  return found.flat();
}
