import type { Command } from 'commander';
import { createToken, TokenForm } from '../accounts/access/tokens.ts';
import { SCOPE_NAMES } from '../accounts/scopes.ts';
import { loadByName } from './account.ts';
import type { Shell } from './program.ts';

export function addTokenCommands(program: Command, shell: Shell): void {
  program
    .command('token')
    .description('make API tokens')
    .command('create')
    .description('make a token and show it once')
    .requiredOption('--account <name>', 'whose token it is')
    .option('--scopes <scopes>', `separated by commas: ${SCOPE_NAMES.join(', ')}`, 'read')
    .option('--label <label>', 'what it is for', 'command line')
    .action(async ({ account, scopes = '', label }: Record<string, string>) => {
      const form = TokenForm.parse({ label, scopes: scopes.split(','), days: 'never' });
      const work = (await shell.openNode()).openWork(null);
      const owner = await loadByName(work, account);
      const { secret } = await createToken(work, owner, { label: form.label, scopes: form.scopes, expiresAt: null });
      shell.answer({ token: secret, account: owner.name, scopes: form.scopes }, secret);
    });
}
