import type { Command } from 'commander';
import { readConfig } from '../kit/config.ts';
import { backUp, restore } from '../operator/backup.ts';
import type { Shell } from './program.ts';

export function addBackupCommands(program: Command, shell: Shell): void {
  program
    .command('backup')
    .argument('<folder>', 'where it goes; a second backup into the same folder copies only what is new')
    .description('copy database, files and secret into a folder, beside a running node')
    .action(async (folder: string) => {
      const node = await shell.openNode();
      const report = await backUp({ ...node.openWork(null), config: node.config }, folder);
      shell.answer(
        report,
        `${report.blobCount} files (${report.newBlobCount} new), ${report.totalBytes} bytes, and the database.`,
      );
    });
  program
    .command('restore')
    .argument('<folder>', 'a backup')
    .description('put a backup into an empty DATA_DIR, checking every byte')
    .action(async (folder: string) => {
      const report = await restore(readConfig(shell.env), folder);
      shell.answer(report, `Restored the database and ${report.blobCount} files.`);
    });
}
