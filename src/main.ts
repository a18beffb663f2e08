import { fileURLToPath } from 'node:url';
import { ConfigError, exampleEnvironment, readConfig } from './kit/config.ts';
import { makeLog } from './kit/log.ts';
import type { Process } from './node.ts';

const PROCESSES: readonly string[] = ['web', 'worker', 'gpu'];

/** The process: what argv names is either the parts of a node to run, or a command for its operator. */
async function main(names: readonly string[]): Promise<void> {
  if (names[0] === 'config-example') {
    process.stdout.write(exampleEnvironment());
    return;
  }
  if (names[0] === 'migration') {
    await writeMigrationFor(names.slice(1));
    return;
  }
  if (names.length > 0 && names.every((name) => PROCESSES.includes(name))) {
    await serve(names as readonly Process[]);
    return;
  }
  const { runCommand } = await import('./cli/program.ts');
  const { openNode, openRestore } = await import('./node.ts');
  process.exitCode = await runCommand(names, process.env, openNode, openRestore);
}

/** For developers: writes a migration for both dialects from the entities. */
async function writeMigrationFor(args: readonly string[]): Promise<void> {
  const { writeMigration } = await import('./kit/database/write-migration.ts');
  const { ENTITIES } = await import('./entities.ts');
  const scratch = process.env.TEST_DATABASE_URL;
  const written = await writeMigration({
    name: args.find((arg) => !arg.startsWith('-')) ?? 'change',
    isInitial: args.includes('--initial'),
    entities: ENTITIES,
    folder: fileURLToPath(new URL('../src/kit/database/', import.meta.url)),
    scratchUrl: scratch ? new URL(scratch) : null,
    log: makeLog('warn'),
  });
  process.stdout.write(`${written.join('\n')}\n`);
}

async function serve(processes: readonly Process[]): Promise<void> {
  const config = readConfig(process.env);
  const { openNode } = await import('./node.ts');
  const node = await openNode(config);
  let isClosing = false;
  const close = async (signal: string) => {
    if (isClosing) return;
    isClosing = true;
    node.log.info({ signal }, 'stopping');
    await node.close();
    process.exit(0);
  };
  process.on('SIGTERM', () => void close('SIGTERM'));
  process.on('SIGINT', () => void close('SIGINT'));
  const address = await node.start(processes);
  node.log.info({ processes, address: address?.href, ms: Math.round(performance.now()) }, 'started');
  if (address) process.stdout.write(await node.greeting(address));
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof ConfigError) {
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  }
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code === 'EADDRINUSE') {
    process.stderr.write('The port is taken by another program. Set PORT to a free one.\n');
    process.exit(2);
  }
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
}
