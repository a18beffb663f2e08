import type { Command } from 'commander';
import { GrantForm, grantCredits } from '../economy/grant.ts';
import { verifyLedger } from '../economy/ledger/verify.ts';
import type { Shell } from './program.ts';

export function addCreditsCommands(program: Command, shell: Shell): void {
  const credits = program.command('credits').description('node credits');
  credits
    .command('grant')
    .description('give credits of the node to a member, who sees why')
    .argument('<name>', 'name of the account, as in @name')
    .argument('<amount>', 'how many')
    .requiredOption('--reason <text>', 'why')
    .action(async (name: string, amount: string, { reason }: Record<string, string>) => {
      const form = GrantForm.parse({ name, amount, reason });
      const granted = await grantCredits((await shell.openNode()).openWork(null), form);
      const has = granted.balance.toLocaleString('en');
      shell.answer({ ...granted, amount: form.amount }, `@${granted.name} has ${has} credits now.`);
    });
  credits
    .command('verify')
    .description('add the ledger up: each act, each balance, each hold; ends with 1 where something is off')
    .action(async () => {
      const report = await verifyLedger((await shell.openNode()).openWork(null).em);
      const { postingCount, accountCount, inCirculation } = report;
      const whole = `The ledger adds up: ${postingCount} acts on ${accountCount} accounts, ${inCirculation} credits given out.`;
      shell.answer(report, report.isWhole ? whole : ['The ledger does not add up:', ...report.faults]);
      if (!report.isWhole) shell.fail();
    });
}
