import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { type Command, Option } from 'commander';
import { ShaDigest } from '../catalogue/files/digests.ts';
import { AppError } from '../kit/errors.ts';
import { inspectImage } from '../kit/storage/images.ts';
import type { Work } from '../kit/work.ts';
import { addBlock, type BlockReason, blockPicture, liftBlock, listBlocks } from '../safety/hashes/blocks.ts';
import {
  BLOCK_CATEGORIES,
  BLOCK_KINDS,
  type BlockCategory,
  type BlockKind,
  type HashBlock,
} from '../safety/hashes/model.ts';
import type { CommandNode, Shell } from './program.ts';

interface Reason {
  readonly category: BlockCategory;
  readonly severe?: boolean;
  readonly case?: string;
  readonly note?: string;
}

interface Adding extends Reason {
  readonly file?: string;
  readonly sha256?: string;
  readonly tensors?: string;
  readonly pdq?: string;
}

export function addHashCommands(program: Command, shell: Shell): void {
  const hashes = program.command('hashes').description('what must not come back: blocked files and pictures');
  const withReason = (command: Command) =>
    command
      .addOption(new Option('--category <category>', 'why').choices(BLOCK_CATEGORIES).makeOptionMandatory())
      .option('--severe', 'refuse at sight; of minor and ncii it goes without saying')
      .option('--case <id>', 'the case that it comes from')
      .option('--note <text>', 'for other moderators');

  withReason(hashes.command('add').description('block a file, a picture or one hash'))
    .option('--file <path>', 'a picture by its look and its bytes, a model by its bytes and its tensors')
    .option('--sha256 <hash>', 'of a whole file')
    .option('--tensors <hash>', 'SHA-256 of what follows a safetensors header')
    .option('--pdq <hash>', 'of a picture')
    .action(async (choice: Adding) => answer(await add(await shell.openNode(), choice)));

  withReason(hashes.command('import').description('block every hash of a text file, one a line'))
    .argument('<path>')
    .addOption(new Option('--kind <kind>', 'what they are hashes of').choices(BLOCK_KINDS).default('picture'))
    .action(async (path: string, { kind, ...reason }: Reason & { readonly kind: BlockKind }) => {
      const work = (await shell.openNode()).openWork(null);
      let count = 0;
      for await (const line of createInterface({ input: createReadStream(path) })) {
        const [hash = ''] = line.trim().split(/[\s,]+/);
        if (hash === '' || hash.startsWith('#')) continue;
        await addBlock({ ...work, em: work.em.fork() }, { kind, hash, ...reasonOf(reason) });
        count += 1;
      }
      shell.answer({ count }, `${count} hashes are blocked.`);
    });

  hashes
    .command('list')
    .description('the newest fifty')
    .option('--before <id>', 'those before this one')
    .option('--lifted', 'those that do not count any more')
    .action(async ({ before, lifted = false }: { readonly before?: string; readonly lifted?: boolean }) => {
      const work = (await shell.openNode()).openWork(null);
      answer(await listBlocks(work, { isLifted: lifted, ...(before ? { before } : {}) }));
    });

  hashes
    .command('lift')
    .description('let it come again')
    .argument('<id>')
    .action(async (id: string) => {
      await liftBlock((await shell.openNode()).openWork(null), id);
      shell.answer({ lifted: id }, 'It is not blocked any more.');
    });

  function answer(blocks: readonly HashBlock[]): void {
    const shown = blocks.map(({ id, kind, hash, category, isSevere, note, addedAt }) => ({
      ...{ id, kind, hash, category, isSevere, note },
      addedAt: addedAt.toISOString(),
    }));
    shell.answer(
      shown,
      shown.map(({ id, kind, hash, category, isSevere }) =>
        [id, kind, hash, category, ...(isSevere ? ['severe'] : [])].join('  '),
      ),
    );
  }
}

const reasonOf = ({ category, severe, case: sourceCaseId, note }: Reason): BlockReason => ({
  category,
  ...(severe ? { isSevere: true } : {}),
  ...(sourceCaseId ? { sourceCaseId } : {}),
  ...(note ? { note } : {}),
});

async function add(node: CommandNode, choice: Adding): Promise<readonly HashBlock[]> {
  const { file, sha256, tensors, pdq } = choice;
  const work = node.openWork(null);
  const named = { file: sha256, tensors, picture: pdq };
  const given = BLOCK_KINDS.flatMap((kind) => (named[kind] === undefined ? [] : [{ kind, hash: named[kind] }]));
  if (given.length + (file === undefined ? 0 : 1) !== 1)
    throw new AppError('invalid', 'Say one of --file PATH, --sha256 HASH, --tensors HASH and --pdq HASH.');
  const reason = reasonOf(choice);
  if (file !== undefined) return addFile(work, node, file, reason);
  return Promise.all(given.map((one) => addBlock(work, { ...one, ...reason })));
}

async function addFile(work: Work, { hashGate }: CommandNode, path: string, reason: BlockReason) {
  const isPicture = await inspectImage(path).then(
    () => true,
    () => false,
  );
  if (isPicture) return blockPicture(work, hashGate, path, reason);
  const digest = new ShaDigest();
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) digest.update(piece as Buffer);
  const { sha256, tensorSha256 } = digest.finish();
  const blocks = [await addBlock(work, { kind: 'file', hash: sha256, ...reason })];
  if (tensorSha256 !== null) blocks.push(await addBlock(work, { kind: 'tensors', hash: tensorSha256, ...reason }));
  return blocks;
}
