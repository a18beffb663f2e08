import { resolve } from 'node:path';
import type { Command } from 'commander';
import { viewerOf } from '../accounts/access/identify.ts';
import { AppError } from '../kit/errors.ts';
import { importFolder } from '../transfer/import/at-once.ts';
import { loadByName } from './account.ts';
import type { Shell } from './program.ts';

const WHAT = {
  folder: 'model files with .civitai.info and pictures beside them',
  pictures: 'pictures with the recipes that are in them',
} as const;

/** A folder of this machine is for whoever runs it; everything else is at `/import`. */
export function addImportCommands(program: Command, shell: Shell): void {
  const group = program.command('import').description('bring things of this machine in, as drafts of an account');
  for (const source of ['folder', 'pictures'] as const) {
    group
      .command(source)
      .description(`${WHAT[source]}; again takes only what is new`)
      .argument('<path>', 'folder')
      .requiredOption('--account <name>', 'whose drafts they become')
      .option('--dry-run', 'only say what would come')
      .action(async (path: string, { account, dryRun = false }: { account: string; dryRun?: boolean }) => {
        const node = await shell.openNode();
        const owner = await loadByName(node.openWork(null), account);
        if (owner.state !== 'active') throw new AppError('forbidden', `@${owner.name} is not active.`);
        const work = node.openWork(viewerOf(owner));
        const report = await importFolder(work, node.transfers.parts, {
          source,
          root: resolve(path),
          dryRun,
          say: shell.note,
        });
        if (report.items.some(({ state }) => state === 'failed')) shell.fail();
        shell.answer(report, [
          ...report.items.map(({ title, state, message }) => `${state}: ${title}${message ? ` (${message})` : ''}`),
          ...report.notes,
        ]);
      });
  }
}
