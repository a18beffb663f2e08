import type { Command } from 'commander';
import { Account } from '../accounts/model.ts';
import { rotateKeys } from '../federation/actors/keys.ts';
import { ActorKeyPair, NODE_ACTOR } from '../federation/model.ts';
import { AppError } from '../kit/errors.ts';
import { loadByName } from './account.ts';
import type { CommandNode, Shell } from './program.ts';

interface Choice {
  readonly account?: string;
  readonly node?: boolean;
  readonly all?: boolean;
}

export function addKeysCommands(program: Command, shell: Shell): void {
  program
    .command('keys')
    .description('look after the keys that activities are signed with')
    .command('rotate')
    .description('make new keys; the old ones count for nothing from now on, and followers are told')
    .option('--account <name>', 'of one account')
    .option('--node', 'of the node itself')
    .option('--all', 'of the node and of every account that has keys')
    .action(async (choice: Choice) => {
      const node = await shell.openNode();
      const actors = await listActors(node, choice);
      const work = node.openWork(null);
      for (const { id } of actors) await rotateKeys(work, node.federation, id);
      const rotated = actors.map(({ name }) => name);
      shell.answer(
        { rotated },
        rotated.map((name) => `New keys for ${name}.`),
      );
    });
}

async function listActors(node: CommandNode, { account, node: isNode, all }: Choice) {
  const chosen = [account !== undefined, isNode === true, all === true].filter(Boolean).length;
  if (chosen !== 1) throw new AppError('invalid', 'Say one of --account NAME, --node and --all.');
  const { em } = node.openWork(null);
  if (account !== undefined) {
    const found = await loadByName({ em }, account);
    return [{ id: found.id, name: `@${found.name}` }];
  }
  if (isNode) return [{ id: NODE_ACTOR, name: 'the node' }];
  const pairs = await em.find(ActorKeyPair, {}, { fields: ['actorId'], orderBy: { actorId: 'asc' } });
  const ids = pairs.map(({ actorId }) => actorId).filter((id) => id !== NODE_ACTOR);
  const accounts = await em.find(Account, { id: { $in: ids }, host: '', state: { $ne: 'deleted' } });
  return [{ id: NODE_ACTOR, name: 'the node' }, ...accounts.map(({ id, name }) => ({ id, name: `@${name}` }))];
}
