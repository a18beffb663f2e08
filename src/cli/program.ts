import type { MikroORM } from '@mikro-orm/core';
import { Command, CommanderError } from 'commander';
import { ZodError } from 'zod';
import type { Uploads } from '../catalogue/uploads/uploads.ts';
import type { Engines } from '../compute/engines/engines.ts';
import type { Federation } from '../federation/deps.ts';
import { type Config, ConfigError, readConfig } from '../kit/config.ts';
import { AppError } from '../kit/errors.ts';
import { type Log, makeLog } from '../kit/log.ts';
import type { Settings } from '../kit/settings.ts';
import type { Files } from '../kit/storage/files.ts';
import type { Shelf } from '../kit/storage/vault/shelf.ts';
import type { Vault } from '../kit/storage/vault/vault.ts';
import type { Viewer, Work } from '../kit/work.ts';
import type { RestoreParts } from '../operator/backup/restore.ts';
import type { HashGate } from '../safety/hashes/gate.ts';
import type { Transfers } from '../transfer/import/transfers.ts';
import { addAccountCommands } from './account.ts';
import { addAuditCommands } from './audit.ts';
import { addBackupCommands } from './backup.ts';
import { addCreditsCommands } from './credits.ts';
import { addDemoCommands } from './demo.ts';
import { addDoctorCommand } from './doctor.ts';
import { addHashCommands } from './hashes.ts';
import { addImportCommands } from './import.ts';
import { addKeysCommands } from './keys.ts';
import { addRunnerCommand } from './runner.ts';
import { addTokenCommands } from './token.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What commands ask of a node. `main.ts` hands it in, because the composition root stands above all rooms. */
export interface CommandNode {
  readonly config: Config;
  readonly engines: Engines;
  readonly uploads: Uploads;
  readonly settings: Settings;
  readonly federation: Federation;
  readonly hashGate: HashGate;
  readonly transfers: Transfers;
  readonly orm: MikroORM;
  readonly files: Files;
  readonly vault: Vault;
  readonly vaultShelf: Shelf;
  readonly secretKey: string;
  readonly dataDir: string;
  takeDownAgain(): Promise<number>;
  openWork(viewer: Viewer | null): Work;
  start(processes: readonly ('web' | 'worker' | 'gpu')[]): Promise<URL | null>;
  close(): Promise<void>;
}
/** What a restore fills, where there is no node yet. */
export type OpenRestore = (config: Config) => Promise<RestoreParts & { close(): void }>;
export type OpenNode = (config: Config, options: { readonly log: Log }) => Promise<CommandNode>;

/** What a command may use: a node that is opened on demand, and a way to answer. */
export interface Shell {
  readonly env: Environment;
  /** Opens the node beside a running one; it is closed when the command ends. */
  openNode(): Promise<CommandNode>;
  /** One more node, by other settings. */
  openAnother(config: Config): Promise<CommandNode>;
  /** The empty places that a restore fills. */
  openRestore: OpenRestore;
  /** One JSON document with `--json`, else the lines. */
  answer(value: unknown, lines: string | readonly string[]): void;
  /** What goes on meanwhile, for a person. */
  note(text: string): void;
  /** The command did its work and found something bad. */
  fail(): void;
}

/** The operator's commands; each lives in a file of its own. Returns the exit status. */
export async function runCommand(
  args: readonly string[],
  env: Environment,
  openNode: OpenNode,
  openRestore: OpenRestore,
): Promise<number> {
  const program = new Command('tessera')
    .description('Runs and looks after a Tessera node. Without a command: web worker gpu.')
    .option('--json', 'answer in JSON')
    .exitOverride()
    .configureOutput({ writeErr: (text) => process.stderr.write(text) });
  const opened: CommandNode[] = [];
  let status = 0;
  const isJson = (): boolean => program.opts().json === true || args.includes('--json');
  const shell: Shell = {
    env,
    openNode: async () => opened[0] ?? shell.openAnother(readConfig(env)),
    openAnother: async (config) => {
      const node = await openNode(config, { log: makeLog('error') });
      opened.push(node);
      return node;
    },
    openRestore,
    note: (text) => {
      if (!isJson()) process.stderr.write(`${text}\n`);
    },
    fail: () => {
      status = 1;
    },
    answer: (value, lines) => {
      const text = isJson() ? JSON.stringify(value) : [lines].flat().join('\n');
      process.stdout.write(`${text}\n`);
    },
  };
  program
    .command('migrate')
    .description('bring the database up to date; a start does it too')
    .action(async () => {
      await shell.openNode();
      shell.answer({ migrated: true }, 'The database is up to date.');
    });
  addAccountCommands(program, shell);
  addTokenCommands(program, shell);
  addHashCommands(program, shell);
  addImportCommands(program, shell);
  addKeysCommands(program, shell);
  addDoctorCommand(program, shell);
  addAuditCommands(program, shell);
  addCreditsCommands(program, shell);
  addBackupCommands(program, shell);
  addDemoCommands(program, shell);
  addRunnerCommand(program, shell);
  for (const command of everyCommand(program)) command.option('--json', 'answer in JSON').exitOverride();

  try {
    await program.parseAsync(args, { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    const message = messageOf(error);
    if (message === null) throw error;
    if (isJson()) process.stdout.write(`${JSON.stringify({ error: message })}\n`);
    else process.stderr.write(`${message}\n`);
    return 1;
  } finally {
    await Promise.all(opened.map((node) => node.close()));
  }
}

const everyCommand = (command: Command): Command[] =>
  command.commands.flatMap((child) => [child as Command, ...everyCommand(child as Command)]);

function messageOf(error: unknown): string | null {
  if (error instanceof AppError || error instanceof ConfigError) return error.message;
  if (error instanceof ZodError)
    return error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n');
  return null;
}
