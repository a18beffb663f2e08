import type { Command } from 'commander';
import { verifyAudit } from '../kit/audit/verify.ts';
import type { Shell } from './program.ts';

export function addAuditCommands(program: Command, shell: Shell): void {
  program
    .command('audit')
    .description('the log of what staff and the node did')
    .command('verify')
    .description('walk along its chain: finds rows that were edited, deleted or put in; ends with 1 then')
    .action(async () => {
      const node = await shell.openNode();
      const report = await verifyAudit(node.openWork(null).em);
      const erased = report.erasedCount > 0 ? `, ${report.erasedCount} of them without their names` : '';
      const whole = `The audit log is whole: ${report.entryCount} rows${erased}.`;
      shell.answer(report, report.isWhole ? whole : ['The audit log was changed:', ...report.faults]);
      if (!report.isWhole) shell.fail();
    });
}
