import { Command, CommanderError } from 'commander';

/** The operator's commands; each lives in a file of its own. Returns the exit status. */
export async function runCommand(
  args: readonly string[],
  _env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const program = new Command('tessera').description('Runs and looks after a Tessera node.').exitOverride();
  try {
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    throw error;
  }
}
