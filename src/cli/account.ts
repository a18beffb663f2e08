import type { Command } from 'commander';
import { resetPassword } from '../accounts/access/reset-password.ts';
import { createAccount, NewAccount } from '../accounts/joining/create.ts';
import { Account } from '../accounts/model.ts';
import { ROLES, type Role } from '../accounts/permissions.ts';
import { setRole } from '../accounts/staff/roles.ts';
import { audited } from '../kit/audit/append.ts';
import { AppError } from '../kit/errors.ts';
import { randomToken } from '../kit/ids.ts';
import type { Work } from '../kit/work.ts';
import type { Shell } from './program.ts';

export function addAccountCommands(program: Command, shell: Shell): void {
  const account = program.command('account').description('make accounts and look after them');
  account
    .command('create')
    .description('make an account')
    .requiredOption('--name <name>', 'name, as in @name')
    .requiredOption('--email <address>', 'e-mail address')
    .option('--password <password>', 'password; one is made and shown when this is left out')
    .option('--role <role>', ROLES.join(', '), 'member')
    .action(async ({ name, email, password = randomToken(12), role }: Record<string, string>) => {
      const form = NewAccount.parse({ name, email, password });
      const made = await createAccount((await shell.openNode()).openWork(null), form, readRole(role));
      shell.answer(
        { id: made.id, name: made.name, role: made.role, password: form.password },
        `Made @${made.name} (${made.role}), password ${form.password}`,
      );
    });
  account
    .command('role')
    .description('give an account a role')
    .requiredOption('--name <name>', 'name of the account')
    .requiredOption('--role <role>', ROLES.join(', '))
    .action(async ({ name, role }: Record<string, string>) => {
      const work = (await shell.openNode()).openWork(null);
      const found = await loadByName(work, name);
      await audited(work, async (em) => {
        const account = await em.findOneOrFail(Account, found.id);
        const before = { role: account.role };
        await setRole({ em }, account, readRole(role));
        const subject = { kind: 'account', id: account.id };
        const after = { role: account.role };
        return { result: null, entries: [{ action: 'account.role', subject, before, after, role: 'operator' }] };
      });
      shell.answer({ name: found.name, role }, `@${found.name} is ${role} now.`);
    });
  account
    .command('reset-password')
    .description('give an account a new password; its sessions end')
    .requiredOption('--name <name>', 'name of the account')
    .option('--password <password>', 'password; one is made and shown when this is left out')
    .action(async ({ name, password = randomToken(12) }: Record<string, string>) => {
      const work = (await shell.openNode()).openWork(null);
      const found = await loadByName(work, name);
      await resetPassword(work, found, NewAccount.shape.password.parse(password));
      shell.answer({ name: found.name, password }, `The password of @${found.name} is ${password} now.`);
    });
}

function readRole(text: string | undefined): Role {
  const role = ROLES.find((name) => name === text);
  if (!role) throw new AppError('invalid', `There is no role ${text}; there are ${ROLES.join(', ')}.`);
  return role;
}

/** Throws `not_found`. */
export async function loadByName({ em }: Pick<Work, 'em'>, name: string | undefined): Promise<Account> {
  const account = await em.findOne(Account, { host: '', name: (name ?? '').replace(/^@/, '').toLowerCase() });
  if (!account) throw new AppError('not_found', `There is no account ${name} here.`);
  return account;
}
