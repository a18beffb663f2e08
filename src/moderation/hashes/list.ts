import { Account, handle } from '../../accounts/model.ts';
import { inList, rows, toNumber } from '../../kit/database/sql.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { BLOCKS_A_PAGE, listBlocks } from '../../safety/hashes/blocks.ts';
import type { BlockCategory, BlockKind } from '../../safety/hashes/model.ts';
import { takedownOf } from './blocks.ts';

export interface BlockView {
  readonly id: string;
  readonly kind: string;
  readonly hash: string;
  readonly category: string;
  readonly isSevere: boolean;
  readonly note: string;
  readonly by: string;
  readonly addedAt: string;
  readonly isLifted: boolean;
  readonly hitCount: number;
}

interface Filter {
  readonly kind: BlockKind | '';
  readonly category: BlockCategory | '';
  readonly state: 'active' | 'lifted';
  readonly before: string;
}

/** The newest first; `nextBefore` is '' on the last page. */
export async function listBlockViews(
  { em }: Pick<Work, 'em'>,
  { kind, category, state, before }: Filter,
): Promise<{ blocks: BlockView[]; nextBefore: string }> {
  const found = await listBlocks(
    { em },
    {
      ...(kind ? { kind } : {}),
      ...(category ? { category } : {}),
      ...(before ? { before } : {}),
      isLifted: state === 'lifted',
    },
  );
  const ids = found.map(({ id }) => id);
  const hits = await rows<{ block_id: string; n: unknown }>(
    em,
    `select block_id, count(*) as n from hash_hit where block_id in (${inList(ids)}) group by block_id`,
    ids,
  );
  const counts = new Map(hits.map(({ block_id, n }) => [block_id, toNumber(n)]));
  const people = await em.find(Account, { id: { $in: found.flatMap(({ addedBy }) => addedBy?.id ?? []) } });
  const names = new Map(people.map((account) => [account.id, handle(account)]));
  return {
    blocks: found.map((block) => ({
      ...{ id: block.id, kind: t(`block-kind.${block.kind}`), hash: block.hash, isSevere: block.isSevere },
      ...{ category: t(`category.${block.category}`), note: block.note, isLifted: block.liftedAt != null },
      by: names.get(block.addedBy?.id ?? 0) ?? t(takedownOf(block) ? 'hashes.takedown' : 'hashes.node'),
      ...{ addedAt: block.addedAt.toISOString(), hitCount: counts.get(block.id) ?? 0 },
    })),
    nextBefore: found.length === BLOCKS_A_PAGE ? (ids.at(-1) ?? '') : '',
  };
}
