import type { Command } from 'commander';
import { readConfig } from '../kit/config.ts';
import { type BackupParts, backUp } from '../operator/backup/back-up.ts';
import { restore } from '../operator/backup/restore.ts';
import { verifyBackup } from '../operator/backup/verify.ts';
import type { Shell } from './program.ts';

const SECRETS =
  'It holds the keys of the node and all that people told it, readable for you alone (0600): keep it where only you can read it.';

export function addBackupCommands(program: Command, shell: Shell): void {
  const backup = program
    .command('backup')
    .argument('<folder>', 'where it goes; a second backup into the same folder copies only what is new')
    .description('copy database, files, vault and secret into a folder, beside a running node')
    .action(async (folder: string) => {
      const node = await shell.openNode();
      const report = await backUp(node.openWork(null), partsOf(node), folder, shell.note);
      if (report.damaged.length > 0) shell.fail();
      shell.answer(report, [
        `${report.blobCount} files (${report.newBlobCount} new), ${report.totalBytes} bytes, and the database.`,
        SECRETS,
        ...report.damaged.map((sha256) => `DAMAGED in the node itself, and not in the backup: ${sha256}`),
      ]);
    });
  backup
    .command('verify')
    .argument('<folder>', 'a backup')
    .description('read every byte of a backup and compare it with its checksum')
    .action(async (folder: string) => {
      const found = await verifyBackup(folder, shell.note);
      if (!found.isWhole) shell.fail();
      shell.answer(found, [
        `The backup of ${found.madeAt} is ${found.isWhole ? `whole: ${found.blobCount} files.` : 'NOT whole.'}`,
        ...(found.isOpen ? ['Its secret can be read by others on this machine: chmod 700 the folder.'] : []),
        ...found.damaged.map((name) => `DAMAGED or missing: ${name}`),
      ]);
    });
  program
    .command('restore')
    .argument('<folder>', 'a backup')
    .option('--force', 'also over a node that is there: its database goes')
    .option('--skip-damaged', 'leave out what is damaged, and say what it was')
    .option('--taken-down <file>', 'a taken-down.jsonl that is younger than the backup')
    .description(
      'put a backup where a node is to be, checking every byte, and take down again what was taken down since',
    )
    .action(async (folder: string, options: { force?: boolean; skipDamaged?: boolean; takenDown?: string }) => {
      const { takenDown, ...rest } = options;
      const config = readConfig(shell.env);
      const parts = await shell.openRestore(config);
      const asked = { ...rest, ...(takenDown ? { takenDown } : {}), say: shell.note };
      const report = await restore(parts, folder, asked).finally(() => parts.close());
      const node = await shell.openNode();
      const takenDownCount = await node.takeDownAgain();
      if (report.damaged.length > 0) shell.fail();
      shell.answer({ ...report, takenDownCount }, [
        `Restored the database of ${report.madeAt} and ${report.blobCount} files.`,
        `${takenDownCount} things that were taken down since are taken down again.`,
        ...report.damaged.map((name) => `DAMAGED and left out: ${name}`),
      ]);
    });
}

const partsOf = ({ orm, files, vault, vaultShelf, settings, secretKey, dataDir }: BackupParts): BackupParts => ({
  ...{ orm, files, vault, vaultShelf, settings, secretKey, dataDir },
});
